# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S608 - made-up rows for a database of the tests' own
"""While the server has no power, its database is set back to an older copy: nothing of that history is published.

The last file of this directory: afterwards the topic holds rows that the database does not have.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Callable

from tests.helpers.fault_site import replayed
from tests.helpers.server import eventually
from tests.integration.server_faults.conftest import STRANGE, UP, Faulty, pause

PLAYBOOK = "repair_restored_source"
DATA, OLDER = "var/lib/mysql", "srv/older"


def set_back(faulty: Faulty) -> None:
    """Put the older copy where the database's directory is, on the disk of a server that is off."""
    written = faulty.disk.path / "upper"
    (written / DATA).rename(written / "srv/newer")
    (written / OLDER).rename(written / DATA)
    # Else what the image has there would be seen through it.
    os.setxattr(written / DATA, "trusted.overlay.opaque", b"y")


def test_a_database_that_was_set_back_is_not_read(
    faulty: Faulty, tmp_path: Path, record_property: Callable[..., None]
) -> None:
    server = faulty.server
    server.sh(f"systemctl stop mariadb && cp -a /{DATA} /{OLDER} && systemctl start mariadb", timeout=300)
    before = faulty.duplicates()
    with faulty.load() as load:
        eventually(faulty.flows, UP, "events flow after the copy was made")
        pause()
    faulty.compared(load, "before the database was set back", record_property, before)
    faulty.await_remembered()
    published = len(faulty.published())
    faulty.cut()
    set_back(faulty)
    began = faulty.power_on()
    eventually(lambda: faulty.memory().get("hold", {}).get("id"), UP, "the guard holds the worker")
    seen = time.monotonic() - began
    values = ", ".join(f"({STRANGE + number}, 'F', 'strange-{number}')" for number in range(50))
    server.sql(f"INSERT INTO openmrs.person VALUES {values}; DELETE FROM openmrs.person WHERE person_id = {STRANGE}")
    said = faulty.sentence()
    assert PLAYBOOK in said
    assert faulty.worker_state() != "running"
    assert server.sh("docker inspect -f '{{.State.Status}}' event-log-broker").strip() == "running"
    refused = faulty.play(tmp_path / "site", "site")
    assert refused.code != 0
    assert PLAYBOOK in refused.messages
    assert refused.changed == []
    assert len(faulty.published()) == published, "an event of another history"
    words = ("-e", f"event_log_repair={faulty.site}", "-e", "event_log_repair_fill=full")
    faulty.done(tmp_path / "repair", PLAYBOOK, *words)
    state, rows = replayed(faulty.published()), faulty.rows()
    # No event tells that these are gone: docs/repair.md
    faulty.gone = {key: row for key, row in state.items() if key not in rows}
    strange = [event for event in faulty.published() if event.key >= STRANGE]
    assert {event.op for event in strange} == {"r"}
    assert STRANGE not in {event.key for event in strange}
    before = faulty.duplicates()
    with faulty.load() as later:
        faulty.await_flow(time.monotonic(), "the repair")
    what = f"database set back while the server was off; held {seen:.0f} s after power came, 0 events of it published"
    faulty.compared(later, what, record_property, before)
    print(said)
    print(refused.messages)
    faulty.await_verdict("ok")

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook repair_restored_source after the database went back to an earlier day, or its log began anew.

The last file of this directory: what the topics hold beside the rows is known to no other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest

from tests.helpers.same_rows import key_of
from tests.helpers.server import eventually
from tests.integration.repair.conftest import CONNECTOR, Repair, told

PLAYBOOK = "repair_restored_source"
REPAIRED = "Look what is to be repaired, or repair it"
NOTHING = "Nothing is to be repaired"
STRANGE = 1_999_000_000


def set_back(repair: Repair) -> None:
    """The data directory of an earlier hour is put in place of the one of now; then life goes on in it."""
    server = repair.server
    older = f"{server.DATA}.older"
    server.stop_database()
    server.sh(f"rm -rf {older} && cp -a {server.DATA} {older}")
    server.start_database()
    repair.await_database()
    repair.await_running()
    first = repair.two_people()  # which the copy does not have
    repair.ghosts.setdefault("person", set()).update(key_of({"person_id": first + number}) for number in (0, 1))
    repair.await_remembered()
    server.stop_database(kill=True)
    server.sh(f"rm -r {server.DATA} && mv {older} {server.DATA}")
    server.start_database()
    repair.await_database()
    server.sql("; ".join(repair.insert(STRANGE + number) for number in range(20)))
    eventually(lambda: repair.memory().get("hold", {}).get("id"), 90, "the guard holds the worker")
    eventually(lambda: repair.worker_state() != "running", 60, "the worker does not run")


def anew(repair: Repair) -> None:
    """The binary log begins anew, as that of a database that was restored into a new server."""
    repair.await_remembered()
    reset = (
        "RESET BINARY LOGS AND GTIDS"
        if repair.server.sql("SELECT VERSION() >= '8.4'").strip() == "1"
        else "RESET MASTER"
    )
    repair.server.sql(reset)
    repair.server.sql("; ".join(repair.insert(STRANGE + number) for number in range(100, 120)))
    eventually(lambda: repair.memory().get("hold", {}).get("id"), 700, "the guard holds the worker")
    eventually(lambda: repair.worker_state() != "running", 60, "the worker does not run")


@pytest.fixture
def mended(repair: Repair, tmp_path: Path) -> Iterator[None]:
    yield
    if not repair.runs():
        words = ("-e", f"event_log_repair={repair.site}", "-e", "event_log_repair_anyway=true")
        repair.done(tmp_path / "leave", PLAYBOOK, *words)


def test_a_database_that_was_set_back_is_read_from_its_present(repair: Repair, tmp_path: Path, mended: None) -> None:
    config = repair.config()
    set_back(repair)
    assert PLAYBOOK in repair.server.sh("event-log status || true")
    named = ("-e", f"event_log_repair={repair.site}")
    other = repair.refuses(tmp_path / "other", "repair_binlog_gap", *named)
    assert f"That is what the playbook {PLAYBOOK} is for, and nothing was changed" in other
    words = (*named, "-e", "event_log_repair_fill=full")
    look = repair.done(tmp_path / "look", PLAYBOOK, "-e", "event_log_repair_fill=full")
    assert look.changed == []
    assert "The database is another one than the events came from, restored or rebuilt." in told(look)
    assert f"Nothing was changed. To do it, say -e event_log_repair={repair.site}." in told(look)
    foretold = repair.done(tmp_path / "check", PLAYBOOK, "--check", *words)
    assert foretold.changed == repair.tasks(REPAIRED)
    assert repair.worker_state() != "running"
    done = repair.done(tmp_path / "run", PLAYBOOK, *words)
    assert done.changed == foretold.changed
    again = repair.done(tmp_path / "again", PLAYBOOK, *words)
    assert again.changed == []
    assert f"{NOTHING}: connector {CONNECTOR} is RUNNING" in told(again)
    events = repair.assert_same("person", "patient", "person_name")
    strange = {key_of({"person_id": STRANGE + number}) for number in range(20)}
    # From the snapshot alone: nothing was read on in the other history.
    assert {event.op for event in events if event.key in strange} == {"r"}
    assert repair.memory()["gaps"][-1]["repaired"].endswith("a new snapshot of the captured tables")
    assert repair.memory().get("hold", {}) == {}
    assert repair.config() == config
    first = repair.two_people()
    eventually(
        lambda: key_of({"person_id": first}) in {event.key for event in repair.events("person")}, 60, "it goes on"
    )


@pytest.mark.full
def test_a_binary_log_that_began_anew_is_read_from_its_present(repair: Repair, tmp_path: Path, mended: None) -> None:
    anew(repair)
    named = ("-e", f"event_log_repair={repair.site}")
    foretold = repair.done(tmp_path / "check", PLAYBOOK, "--check", *named)
    done = repair.done(tmp_path / "run", PLAYBOOK, *named)
    assert done.changed == foretold.changed == repair.tasks(REPAIRED)
    assert repair.done(tmp_path / "again", PLAYBOOK, *named).changed == []
    repair.assert_same("person", "patient", "person_name")


@pytest.mark.full
def test_what_only_a_person_knows_is_repaired_on_their_word(repair: Repair, tmp_path: Path, mended: None) -> None:
    """A dump that was loaded without being logged: nothing of it can be seen from the server."""
    repair.server.sql(f"SET sql_log_bin = 0; {repair.insert(STRANGE + 500)}")
    named = ("-e", f"event_log_repair={repair.site}")
    seen = repair.done(tmp_path / "seen", PLAYBOOK, *named)
    assert seen.changed == []
    assert NOTHING in told(seen)
    anyway = (*named, "-e", "event_log_repair_anyway=true")
    foretold = repair.done(tmp_path / "check", PLAYBOOK, "--check", *anyway)
    done = repair.done(tmp_path / "run", PLAYBOOK, *anyway)
    assert done.changed == foretold.changed == repair.tasks(REPAIRED)
    repair.assert_same("person", "patient", "person_name")

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connector that reads a whole table tells how far it is: for the first time, and again."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Callable, List

import pytest
from event_guard import loop
from event_guard import settings as guard_settings
from event_log import settings as host_settings
from event_log.status import verdict_of

from tests.helpers.fault_home import Home
from tests.helpers.fault_site import SIGNALS, WORKER, Site
from tests.helpers.workers import wait_for

DOUBLED = 19  # 524288 rows: three times as long as a rate needs to be told, on an idle machine with a fast disk
ROWS = 2**DOUBLED
NAME = "reading"


def fill(site: Site) -> None:
    """As many rows as take some time to read; the database is asked to count them, for it does so late by itself."""
    site.sql("INSERT INTO openmrs.person VALUES (1, 'F', UUID())")
    for power in range(DOUBLED):
        site.sql(f"INSERT INTO openmrs.person SELECT person_id + {2**power}, gender, UUID() FROM openmrs.person")  # noqa: S608
    site.sql("ANALYZE TABLE openmrs.person")


def told(rounds: loop.Rounds, kind: str, over: Callable[[], bool]) -> List[str]:
    """Rounds of the guard until it is over; what ``event-log status`` says of it meanwhile."""
    said: List[str] = []
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        rounds.one(time.time())
        here = [one.sentence for one in verdict_of(rounds.settings).findings if one.id == kind]
        said += [one for one in here if one not in said]
        if over() and not here:
            return said
        time.sleep(0.5)
    raise AssertionError(f"not over within 240 s: {said[-3:]}")


def percents(said: List[str]) -> List[int]:
    return [int(found.group(1)) for found in (re.search(r"(\d+) %", one) for one in said) if found]


@pytest.fixture
def rounds(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> loop.Rounds:
    for variable, value in Home(site, NAME, tmp_path).guarded(interval=1).items():
        monkeypatch.setenv(variable, value)
    steps = tuple(one for one in loop.steps() if one[0] == "heal")
    return loop.Rounds(host_settings.load(), guard_settings.load(), steps)


def test_whole_tables_that_are_read_tell_how_far_and_how_long(site: Site, rounds: loop.Rounds) -> None:
    fill(site)
    site.known.append(NAME)
    assert site.rest("PUT", f"/connectors/{NAME}/config", site.config(NAME))[0] == 201
    said = told(rounds, "at_work", lambda: site.streams(NAME))
    print("\n".join(said))  # pytest -rP
    found = percents(said)
    assert len(found) > 2 and found == sorted(found), said
    assert any(" left." in one for one in said), "nothing was estimated"

    site.sql(
        f"INSERT INTO {SIGNALS.name} VALUES ('again-1', 'execute-snapshot', "  # noqa: S608
        '\'{"data-collections": ["openmrs.person"], "type": "incremental"}\')'
    )
    offsets = lambda: site.offset(NAME)  # noqa: E731
    wait_for("it reads again", lambda: offsets().get("incremental_snapshot_collections", "[]") != "[]", 60, WORKER)
    said = told(rounds, "reading_again", lambda: offsets().get("incremental_snapshot_collections", "[]") == "[]")
    print("\n".join(said))
    found = percents(said)
    assert len(found) > 2 and found == sorted(found), said
    assert any(" left." in one for one in said), "nothing was estimated"

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the connectors is restarted, when, and what is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import List

import pytest
from event_guard import acts, boot, heal
from event_guard.memory import Memory
from event_log import worker

from tests.helpers.healing_site import LOST, NO, OTHER, WELL, Site, connector, make


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return make(tmp_path, monkeypatch)


def test_nothing_is_done_to_what_is_well(site: Site) -> None:
    for _ in range(3):
        assert site.round() == []
    assert site.memory("healing") == site.memory("acts") == {}


def test_a_lost_connection_is_restarted_at_once_and_whole_when_the_database_is_the_same(site: Site) -> None:
    assert site.round(LOST) == ["POST http://127.0.0.1:8083/connectors/c1/restart?includeTasks=true&onlyFailed=false"]
    assert site.round(WELL) == []
    assert site.memory("acts") == {"restart": 1}
    assert acts.recent(site.guard.directory)[0]["reason"] == (
        "c1 is restarted: its connection to the database was lost"
    )


def test_what_lost_its_database_waits_for_it_and_goes_on_within_a_minute_of_its_return(site: Site) -> None:
    site.decision = NO
    for _ in range(100):
        assert site.round(LOST) == []
    assert site.memory("waiting")["id"] == "database_unreachable"
    site.decision = boot.YES
    rounds = next(number for number in range(100) if site.round(LOST))
    assert rounds <= 6
    assert site.memory("waiting") == {}
    assert site.memory("healing")["c1"]["failures"] == 1


def test_another_database_is_refused_and_never_read(site: Site) -> None:
    site.decision = OTHER
    for _ in range(20):
        assert site.round(LOST) == []
    assert site.memory("hold")["id"] == "database_other"
    assert site.memory("acts") == {}


YEAR = 365 * 86400.0


def test_a_clock_that_is_put_right_by_a_year_makes_no_connector_silent(site: Site) -> None:
    site.round(WELL)
    assert site.round(replace(WELL, event_age=YEAR)) == []
    assert site.round(WELL) == []
    assert site.memory("healing") == {}


@pytest.mark.parametrize("leap", [YEAR, -YEAR])
def test_a_silent_connector_is_seen_although_the_clock_leapt(site: Site, leap: float) -> None:
    asked = [site.round(replace(WELL, event_age=4 + 10 * number + (leap if number else 0))) for number in range(7)]
    assert asked[:6] == [[]] * 6
    assert len(asked[6]) == 1
    assert "no sign of life for 64 s" in site.memory("healing")["c1"]["words"]


def test_a_connection_that_comes_back_by_itself_ends_the_waiting(site: Site) -> None:
    site.decision = NO
    site.round(replace(WELL, event_age=100))
    assert site.memory("waiting")
    site.round(WELL)
    assert site.memory("waiting") == site.memory("healing") == {}


def test_a_failed_task_is_restarted_after_a_minute_and_alone(site: Site) -> None:
    failed = connector(task="FAILED", reason="the schema history is missing")
    asked = [site.round(one=failed) for _ in range(7)]
    assert asked[:6] == [[]] * 6
    assert asked[6] == ["POST http://127.0.0.1:8083/connectors/c1/restart?includeTasks=true&onlyFailed=true"]


def test_a_task_that_failed_for_its_connection_is_restarted_at_once(site: Site) -> None:
    assert site.round(one=connector(task="FAILED", reason="the database cannot be reached (ConnectException)"))


def test_a_refused_restart_is_none_and_is_asked_for_again(site: Site) -> None:
    site.answer = worker.WorkerError("it answers with HTTP 409")
    assert site.round(LOST) == []
    assert site.memory("acts") == {}
    site.answer = None
    assert site.round(LOST) != []


def test_the_fifth_restart_in_vain_is_told_until_it_lasts(site: Site) -> None:
    told: List[List[str]] = []
    while len(told) < 5:
        if site.round(LOST):
            told.append([one.id for one in heal.findings(Memory.load(site.guard.directory), site.guard)])
    assert told == [["no_flow"]] * 4 + [["restarts_in_vain"]]
    site.round(WELL)
    assert heal.findings(Memory.load(site.guard.directory), site.guard) == []


def test_a_connector_that_somebody_paused_is_left_alone(site: Site) -> None:
    assert site.round(LOST, connector("PAUSED", "PAUSED")) == []
    assert site.memory("healing") == {}


def test_nothing_is_touched_while_somebody_has_said_so(site: Site) -> None:
    site.seen = replace(site.seen, hands_off="a change of the stack is under way", worker=None)
    for _ in range(9):
        assert site.round(LOST) == []
    assert site.started == 0
    assert site.memory("healing") == {}


def test_without_kafka_no_connector_is_restarted(site: Site) -> None:
    site.seen = replace(site.seen, broker_healthy=False)
    assert site.round(LOST) == []


def test_what_was_removed_is_forgotten(site: Site) -> None:
    site.round(LOST)
    site.seen = replace(site.seen, connectors=())
    site.again()
    assert site.memory("healing") == {}

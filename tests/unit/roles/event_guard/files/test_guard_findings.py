# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What event-log status is told by the guard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from event_guard import clock
from event_guard.findings import findings, withholds
from event_guard.memory import Memory
from event_guard.settings import Guard
from event_log.verdict import BUSY, DOWN, ILL, OK, Finding

NOW = 1_800_000_000
HOLD = {"id": "database_other", "what": "Another history", "remedy": "Run repair_restored_source.", "since": NOW - 60}


def memory(tmp_path: Path, **keys: Any) -> Memory:
    found = Memory.load(tmp_path)
    for key, value in keys.items():
        found.put(key, value)
    return found


def told(tmp_path: Path, guard: Guard = Guard(), **keys: Any) -> list[Finding]:  # noqa: B008
    return findings(memory(tmp_path, **keys), guard, NOW)


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")


def test_nothing_remembered_is_nothing_to_tell(tmp_path: Path) -> None:
    assert told(tmp_path) == []
    assert not withholds(memory(tmp_path))


def test_a_hold_says_what_and_the_way_out(tmp_path: Path) -> None:
    (found,) = told(tmp_path, hold=HOLD)
    assert (found.id, found.verdict, found.remedy) == ("database_other", DOWN, HOLD["remedy"])
    assert found.what.startswith("The guard keeps the worker from reading on, since 20")
    assert found.what.endswith(": Another history.")
    assert withholds(memory(tmp_path, hold=HOLD))


def test_a_clock_that_was_set_back_while_the_worker_runs_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "synchronised", lambda: False)
    (found,) = told(tmp_path, Guard(directory=tmp_path), clock={"newest": NOW + 365 * 86400})
    assert (found.id, found.verdict) == ("clock_back", ILL)
    assert found.what.startswith("The clock of this host says 2027-01-15 08:00, and it said 2028-01-15 08:00 before.")
    assert "clock-is-right" in found.remedy
    (once,) = told(tmp_path, clock={"newest": NOW + 365 * 86400}, waiting={**HOLD, "id": "clock_back"})
    assert once.what.startswith("The worker waits"), "and not for a second time"
    assert told(tmp_path, clock={"newest": NOW + 300}) == []


def test_a_worker_that_waits_is_ill_and_not_down(tmp_path: Path) -> None:
    (found,) = told(tmp_path, waiting={**HOLD, "id": "database_unreachable"})
    assert (found.id, found.verdict) == ("database_unreachable", ILL)
    assert withholds(memory(tmp_path, waiting=HOLD))


@pytest.mark.parametrize(
    ("waits", "gravity"),
    [
        ({"times": 1}, BUSY),
        ({"times": 2}, BUSY),
        ({"times": 3}, ILL),
        ({}, ILL),  # of a guard that did not count yet
        ({"times": "x"}, ILL),
        ({"times": 1, "since": NOW - 61}, ILL),  # nobody asks again
        ({"times": 1, "since": NOW + 61}, ILL),  # the clock was set back
        ({"times": 1, "id": "clock_back"}, ILL),  # nobody was asked
    ],
)
def test_a_database_that_was_slow_once_is_waited_for_and_is_no_illness(
    tmp_path: Path, waits: dict[str, Any], gravity: str
) -> None:
    (found,) = told(tmp_path, waiting={**HOLD, "id": "database_unreachable", "since": NOW - 20, **waits})
    assert found.verdict == gravity
    assert found.what.startswith("The worker waits, since 20")


def test_what_the_host_command_sees_itself_is_not_said_twice(tmp_path: Path) -> None:
    assert told(tmp_path, waiting={**HOLD, "id": "stack_stopped"}) == []


@pytest.mark.parametrize(("failures", "ids"), [(1, []), (4, []), (5, ["restarts_in_vain"])])
def test_restarts_are_told_when_they_are_too_many(tmp_path: Path, failures: int, ids: list[str]) -> None:
    state = {"failures": failures, "next": NOW + 60, "last": NOW}
    found = told(tmp_path, healing={"openmrs-connector": state, "fine": {"failures": 0}})
    assert [one.id for one in found] == ids


def test_a_gap_is_shown_until_it_is_repaired(tmp_path: Path) -> None:
    gap = {"topic": "openmrs.openmrs.person", "from": "2026-01-01T00:00:00Z", "to": NOW, "why": "no room"}
    found = told(tmp_path, gaps=[{**gap, "repaired": "2026-01-02"}, gap])
    assert [(one.id, one.verdict) for one in found] == [("gap", OK)]
    assert "missing in openmrs.openmrs.person, from 2026-01-01T00:00:00Z to 20" in found[0].what
    many = told(tmp_path, gaps=[gap] * 5)
    assert many[-1].what == "5 gaps in all are not repaired."


def test_reports_that_wait_for_longer_than_one_is_due_are_told(tmp_path: Path) -> None:
    guard = Guard(report_command=("send",), report_hours=2)
    late = {"waiting": 3, "failing_since": NOW - 7200, "error": "no line"}
    (found,) = told(tmp_path, guard, reports=late)
    assert (found.id, found.verdict) == ("reports", OK)
    assert "3 reports could not be sent since" in found.what
    assert "no line." in found.what
    assert told(tmp_path, guard, reports={**late, "failing_since": NOW - 60}) == []
    assert told(tmp_path, Guard(), reports=late) == []


@pytest.mark.parametrize(
    "keys",
    [
        {"healing": {"a": "b", "c": {"failures": "many", "next": None}}},
        {"hold": {"id": "x"}},
        {"gaps": ["x", {}]},
        {"reports": {"waiting": "x"}},
    ],
)
def test_what_is_written_oddly_silences_nobody(tmp_path: Path, keys: dict[str, Any]) -> None:
    assert all(one.what for one in told(tmp_path, **keys))

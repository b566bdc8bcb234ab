# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a state counts: looks one after the other."""

from __future__ import annotations

from typing import List, Optional, Tuple

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _connector_state as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_state import Status, Task, Verdict, Watch

WAIT, REACHED, BROKEN = Verdict.WAIT, Verdict.REACHED, Verdict.BROKEN


def status(states: str, trace: str = "why") -> Status:
    first, *rest = states.split()
    tasks = tuple(Task(n, state, trace=trace if state == "FAILED" else None) for n, state in enumerate(rest))
    return Status(first, tasks, trace=trace if first == "FAILED" else None)


def looks(
    wanted: str, series: List[Tuple[float, str]], written_at: Optional[float] = 0, before: str = "RUNNING RUNNING"
) -> List[Verdict]:
    watch = Watch(wanted, 3, written_at, status(before))
    return [watch.look(now, status(states)) for now, states in series]


def test_running_counts_after_settling() -> None:
    series = [(0.1, "RUNNING RUNNING"), (1, "RUNNING RUNNING"), (3.0, "RUNNING RUNNING"), (3.2, "RUNNING RUNNING")]
    assert looks("running", series) == [WAIT, WAIT, WAIT, REACHED]


@pytest.mark.parametrize("between", ["RUNNING RESTARTING", "RESTARTING RUNNING", "RUNNING UNASSIGNED", "RUNNING"])
def test_anything_else_in_between_begins_the_settling_again(between: str) -> None:
    series = [(0, "RUNNING RUNNING"), (2, between), (3.5, "RUNNING RUNNING"), (5, "RUNNING RUNNING")]
    assert looks("running", [*series, (6.5, "RUNNING RUNNING")]) == [WAIT, WAIT, WAIT, WAIT, REACHED]


def test_nothing_written_one_look_is_enough() -> None:
    assert looks("running", [(0, "RUNNING RUNNING")], written_at=None) == [REACHED]
    assert looks("running", [(0, "RUNNING FAILED")], written_at=None, before="RUNNING FAILED") == [BROKEN]


def test_a_new_failure_counts_at_once() -> None:
    assert looks("running", [(0.1, "RUNNING RUNNING"), (0.2, "RUNNING FAILED")]) == [WAIT, BROKEN]


def test_a_failure_from_before_the_write_does_not_count_yet() -> None:
    series = [(0.1, "RUNNING FAILED"), (2, "RUNNING RESTARTING"), (2.5, "RUNNING RUNNING"), (6, "RUNNING RUNNING")]
    assert looks("running", series, before="RUNNING FAILED") == [WAIT, WAIT, WAIT, REACHED]


def test_a_failure_that_came_back_counts_at_once_even_with_the_same_trace() -> None:
    series = [(0.1, "RUNNING FAILED"), (1, "RUNNING RESTARTING"), (2, "RUNNING FAILED")]
    assert looks("running", series, before="RUNNING FAILED") == [WAIT, WAIT, BROKEN]


def test_a_failure_with_another_trace_counts_at_once() -> None:
    watch = Watch("running", 3, 0, status("RUNNING FAILED", "old"))
    assert watch.look(0.1, status("RUNNING FAILED", "new")) is BROKEN


def test_a_failure_that_does_not_go_away_counts_in_the_end() -> None:
    series = [(0.1, "FAILED RUNNING"), (9.9, "FAILED RUNNING"), (10.1, "FAILED RUNNING")]
    assert looks("running", series, before="FAILED RUNNING") == [WAIT, WAIT, BROKEN]


def test_a_second_failure_beside_an_old_one_counts_at_once() -> None:
    assert looks("running", [(0.1, "RUNNING FAILED FAILED")], before="RUNNING FAILED RUNNING") == [BROKEN]


@pytest.mark.parametrize(
    ("wanted", "states", "verdict"),
    [
        ("running", "RUNNING", WAIT),
        ("running", "RUNNING RUNNING PAUSED", WAIT),
        ("running", "PAUSED PAUSED", WAIT),
        ("paused", "PAUSED PAUSED", REACHED),
        ("paused", "PAUSED", REACHED),
        ("paused", "PAUSED RUNNING", WAIT),
        ("paused", "RUNNING PAUSED", WAIT),
        ("paused", "PAUSED FAILED", BROKEN),
        ("stopped", "STOPPED", REACHED),
        ("stopped", "STOPPED RUNNING", WAIT),
        ("stopped", "STOPPED FAILED", WAIT),
        ("stopped", "FAILED", BROKEN),
        ("stopped", "PAUSED", WAIT),
    ],
)
def test_what_a_look_shows(wanted: str, states: str, verdict: Verdict) -> None:
    assert looks(wanted, [(0.1, states)]) == [verdict]


def test_stopping_takes_an_old_failure_away_however_long_it_takes() -> None:
    assert looks("stopped", [(60, "FAILED RUNNING")], before="FAILED RUNNING") == [WAIT]


def test_without_settling_the_first_look_counts() -> None:
    assert Watch("running", 0, 5, None).look(5, status("RUNNING RUNNING")) is REACHED


def test_parse_sorts_tasks_and_keeps_what_newer_workers_tell() -> None:
    answer = {
        "name": "n",
        "connector": {"state": "RUNNING", "worker_id": "w", "version": "3.6.0.Final", "new": 1},
        "tasks": [{"id": 1, "state": "RUNNING"}, {"id": 0, "state": "FAILED", "trace": "t", "worker_id": "w"}],
        "type": "source",
    }
    parsed = subject.parse_status(answer)
    assert [task.id for task in parsed.tasks] == [0, 1]
    assert (parsed.version, parsed.type, parsed.overall) == ("3.6.0.Final", "source", "FAILED")
    assert parsed.describe() == "connector RUNNING, task 0 FAILED, task 1 RUNNING"
    assert parsed.first_trace() == "t"
    assert status("RUNNING").describe() == "connector RUNNING, no tasks"


@pytest.mark.parametrize(("idle", "verdict"), [(False, WAIT), (True, REACHED)])
def test_running_without_tasks_counts_only_where_there_never_were_any(idle: bool, verdict: Verdict) -> None:
    watch = Watch("running", 3, 0, None, idle=idle)
    assert watch.look(1, status("RUNNING")) is WAIT
    assert watch.look(4, status("RUNNING")) is verdict
    assert watch.look(5, status("RUNNING UNASSIGNED")) is WAIT

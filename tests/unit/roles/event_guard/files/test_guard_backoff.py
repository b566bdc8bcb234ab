# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When something is tried again: soon, later each time, and always once more."""

from __future__ import annotations

from typing import Any, Dict, List

from event_guard import backoff
from event_guard.backoff import Trouble

MINUTES = (1, 2, 4, 8, 16, 32, 60)
FAILED = Trouble(backoff.FAILED, "it has failed", False)
LOST = Trouble("lost", "its connection was lost", True)


def restarts(trouble: Trouble, many: int) -> List[float]:
    """The minutes between the failure, and each restart and the next, of something that fails again at once."""
    entry: Dict[str, Any] = backoff.begun({}, trouble, 0, MINUTES)
    found: List[float] = []
    when, before = 0, 0
    while len(found) < many:
        if backoff.due(entry, when, MINUTES):
            found.append((when - before) / 60)
            entry = backoff.restarted(entry, when, MINUTES)
            before = when
        when += 10
        entry = backoff.begun(entry, trouble, when, MINUTES)
    return found


def test_what_failed_is_restarted_after_the_minutes_and_never_given_up() -> None:
    assert restarts(FAILED, 9) == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_after_a_lost_connection_the_first_restart_is_at_once() -> None:
    assert restarts(LOST, 5) == [0, 1, 2, 4, 8]


def test_a_clock_that_was_set_back_delays_nothing() -> None:
    entry = backoff.restarted(backoff.begun({}, FAILED, 1e9, MINUTES), 1e9, MINUTES)
    assert not backoff.due(entry, 1e9, MINUTES)
    assert backoff.due(entry, 1e9 - 365 * 86400, MINUTES)


def test_to_wait_for_the_database_counts_as_no_failure_and_is_bounded() -> None:
    entry = backoff.begun({}, LOST, 0, MINUTES)
    waits = []
    for _ in range(20):
        entry = backoff.waiting(entry, 0, 10)
        waits.append(entry["next"])
    assert waits == [10, 20, 40, *[60] * 17]
    assert entry["failures"] == 0
    assert backoff.restarted(entry, 100, MINUTES)["asked"] == 0


def test_what_lasts_is_forgotten_and_what_fails_again_before_is_not() -> None:
    entry = backoff.restarted(backoff.begun({}, LOST, 0, MINUTES), 0, MINUTES)
    entry = backoff.well(entry, 20)
    assert entry["well"] == 20
    assert backoff.well(entry, 619)["failures"] == 1
    assert backoff.well(entry, 620) == {}
    again = backoff.begun(backoff.well(entry, 300), FAILED, 310, MINUTES)
    assert (again["failures"], again["well"], again["problem"]) == (1, 0, "failed")
    assert backoff.well(backoff.well(again, 700), 1200) != {}


def test_what_was_never_restarted_is_forgotten_once_it_is_over() -> None:
    assert backoff.well(backoff.begun({}, FAILED, 0, MINUTES), 10) == {}

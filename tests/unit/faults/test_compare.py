# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the power cuts judge by: a lost change is found, a hidden one is not called lost."""

from __future__ import annotations

import pytest

from tests.faults.compare import Event, compare, order
from tests.faults.load import BURSTS, QUIET, STEADY, Change, Load

NOTHING = {table: {} for table in (STEADY, *BURSTS, QUIET)}  # type: dict[str, dict[int, int]]
MADE, CHANGED, GONE = (Change(STEADY, 1, rev, op) for rev, op in ((0, "c"), (1, "u"), (1, "d")))


def event(change: Change, place: int = 0, op: str = "", offset: int = 0) -> Event:
    return Event(change.table, change.row, change.rev, op or change.op, ("log.1", place), place * 1000, offset)


def events(*places: int) -> list[Event]:
    """One event at each of these places of the binlog, with a tombstone after each."""
    return [event(MADE, place, offset=2 * number) for number, place in enumerate(places)]


def rows(rev: int) -> dict[str, dict[int, int]]:
    return {**NOTHING, STEADY: {1: rev}}


def test_everything_that_arrived_once_is_good() -> None:
    outcome = compare([MADE, CHANGED], rows(1), [event(MADE), event(CHANGED)])
    assert (outcome.good, outcome.changes, outcome.duplicates) == (True, 2, 0)


def test_what_arrived_twice_is_counted_and_no_loss() -> None:
    outcome = compare([MADE, CHANGED], rows(1), [event(MADE), event(CHANGED), event(MADE), event(CHANGED)])
    assert (outcome.good, outcome.duplicates) == (True, 2)


@pytest.mark.parametrize("lost", [MADE, CHANGED])
def test_a_change_without_an_event_is_lost(lost: Change) -> None:
    outcome = compare([MADE, CHANGED], rows(1), [event(one) for one in (MADE, CHANGED) if one is not lost])
    assert outcome.missing == [lost]
    assert not outcome.good


def test_a_later_snapshot_hides_earlier_changes_but_no_delete() -> None:
    shown = event(CHANGED, op="r")
    assert compare([MADE, CHANGED], rows(1), [shown]).good
    outcome = compare([MADE, CHANGED, GONE], NOTHING, [shown])
    assert outcome.missing == [GONE]
    assert outcome.wrong == ["steady 1: topic 1, database None"]
    assert not outcome.only_ghosts


def test_a_snapshot_that_began_anew_tells_nothing_of_what_was_over_before_it() -> None:
    changes = [MADE, CHANGED, GONE]
    assert compare(changes, NOTHING, [], before_snapshot=changes).good
    outcome = compare(changes, NOTHING, [event(CHANGED, op="r")], before_snapshot=changes)
    assert (outcome.untold, outcome.missing, outcome.ghosts, outcome.only_ghosts) == ([GONE], [], 1, True)


def test_what_was_changed_after_a_snapshot_began_anew_has_an_event_or_is_lost() -> None:
    outcome = compare([MADE, CHANGED, GONE], NOTHING, [event(CHANGED, op="r")], before_snapshot=[MADE, CHANGED])
    assert (outcome.untold, outcome.missing, outcome.only_ghosts) == ([], [GONE], False)


def test_a_row_that_the_topic_has_older_than_the_database_is_no_ghost() -> None:
    outcome = compare([MADE, CHANGED], rows(1), [event(MADE)])
    assert outcome.wrong == ["steady 1: topic 0, database 1"]
    assert not outcome.only_ghosts


def test_an_offset_behind_the_events_means_some_come_twice() -> None:
    seen = order(("log.1", 2), True, {STEADY: 6}, {STEADY: events(1, 2, 3)})
    assert (seen.ahead, seen.again, seen.again_ms) == (0, 2, 1000)


def test_an_offset_ahead_of_the_events_is_found() -> None:
    seen = order(("log.1", 3), True, {STEADY: 1}, {STEADY: events(1, 2, 3), QUIET: events(2)})
    assert seen.ahead == 2


def test_the_tombstone_of_a_delete_is_no_event_and_takes_an_offset() -> None:
    """Four messages on the disk are two events: the third is lost, and was not sent yet."""
    seen = order(("log.1", 4), True, {STEADY: 4}, {STEADY: events(1, 2, 3)})
    assert (seen.ahead, seen.again) == (1, 0)
    seen = order(("log.1", 2), True, {STEADY: 4}, {STEADY: events(1, 2, 3)})
    assert (seen.ahead, seen.again) == (0, 1)


def test_an_offset_in_a_later_file_is_ahead_of_every_event_of_an_earlier_one() -> None:
    assert order(("log.2", 4), True, {}, {STEADY: [event(MADE, 900)]}).ahead == 1


def test_an_offset_ahead_of_the_schema_history_is_found() -> None:
    history = (1, [("log.1", 1), ("log.1", 5), ("log.1", 9)])
    assert order(("log.1", 6), True, {}, {}, history).history_ahead == 1


def test_without_an_offset_everything_comes_again() -> None:
    assert order(None, True, {STEADY: 3, QUIET: 1}, {}).again == 4


def test_the_same_seed_is_the_same_load() -> None:
    one, other, third = Load(7), Load(7), Load(8)
    assert one.until(600) == other.until(600) != third.until(600)
    assert one.rows == other.rows


def test_a_load_has_deletes_bursts_and_ddls_and_its_state_follows_from_its_changes() -> None:
    load = Load(7)
    changes = load.until(900)
    assert {change.op for change in changes} == {"c", "u", "d"}
    assert {change.table for change in changes} >= {STEADY, *BURSTS}
    state: dict[tuple[str, int], int] = {}
    for change in changes:
        state[change.table, change.row] = change.rev
        if change.op == "d":
            del state[change.table, change.row]
    assert state == {(table, row): rev for table, held in load.rows.items() for row, rev in held.items()}
    ddls = [transaction for transaction, _ in zip(Load(7), range(900)) if transaction.ddl]
    assert [transaction.number for transaction in ddls] == [399, 799]

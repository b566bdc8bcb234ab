# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares what a database committed with what its topics hold after a cut."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Container, Iterable, Mapping, Optional, Tuple

from tests.faults.load import DELETE, Change

Place = Tuple[str, int]


@dataclass(frozen=True)
class Event:
    """One event of a table's topic."""

    table: str
    row: int
    rev: int
    op: str  # c, u, d, or r of a snapshot
    place: Place = ("", 0)  # in the binlog
    when: int = 0  # the worker sent it, milliseconds
    offset: int = 0  # in its topic, in which a delete takes two: the event, and the tombstone


def parsed(table: str, value: Optional[Mapping[str, Any]], when: int = 0, offset: int = 0) -> Optional[Event]:
    """A message's value as an event; nothing for a tombstone."""
    if value is None:
        return None
    row = value["before" if value["op"] == DELETE else "after"]
    source = value["source"]
    return Event(table, row["id"], row["rev"], value["op"], (source["file"], source["pos"]), when, offset)


@dataclass
class Outcome:
    """What a consumer would find after everything has come back."""

    changes: int = 0
    missing: list[Change] = field(default_factory=list)  # committed, and no event tells of it
    untold: list[Change] = field(default_factory=list)  # likewise, but from before a snapshot that began anew
    wrong: list[str] = field(default_factory=list)  # rows whose last event is not what the database holds
    ghosts: int = 0  # of those, the rows that the database does not hold at all
    duplicates: int = 0
    snapshots: int = 0

    @property
    def good(self) -> bool:
        return not self.missing and not self.wrong

    @property
    def only_ghosts(self) -> bool:
        """Nothing is amiss but rows that were deleted between a snapshot that broke off and the next one."""
        lost = {(change.table, change.row) for change in self.untold if change.op == DELETE}
        return not self.missing and self.ghosts == len(self.wrong) <= len(lost)


def compare(
    changes: Iterable[Change],
    rows: Mapping[str, Mapping[int, int]],
    events: Iterable[Event],
    before_snapshot: Container[Change] = (),
) -> Outcome:
    """Each topic replayed to its last state against the table; and every change present at least once.

    ``changes`` are those of after the first snapshot. A later one may hide some of them: a row that it shows with the
    same or a later ``rev`` needs no event of the earlier ones. A deleted row needs its event: no snapshot shows that.
    Those of ``before_snapshot`` were made before a snapshot that began anew, and no snapshot tells of what is over.
    """
    outcome = Outcome()
    last: dict[Tuple[str, int], Event] = {}
    count: Counter[Tuple[str, int, int, str]] = Counter()
    read: dict[Tuple[str, int], int] = {}  # the newest rev that a snapshot showed
    for event in events:
        last[event.table, event.row] = event
        count[event.table, event.row, event.rev, event.op] += 1
        if event.op == "r":
            read[event.table, event.row] = max(event.rev, read.get((event.table, event.row), -1))
    outcome.duplicates = sum(number - 1 for number in count.values())
    for change in changes:
        outcome.changes += 1
        seen = count[change.table, change.row, change.rev, change.op]
        hidden = change.op != DELETE and read.get((change.table, change.row), -1) >= change.rev
        if not seen and not hidden:
            (outcome.untold if change in before_snapshot else outcome.missing).append(change)
    for table in rows:
        shown = {row: event.rev for (name, row), event in last.items() if name == table and event.op != DELETE}
        for row in set(shown) ^ set(rows[table]) | {row for row in shown if shown[row] != rows[table].get(row)}:
            outcome.ghosts += row not in rows[table]
            outcome.wrong.append(f"{table} {row}: topic {shown.get(row)}, database {rows[table].get(row)}")
    return outcome


@dataclass(frozen=True)
class Ordered:
    """One copy: how the stored offset and the events on the disk stand to each other."""

    offset: Optional[Place]
    registered: bool
    ahead: int = 0  # events before the offset that are not on the disk: lost for good
    history_ahead: int = 0  # DDLs likewise
    again: int = 0  # events on the disk that will be sent once more
    again_ms: int = 0  # from the first of them to the last
    deleting: int = 0  # files that retention or compaction is about to take away


def order(
    offset: Optional[Place],
    registered: bool,
    ends: Mapping[str, int],
    topics: Mapping[str, list[Event]],
    history: Tuple[int, list[Place]] = (0, []),
    *,
    deleting: int = 0,
) -> Ordered:
    """``ends``: where a topic ends on this disk; ``topics``: all events that ever came.

    ``history``: the entries of the schema history on this disk, and the places of all that ever came.
    """
    if offset is None:
        return Ordered(None, registered, again=sum(ends.values()), deleting=deleting)
    ahead, twice = 0, []
    for topic, events in topics.items():
        end = ends.get(topic, 0)
        changes = [event for event in events if event.op != "r"]
        ahead += sum(1 for event in changes if event.offset >= end and event.place < offset)
        twice += [event.when for event in changes if event.offset < end and event.place >= offset]
    ddl = sum(1 for place in history[1][history[0] :] if place < offset)
    span = max(twice) - min(twice) if twice else 0
    return Ordered(offset, registered, ahead, ddl, len(twice), span, deleting)

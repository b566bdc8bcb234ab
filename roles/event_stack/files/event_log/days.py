# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each day has brought, for a little more than a year: so that charts of a site have a past. Pure.

The guard writes it four times an hour; a day is the host's own, by its clock and time zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

NAME = "days.json"
VERSION = 1
MOST_DAYS = 400
#: Of a site with more topics the largest are followed: with fewer than so many the file stays below 3 MB.
MOST_TOPICS = 100


@dataclass(frozen=True)
class Topic:
    """Up to where a topic had gone before the day and at its last look, and its bytes on the disk."""

    begin: int
    end: int
    size: int

    @property
    def events(self) -> int:
        return self.end - self.begin


@dataclass(frozen=True)
class Day:
    """A day as it was seen last: bytes in use and in all on the disk of the events, and the topics of tables."""

    day: str  # as in 2026-03-01
    used: int
    size: int
    topics: Mapping[str, Topic]

    @property
    def events(self) -> int:
        return sum(one.events for one in self.topics.values())


def of_data(data: Any) -> List[Day]:
    """What a file holds, in order, without what is no day."""
    if not isinstance(data, dict) or data.get("version") != VERSION or not isinstance(data.get("days"), list):
        return []
    return sorted((day for day in map(_day, data["days"]) if day is not None), key=lambda one: one.day)


def _day(entry: Any) -> Optional[Day]:
    try:
        topics = {
            str(name): Topic(int(begin), int(end), int(size)) for name, (begin, end, size) in entry["topics"].items()
        }
        return Day(str(entry["day"]), int(entry["used"]), int(entry["size"]), topics)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def as_data(days: Sequence[Day]) -> Dict[str, Any]:
    """For the file."""
    return {
        "version": VERSION,
        "days": [
            {
                "day": one.day,
                "used": one.used,
                "size": one.size,
                "topics": {name: [topic.begin, topic.end, topic.size] for name, topic in sorted(one.topics.items())},
            }
            for one in days
        ],
    }


def record(days: Sequence[Day], today: str, disk: Tuple[int, int], ends: Mapping[str, Tuple[int, int]]) -> List[Day]:
    """The days with this look at today. ``disk``: bytes in use and in all; ``ends``: offset and bytes of each topic.

    A clock that was set back writes into days that are over, and takes none away.
    """
    others = [one for one in days if one.day != today]
    same = next((one for one in days if one.day == today), None)
    before = next((one for one in reversed(others) if one.day < today), None)
    largest = sorted(ends, key=lambda name: (-ends[name][1], name))[:MOST_TOPICS]
    topics = {name: _topic(name, ends[name], same, before) for name in largest}
    return sorted([*others, Day(today, *disk, topics)], key=lambda one: one.day)[-MOST_DAYS:]


def _topic(name: str, seen: Tuple[int, int], same: Optional[Day], before: Optional[Day]) -> Topic:
    end, size = seen
    if same is not None and name in same.topics:
        begin = same.topics[name].begin
    elif before is not None and name in before.topics:
        begin = before.topics[name].end
    else:
        # All of a topic that is new is of today; on the very first day nobody knows how old the topics are.
        begin = 0 if same is not None or before is not None else end
    return Topic(begin if begin <= end else 0, end, size)  # a topic that was made anew begins at 0

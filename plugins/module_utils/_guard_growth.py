# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast a disk fills, how grave that is, and which events could go. Pure: the standard library, nothing else.

The host command has this file as its ``growth.py``, by a link, for it stands alone on the server.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from statistics import mean, median
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Set, Tuple

HOUR, DAY = 3600, 86400
#: From the best to the worst.
OK, LOW, STOP, LAST = "ok", "low", "stop", "last"
LEVELS = (OK, LOW, STOP, LAST)
#: A level is left for a better one only with so much more: what was just freed must not start it again.
BACK = 2.0
#: Two weeks hold the nights, the dumps and the retention of a site, and one day more: days are compared.
MOST_SAMPLES = 15 * 24 + 1
_MOST_DAYS = 14
#: A day that is so many busy days away from the middle one is no day like the others.
_JUMP = 2.0
SHORTEST_SPAN = DAY
#: Every pair of samples is looked at: 80 of them are 3160 pairs.
_COMPARED = 80
Sample = Tuple[int, int]
Place = Tuple[str, int]


@dataclass(frozen=True)
class Room:
    """What the broker has of its disk, in bytes: blocks that the file system keeps for root are not counted."""

    free: int
    size: int

    @property
    def used(self) -> int:
        return self.size - self.free

    @property
    def percent(self) -> float:
        """Free, of all."""
        return 100.0 * self.free / self.size if self.size else 0.0

    def missing(self, percent: float) -> int:
        """Bytes that must come free until so many percent are."""
        return max(0, int(self.size * percent / 100.0) - self.free)


@dataclass(frozen=True)
class Limits:
    """Percent of free space below which something is done."""

    drop: float = 10.0
    stop: float = 5.0
    reserve: float = 3.0

    def of(self, level: str) -> float:
        return {LOW: self.drop, STOP: self.stop, LAST: self.reserve}[level]


@dataclass(frozen=True)
class Forecast:
    """Bytes a day, over how many seconds that was measured, and in how many days the limit is reached."""

    per_day: float
    seconds: int
    days: Optional[float]  # None: it does not grow


def level(percent: float, limits: Limits, before: str = OK) -> str:
    """How grave it is. Worse counts at once, better only with some room to spare."""
    reached = [one for one in LEVELS[1:] if percent < limits.of(one)]
    now = reached[-1] if reached else OK
    held = before if before in LEVELS else OK
    while LEVELS.index(held) > LEVELS.index(now) and percent >= limits.of(held) + BACK:
        held = LEVELS[LEVELS.index(held) - 1]
    return max(now, held, key=LEVELS.index)


def samples_of(stored: Any) -> List[Sample]:
    """What a file holds, without what is no sample."""
    found = []
    for entry in stored if isinstance(stored, (list, tuple)) else ():
        if isinstance(entry, (list, tuple)) and len(entry) == 2 and all(isinstance(one, (int, float)) for one in entry):
            found.append((int(entry[0]), int(entry[1])))
    return sorted(found)


def record(samples: Sequence[Sample], now: int, used: int, every: int = HOUR) -> List[Sample]:
    """The samples with this one, where it is time for one. Those of the future are of a clock that was wrong."""
    kept = [sample for sample in samples if sample[0] <= now]
    if not kept or now - kept[-1][0] >= every:
        kept.append((now, used))
    return kept[-MOST_SAMPLES:]


def forecast(samples: Sequence[Sample], now: int, room: Room, limit: float) -> Optional[Forecast]:
    """When ``limit`` percent are left; None while less than a day was measured."""
    known = [sample for sample in samples if sample[0] <= now]
    if not known or now - known[0][0] < SHORTEST_SPAN:
        return None
    known = [*(sample for sample in known if sample[0] < now), (now, room.used)]
    days_known = (now - known[0][0]) // DAY - 1
    per_day = _by_weekdays(known, min(days_known, _MOST_DAYS)) if days_known >= 7 else _by_slopes(known)
    days = None
    if per_day > 0:
        days = max(0.0, room.free - room.size * limit / 100.0) / per_day
    return Forecast(per_day, now - known[0][0], days)


def _by_slopes(known: Sequence[Sample]) -> float:
    """Of less than a week: the median of the slopes between samples, which a dump that comes and goes does not turn."""
    step = max(1, -(-len(known) // _COMPARED))
    picked = list(known[::-1][::step][::-1])
    if picked[0] != known[0]:
        picked.insert(0, known[0])
    slopes = [
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for place, earlier in enumerate(picked)
        for later in picked[place + 1 :]
        if later[0] > earlier[0]
    ]
    return median(slopes) * DAY


def _by_weekdays(known: Sequence[Sample], days: int) -> float:
    """The mean over the days of a week, for a Sunday brings less than a Monday.

    The emptiest hour of each day is compared, so that dumps that come and go do not count.
    """
    last = known[-1][0]
    lows = [_lowest(known, last - DAY * back) for back in range(days, -1, -1)]
    grown = [later - earlier for earlier, later in zip(lows, lows[1:])]
    jumps = _jumps(grown)
    usual = [(place % 7, day) for place, day in enumerate(grown) if place not in jumps]
    others = median(day for _, day in usual)
    return mean(mean([day for weekday, day in usual if weekday == one] or [others]) for one in range(7))


def _lowest(known: Sequence[Sample], end: int) -> float:
    """What was used at the least in the day up to then; on a straight line where the host was off all day."""
    there = [used for when, used in known if end - DAY < when <= end]
    if there:
        return min(there)
    begin, before = max(sample for sample in known if sample[0] <= end - DAY)
    after, used = min(sample for sample in known if sample[0] > end)
    line = [before + (used - before) * (moment - begin) / (after - begin) for moment in (end - DAY, end)]
    return min(line)


def _jumps(days: Sequence[float]) -> Set[int]:
    """Which days brought a large import, or lost an old dump: far from all others and the only one of its kind.

    It may lie across midnight. What comes again is how the disk fills: a retention that deletes once a week, or what
    runs away for days.
    """
    busy = sorted(abs(day) for day in days)[-1 - max(2, len(days) // 4)]
    middle, found = median(days), set()
    for sign in (1, -1):
        far = [place for place, day in enumerate(days) if (day - middle) * sign > _JUMP * busy]
        if far and len(far) == far[-1] - far[0] + 1 <= 2:
            found.update(far)
    return found


def reserve_bytes(room: Room, megabytes: int) -> int:
    """How large the reserve is: what the site says, or 1 percent of the disk and 512 MB at most."""
    return megabytes * 1024**2 if megabytes > 0 else min(room.size // 100, 512 * 1024**2)


@dataclass(frozen=True)
class Segment:
    """A closed file of a partition: the broker removes it whole, once all of it lies before the log's start."""

    topic: str
    partition: int
    base: int
    end: int  # the offset that follows its last one
    size: int
    first_ms: int

    @property
    def place(self) -> Place:
        return (self.topic, self.partition)


@dataclass(frozen=True)
class Drop:
    """Where each partition shall begin, what comes free, and the times of what goes."""

    offsets: Mapping[Place, int]
    size: int
    from_ms: Optional[int]
    topics: Tuple[str, ...]


def read_by_all(places: Iterable[Tuple[str, str, int, Optional[int]]], required: Sequence[str]) -> Dict[Place, int]:
    """Up to where every group has read, of (group, topic, partition, committed); what nobody reads is not in it.

    A group counts in the topics that it reads; one that is ``required`` counts everywhere, whether or not it ever came.
    """
    seen: Dict[Place, Dict[str, int]] = {}
    for group, topic, partition, committed in places:
        seen.setdefault((topic, partition), {})[group] = committed or 0
    return {place: min(groups.values()) for place, groups in seen.items() if all(group in groups for group in required)}


def plan_drop(segments: Iterable[Segment], up_to: Mapping[Place, int], wanted: int) -> Drop:
    """The oldest files first, of all partitions together, until ``wanted`` bytes come free; whole files only."""
    waiting: Dict[Place, List[Segment]] = {}
    for segment in sorted(segments, key=lambda one: (one.topic, one.partition, one.base)):
        waiting.setdefault(segment.place, []).append(segment)
    heads = [(ones[0].first_ms, place, 0) for place, ones in waiting.items()]
    heapq.heapify(heads)
    offsets: Dict[Place, int] = {}
    size, oldest = 0, None
    while heads and size < wanted:
        _, place, number = heapq.heappop(heads)
        segment = waiting[place][number]
        if segment.end > up_to.get(place, 0):
            continue  # nothing behind it may go either
        offsets[place] = segment.end
        size += segment.size
        oldest = segment.first_ms if oldest is None else min(oldest, segment.first_ms)
        if number + 1 < len(waiting[place]):
            heapq.heappush(heads, (waiting[place][number + 1].first_ms, place, number + 1))
    return Drop(offsets, size, oldest, tuple(sorted({topic for topic, _ in offsets})))

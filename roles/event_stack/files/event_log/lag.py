# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``event-log lag``: how far the events are behind the database, and the readers behind the events."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from . import groups, kafka_log, topics
from .errors import EventLogError
from .groups import Reading
from .settings import Settings
from .text import iso_utc, table
from .topics import TopicSummary
from .words import period, phrase

#: Debezium's heartbeat comes every 10 s with the collection's settings, as long as the database's log is read.
_HEARTBEAT = "__debezium-heartbeat."
_LATE = 120.0


@dataclass(frozen=True)
class Behind:
    """One group over all its topics."""

    group: str
    events: Optional[int]
    topics: int
    since_ms: Optional[int]  # when the oldest event was written that it has not read
    connected: bool


@dataclass(frozen=True)
class Lag:
    """All that is told."""

    now: float
    heartbeat_ms: Optional[int]
    newest_ms: Optional[int]
    groups: Optional[Sequence[Behind]]
    error: str = ""


def age(now: float, moment_ms: Optional[int]) -> Optional[float]:
    """Seconds since then; a moment of the future, by another clock, is now."""
    return None if moment_ms is None else max(0.0, now - moment_ms / 1000)


def behind(readings: Sequence[Reading], directories: Dict[Tuple[str, int], Path]) -> List[Behind]:
    """Sum up each group."""
    found = []
    for group in sorted({reading.group for reading in readings}):
        mine = [reading for reading in readings if reading.group == group]
        late = [reading for reading in mine if reading.lag != 0]
        since = [
            moment
            for reading in late
            if (reading.topic, reading.partition) in directories
            for moment in [_written_at(directories[reading.topic, reading.partition], reading.committed or 0)]
            if moment is not None
        ]
        known = [reading.lag for reading in mine if reading.lag is not None]
        found.append(
            Behind(
                group=group,
                events=sum(known) if known else None,
                topics=len({reading.topic for reading in late}),
                since_ms=min(since, default=None),
                connected=any(reading.member for reading in mine),
            )
        )
    return found


def _written_at(directory: Path, offset: int) -> Optional[int]:
    try:
        return kafka_log.written_at(directory, offset)
    except OSError:
        return None  # it went while we looked


def of_the_disk(settings: Settings, now: float, summaries: Sequence[TopicSummary]) -> Lag:
    """The heartbeat and the newest event, from what the broker's directory holds; nothing of groups."""
    beats = [
        one.newest_ms
        for one in summaries
        if one.topic.startswith(_HEARTBEAT + (settings.topic_prefix or "")) and one.newest_ms
    ]
    newest = [one.newest_ms for one in summaries if not one.internal and one.newest_ms]
    return Lag(now, max(beats, default=None), max(newest, default=None), None)


def look(settings: Settings, now: float) -> Lag:
    """The same, and the groups from the broker."""
    return with_groups(settings, of_the_disk(settings, now, topics.summarise(settings)))


def with_groups(settings: Settings, seen: Lag) -> Lag:
    """What was seen on the disk, and the groups from the broker: to ask it takes a JVM."""
    now = seen.now
    try:
        readings = groups.read(settings)
    except EventLogError as error:
        return Lag(now, seen.heartbeat_ms, seen.newest_ms, None, str(error))
    directories = {(topic, number): path for topic, number, path in topics.list_partitions(settings.data_dir)}
    return Lag(now, seen.heartbeat_ms, seen.newest_ms, behind(readings, directories))


def of_the_database(lag: Lag) -> str:
    """How far the events are behind the database, in a sentence."""
    beat = age(lag.now, lag.heartbeat_ms)
    newest = age(lag.now, lag.newest_ms)
    last = phrase("lag.no_event") if newest is None else phrase("lag.newest", age=newest)
    if beat is None:
        return phrase("lag.unknown", newest=last)
    return phrase("lag.behind" if beat > _LATE else "lag.up_to_date", age=beat, newest=last)


def as_text(lag: Lag) -> str:
    """For a person."""
    lines = [of_the_database(lag), ""]
    if lag.groups is None:
        return "\n".join([*lines, phrase("lag.groups_unknown", error=lag.error)])
    if not lag.groups:
        return "\n".join([*lines, phrase("lag.no_group")])
    rows = []
    for one in lag.groups:
        late = age(lag.now, one.since_ms) if one.events != 0 else None
        rows.append(
            (
                one.group,
                "?" if one.events is None else str(one.events),
                str(one.topics),
                "-" if late is None else period(late),
                phrase("yes" if one.connected else "no"),
            )
        )
    head = (
        phrase("head.group"),
        phrase("head.events_behind"),
        phrase("head.topics_behind"),
        phrase("head.oldest_unread"),
        phrase("head.connected"),
    )
    return "\n".join([*lines, table(head, rows, right=(1, 2, 3))])


def as_data(lag: Lag) -> Dict[str, Any]:
    """The same for programs."""
    return {
        "heartbeat": iso_utc(lag.heartbeat_ms),
        "heartbeat_age_seconds": age(lag.now, lag.heartbeat_ms),
        "newest_event": iso_utc(lag.newest_ms),
        "newest_event_age_seconds": age(lag.now, lag.newest_ms),
        "groups": None
        if lag.groups is None
        else [{**asdict(one), "since": iso_utc(one.since_ms)} for one in lag.groups],
        "error": lag.error or None,
    }


def run(settings: Settings, as_json: bool) -> str:
    """The answer to ``event-log lag``."""
    found = look(settings, time.time())
    return json.dumps(as_data(found), indent=2) if as_json else as_text(found)

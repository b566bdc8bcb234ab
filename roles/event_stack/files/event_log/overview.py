# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``event-log overview``: everything that a person responsible for many sites wants to know of this one.

What it tells is read from the disk, the engine, the worker and the broker, within some seconds. It shows no data of
patients.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Sequence

from . import days, guarded, lag, progress, sizes, status, topics, upkeep, versions
from .errors import EventLogError
from .lag import Lag
from .settings import Settings
from .sizes import Sizes
from .text import iso_utc, local_time, table
from .topics import TopicSummary
from .upkeep import Upkeep
from .verdict import Verdict
from .words import phrase, size

FORMAT = 1
_DAYS_WITH_TABLES = 31
_MOST_ACTS = 10


@dataclass(frozen=True)
class Overview:
    """All that is told. Without a disk that can be read there are no sizes, and ``error`` says why."""

    site: str
    now: float
    verdict: Verdict
    image: str
    lag: Optional[Lag]
    sizes: Optional[Sizes]
    topics: Sequence[TopicSummary]
    days: Sequence[days.Day]
    guard: Dict[str, Any]
    upkeep: Upkeep
    versions: Dict[str, Optional[str]] = field(default_factory=dict)
    error: str = ""
    works: Sequence[progress.Work] = ()  # long ones that are under way


def look(settings: Settings, now: float, judged: Optional[Verdict] = None, asks: bool = False) -> Overview:
    """Look at everything; what cannot be told does not silence the rest. ``judged``: a verdict of just now.

    ``asks``: also the broker for its groups and the worker for its versions, which takes some seconds.
    """
    verdict = judged or status.verdict_of(settings)
    behind: Optional[Lag] = None
    room: Optional[Sizes] = None
    kept: List[TopicSummary] = []
    error = ""
    try:
        kept = topics.summarise(settings)
        behind = lag.of_the_disk(settings, now, kept)
        room = sizes.look(settings, now, kept)
    except EventLogError as problem:
        error = str(problem)
    if asks and behind is not None:
        behind = lag.with_groups(settings, behind)
    guard = sizes.read_json(settings.home / "config" / "guard.json")
    directory = sizes.guard_directory(guard)
    return Overview(
        site=str(guard.get("site") or ""),
        now=now,
        verdict=verdict,
        image=settings.image,
        lag=behind,
        sizes=room,
        topics=[one for one in kept if topics.of_a_table(one)],
        days=days.of_data(sizes.read_json(directory / days.NAME)),
        guard=guarded.story(settings, _MOST_ACTS),
        upkeep=upkeep.look(settings, now),
        versions=versions.look(settings) if asks else {},
        error=error,
        works=list(progress.works(settings.progress_dir, now).values()),
    )


def _groups(behind: Optional[Lag]) -> Optional[List[Dict[str, Any]]]:
    """Who reads the event log, and how far behind; None where nobody was asked, or nobody answered."""
    if behind is None or behind.groups is None:
        return None
    return [
        {"group": one.group, "events": one.events, "since": iso_utc(one.since_ms), "connected": one.connected}
        for one in behind.groups
    ]


def as_data(seen: Overview) -> Dict[str, Any]:
    """For the status page and other programs: sizes in bytes, times in UTC, a day as the host's calendar has it."""
    shown, since = seen.days[-_DAYS_WITH_TABLES:], seen.upkeep.headroom.since
    return {
        "format": FORMAT,
        "site": seen.site,
        "at": iso_utc(int(seen.now * 1000)),
        **seen.verdict.as_data(),
        "image": seen.image,
        "lag": None if seen.lag is None else {key: value for key, value in lag.as_data(seen.lag).items()
                                              if key not in ("groups", "error")},
        "disk": None if seen.sizes is None else sizes.as_data(seen.sizes),
        "topics": [
            {
                "topic": one.topic,
                "events": one.events,
                "bytes": one.bytes,
                "oldest": iso_utc(one.oldest_ms),
                "newest": iso_utc(one.newest_ms),
            }
            for one in seen.topics
        ],
        "days": [[one.day, one.used, one.size, one.events] for one in seen.days],
        "events_by_table": [[one.day, {name: topic.events for name, topic in one.topics.items()}] for one in shown],
        "guard": seen.guard,
        "groups": _groups(seen.lag),
        "binlog_since": None if since is None else iso_utc(since * 1000),
        **upkeep.as_data(seen.upkeep),
        "versions": {"image": seen.image, **seen.versions, "database": seen.upkeep.database or None},
        "works": [progress.as_data(one) for one in seen.works],
        "error": seen.error or None,
        "text": as_text(seen),
    }  # fmt: skip


def as_text(seen: Overview) -> str:
    """For a person."""
    lines = [seen.verdict.as_text()]
    if seen.error:
        return "\n".join([*lines, seen.error])
    if seen.lag is not None:
        lines.append(lag.of_the_database(seen.lag))
    if seen.sizes is not None:
        room = seen.sizes.room
        lines += [
            phrase(
                "sizes.disk_and_events",
                directory=seen.sizes.directory,
                free=room.free,
                size=room.size,
                percent=room.percent,
                events=seen.sizes.events_bytes,
            ),
            sizes.sentence_of(seen.sizes.forecast, seen.sizes.limits, seen.sizes.guarded),
        ]
    lines += upkeep.as_lines(seen.upkeep)
    if seen.lag is not None and seen.lag.groups:
        lines += [
            phrase("overview.group", group=one.group, events="?" if one.events is None else one.events)
            for one in seen.lag.groups
        ]
    lines += [
        phrase("overview.connector", name=one.name, state=one.state, tasks=", ".join(one.tasks) or phrase("none"))
        for one in seen.verdict.connectors
    ]
    today = {name: one.events for name, one in seen.days[-1].topics.items()} if seen.days else {}
    rows = [
        (one.topic, str(one.events), str(today.get(one.topic, "-")), size(one.bytes), local_time(one.newest_ms))
        for one in seen.topics
    ]
    if rows:
        day = phrase("head.on_day", day=seen.days[-1].day) if seen.days else phrase("head.today")
        head = (phrase("head.topic"), phrase("head.kept"), day, phrase("head.on_disk"), phrase("head.newest"))
        lines += ["", table(head, rows, right=(1, 2, 3))]
    return "\n".join(lines)


def run(settings: Settings, as_json: bool) -> str:
    """The answer to ``event-log overview``."""
    found = look(settings, time.time(), None, True)
    return json.dumps(as_data(found), ensure_ascii=False) if as_json else as_text(found)

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``event-log sizes``: what takes the disk of the event log, how fast it fills, and what is done about it when."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from . import growth, topics, words
from .errors import EventLogError
from .growth import Forecast, Limits, Room
from .settings import Settings
from .text import iso_utc, table
from .topics import TopicSummary
from .words import phrase

_MOST_DAYS = 3650
#: Where the guard remembers, unless its settings say otherwise.
_REMEMBERED = "/var/lib/event-log/guard"


@dataclass(frozen=True)
class Sizes:
    """All that is told."""

    directory: Path
    room: Room
    events: Sequence[Tuple[str, int]]  # by topic, the largest first
    kafka: int
    reserve: int
    limits: Limits
    guarded: bool
    level: str
    forecast: Optional[Forecast]
    dropped: Sequence[Dict[str, Any]]

    @property
    def events_bytes(self) -> int:
        return sum(size for _, size in self.events)

    @property
    def others(self) -> int:
        return max(0, self.room.used - self.events_bytes - self.kafka - self.reserve)


def room_of(directory: Path) -> Room:
    """The disk below a directory as the broker, which is not root, may use it."""
    found = os.statvfs(directory)
    free = found.f_bavail * found.f_frsize
    return Room(free, free + (found.f_blocks - found.f_bfree) * found.f_frsize)


def read_json(path: Path) -> Dict[str, Any]:
    """What is in a file of the guard; nothing where there is none, or none that can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def guard_directory(guard: Dict[str, Any]) -> Path:
    """Where the guard remembers, by its settings."""
    return Path(str(guard.get("directory") or _REMEMBERED))


def limits_of(guard: Dict[str, Any]) -> Limits:
    """The thresholds of ``config/guard.json``."""
    wanted = {"drop": "free_drop", "stop": "free_stop", "reserve": "free_reserve"}
    given = {name: guard[key] for name, key in wanted.items() if isinstance(guard.get(key), (int, float))}
    return Limits(**{name: float(value) for name, value in given.items()})


def look(settings: Settings, now: float, known: Optional[Sequence[TopicSummary]] = None) -> Sizes:
    """Look at the disk and at what the guard remembers of it; ``known`` are topics that were read just now."""
    try:
        room = room_of(settings.data_dir)
    except OSError as error:
        raise EventLogError(
            f"{settings.data_dir} cannot be looked at ({error.strerror}): Kafka never ran here, or its disk is not "
            "mounted. Check the mount; the playbook site.yml sets the event log up."
        ) from None
    summaries = topics.summarise(settings) if known is None else known
    events = [(one.topic, one.bytes) for one in summaries if topics.of_a_table(one)]
    guard = read_json(settings.home / "config" / "guard.json")
    directory = guard_directory(guard)
    remembered = read_json(directory / "memory.json").get("disk")
    disk: Dict[str, Any] = remembered if isinstance(remembered, dict) else {}
    limits = limits_of(guard)
    try:
        reserve = (directory / "reserve").stat().st_blocks * 512
    except OSError:
        reserve = 0
    dropped = disk.get("dropped")
    return Sizes(
        directory=settings.data_dir,
        room=room,
        events=sorted(events, key=lambda one: (-one[1], one[0])),
        kafka=sum(one.bytes for one in summaries if not topics.of_a_table(one)),
        reserve=reserve,
        limits=limits,
        guarded=bool(guard),
        level=growth.level(room.percent, limits, str(disk.get("level", growth.OK))) if guard else growth.OK,
        forecast=growth.forecast(growth.samples_of(disk.get("samples")), int(now), room, limits.drop),
        dropped=[one for one in dropped if isinstance(one, dict)] if isinstance(dropped, list) else [],
    )


def sentence_of(forecast: Optional[Forecast], limits: Limits, guarded: bool) -> str:
    """How fast it grows, and until when that goes well."""
    if forecast is None:
        return phrase("forecast.not_yet" if guarded else "forecast.nobody")
    measured = float(f"{forecast.seconds / growth.DAY:.3g}")
    if forecast.days is None:
        return phrase("forecast.none", measured=measured)
    told = {"measured": measured, "per_day": forecast.per_day, "limit": limits.drop}
    if forecast.days < 1:
        return phrase("forecast.today", **told)
    if forecast.days > _MOST_DAYS:
        return phrase("forecast.decade", **told)
    return phrase("forecast.days", days=forecast.days, **told)


def _what_is_done(sizes: Sizes) -> str:
    limits = sizes.limits
    if not sizes.guarded:
        return phrase("sizes.unguarded")
    now = {
        growth.OK: "sizes.ok",
        growth.LOW: "sizes.low",
        growth.STOP: "sizes.stop",
        growth.LAST: "sizes.last",
    }[sizes.level]
    return phrase("sizes.rules", now=phrase(now), drop=limits.drop, stop=limits.stop, reserve=limits.reserve)


def as_text(sizes: Sizes) -> str:
    """For a person: the sum, the tables, the outlook."""
    room = sizes.room
    rows = [
        (phrase("sizes.events"), words.size(sizes.events_bytes)),
        (phrase("sizes.kafka"), words.size(sizes.kafka)),
        (phrase("sizes.reserve"), words.size(sizes.reserve)),
        (phrase("sizes.others"), words.size(sizes.others)),
        (phrase("sizes.free"), words.size(room.free)),
    ]
    disk = {"directory": sizes.directory, "free": room.free, "size": room.size, "percent": room.percent}
    lines = [
        phrase("sizes.disk", **disk),
        sentence_of(sizes.forecast, sizes.limits, sizes.guarded),
        _what_is_done(sizes),
        "",
        table((phrase("head.what"), phrase("head.on_disk")), rows, right=(1,)),
    ]
    if sizes.events:
        shares = [
            (topic, words.size(size), f"{100 * size / max(1, sizes.events_bytes):.0f} %")
            for topic, size in sizes.events
        ]
        head = (phrase("head.topic"), phrase("head.on_disk"), phrase("head.of_events"))
        lines += ["", table(head, shares, right=(1, 2))]
    lines += _told(sizes.dropped)
    return "\n".join(lines)


def _told(dropped: Sequence[Dict[str, Any]]) -> List[str]:
    if not dropped:
        return []
    last = dropped[-1]
    key = "sizes.dropped_unread" if last.get("unread") else "sizes.dropped_read"
    size, when = int(last.get("bytes") or 0), int(last.get("time") or 0)
    return ["", phrase(key, count=len(dropped), time=when, size=size)]


def as_data(sizes: Sizes) -> Dict[str, Any]:
    """The same for programs."""
    forecast = sizes.forecast
    return {
        "directory": str(sizes.directory),
        "size": sizes.room.size,
        "free": sizes.room.free,
        "free_percent": round(sizes.room.percent, 2),
        "level": sizes.level,
        "guarded": sizes.guarded,
        "limits": {"drop": sizes.limits.drop, "stop": sizes.limits.stop, "reserve": sizes.limits.reserve},
        "bytes": {
            "events": sizes.events_bytes,
            "kafka": sizes.kafka,
            "reserve": sizes.reserve,
            "others": sizes.others,
        },
        "topics": [{"topic": topic, "bytes": size} for topic, size in sizes.events],
        "forecast": None
        if forecast is None
        else {"bytes_per_day": round(forecast.per_day), "measured_seconds": forecast.seconds, "days": forecast.days},
        "dropped": [{**one, "time": iso_utc(int(one.get("time") or 0) * 1000)} for one in sizes.dropped],
    }


def run(settings: Settings, as_json: bool) -> str:
    """The answer to ``event-log sizes``."""
    found = look(settings, time.time())
    return json.dumps(as_data(found), indent=2) if as_json else as_text(found)

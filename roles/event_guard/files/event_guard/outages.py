# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remembers when no events flowed, and for how long: so far the binary log must reach back, and better twice as far.

The connector writes a heartbeat every few seconds as long as it reads the database's log. Where the next one comes late
it was away: the host without power, the database down, the worker stopped. The heartbeats themselves go after an hour
or so, hence what is remembered of them.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from event_log import kafka_log
from event_log.settings import Settings

from . import clock
from .memory import Memory
from .settings import Guard

KEY = "outages"
EVERY = 60.0
#: Shorter is none: as long takes a restart of a slow host.
LEAST = 600
#: So often it is written down that the guard looks and events flow; a power cut may cost so much of the knowledge.
_SAVED = 300
MOST, MOST_DAYS = 20, 400
_HEARTBEAT = "__debezium-heartbeat."
_TURN: Dict[str, float] = {}


def step(settings: Settings, guard: Guard, memory: Memory, now: float) -> None:
    """One look a minute. By a clock that cannot be believed nothing is measured."""
    if 0 <= now - _TURN.get("looked", -EVERY) < EVERY or clock.problem(memory, guard, now):
        return
    _TURN["looked"] = now
    memory.put(KEY, seen(memory.get(KEY), beats(settings), int(now), int(now - up_for())))


def seen(known: Mapping[str, Any], beats: Sequence[int], now: int, booted: int) -> Dict[str, Any]:
    """What is to be remembered after a look. ``beats``: times of the heartbeats that are kept, in order."""
    alive, looked = _time(known.get("alive"), now), _time(known.get("looked"), now)
    came = [beat for beat in beats if beat <= now and (alive is None or beat > alive)]
    found = _kept(known.get("list"), now)
    if came and alive is not None:
        points = [alive, *came]
        late = [pair for pair in zip(points, points[1:]) if pair[1] - pair[0] > LEAST]
        # Heartbeats from before may be gone already. Then it counts if the guard looked on, or the host was off.
        watched = min(beats) <= alive or booted > alive or (looked is not None and came[0] - looked <= 3 * _SAVED)
        found += [list(pair) for pair in late if watched or pair[0] != alive]
    if len(found) > MOST:
        found = sorted(found, key=lambda one: one[0] - one[1])[:MOST]
    newest = came[-1] if came else alive
    told: Dict[str, Any] = {"alive": newest, "looked": now, "list": sorted(found)}
    # Not for every heartbeat: to save costs a write of the disk.
    same = told["list"] == known.get("list") and looked is not None and now - looked < _SAVED
    return dict(known) if same and (alive is not None or not came) else told


def _time(value: Any, now: int) -> Optional[int]:
    """A time that is remembered; one of the future is of a clock that was wrong."""
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and value <= now + LEAST
    return int(value) if usable else None


def _kept(listed: Any, now: int) -> List[List[int]]:
    found = []
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, list) and len(one) == 2:
            begin, end = (_time(part, now) for part in one)
            if begin is not None and end is not None and begin < end and now - end < MOST_DAYS * 86400:
                found.append([begin, end])
    return found


def beats(settings: Settings) -> List[int]:
    """When heartbeats were written that the broker still keeps, in seconds; they are a few thousand small batches."""
    found: List[int] = []
    with contextlib.suppress(OSError):
        for topic, _number, directory in kafka_log.partitions(settings.data_dir):
            if topic == _HEARTBEAT + (settings.topic_prefix or topic[len(_HEARTBEAT) :]):
                for path in kafka_log.segments(directory):
                    found += _of_a_file(path)
    for gone in [one for one in _READ if not one.exists()]:
        del _READ[gone]
    return sorted(found)


#: Closed files do not change, so that each is read once: by path, with its size.
_READ: Dict[Path, Tuple[int, List[int]]] = {}


def _of_a_file(path: Path) -> List[int]:
    try:
        with path.open("rb") as log:
            size = log.seek(0, 2)
            begin, known = _READ.get(path, (0, []))
            if begin > size:
                begin, known = 0, []
            fresh, end = list(known), begin
            for batch in kafka_log.hop(log, size, begin):
                end = batch.position + batch.size
                if batch.last_timestamp:
                    fresh.append(batch.last_timestamp // 1000)
    except FileNotFoundError:  # its time was over while we looked
        _READ.pop(path, None)
        return []
    _READ[path] = (end, fresh)
    return fresh


def up_for() -> float:
    """Seconds since the host was started."""
    with contextlib.suppress(OSError, ValueError):
        return float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    return time.monotonic()

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether events flow, from the figures of the worker's JMX exporter: REST can say RUNNING while nothing moves. Pure.

Tried with Debezium 3.6.0, MySQL 8.0 and MariaDB 11.8: a task whose connection was killed, and one whose database was
frozen, go on being RUNNING. ``Connected`` tells of the first within a second. The second shows by the age of the newest
event, because what the server sends to say that it is still there counts as one, also where nobody writes anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Tuple

LOST, SILENT, STILL = "lost", "silent", "still"

#: What the binlog client makes of ``connect.keep.alive.interval.ms``: after how long the server shall say that it is
#: there (Debezium 3.6, BinlogStreamingChangeEventSource).
_HEARTBEAT_SHARE = 0.8
_KEEP_ALIVE_MS = 60_000
_MISSED = 6  # heartbeats in a row
_LEAST_SILENCE = 60.0  # seconds
_NEVER = -1.0  # what the exporter says before the first event
_RECONNECTS = 180.0  # seconds that a connector may take that reconnects by itself

_LINE = re.compile(r"^([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPED = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}

Figures = Dict[str, List[Tuple[Dict[str, str], float]]]


def parse(text: str) -> Figures:
    """The lines of Prometheus' text format by name; what cannot be read is passed over."""
    found: Figures = {}
    for line in text.splitlines():
        matched = _LINE.match(line)
        if not matched:
            continue
        name, labels, value = matched.groups()
        try:
            number = float(value)
        except ValueError:
            continue
        named = {key: re.sub(r'\\[n"\\]', lambda one: _ESCAPED[one.group()], raw)
                 for key, raw in _LABEL.findall(labels or "")}  # fmt: skip
        found.setdefault(name, []).append((named, number))
    return found


@dataclass(frozen=True)
class Flow:
    """The figures of one connector; None where there is none, as before it streams."""

    connected: Optional[bool] = None
    disconnects: int = 0
    # Seconds since the newest event, a sign of life of the server included; below 0 after the clock was set back.
    event_age: Optional[float] = None
    queue_free: Optional[float] = None  # 0: full, because the broker is slow
    snapshot: bool = False
    written: Optional[float] = None  # records that the broker has taken, heartbeats included


def of(figures: Figures, connector: str, prefix: str) -> Flow:
    """What the exporter says of a connector and its topic prefix."""

    def one(name: str, **wanted: str) -> Optional[float]:
        for labels, value in figures.get(name, ()):
            if all(labels.get(key) == text for key, text in wanted.items()):
                return value
        return None

    def streaming(name: str) -> Optional[float]:
        return one(f"debezium_streaming_{name}", server=prefix)

    connected, age = streaming("connected"), streaming("millisecondssincelastevent")
    return Flow(
        connected=None if connected is None else connected > 0,
        disconnects=int(streaming("numberofdisconnects") or 0),
        event_age=None if age is None or age == _NEVER else age / 1000,
        queue_free=streaming("queueremainingcapacity"),
        snapshot=bool(one("debezium_snapshot_snapshotrunning", server=prefix)),
        written=one("connect_task_source_record_write_total", connector=connector),
    )


@dataclass(frozen=True)
class Wiring:
    """What a connector's configuration says about its connection to the database."""

    prefix: str = ""
    debezium: bool = False
    reconnects: bool = True  # by itself, whatever answers there
    silence: float = _KEEP_ALIVE_MS / 1000 * _HEARTBEAT_SHARE * _MISSED  # seconds after which no sign of life is bad
    heartbeats: bool = False
    tables: str = ""  # regular expressions of those that are captured


def wiring(config: Mapping[str, Any]) -> Wiring:
    """Read it; values that are no numbers have upstream's defaults."""
    kept = _number(config.get("connect.keep.alive.interval.ms"), _KEEP_ALIVE_MS)
    return Wiring(
        prefix=str(config.get("topic.prefix") or ""),
        debezium=str(config.get("connector.class", "")).startswith("io.debezium.connector.m"),
        reconnects=str(config.get("connect.keep.alive", "true")).lower() != "false",
        silence=max(_LEAST_SILENCE, kept / 1000 * _HEARTBEAT_SHARE * _MISSED),
        heartbeats=_number(config.get("heartbeat.interval.ms"), 0) > 0,
        tables=str(config.get("table.include.list") or ""),
    )


def _number(value: Any, default: float) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return default


class Progress:
    """Since when a figure has not changed: kept by the running guard alone, for it tells nothing after a restart."""

    def __init__(self) -> None:
        self._seen: Dict[str, Tuple[object, float]] = {}

    def unchanged(self, name: str, figure: object, clock: float) -> float:
        """Seconds since the figure of this name was last another one. ``clock`` never goes back."""
        before = self._seen.get(name)
        if before is None or before[0] != figure:
            self._seen[name] = (figure, clock)
            return 0.0
        return clock - before[1]

    def age(self, name: str, age: Optional[float], clock: float) -> Optional[float]:
        """An age that was taken by the host's clock, freed from that clock's leaps: what it is of came no later before.

        Set forward by an hour, the clock makes everything an hour older at once; set back, younger than new.
        """
        if age is None:
            self.forget(name)
            return None
        _, came = self._seen.get(name, (None, float("-inf")))
        if age >= 0:
            came = max(came, clock - age)
            self._seen[name] = (None, came)
        return clock - came if came > float("-inf") else None

    def forget(self, name: str) -> None:
        self._seen.pop(name, None)


def problem(flow: Flow, wired: Wiring, away: float, stood: float, lag_limit: float) -> str:
    """What is wrong with a connector that is RUNNING: LOST, SILENT, STILL, or nothing.

    ``away``: seconds without a connection; ``stood``: seconds in which the broker has taken no record.
    """
    if not wired.debezium or flow.snapshot or flow.connected is None:
        return ""
    if not flow.connected:
        # Before its first connection it is starting, which either works or fails.
        return LOST if flow.disconnects and (not wired.reconnects or away > _RECONNECTS) else ""
    blocked = flow.queue_free == 0
    if flow.event_age is not None and flow.event_age > min(wired.silence, lag_limit) and not blocked:
        return SILENT
    if wired.heartbeats and flow.written is not None and stood > lag_limit:
        return STILL
    return ""

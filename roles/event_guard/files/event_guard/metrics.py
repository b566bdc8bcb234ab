# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures for Prometheus, in a file that the site's node exporter reads: ``event_guard_metrics_dir``."""

from __future__ import annotations

import contextlib
import os
from datetime import datetime
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from event_log import overview
from event_log.settings import Settings
from event_log.verdict import OK, VERDICTS

from .memory import GAPS, Memory
from .settings import Guard

NAME = "event_log.prom"
EVERY = 60.0  # seconds
_TURN: Dict[str, float] = {}
Labels = Mapping[str, str]
Family = Tuple[str, str, str, Sequence[Tuple[Labels, Optional[float]]]]


def step(settings: Settings, guard: Guard, memory: Memory, now: float) -> None:
    """Write the file once a minute, where the site wants one. A directory that is not there is told as an error."""
    if not guard.metrics_dir or 0 <= now - _TURN.get("written", 0.0) < EVERY:
        return
    told = overview.as_data(overview.look(settings, now))
    gaps = [gap for gap in memory.get(GAPS, []) if isinstance(gap, dict) and not gap.get("repaired")]
    write(Path(guard.metrics_dir) / NAME, as_text(families(told, len(gaps), now, directories(settings.data_dir))))
    _TURN["written"] = now


def directories(data_dir: Path) -> Dict[str, int]:
    """Bytes on the disk below each directory of the event log's data; what goes while this looks counts no more."""
    found = {}
    try:
        below = sorted(path for path in data_dir.iterdir() if path.is_dir() and path.name != "lost+found")
    except OSError:
        return {}
    for path in below:
        size = 0
        for top, _, names in os.walk(path):
            for name in names:
                with contextlib.suppress(OSError):
                    size += Path(top, name).lstat().st_blocks * 512
        found[path.name] = size
    return found


def families(told: Mapping[str, Any], gaps: int, now: float, sizes: Optional[Mapping[str, int]] = None) -> List[Family]:
    """All figures, from what ``event-log overview`` tells, and the sizes of directories."""
    lag, disk, guard = (told.get(key) or {} for key in ("lag", "disk", "guard"))
    forecast = disk.get("forecast") or {}
    days = forecast.get("days")
    if forecast and days is None:
        days = float("inf")
    wrong = sorted({str(one["id"]) for one in told["findings"] if one["verdict"] != OK})
    noted = sorted({str(one["id"]) for one in told["findings"] if one["verdict"] == OK})
    bytes_of = {"free": disk.get("free"), "size": disk.get("size"), **(disk.get("bytes") or {})}
    return [
        ("event_log_verdict", "gauge", "1 for what event-log status says, 0 for the others.",
         [({"verdict": one}, float(told["verdict"] == one)) for one in VERDICTS]),
        ("event_log_finding", "gauge", "1 for each thing that is wrong (severity wrong), or should be known (note).",
         [({"id": one, "severity": "wrong"}, 1.0) for one in wrong]
         + [({"id": one, "severity": "note"}, 1.0) for one in noted]),
        ("event_log_connector_running", "gauge", "1 where a connector and all of its tasks run.",
         [({"connector": str(one["name"])}, float(one["running"])) for one in told["connectors"]]),
        ("event_log_heartbeat_timestamp_seconds", "gauge", "When the database's log was read last.",
         [({}, _seconds(lag.get("heartbeat")))]),
        ("event_log_newest_event_timestamp_seconds", "gauge", "When the newest event was written.",
         [({}, _seconds(lag.get("newest_event")))]),
        ("event_log_disk_bytes", "gauge", "The disk of the events, by what takes it.",
         [({"what": what}, _number(size)) for what, size in sorted(bytes_of.items())]),
        ("event_log_disk_days", "gauge", "Days until history goes for want of room; infinite: it does not fill.",
         [({}, _number(days))]),
        ("event_log_directory_bytes", "gauge", "Bytes on the disk below each directory of the event log's data.",
         [({"directory": name}, float(size)) for name, size in sorted((sizes or {}).items())]),
        ("event_log_topic_bytes", "gauge", "Bytes of each table's topic.",
         [({"topic": str(one["topic"])}, _number(one["bytes"])) for one in told["topics"]]),
        ("event_log_topic_events", "gauge", "Events kept in each table's topic.",
         [({"topic": str(one["topic"])}, _number(one["events"])) for one in told["topics"]]),
        ("event_log_binlog_oldest_timestamp_seconds", "gauge", "When the binary log's oldest known file was begun.",
         [({}, _seconds(told.get("binlog_since")))]),
        ("event_log_gaps", "gauge", "Gaps in the events that nobody has repaired.", [({}, float(gaps))]),
        ("event_log_acts_total", "counter", "What the guard has done.",
         [({"act": act}, _number(number)) for act, number in sorted((guard.get("acts") or {}).items())]),
        ("event_log_guard_timestamp_seconds", "gauge", "When the guard wrote this.", [({}, now)]),
    ]  # fmt: skip


def as_text(found: Iterable[Family]) -> str:
    """In Prometheus' text format; a figure that is not known is not there."""
    lines: List[str] = []
    for name, kind, about, samples in found:
        known = [(labels, value) for labels, value in samples if value is not None]
        if not known:
            continue
        lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
        for labels, value in known:
            named = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
            lines.append(f"{name}{{{named}}} {_figure(value)}" if named else f"{name} {_figure(value)}")
    return "\n".join(lines) + "\n"


def write(path: Path, text: str) -> None:
    """The node exporter, another account, must never see half a file. After a power cut it is soon written anew."""
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    fresh.replace(path)


def _figure(value: float) -> str:
    if value == float("inf"):
        return "+Inf"
    return str(int(value)) if value == int(value) else f"{value:.3f}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: Any) -> Optional[float]:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _seconds(moment: Any) -> Optional[float]:
    try:
        return datetime.fromisoformat(str(moment).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None

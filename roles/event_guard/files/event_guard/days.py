# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes down four times an hour what the day has brought; ``event-log overview`` shows it."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

from event_log import days, topics
from event_log.settings import Settings
from event_log.sizes import room_of

from .memory import Memory
from .settings import Guard

KEY = "days"
EVERY = 900  # seconds: what the last of a day brings may count as of the next


def step(settings: Settings, guard: Guard, memory: Memory, now: float) -> None:
    """One round; most have nothing to do. Only that it looked is remembered, for the days have a file of their own."""
    last = memory.get(KEY).get("looked")
    if isinstance(last, (int, float)) and 0 <= now - last < EVERY:
        return
    room = room_of(settings.data_dir)
    ends = {
        one.topic: (sum(part.end_offset for part in one.partitions), one.bytes)
        for one in topics.summarise(settings)
        if topics.of_a_table(one)
    }
    today = f"{datetime.fromtimestamp(now).astimezone():%Y-%m-%d}"
    path = guard.directory / days.NAME
    known = days.of_data(_read(path))
    _write(path, days.as_data(days.record(known, today, (room.used, room.size), ends)))
    memory.put(KEY, {"looked": int(now)})


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _write(path: Path, data: Any) -> None:
    """A power cut leaves the former file or the new one, whole."""
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(data, stream, separators=(",", ":"))
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(path)

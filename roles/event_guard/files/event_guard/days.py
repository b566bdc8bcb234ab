# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes down four times an hour what the day has brought; ``event-log overview`` shows it."""

from __future__ import annotations

from datetime import datetime

from event_log import days, topics
from event_log.settings import Settings
from event_log.sizes import read_json, room_of

from .memory import Memory, write_whole
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
    known = days.of_data(read_json(path))
    write_whole(path, days.as_data(days.record(known, today, (room.used, room.size), ends)))
    memory.put(KEY, {"looked": int(now)})

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes down how far a connector is that reads whole tables: for the first time, or again. ``event-log status`` tells.

The worker says that it reads, and how many records Kafka took; how many rows there are, the database estimates. A table
that is read again has its place in the connector's stored position.
"""

from __future__ import annotations

import os
import urllib.parse
from typing import Dict, Optional

from event_log import snapshots, stack, worker
from event_log.progress import AGAIN, FIRST, Record
from event_log.settings import Settings

from . import database
from .look import Look, Watched


class Readings:
    """What the running guard has begun to write down."""

    def __init__(self) -> None:
        self._records: Dict[str, Record] = {}

    def note(self, settings: Settings, seen: Look) -> None:
        """One round. Nothing is asked of anybody where no table is being read."""
        reading = set()
        for one in seen.connectors:
            if one.flow.snapshot and seen.worker is not None:
                reading.add(self._note(settings, seen.worker, one))
        for name in set(self._records) - reading:
            self._records.pop(name).end()

    def _note(self, settings: Settings, there: stack.Container, one: Watched) -> str:
        again = _again(there, one)
        if again is not None:
            return self._again(settings, one.connector.name, again)
        name, rows = FIRST + one.connector.name, int(one.flow.written or 0)
        record = self._record(settings, name)
        # Fewer than before: the task has begun anew.
        if record.work is None or rows < record.work.done:
            total = _rows(settings, one)
            record.begin("first_reading", one.connector.name, total, "rows", about=True, first=rows, pid=os.getpid())
        record.moved(rows)
        return name

    def _again(self, settings: Settings, connector: str, again: snapshots.Progress) -> str:
        name, key, end = AGAIN + connector, again.last or 0, again.end or 0
        record = self._record(settings, name)
        table = again.tables[0]
        if record.work is None or (record.work.name, record.work.total) != (table, end):
            record.begin("reading_again", table, end, "keys", first=key, pid=os.getpid())
        record.moved(key)
        return name

    def _record(self, settings: Settings, name: str) -> Record:
        return self._records.setdefault(name, Record(name, settings.progress_dir))


def _again(there: stack.Container, one: Watched) -> Optional[snapshots.Progress]:
    """The tables that are read again, where that is what is done."""
    if not one.connector.signals:
        return None
    try:
        answer = worker.request(there, f"/connectors/{urllib.parse.quote(one.connector.name, safe='')}/offsets")
        found = [snapshots.progress(entry.get("offset")) for entry in answer.get("offsets") or []]
    except (worker.WorkerError, AttributeError):
        return None
    return next((each for each in found if each), None)


def _rows(settings: Settings, one: Watched) -> int:
    """About how many rows the captured tables have; 0 where the database does not tell."""
    capture = database.capture_of(settings)
    if capture is None or capture.connector != one.connector.name:
        return 0
    try:
        session = database.Session(capture)
    except database.DatabaseError:
        return 0
    try:
        return sum(session.rows_of(one.wired.tables).values())
    except database.DatabaseError:
        return 0
    finally:
        session.close()

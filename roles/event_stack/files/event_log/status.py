# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``event-log status``: looks at engine, containers, worker, hold and disk, within ten seconds."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Optional, Tuple

from . import guarded, kafka_log, progress, stack, topics, upkeep, words, worker
from .deadline import TooSlowError, deadline
from .errors import EventLogError
from .settings import Settings
from .verdict import ILL, Finding, Seen, Verdict, judge

# Beside compose.yaml while a change of the stack is not verified yet. Without its list, the rest of it is only litter.
FORMER = "former/files.json"
_SECONDS = 9


def read_hold(home: Path) -> Optional[str]:
    """What the hold says; None without one."""
    try:
        return (home / "hold").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        return words.phrase("hold.unreadable", file=home / "hold", error=error.strerror)


def _upgrade_since(home: Path) -> Optional[str]:
    try:
        began = (home / FORMER).stat().st_mtime
    except OSError:
        return None
    return f"{datetime.fromtimestamp(began).astimezone():%Y-%m-%d %H:%M}"


def newest_event(settings: Settings) -> Optional[int]:
    """When the newest event of a table was written, from the broker's directory; None where that cannot be told."""
    times = []
    try:
        for topic, number, directory in kafka_log.partitions(settings.data_dir):
            if not topics.is_internal(topic, settings.internal_topics) and not topic.startswith("schema-changes."):
                with contextlib.suppress(FileNotFoundError):
                    times.append(kafka_log.summarise_partition(directory, number).newest_ms)
    except OSError:
        return None
    return max((time for time in times if time is not None), default=None)


def _room(settings: Settings) -> Tuple[Optional[int], Optional[int]]:
    try:
        found = os.statvfs(settings.data_dir)
    except OSError:
        return None, None
    return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize


def look(settings: Settings) -> Seen:
    """Everything that the verdict needs; the worker is asked only when it is up."""
    names = stack.names(settings)
    free, size = _room(settings)
    now = time.time()
    seen = Seen(
        names=names,
        uis=stack.ui_names(settings),
        services=settings.services,
        start_command=settings.start_command(),
        database=settings.database,
        home=str(settings.home),
        data_dir=str(settings.data_dir),
        hold=read_hold(settings.home),
        upgrade_since=_upgrade_since(settings.home),
        free=free,
        size=size,
        works=progress.works(settings.progress_dir, now),
        now=now,
    )
    try:
        containers = stack.look(settings)
    except stack.EngineError as error:
        if "permission denied" in error.said.lower():
            raise EventLogError("You may not use Docker. Use sudo: sudo event-log status") from None
        return replace(seen, engine_error=error.said)
    found, withheld = guarded.knows(settings)
    later = upkeep.findings(upkeep.look(settings, time.time()))
    seen = replace(seen, containers=containers, guard=[*found, *later], withheld=withheld)
    all_of_them = [containers.get(name) for name in names]
    if not all(one and one.running for one in all_of_them):
        unit = stack.unit_state()
        # A unit that is active is not started once more.
        start = seen.start_command.replace("systemctl start", "systemctl restart") if unit == "active" else ""
        return replace(seen, unit=unit, start_command=start or seen.start_command)
    if not all(one and one.healthy for one in all_of_them):
        return seen
    try:
        return replace(seen, connectors=worker.connectors(containers[seen.worker]), newest_ms=newest_event(settings))
    except worker.WorkerError as error:
        return replace(seen, worker_error=str(error))


def verdict_of(settings: Settings, seconds: int = _SECONDS) -> Verdict:
    """Look and judge; a look that does not end is itself a finding."""
    try:
        with deadline(seconds):
            return judge(look(settings))
    except TooSlowError:
        finding = Finding.of("too_slow", ILL, "too_slow", seconds=seconds)
        return Verdict(finding.verdict, finding.sentence, (finding,))


def run(settings: Settings, as_json: bool) -> str:
    """The answer to ``event-log status``."""
    found = verdict_of(settings)
    return json.dumps(found.as_data(), indent=2, ensure_ascii=False) if as_json else found.as_text()

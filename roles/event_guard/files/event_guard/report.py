# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports to the site's own sender: ``event_guard_report_command`` gets one on its standard input and carries it on.

A report is at most 4 kB of text without patients' data. It is written into ``outbox/`` first and goes when the command
ends with 0, the oldest first: a line that is down for days, or a power cut, loses none but those that are too many.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

from event_log import overview, status
from event_log.settings import Settings
from event_log.verdict import BUSY, DOWN, HELD, ILL, OK, Verdict
from event_log.words import phrase

from . import acts
from .memory import Memory
from .settings import PATIENCE, Guard

KEY = "reports"
MOST_BYTES = 4096
MOST_WAITING = 50  # the newest of them stay
#: What the verdict says when engine, worker or disk did not answer it in time.
_UNANSWERED = frozenset({"engine", "too_slow", "worker"})
_EVERY = 300.0  # seconds between two looks at the verdict, which costs a request to the worker
_COMMAND_SECONDS = 120.0
_AGAIN = (60, 300, 900, 3600)  # seconds until the next attempt to send, the last for all that follow
_MOST_ACTS = 12
_DATA = "Data: "  # how the line begins that the status page reads
_MOST_SENTENCE = 600
MOST_LINE = 2048
#: Of the line for the status page the first of these goes first where there is no room for all.
_IF_ROOM = ("groups", "versions", "certificates", "headroom", "backup")
_STATES = {
    OK: "verdict.ok",
    BUSY: "verdict.busy",
    HELD: "verdict.held",
    ILL: "verdict.ill",
    DOWN: "verdict.down",
}


@dataclass
class _Turn:
    """What the service keeps between two rounds; a start of it looks at once."""

    looked_at: float = 0.0
    try_at: float = 0.0
    unanswered: int = 0  # looks in a row


_TURN = _Turn()


def step(settings: Settings, guard: Guard, memory: Memory, now: float) -> None:
    """Write a report when one is due, and send what waits when it is time to."""
    if not guard.report_command:
        return
    if not 0 <= now - _TURN.looked_at < _EVERY:
        _TURN.looked_at = now
        _write_if_due(settings, guard, memory, now)
    _send(guard, memory, now)


def _write_if_due(settings: Settings, guard: Guard, memory: Memory, now: float) -> None:
    verdict = status.verdict_of(settings)
    state = memory.get(KEY)
    if _looks_again(state, verdict) or not due(state, verdict, guard, now):
        return
    data = data_line(guard.site, verdict, settings, now)
    text = compose(guard.site, verdict, acts.recent(guard.directory, _MOST_ACTS), memory.get(acts.KEY), now, data=data)
    put_into(outbox(guard), text, now)
    memory.put(KEY, {**state, "written": int(now), "told": told(verdict)})
    # Before it is sent: a power cut in between repeats a report and loses none.
    memory.save()


def _looks_again(state: Mapping[str, Any], verdict: Verdict) -> bool:
    """Whether the next round looks before this is reported: engine, worker or disk may only have been slow once."""
    new = state.get("told") != told(verdict) and any(one.id in _UNANSWERED for one in verdict.findings)
    _TURN.unanswered = _TURN.unanswered + 1 if new else 0
    if not 0 < _TURN.unanswered < PATIENCE:
        return False
    _TURN.looked_at = 0.0
    return True


def told(verdict: Verdict) -> str:
    """What makes a report worth sending at once when it changes: the verdict and what is wrong, not the words."""
    wrong = sorted({one.id for one in verdict.findings if one.verdict != OK})
    return " ".join([verdict.verdict, *wrong])


def due(state: Mapping[str, Any], verdict: Verdict, guard: Guard, now: float) -> bool:
    """Whether the time is up, or something has become other than the last report says. What only begins is not told."""
    written = state.get("written")
    if not isinstance(written, (int, float)) or not 0 <= now - written < guard.report_hours * 3600:
        return True
    return verdict.verdict != "busy" and state.get("told") != told(verdict)


def compose(
    site: str,
    verdict: Verdict,
    recent: Sequence[Mapping[str, Any]],
    counts: Mapping[str, Any],
    now: float,
    *,
    data: str = "",
) -> str:
    """The report: the verdict first, so that an SMS gateway that takes the beginning takes what matters.

    ``data``, a line, comes last and is never cut.
    """
    lines = [f"{site or phrase('report.site')}: {phrase(_STATES[verdict.verdict])}", verdict.sentence]
    lines += [phrase("also", sentence=one.sentence) for one in verdict.findings if one.sentence != verdict.sentence]
    lines += [
        phrase("report.connector", name=one.name, state=one.state, tasks=", ".join(one.tasks) or phrase("none"))
        for one in verdict.connectors
    ]
    if counts:
        lines.append(phrase("report.done", acts=", ".join(f"{act} {counts[act]}" for act in sorted(counts))))
    for one in reversed(recent):
        about = f" {one['about']}" if one.get("about") else ""
        lines.append(f"{one.get('time')} {one.get('act')}{about}: {one.get('reason')}")
    lines.append(phrase("report.written", time=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))))
    text = "\n".join(lines) + "\n"
    room = MOST_BYTES - len(data.encode())
    if len(text.encode()) <= room:
        return text + data
    cut = phrase("report.cut") + "\n"
    kept = text.encode()[: room - len(cut.encode())].decode("utf-8", "ignore")
    return (kept[: kept.rfind("\n") + 1] + cut if "\n" in kept else kept + cut) + data


def data_line(site: str, verdict: Verdict, settings: Settings, now: float) -> str:
    """The same for the status page of many sites: a small part of ``event-log overview``, in a line of 2 kB at most."""
    try:
        told = overview.as_data(overview.look(settings, now, verdict, True))
    except Exception as error:  # a report without it is better than none
        acts.say(f"The report has no line for the status page: {error!r}")
        return ""
    disk = told["disk"] or {}
    part: Dict[str, Any] = {
        "site": site or "event log",
        **{key: told[key] for key in ("at", "verdict", "lag", "image", "binlog_since")},
        "sentence": acts.one_line(verdict.sentence, _MOST_SENTENCE),
        "disk": {key: disk.get(key) for key in ("free", "size", "free_percent", "limits", "bytes", "forecast")},
        **{key: told[key] for key in _IF_ROOM},
    }
    for key in _IF_ROOM:
        if len(_line(part).encode()) <= MOST_LINE:
            break
        del part[key]
    return _line(part)


def _line(part: Mapping[str, Any]) -> str:
    return f"{_DATA}{json.dumps(part, ensure_ascii=False, separators=(',', ':'))}\n"


def outbox(guard: Guard) -> Path:
    return guard.directory / "outbox"


def put_into(directory: Path, text: str, now: float) -> None:
    """A file for each report, whole or not there; of too many the oldest go."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / f"{int(now):012d}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.txt"
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(path)
    for one in waiting(directory)[:-MOST_WAITING]:
        one.unlink()


def waiting(directory: Path) -> List[Path]:
    """The reports that were not sent yet, the oldest first."""
    return sorted(directory.glob("*.txt"))


def _send(guard: Guard, memory: Memory, now: float) -> None:
    there = waiting(outbox(guard))
    if not there or (now < _TURN.try_at and _TURN.try_at - now <= _AGAIN[-1]):
        return
    problem = _one(guard.report_command, there[0])
    state: Dict[str, Any] = memory.get(KEY)
    if problem is None:
        with contextlib.suppress(FileNotFoundError):
            there[0].unlink()
        _TURN.try_at = now
        state = {key: value for key, value in state.items() if key not in ("failing_since", "error", "failures")}
        state.update(waiting=len(there) - 1, sent=int(now))
    else:
        failures = int(state.get("failures") or 0) + 1
        _TURN.try_at = now + _AGAIN[min(failures, len(_AGAIN)) - 1]
        if failures == 1:
            acts.say(f"A report could not be sent, and waits: {problem}")
        state.setdefault("failing_since", int(now))
        state.update(waiting=len(there), error=problem, failures=failures)
    memory.put(KEY, state)


def _one(command: Sequence[str], report: Path) -> Optional[str]:
    """Hand one report over; why that failed, in a line."""
    try:
        done = subprocess.run(
            list(command), input=report.read_bytes(), capture_output=True, check=False, timeout=_COMMAND_SECONDS
        )
    except FileNotFoundError:
        return f"{command[0]} is not there"
    except subprocess.TimeoutExpired:
        return f"{command[0]} did not end within {_COMMAND_SECONDS:.0f} s"
    except OSError as error:
        return f"{command[0]}: {error.strerror}"
    if done.returncode == 0:
        return None
    said = acts.one_line((done.stderr or done.stdout).decode("utf-8", "replace"), 200)
    return f"{command[0]} ended with {done.returncode}: {said or 'nothing said'}"

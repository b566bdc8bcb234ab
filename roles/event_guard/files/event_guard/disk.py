# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches the disk: the database goes before unread events, and those before history that everybody has read.

Below ``free_drop`` percent history that every group has read is dropped; below ``free_stop`` the worker stops, so that
changes wait in the database's log; below ``free_reserve`` a file that was kept for that is given up. Events that not
everybody has read go only where the site said so, and the gap is remembered.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from event_log import growth, stack
from event_log.errors import EventLogError
from event_log.growth import LAST, LEVELS, LOW, OK, STOP, Forecast, Limits, Room
from event_log.settings import Settings
from event_log.sizes import room_of, sentence_of
from event_log.status import FORMER
from event_log.text import iso_utc
from event_log.verdict import ILL, Finding
from event_log.words import Said, phrase
from event_log.words import size as human_bytes

from . import acts, room
from .memory import GAPS, WAITING, Memory
from .settings import Guard

KEY = "disk"
ID = "disk_full"
RESERVE = "reserve"
ROOT = Path("/")
#: The broker needs 6 minutes to free what was dropped: until then the same must not be dropped for a second time.
SETTLE = 420
#: Where nothing may go, or the broker refuses, every half hour is often enough.
AGAIN = 1800
#: A disk that is full in less than two weeks is told of: somebody may have to travel.
SOON_DAYS = 14
_MOST_DROPS = 50
_STOP_SECONDS = 90


@dataclass(frozen=True)
class Round:
    """One look at the disk, and all that its consequences need."""

    settings: Settings
    guard: Guard
    memory: Memory
    now: float
    seen: Room
    level: str

    @property
    def room(self) -> Dict[str, Any]:
        return {"percent": self.seen.percent, "free": self.seen.free}

    @property
    def share(self) -> str:
        return phrase("act.disk", **self.room)

    @property
    def stopped(self) -> Said:
        told = {"directory": str(self.settings.data_dir), "limit": self.guard.free_stop}
        return Said("disk_full.stopped", {**self.room, **told})

    @property
    def reserve(self) -> Path:
        return self.memory.directory / RESERVE


def limits_of(guard: Guard) -> Limits:
    return Limits(guard.free_drop, guard.free_stop, guard.free_reserve)


def look(settings: Settings, guard: Guard, memory: Memory, now: float) -> Round:
    """How much room there is, and how grave that is after what was before."""
    seen = room_of(settings.data_dir)
    level = growth.level(seen.percent, limits_of(guard), str(memory.get(KEY).get("level", OK)))
    return Round(settings, guard, memory, now, seen, level)


def step(settings: Settings, guard: Guard, memory: Memory, now: float) -> None:
    """One round. What makes room comes first; to write that down may need some."""
    turn = look(settings, guard, memory, now)
    if turn.level == LAST:
        _give_up_reserve(turn)
    state: Dict[str, Any] = memory.get(KEY)
    if turn.level != state.get("level", OK):
        state.update(level=turn.level, since=int(now), next_drop=0)
        acts.note(memory, f"disk_{turn.level}", turn.share)
    before = growth.samples_of(state.get("samples"))
    samples = growth.record(before, int(now), turn.seen.used)
    state["samples"] = [list(one) for one in samples]
    if samples != before:  # once an hour
        outlook = growth.forecast(samples, int(now), turn.seen, guard.free_drop)
        state["forecast"] = asdict(outlook) if outlook is not None else {}
    _watch_root(turn, state)
    memory.put(KEY, state)
    if turn.level in (STOP, LAST):
        _stop_worker(turn)
    if turn.level != OK:
        _make_room(turn)
    elif samples != before and not turn.reserve.exists():
        _keep_reserve(turn)


def refusal(settings: Settings, guard: Guard, memory: Memory) -> Optional[Said]:
    """What to say where the disk is too full for the worker to start; looked at anew, it may have changed."""
    turn = look(settings, guard, memory, 0)
    return turn.stopped if turn.level in (STOP, LAST) else None


def _give_up_reserve(turn: Round) -> None:
    reserve = turn.reserve
    try:
        size = reserve.stat().st_size
        reserve.unlink()
    except FileNotFoundError:
        return
    acts.note(turn.memory, "give_up_reserve", turn.share, human_bytes(size))


def _keep_reserve(turn: Round) -> None:
    """Take the reserve while there is plenty; its blocks are really taken, not only its length."""
    if turn.memory.directory.stat().st_dev != turn.settings.data_dir.stat().st_dev:
        return  # on another disk it is no reserve of this one
    size = growth.reserve_bytes(turn.seen, turn.guard.reserve_mb)
    if Room(turn.seen.free - size, turn.seen.size).percent < turn.guard.free_drop + growth.BACK:
        return
    reserve = turn.reserve
    fresh = reserve.with_suffix(".new")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, size)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        fresh.replace(reserve)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink()
        acts.say(f"The reserve {reserve} cannot be made: {error.strerror}")
        return
    acts.note(turn.memory, "keep_reserve", phrase("act.reserve"), human_bytes(size))


def _stop_worker(turn: Round) -> None:
    name = stack.worker_name(turn.settings)
    if (turn.settings.home / FORMER).exists():
        return  # whoever changes the stack starts and stops it
    try:
        worker = stack.look(turn.settings).get(name)
    except EventLogError as error:
        acts.say(f"Whether {name} runs cannot be told: {error}")
        return
    if worker is None or worker.status not in ("running", "restarting"):
        return
    done = stack.run(["docker", "stop", name], seconds=_STOP_SECONDS)
    if done.returncode != 0:
        acts.say(f"{name} cannot be stopped: {done.stderr.strip()}")
        return
    since = datetime.fromtimestamp(turn.now, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    turn.memory.put(WAITING, {"id": ID, **turn.stopped.as_data(), "since": since})
    acts.note(turn.memory, "stop_worker", turn.stopped.what, name)


def _make_room(turn: Round) -> None:
    memory, now = turn.memory, int(turn.now)
    state: Dict[str, Any] = memory.get(KEY)
    due = int(state.get("next_drop") or 0)
    if now < due <= now + AGAIN:  # a time further away is of a clock that was wrong
        return
    state["next_drop"] = now + AGAIN
    memory.put(KEY, state)
    try:
        gone, unread = _drop(turn)
    except EventLogError as error:
        acts.say(f"No room could be made: {acts.one_line(str(error))}")
        return
    if gone is None:
        acts.say("No room could be made: no whole file of events has been read by every group.")
        return
    entry = {"time": now, "bytes": gone.size, "unread": unread, "topics": len(gone.topics), "from": gone.from_ms}
    state.update(next_drop=now + SETTLE, dropped=[*(state.get("dropped") or []), entry][-_MOST_DROPS:])
    memory.put(KEY, state)
    why = phrase("act.drop_unread" if unread else "act.drop_read", share=turn.share, size=gone.size)
    acts.note(memory, "drop_unread" if unread else "drop_read", why, ", ".join(gone.topics))


def _drop(turn: Round) -> Tuple[Optional[room.Dropped], bool]:
    """What went, and whether it was unread: only by consent, only where nothing else may go, and as little as helps."""
    seen, guard = turn.seen, turn.guard
    gone = room.drop(turn.settings, seen.missing(guard.free_drop + growth.BACK), guard.consumer_groups)
    if gone is not None or not guard.may_drop_unread or turn.level not in (STOP, LAST):
        return gone, False
    before = turn.memory.get(GAPS, [])

    def remember(going: room.Dropped) -> None:
        turn.memory.put(GAPS, [*before, *(_gap(one, turn) for one in going.gaps)])
        turn.memory.save()  # a power cut may come between the two: rather a gap too many than one that nobody knows of

    gone = room.drop(turn.settings, seen.missing(guard.free_stop + growth.BACK), (), unread=True, announce=remember)
    if gone is not None:
        remember(gone)
    return gone, True


def _gap(one: Tuple[str, int, int, Optional[int], Optional[int]], turn: Round) -> Dict[str, Any]:
    """What is missing for ever, unless the table is read again: a snapshot of it repairs that."""
    topic, first, following, since, until = one
    told = {**turn.room, "first": first, "last": following - 1}
    return {
        "table": topic.rpartition(".")[2],
        "topic": topic,
        "from": iso_utc(since),
        "to": iso_utc(until),
        "why": phrase("gap.dropped", **told),
        "key": "gap.dropped",
        "fields": told,
        "repaired": False,
    }


def _watch_root(turn: Round, state: Dict[str, Any]) -> None:
    """The system's own disk, where it is another one: nothing here can make room on it, but it can be told."""
    if ROOT.stat().st_dev == turn.settings.data_dir.stat().st_dev:
        state.pop("root", None)
        return
    seen = room_of(ROOT)
    before = str(state.get("root", OK))
    level = growth.level(seen.percent, limits_of(turn.guard), before)
    if level != before:
        state["root"] = level
        about = phrase("act.root_disk", percent=seen.percent, free=seen.free)
        acts.note(turn.memory, f"root_disk_{level}", about)


def findings(guard: Guard, memory: Memory, now: float) -> List[Finding]:
    """What a person should know of it."""
    state = memory.get(KEY)
    level, root = str(state.get("level", OK)), str(state.get("root", OK))
    found = []
    outlook = state.get("forecast") or {}
    if level == OK and outlook.get("days") is not None and outlook["days"] < SOON_DAYS:
        told = sentence_of(Forecast(**outlook), limits_of(guard), guarded=True)
        found.append(Finding.of("disk_soon", OK, "disk_soon", forecast=told))
    if level == LOW:
        found.append(Finding.of("disk_low", OK, "disk_low", limit=guard.free_drop))
    if level in (STOP, LAST) and memory.get(WAITING).get("id") != ID:
        found.append(Finding.of(ID, ILL, "disk_full", limit=guard.free_stop))
    if root in LEVELS[LEVELS.index(STOP) :]:
        found.append(Finding.of("root_disk", ILL, "root_disk", limit=guard.free_stop))
    return found

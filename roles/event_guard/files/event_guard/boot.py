# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the worker may read on, and the start of it; the look at the database that every round repeats."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, Dict, List, Optional

from event_log import stack, status
from event_log.errors import EventLogError
from event_log.settings import Settings
from event_log.words import Said, phrase

from . import acts, clock, database, disk, offsets
from . import settings as guard_settings
from .database import Capture, DatabaseError, Session
from .memory import GAPS, HOLD, WAITING, Memory
from .settings import PATIENCE, Guard
from .shared import history
from .shared.history import Position, Remembered

UNWATCHED = "unwatched"
UNREACHABLE = "database_unreachable"
CLOCK = "clock_back"
#: Holds of this module: they are lifted when the database is the right one again, or repaired.
OWN = frozenset(history.REPAIRS)
_FULL_LOOK = 600.0  # seconds; MariaDB writes each reading of its binary log into its error log
_COMPOSE = ("up", "--detach", "--no-recreate", "--no-build", "--pull", "never", "--no-deps", "connect")
_START_SECONDS = 120.0


@dataclass(frozen=True)
class Decision:
    """``wait``: it passes by itself, and is asked again; else it needs a person."""

    start: bool
    id: str = ""
    what: str = ""
    remedy: str = ""
    wait: bool = False
    said: Optional[Said] = None  # what both are made of, where the catalogue has them

    @classmethod
    def no(cls, name: str, said: Said, wait: bool) -> Decision:
        return cls(False, name, said.what, said.remedy, wait, said)


YES = Decision(True)


def decide(settings: Settings, guard: Guard, memory: Memory, now: float) -> Decision:
    """Look at clock, disk, database and its history. Changes nothing and remembers nothing."""
    wrong = clock.problem(memory, guard, now)
    if wrong is not None:
        return Decision.no(CLOCK, wrong, wait=True)
    full = disk.refusal(settings, guard, memory)
    if full is not None:
        return Decision.no(disk.ID, full, wait=True)
    capture = database.capture_of(settings)
    known = history.remembered_of(memory, capture.connector) if capture else None
    if capture is None or known is None:
        return YES
    try:
        session = Session(capture)
    except DatabaseError as error:
        return _unreachable(error)
    try:
        return judged(session, known)
    except DatabaseError as error:
        return _unreachable(error)
    finally:
        session.close()


def _unreachable(error: DatabaseError) -> Decision:
    return Decision.no(UNREACHABLE, Said("database_unreachable", {"error": str(error)}), wait=True)


def judged(session: Session, known: Remembered) -> Decision:
    """Compare what the database shows with what is remembered of it."""
    found = history.compare(known, database.look(session, known))
    if found is None:
        return YES
    said = Said(found.key, {**found.fields, "at": f" ({session.capture.address})"})
    return Decision.no(found.id, said, wait=found.id not in OWN)


def start_worker(settings: Settings, memory: Optional[Memory] = None) -> Decision:
    """Decide, then start the worker's container, or remember why not (``hold``, or ``waiting``)."""
    guard = guard_settings.load()
    memory = memory or Memory.load(guard.directory)
    decision = _held(settings, memory) or decide(settings, guard, memory, time.time())
    if not decision.start:
        refuse(settings, memory, decision)
        return decision
    try:
        _start(settings)
    except EventLogError as error:
        decision = Decision.no("worker_not_started", Said("worker_not_started", {"error": str(error)}), wait=True)
        refuse(settings, memory, decision)
        return decision
    if memory.get(HOLD):
        acts.note(memory, "release", phrase("act.released"), memory.get(HOLD)["id"])
    memory.put(HOLD, {})
    memory.put(WAITING, {})
    memory.save()
    return decision


def _held(settings: Settings, memory: Memory) -> Optional[Decision]:
    """What keeps the worker from starting whatever the database shows: somebody's own word."""
    hold = memory.get(HOLD)
    if hold and hold.get("id") not in OWN:
        return Decision(False, str(hold.get("id")), str(hold.get("what", "")), str(hold.get("remedy", "")))
    if status.read_hold(settings.home) is not None:
        return Decision.no("stack_on_hold", Said("stack_on_hold", {"file": str(settings.home / "hold")}), wait=True)
    if stack.unit_state() in ("inactive", "deactivating", "failed"):
        told = {"unit": stack.UNIT, "start": settings.start_command()}
        return Decision.no("stack_stopped", Said("stack_stopped", told), wait=True)
    return None


def refuse(settings: Settings, memory: Memory, decision: Decision) -> None:
    """Remember why the worker does not run; one that runs all the same is stopped, unless it only has to wait."""
    capture = database.capture_of(settings)
    told: Dict[str, Any] = {"id": decision.id, "what": decision.what, "remedy": decision.remedy}
    told.update(decision.said.as_data() if decision.said else {})
    key = WAITING if decision.wait else HOLD
    before = memory.get(key)
    if before.get("id") == decision.id:
        if "times" in before:  # no more are counted than count
            memory.put(key, {**before, "times": min(before["times"] + 1, PATIENCE)})
    else:
        since = {"since": int(time.time()), "connector": capture.connector if capture else ""}
        memory.put(key, {**told, **since, **({"times": 1} if decision.wait else {})})
        acts.note(memory, "wait" if decision.wait else "hold", decision.what, decision.id)
    if not decision.wait:
        memory.put(WAITING, {})
    memory.save()  # before the worker is stopped: a power cut must not forget the reason
    if not decision.wait:
        _stop(settings, memory, decision)


def _start(settings: Settings) -> None:
    name = stack.worker_name(settings)
    there = stack.look(settings).get(name)
    if there is not None and there.running:
        return
    command = ["docker", "start", name]
    if there is None:
        command = ["docker", "compose", "--ansi", "never", "--project-directory", str(settings.home), *_COMPOSE]
    done = stack.run(command, seconds=_START_SECONDS)
    if done.returncode != 0:
        raise EventLogError(f"The worker could not be started: {done.stderr.strip() or done.stdout.strip()}")
    acts.say(f"{name} is started.")


def _stop(settings: Settings, memory: Memory, decision: Decision) -> None:
    name = stack.worker_name(settings)
    there = stack.look(settings).get(name)
    if there is None or there.status not in ("running", "restarting", "paused"):
        return
    # Not in its own time: until it ends, it may read.
    done = stack.run(["docker", "kill", name], seconds=_START_SECONDS)
    words = decision.what
    if done.returncode != 0:
        words = phrase("act.not_stopped", what=words, error=done.stderr.strip())
    acts.note(memory, "stop_worker", words, name)
    memory.save()


class Watch:
    """What the service keeps between two rounds: the session, and where the log ended."""

    def __init__(self) -> None:
        self.session: Optional[Session] = None
        self.end: Optional[Position] = None
        self.files: List[str] = []
        self.full_at = 0.0

    def forget(self) -> None:
        """The connection was lost: whatever answers next may be another database."""
        if self.session is not None:
            self.session.close()
        self.__init__()  # type: ignore[misc]

    def round(self, capture: Capture, memory: Memory, offset: Optional[Position], now: float) -> Decision:
        """One look. What does not compare equal is not remembered."""
        try:
            files = self._files(capture)
        except DatabaseError:
            self.forget()  # once more, for the server may have ended a session that was idle for long
            files = self._files(capture)
        session = self.session
        assert session is not None  # noqa: S101 - _files made it
        known = history.remembered_of(memory, capture.connector)
        if known is None and offset is None:
            return YES
        known = replace(known or Remembered(), offset=offset or (known.offset if known else None))
        places = [place for place in (known.newest, known.offset) if place is not None]
        out_of_place = any(files.get(place.file, -1) < place.pos for place in places)
        full = out_of_place or list(files) != self.files or not 0 < self.full_at - now <= _FULL_LOOK
        if full:
            decision = judged(session, known)
            if decision.id == history.PURGED:
                # The place itself counts, also one from a restored backup: a restart of the connector begins there.
                _put(memory, capture.connector, replace(known, offset=None), known)
            if not decision.start:
                return decision
            self.files, self.full_at = list(files), now + _FULL_LOOK
        fresh = history.renewed(known, files, offset, self.end, int(now))
        # Also once a place gets into a new file, for it tells a copy of the data from the database of before.
        at = {place.file for place in (fresh.offset, fresh.newest) if place is not None}
        if full or not at & set(files) <= set(fresh.created):
            fresh = replace(fresh, **_added(session, fresh, files))
        _put(memory, capture.connector, known, fresh)
        self.end = session.end()
        return YES

    def _files(self, capture: Capture) -> Dict[str, int]:
        if self.session is not None and self.session.capture != capture:
            self.forget()
        if self.session is None:
            self.session = Session(capture)
        return self.session.files()


def _added(session: Session, fresh: Remembered, files: Dict[str, int]) -> Dict[str, Any]:
    """What takes a reading of the binary log: when files were begun, and an event."""
    places = [place for place in (fresh.offset, fresh.newest) if place is not None]
    wanted = {place.file for place in places} | set(list(files)[:1])
    created = dict(fresh.created)
    for file in sorted(wanted & set(files) - set(created)):
        when = session.created(file)
        if when is not None:
            created[file] = when
    event = None
    for place in places:
        if event is None and place.pos > history.HEAD and files.get(place.file, 0) > place.pos:
            event, _ = session.event(place)
    return {"created": created, "event": event or fresh.event, "server_uuid": session.server_uuid()}


def _put(memory: Memory, connector: str, known: Remembered, fresh: Remembered) -> None:
    """Nothing is written where nothing happened but that time went by."""
    if replace(fresh, time=known.time) != known or fresh.time >= known.time + 60:
        memory.put(history.KEY, {**memory.get(history.KEY), connector: fresh.as_data()})


_WATCH = Watch()


def remember(settings: Settings, guard: Guard, memory: Memory, now: float) -> None:
    """What the loop calls in every round: look at the database, remember, or stop a worker that reads a wrong one."""
    clock.remember(memory, guard, now)
    capture = database.capture_of(settings)
    if capture is None:
        return
    answered, offset = offsets.stored(settings, capture)
    if answered and offset is None and history.remembered_of(memory, capture.connector):
        history.forget(memory, capture.connector)  # somebody reset the offsets: it begins anew with whatever is there
        return
    try:
        decision = _WATCH.round(capture, memory, offset, now)
    except DatabaseError as error:
        _WATCH.forget()
        if not memory.get(UNWATCHED):
            acts.say(f"The database cannot be asked about its history: {error}")
            memory.put(UNWATCHED, {"why": str(error), "since": int(now)})
        return
    memory.put(UNWATCHED, {})
    # A file that was deleted behind a stored offset is no fault as long as the connector is ahead of it and reads.
    stops = not decision.start and decision.id in OWN and decision.id != history.PURGED
    if stops and not _repairing(memory, capture.connector):
        refuse(settings, memory, decision)


def _repairing(memory: Memory, connector: str) -> bool:
    """Whether a repair is under way: it starts the worker with its connector stopped, and nothing is read."""
    gaps = memory.get(GAPS, [])
    return any(gap.get("connector") == connector and gap.get("repaired") == "" for gap in gaps if isinstance(gap, dict))

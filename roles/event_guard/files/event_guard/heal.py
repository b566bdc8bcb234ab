# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What failed is started again, and what lost its database as soon as that is there again and is the same one."""

from __future__ import annotations

import time
import urllib.parse
from dataclasses import dataclass, replace
from typing import Any, Dict, List, Optional

from event_log import stack, worker
from event_log.settings import Settings
from event_log.verdict import ILL, Finding, reason_of
from event_log.words import phrase

from . import acts, backoff, boot, database, engine, flow, look, reading
from .backoff import BROKER, KEY, WORKER, Trouble
from .look import Look, Watched
from .memory import WAITING, Memory
from .settings import Guard

#: So long must the worker be seen stopped, for Compose replaces containers, or ill, for a start takes its time.
_GONE, _ILL = 15.0, 300.0
_SILENT = 30.0  # so long may the broker answer nothing before that is told
_RESTART_SECONDS, _REST_SECONDS = 120.0, 30.0
#: Exceptions that a lost connection leaves, and what is said of a database that is not there (``event_log.trace``).
_CONNECTION = (
    "the database cannot be reached",
    "EOFException",
    "SocketException",
    "SocketTimeoutException",
    "ConnectException",
    "CommunicationsException",
)
_WORDS = {flow.LOST: "trouble.lost", flow.SILENT: "trouble.silent", flow.STILL: "trouble.still"}

_UNANSWERED = "unanswered"
_WHO = {WORKER: "Kafka Connect", BROKER: "Kafka"}

_progress = flow.Progress()
_readings = reading.Readings()


@dataclass(frozen=True)
class Round:
    """One round: what it goes by, and what was seen."""

    settings: Settings
    guard: Guard
    memory: Memory
    now: float
    seen: Look

    def entry(self, name: str) -> Dict[str, Any]:
        return dict(self.memory.get(KEY).get(name) or {})

    def put(self, name: str, entry: Dict[str, Any]) -> None:
        kept = {key: value for key, value in self.memory.get(KEY).items() if key != name}
        self.memory.put(KEY, {**kept, name: entry} if entry else kept)


def step(settings: Settings, guard: Guard, memory: Memory, now: float) -> None:
    """One look, and what follows from it."""
    one = Round(settings, guard, memory, now, look.look(settings))
    _readings.note(settings, one.seen)
    if one.seen.hands_off:
        return
    _heal_broker(one)
    _heal_worker(one)
    if one.seen.worker is None or not one.seen.worker.running or one.seen.worker_error:
        return
    for name in set(memory.get(KEY)) - {each.connector.name for each in one.seen.connectors} - {WORKER, BROKER}:
        one.put(name, {})
    for watched in one.seen.connectors:
        _heal_connector(one, watched)


def trouble_of(one: Watched, lag_limit: float, clock: float) -> Optional[Trouble]:
    """What ails a connector that should run. ``clock`` never goes back."""
    name = one.connector.name
    if one.connector.failed:
        lost = any(word in one.connector.reason for word in _CONNECTION)
        return Trouble(backoff.FAILED, phrase("trouble.failed", reason=reason_of(one.connector)), lost)
    away = _progress.unchanged(f"{name} connected", one.flow.connected, clock)
    stood = _progress.unchanged(f"{name} written", one.flow.written, clock)
    if not one.connector.running:
        return None
    age = _progress.age(f"{name} event", one.flow.event_age, clock)
    problem = flow.problem(replace(one.flow, event_age=age), one.wired, away, stood, lag_limit)
    if not problem:
        return None
    words = phrase(_WORDS[problem], age=age or 0.0, stood=stood)
    return Trouble(problem, words, at_once=True)


def _heal_connector(one: Round, watched: Watched) -> None:
    name = watched.connector.name
    entry, minutes = one.entry(name), one.guard.restart_minutes
    trouble = trouble_of(watched, one.guard.lag_limit, time.monotonic())
    if trouble is None:
        if entry and (watched.connector.running or watched.connector.state in ("PAUSED", "STOPPED")):
            _no_longer_waits(one, entry)
            one.put(name, backoff.well({**entry, "awaits": ""}, one.now))
        return
    if not one.seen.broker_healthy:
        return  # what fails without Kafka is tried again when Kafka is there
    if not entry:
        acts.say(f"{name}: {trouble.words}")
    entry = backoff.begun(entry, trouble, one.now, minutes)
    one.put(name, _restart(one, name, entry) if backoff.due(entry, one.now, minutes) else entry)


def _no_longer_waits(one: Round, entry: Dict[str, Any]) -> None:
    if entry.get("awaits") and one.memory.get(WAITING).get("id") == entry["awaits"]:
        one.memory.put(WAITING, {})


def _restart(one: Round, name: str, entry: Dict[str, Any]) -> Dict[str, Any]:
    """Restart a connector whose database is the one that it has read, and return what is to be remembered."""
    capture = database.capture_of(one.settings)
    if capture is not None and capture.connector == name:
        decision = boot.decide(one.settings, one.guard, one.memory, one.now)
        if not decision.start:
            boot.refuse(one.settings, one.memory, decision)
            return backoff.waiting({**entry, "awaits": decision.id}, one.now, one.guard.interval)
    there = one.seen.worker
    assert there is not None  # noqa: S101 - it runs, else nobody would have told of its connectors
    # Of a connection that was lost nothing is FAILED: all of it is restarted then.
    failed = str(entry["problem"] == backoff.FAILED).lower()
    path = f"/connectors/{urllib.parse.quote(name, safe='')}/restart?includeTasks=true&onlyFailed={failed}"
    try:
        worker.request(there, path, _REST_SECONDS, "POST")
    except worker.WorkerError as error:
        acts.say(f"{name} could not be restarted: {error}")  # as while the group of workers settles
        return entry
    acts.note(one.memory, "restart", phrase("act.connector_restarted", name=name, words=entry["words"]), name)
    _no_longer_waits(one, entry)
    for figure in ("connected", "written", "event"):
        _progress.forget(f"{name} {figure}")
    return {**backoff.restarted(entry, one.now, one.guard.restart_minutes), "awaits": ""}


def _heal_broker(one: Round) -> None:
    """Restart a broker that hangs. One that ends is started again by Docker."""
    there, silent, entry = one.seen.broker, one.seen.broker_silent, one.entry(BROKER)
    stood = _progress.unchanged(BROKER, silent, time.monotonic())
    if there is None or not silent:
        if entry and one.seen.broker_healthy:
            one.put(BROKER, backoff.well(entry, one.now))
        return
    if stood < _SILENT and not entry:
        return
    minutes, words = one.guard.restart_minutes, phrase("trouble.unanswered", stood=stood)
    entry = backoff.begun(entry, Trouble(_UNANSWERED, words, True), one.now, minutes)
    if stood >= _ILL and backoff.due(entry, one.now, minutes) and _restarted(there.name):
        acts.note(one.memory, "restart_broker", phrase("act.broker_restarted", words=words))
        _progress.forget(BROKER)
        entry = backoff.restarted(entry, one.now, minutes)
    one.put(BROKER, entry)


def worker_trouble(there: Optional[stack.Container], broker_healthy: bool, clock: float) -> Optional[Trouble]:
    """Whether the worker's container must be started, or started again. One that somebody froze is left alone."""
    state = "missing" if there is None else f"{there.status} {there.health}"
    stood = _progress.unchanged(WORKER, state, clock)
    if there is None:
        return Trouble("missing", phrase("trouble.missing"), True) if stood >= _GONE else None
    if there.status in ("exited", "created", "dead"):
        return Trouble("stopped", phrase("trouble.stopped", end=there.end), True) if stood >= _GONE else None
    if there.running and there.health == "unhealthy" and broker_healthy and stood >= _ILL:
        return Trouble("unhealthy", phrase("trouble.unhealthy", stood=stood), True)
    return None


def _heal_worker(one: Round) -> None:
    entry, minutes = one.entry(WORKER), one.guard.restart_minutes
    trouble = worker_trouble(one.seen.worker, one.seen.broker_healthy, time.monotonic())
    if trouble is None:
        if entry and one.seen.worker is not None and one.seen.worker.running:
            one.put(WORKER, backoff.well(entry, one.now))
        return
    run = engine.this_run() or entry.get("engine", "")
    if entry.get("engine", run) != run:
        entry = {}  # it went down with its engine or its host, and that is no failure of its own
    entry = {**backoff.begun(entry, trouble, one.now, minutes), "engine": run}
    one.put(WORKER, _start_again(one, entry) if backoff.due(entry, one.now, minutes) else entry)


def _start_again(one: Round, entry: Dict[str, Any]) -> Dict[str, Any]:
    """Start a worker that has stopped, or restart one that does not answer; return what is to be remembered."""
    there = one.seen.worker
    one.memory.save()  # what follows remembers by itself, too
    if there is not None and there.running:
        act = "restart_worker"
        decision = boot.decide(one.settings, one.guard, one.memory, one.now)
        if decision.start and not _restarted(there.name):
            return entry
        if not decision.start:
            boot.refuse(one.settings, one.memory, decision)
    else:
        act = "start_worker"
        decision = boot.start_worker(one.settings)
    if not decision.start:
        return backoff.waiting({**entry, "awaits": decision.id}, one.now, one.guard.interval)
    kept = Memory.load(one.memory.directory)
    acts.note(kept, act, phrase("act.worker_started", words=entry["words"]))
    kept.save()
    _progress.forget(WORKER)
    return {**backoff.restarted(entry, one.now, one.guard.restart_minutes), "awaits": ""}


def _restarted(name: str) -> bool:
    done = stack.run(["docker", "restart", "--time", "30", name], seconds=_RESTART_SECONDS)
    if done.returncode != 0:
        acts.say(f"{name} could not be restarted: {done.stderr.strip()}")
    return done.returncode == 0


def findings(memory: Memory, guard: Guard) -> List[Finding]:
    """What does not flow, whatever the worker says of itself, and what does not last although it is restarted."""
    found = []
    for name, entry in sorted(memory.get(KEY).items()):
        if not isinstance(entry, dict) or entry.get("well"):
            continue
        who = _WHO.get(name) or phrase("who.connector", name=name)
        words = entry.get("words", "")
        if int(entry.get("failures", 0)) >= guard.report_after:
            told = {"times": entry["failures"], "log": "Kafka" if name == BROKER else "Kafka Connect"}
            found.append(Finding.of("restarts_in_vain", ILL, "restarts_in_vain", who=who, words=words, **told))
        elif entry.get("problem") == _UNANSWERED:
            found.append(Finding.of("broker_silent", ILL, "broker_silent", words=words, minutes=_ILL / 60))
        elif entry.get("problem") in _WORDS:
            since = int(entry.get("since", 0))
            found.append(Finding.of("no_flow", ILL, "no_flow", who=who, words=words, since=since))
    return found

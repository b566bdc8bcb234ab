# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site for the guard to heal: rounds of ten seconds, with a worker that is made up."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import pytest
from event_guard import boot, flow, heal, look
from event_guard.memory import Memory
from event_guard.settings import Guard
from event_log import settings, stack, worker

WELL = flow.Flow(connected=True, event_age=4.0, queue_free=8192, written=3.0)
LOST = replace(WELL, connected=False, disconnects=1)
WIRED = flow.Wiring("openmrs", debezium=True, reconnects=False, silence=60.0)
SETTINGS = settings.Settings(
    home=Path("/opt/event-log"), image="i", bootstrap="127.0.0.1:9092", data_dir=Path("/d"), project="event-log",
    uid=1, gid=1, database="openmrs",
)  # fmt: skip
UP = stack.Container(
    "event-log-connect", "running", "healthy", 0, 0, False, "no", "i", "sha256:1", {}, {}, {},
)  # fmt: skip
NO = boot.Decision(False, "database_unreachable", "It does not answer.", "", wait=True)
OTHER = boot.Decision(False, "database_other", "It is another one.", "Run the playbook.")


def connector(state: str = "RUNNING", task: str = "RUNNING", reason: str = "") -> worker.Connector:
    return worker.Connector("c1", "source", state, (task,), reason, "openmrs")


@dataclass
class Site:
    """A site as the guard sees it; every round lasts ten seconds."""

    guard: Guard
    now: float = 1e9
    clock: float = 0.0
    seen: look.Look = field(default_factory=lambda: look.Look("", UP, True))
    decision: boot.Decision = boot.YES
    asked: List[str] = field(default_factory=list)
    refused: List[str] = field(default_factory=list)
    started: int = 0
    engine: str = "one"
    answer: Optional[Exception] = None

    def round(self, flowing: flow.Flow = WELL, one: Optional[worker.Connector] = None) -> List[str]:
        """One round with this flow and state; what was asked of the worker in it."""
        watched = look.Watched(one or connector(), WIRED, flowing)
        self.seen = replace(self.seen, connectors=(watched,))
        return self.again()

    def again(self) -> List[str]:
        self.asked.clear()
        memory = Memory.load(self.guard.directory)
        heal.step(SETTINGS, self.guard, memory, self.now)
        memory.save()
        self.now += 10
        self.clock += 10
        return list(self.asked)

    def memory(self, key: str) -> Dict[str, Any]:
        found: Dict[str, Any] = Memory.load(self.guard.directory).get(key)
        return found


def make(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The site of a test, with its memory in a directory."""
    made = Site(Guard(directory=directory))

    def ask(url: str, _login: Tuple[str, str], _seconds: float, method: str) -> None:
        if made.answer:
            raise made.answer
        made.asked.append(f"{method} {url}")

    def refuse(_settings: object, memory: Memory, decision: boot.Decision) -> None:
        made.refused.append(decision.id)
        memory.put(boot.WAITING if decision.wait else boot.HOLD, {"id": decision.id})

    def start_worker(_settings: object) -> boot.Decision:
        if made.decision.start:
            made.started += 1
        return made.decision

    monkeypatch.setattr(heal, "_progress", flow.Progress())
    monkeypatch.setattr(heal.time, "monotonic", lambda: made.clock)
    monkeypatch.setattr(look, "look", lambda _settings: made.seen)
    monkeypatch.setattr(heal.engine, "this_run", lambda: made.engine)
    monkeypatch.setattr(worker, "ask", ask)
    monkeypatch.setattr(worker, "login_of", lambda _worker: ("u", "p"))
    monkeypatch.setattr(boot, "decide", lambda *_: made.decision)
    monkeypatch.setattr(boot, "refuse", refuse)
    monkeypatch.setattr(boot, "start_worker", start_worker)
    capture = type("Capture", (), {"connector": "c1"})()
    monkeypatch.setattr(heal.database, "capture_of", lambda _settings: capture)
    return made

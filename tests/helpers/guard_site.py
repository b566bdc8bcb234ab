# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with an engine, a worker and a database that are what a test says, for the guard's decisions."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, Dict, List, Optional, Sequence

import pytest
from event_guard import boot, clock, database, disk
from event_guard.boot import Decision, Watch
from event_guard.database import Capture, DatabaseError
from event_guard.memory import Memory
from event_guard.settings import Guard
from event_guard.shared import history
from event_guard.shared.history import Event, Position, Remembered
from event_log import stack, worker
from event_log.settings import Settings, from_mapping

NOW = clock.BUILT + 30_000_000.0
WORKER = "event-log-connect"
OTHER = Decision(False, history.OTHER, "It is another one.", "Repair it.")
UNREACHABLE = Decision(False, "database_unreachable", "It is down.", "Wait.", wait=True)


class Base:
    """A database that is data: files with sizes and times, and events by position."""

    def __init__(self, capture: Capture) -> None:
        self.capture = capture
        self.sizes: Dict[str, int] = {"binlog.000001": 1000}
        self.times: Dict[str, int] = {"binlog.000001": 11}
        self.events: Dict[Position, Event] = {}
        self.down = False
        self.readings = 0
        self.closed = 0

    def files(self) -> Dict[str, int]:
        if self.down:
            raise DatabaseError("down")
        return dict(self.sizes)

    def end(self) -> Optional[Position]:
        file = list(self.sizes)[-1]
        return Position(file, self.sizes[file])

    def server_uuid(self) -> str:
        return ""

    def created(self, file: str) -> Optional[int]:
        self.readings += 1
        return self.times[file]

    def event(self, at: Position) -> Any:
        self.readings += 1
        if at.pos >= self.sizes[at.file]:
            return None, True
        return self.events.setdefault(at, Event(at, 12, 4711, at.pos + 79, 33, "digest")), True

    def close(self) -> None:
        self.closed += 1


@dataclass
class Site:
    """A host with an engine, a worker and a database that are what the test says."""

    settings: Settings
    guard: Guard
    base: Base
    state: str = "exited"
    offset: Optional[Dict[str, Any]] = None
    refuses: str = ""
    ran: List[str] = field(default_factory=list)

    def memory(self) -> Memory:
        return Memory.load(self.guard.directory)

    def look(self, _settings: Settings) -> Dict[str, stack.Container]:
        if self.state == "missing":
            return {}
        described = {"Name": WORKER, "State": {"Status": self.state}, "Config": {}}
        return stack.parse_inspect(json.dumps([described]))

    def run(self, command: Sequence[str], seconds: float = 0) -> CompletedProcess[str]:
        self.ran.append(" ".join(command))
        if self.refuses:
            return CompletedProcess(command, 1, "", self.refuses)
        self.state = "exited" if command[1] == "kill" else "running"
        return CompletedProcess(command, 0, "", "")

    def ask(self, url: str, *_rest: Any) -> Any:
        assert url.endswith("/connectors/openmrs/offsets")
        return {"offsets": [{"partition": {"server": "clinic"}, "offset": self.offset}] if self.offset else []}

    def round(self, pos: int = 0, now: float = NOW) -> None:
        """A round of the service, the worker having read up to a position."""
        self.state = "running"
        if pos:
            self.offset = {"file": "binlog.000001", "pos": pos}
        memory = self.memory()
        boot.remember(self.settings, self.guard, memory, now)
        memory.save()

    def known(self) -> Optional[Remembered]:
        return history.remembered_of(self.memory(), "openmrs")

    def acts(self) -> Dict[str, int]:
        return dict(self.memory().get("acts"))


def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    home = tmp_path / "home"
    (home / "config").mkdir(parents=True)
    password = tmp_path / "database.properties"
    password.write_text("password=secret-word\n")
    capture = {
        "connector": "openmrs", "topic_prefix": "clinic", "host": "127.0.0.1", "port": 3306, "user": "event_log",
        "password_file": str(password),
    }  # fmt: skip
    (home / "config" / "source.json").write_text(json.dumps({"capture": capture}))
    about = {
        "image": "event-log:1", "bootstrap": "127.0.0.1:9092", "data_dir": str(tmp_path), "project": "event-log",
        "uid": 1, "gid": 1, "database": "openmrs",
    }  # fmt: skip
    settings = from_mapping(about, home / "config" / "event-log.json")
    seen = database.capture_of(settings)
    assert seen is not None
    made = Site(settings, Guard(directory=tmp_path / "guard"), Base(seen))
    monkeypatch.setattr(boot, "Session", lambda capture: made.base)
    monkeypatch.setattr(boot, "_WATCH", Watch())
    monkeypatch.setattr(boot.guard_settings, "load", lambda: made.guard)
    monkeypatch.setattr(disk, "refusal", lambda *_: None)
    monkeypatch.setattr(stack, "look", made.look)
    monkeypatch.setattr(stack, "run", made.run)
    monkeypatch.setattr(stack, "unit_state", lambda: "active")
    monkeypatch.setattr(worker, "ask", made.ask)
    monkeypatch.setattr(worker, "login_of", lambda _there: ("user", "word"))
    return made


def decided(monkeypatch: pytest.MonkeyPatch, decision: Decision) -> None:
    monkeypatch.setattr(boot, "decide", lambda *_: decision)


# the start

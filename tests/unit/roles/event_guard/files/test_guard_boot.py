# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The start of the worker: what keeps it from starting, what is remembered of that, and what lifts it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, Dict, List, Optional, Sequence

import pytest
from event_guard import boot, clock, database, disk, findings
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

    def ask(self, url: str, _login: Any) -> Any:
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


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
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


def test_the_worker_is_started(site: Site) -> None:
    assert boot.start_worker(site.settings).start
    assert site.ran == [f"docker start {WORKER}"]
    assert site.memory().get("hold") == {}


def test_a_container_that_is_missing_is_made_and_one_that_runs_is_left_alone(site: Site) -> None:
    site.state = "missing"
    assert boot.start_worker(site.settings).start
    assert boot.start_worker(site.settings).start
    [made] = site.ran
    assert made.endswith("--no-recreate --no-build --pull never --no-deps connect")


def test_a_wrong_database_is_a_hold_and_a_worker_that_runs_is_stopped(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided(monkeypatch, OTHER)
    site.state = "running"
    assert boot.start_worker(site.settings) == OTHER
    assert site.ran == [f"docker kill {WORKER}"]
    hold = site.memory().get("hold")
    assert {**hold, "since": 0} == {
        "id": "database_other",
        "what": "It is another one.",
        "remedy": "Repair it.",
        "since": 0,
        "connector": "openmrs",
    }
    assert site.acts() == {"hold": 1, "stop_worker": 1}
    boot.start_worker(site.settings)
    assert site.memory().get("hold") == hold
    assert site.acts() == {"hold": 1, "stop_worker": 1}, "told once"


def test_the_reason_is_on_disk_before_the_worker_is_stopped(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    decided(monkeypatch, OTHER)
    site.state = "running"
    remembered = []

    def run(command: Sequence[str], seconds: float = 0) -> CompletedProcess[str]:
        remembered.append(site.memory().get("hold"))
        return site.run(command)

    monkeypatch.setattr(stack, "run", run)
    boot.start_worker(site.settings)
    assert [one["id"] for one in remembered] == ["database_other"]


def test_a_hold_of_the_guard_is_lifted_by_the_right_database(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    decided(monkeypatch, OTHER)
    boot.start_worker(site.settings)
    decided(monkeypatch, boot.YES)
    assert boot.start_worker(site.settings).start
    assert site.memory().get("hold") == {}
    assert site.acts() == {"hold": 1, "release": 1}


def test_what_passes_by_itself_is_no_hold_and_stops_nobody(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    decided(monkeypatch, UNREACHABLE)
    site.state = "running"
    boot.start_worker(site.settings)
    assert site.memory().get("hold") == {}
    assert site.memory().get("waiting")["id"] == "database_unreachable"
    assert site.ran == []
    decided(monkeypatch, boot.YES)
    boot.start_worker(site.settings)
    assert site.memory().get("waiting") == {}


def test_the_holds_of_others_stay(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    decided(monkeypatch, boot.YES)
    memory = site.memory()
    memory.put("hold", {"id": "repairing", "what": "Somebody is at it.", "remedy": ""})
    memory.save()
    assert boot.start_worker(site.settings) == Decision(False, "repairing", "Somebody is at it.", "")
    assert site.memory().get("hold")["id"] == "repairing"
    assert site.ran == []


@pytest.mark.parametrize("state", ["inactive", "deactivating", "failed"])
def test_a_stack_that_somebody_stopped_stays_stopped(site: Site, monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    monkeypatch.setattr(stack, "unit_state", lambda: state)
    assert boot.start_worker(site.settings).id == "stack_stopped"
    assert site.ran == []


def test_a_stack_on_hold_stays_so(site: Site) -> None:
    (site.settings.home / "hold").write_text("restored")
    assert boot.start_worker(site.settings).id == "stack_on_hold"
    assert site.ran == []


def test_an_engine_that_refuses_is_asked_again(site: Site) -> None:
    site.refuses = "no space"
    decision = boot.start_worker(site.settings)
    assert (decision.start, decision.id, decision.wait) == (False, "worker_not_started", True)
    assert "no space" in site.memory().get("waiting")["what"]


# what is looked at before it


def test_clock_disk_and_database_are_looked_at_in_this_order(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.round(500)
    memory = site.memory()

    def found(now: float = NOW) -> str:
        decision = boot.decide(site.settings, site.guard, memory, now)
        assert decision.start is (decision.id == "")
        return decision.id

    assert found() == ""
    site.base.sizes = {"binlog.000001": 400}
    assert found() == history.OLDER
    site.base.down = True
    assert found() == "database_unreachable"
    monkeypatch.setattr(disk, "refusal", lambda *_: ("disk_full", "full", "wait"))
    assert found() == "disk_full"
    assert found(now=5.0) == "clock_back"


def test_nothing_keeps_the_first_start(site: Site) -> None:
    site.base.down = True
    assert boot.decide(site.settings, site.guard, site.memory(), NOW).start, "nothing is remembered yet"
    (site.settings.home / "config" / "source.json").unlink()
    assert boot.decide(site.settings, site.guard, site.memory(), NOW).start, "there is no connector yet"


def test_the_session_of_a_decision_is_closed(site: Site) -> None:
    site.round(500)
    boot.decide(site.settings, site.guard, site.memory(), NOW)
    assert site.base.closed == 1


# every round


def test_what_a_round_remembers(site: Site) -> None:
    site.round(500)
    known = site.known()
    assert known is not None
    assert known.offset == known.newest == Position("binlog.000001", 500)
    assert known.event is not None
    assert known.created == {"binlog.000001": 11}
    site.round(600, NOW + 10)
    assert site.known().newest == Position("binlog.000001", 1000)  # type: ignore[union-attr]


def test_the_binary_log_is_read_rarely_while_the_connection_lives(site: Site) -> None:
    site.round(500)
    once = site.base.readings
    for number in range(1, 50):
        site.base.sizes["binlog.000001"] += 100
        site.round(500 + number, NOW + 10 * number)
    assert site.base.readings == once
    site.round(600, NOW + 700)
    assert site.base.readings > once


def test_another_history_behind_a_lost_connection_stops_the_worker(site: Site) -> None:
    site.round(500)
    before = site.memory().get(history.KEY)
    site.base.down = True
    site.round(600, NOW + 10)
    assert site.ran == [], "a database that is down is no other one"
    site.base.down = False
    site.base.times["binlog.000001"] = 99
    site.round(700, NOW + 20)
    assert site.ran == [f"docker kill {WORKER}"]
    assert site.memory().get("hold")["id"] == history.OTHER
    assert site.memory().get(history.KEY) == before


def test_a_guard_that_cannot_look_says_so_after_a_while(site: Site) -> None:
    def told(now: float) -> List[str]:
        return [one.id for one in findings.findings(site.memory(), site.guard, now)]

    site.round(500)
    site.base.down = True
    site.round(500, NOW + 10)
    site.round(500, NOW + 20)
    assert "unwatched" not in told(NOW + 60)
    assert "unwatched" in told(NOW + 1000)
    assert site.memory().get("unwatched") == {"why": "down", "since": int(NOW) + 10}
    site.base.down = False
    site.round(500, NOW + 1010)
    assert "unwatched" not in told(NOW + 2000)


def test_a_repair_that_is_under_way_may_start_the_worker(site: Site) -> None:
    site.round(500)
    memory = site.memory()
    memory.put("gaps", [{"connector": "openmrs", "repaired": ""}])
    memory.save()
    site.base.sizes["binlog.000001"] = 200
    site.round(500, NOW + 10)
    assert site.ran == []
    memory.put("gaps", [{"connector": "openmrs", "repaired": "2026-01-01"}, {"table": "obs", "repaired": False}])
    memory.save()
    site.round(500, NOW + 20)
    assert site.ran == [f"docker kill {WORKER}"]


def test_a_log_that_got_shorter_is_noticed_on_a_living_connection(site: Site) -> None:
    site.round(500)
    site.base.sizes["binlog.000001"] = 200
    site.round(500, NOW + 10)
    assert site.memory().get("hold")["id"] == history.OLDER


def test_a_purge_does_not_stop_a_worker_that_reads(site: Site) -> None:
    site.round(500)
    site.base.sizes = {"binlog.000002": 900}
    site.base.times = {"binlog.000002": 22}
    site.round(500, NOW + 10)
    assert site.ran == []
    assert boot.decide(site.settings, site.guard, site.memory(), NOW + 10).id == history.PURGED


def test_a_position_from_a_restored_backup_that_is_purged_is_told_before_a_restart(site: Site) -> None:
    site.base.sizes["binlog.000002"], site.base.times["binlog.000002"] = 900, 22
    site.offset = {"file": "binlog.000002", "pos": 400}
    site.round()
    del site.base.sizes["binlog.000001"]
    site.round(now=NOW + 10)
    assert boot.decide(site.settings, site.guard, site.memory(), NOW + 10).start
    site.round(500, NOW + 20)
    assert site.known().offset == Position("binlog.000001", 500)  # type: ignore[union-attr]
    assert boot.decide(site.settings, site.guard, site.memory(), NOW + 20).id == history.PURGED


def test_a_worker_that_does_not_answer_leaves_the_offset_as_it_was(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.round(500)

    def silent(*_: Any) -> Any:
        raise worker.WorkerError("no answer")

    monkeypatch.setattr(worker, "ask", silent)
    site.round(0, NOW + 10)
    assert site.known().offset == Position("binlog.000001", 500)  # type: ignore[union-attr]


def test_offsets_that_somebody_reset_are_forgotten(site: Site) -> None:
    site.round(500)
    site.offset = None
    site.round(0, NOW + 10)
    assert site.known() is None


def test_nothing_is_written_where_nothing_happens(site: Site) -> None:
    for number in range(3):
        site.round(500, NOW + number)
    written = (site.guard.directory / "memory.json").stat().st_ino
    site.round(500, NOW + 4)
    assert (site.guard.directory / "memory.json").stat().st_ino == written


# how the database is reached


def test_the_password_is_read_as_java_reads_it() -> None:
    assert database.password_in("password=plain\n") == "plain"
    assert database.password_in("# managed\npassword = a\\=b\\\\c\\u00e9\\ d\n") == "a=b\\cé d"
    assert database.password_in("other=x\n") == ""


@pytest.mark.parametrize("told", ['{"capture": {"host": "h"}}', "{}", '{"capture": {"port": "x"}}', "["])
def test_without_a_whole_capture_there_is_none(site: Site, told: str) -> None:
    (site.settings.home / "config" / "source.json").write_text(told)
    assert database.capture_of(site.settings) is None

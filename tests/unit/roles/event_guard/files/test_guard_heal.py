# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is started again, when, and what is not: in rounds of ten seconds, with a worker that is made up."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import pytest
from event_guard import acts, boot, flow, heal, look
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


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    made = Site(Guard(directory=tmp_path))

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


def test_nothing_is_done_to_what_is_well(site: Site) -> None:
    for _ in range(3):
        assert site.round() == []
    assert site.memory("healing") == site.memory("acts") == {}


def test_a_lost_connection_is_restarted_at_once_and_whole_when_the_database_is_the_same(site: Site) -> None:
    assert site.round(LOST) == ["POST http://127.0.0.1:8083/connectors/c1/restart?includeTasks=true&onlyFailed=false"]
    assert site.round(WELL) == []
    assert site.memory("acts") == {"restart": 1}
    assert acts.recent(site.guard.directory)[0]["reason"] == (
        "c1 is restarted: its connection to the database was lost"
    )


def test_what_lost_its_database_waits_for_it_and_goes_on_within_a_minute_of_its_return(site: Site) -> None:
    site.decision = NO
    for _ in range(100):
        assert site.round(LOST) == []
    assert site.memory("waiting")["id"] == "database_unreachable"
    site.decision = boot.YES
    rounds = next(number for number in range(100) if site.round(LOST))
    assert rounds <= 6
    assert site.memory("waiting") == {}
    assert site.memory("healing")["c1"]["failures"] == 1


def test_another_database_is_refused_and_never_read(site: Site) -> None:
    site.decision = OTHER
    for _ in range(20):
        assert site.round(LOST) == []
    assert site.memory("hold")["id"] == "database_other"
    assert site.memory("acts") == {}


YEAR = 365 * 86400.0


def test_a_clock_that_is_put_right_by_a_year_makes_no_connector_silent(site: Site) -> None:
    site.round(WELL)
    assert site.round(replace(WELL, event_age=YEAR)) == []
    assert site.round(WELL) == []
    assert site.memory("healing") == {}


@pytest.mark.parametrize("leap", [YEAR, -YEAR])
def test_a_silent_connector_is_seen_although_the_clock_leapt(site: Site, leap: float) -> None:
    asked = [site.round(replace(WELL, event_age=4 + 10 * number + (leap if number else 0))) for number in range(7)]
    assert asked[:6] == [[]] * 6
    assert len(asked[6]) == 1
    assert "no sign of life for 64 s" in site.memory("healing")["c1"]["words"]


def test_a_connection_that_comes_back_by_itself_ends_the_waiting(site: Site) -> None:
    site.decision = NO
    site.round(replace(WELL, event_age=100))
    assert site.memory("waiting")
    site.round(WELL)
    assert site.memory("waiting") == site.memory("healing") == {}


def test_a_failed_task_is_restarted_after_a_minute_and_alone(site: Site) -> None:
    failed = connector(task="FAILED", reason="the schema history is missing")
    asked = [site.round(one=failed) for _ in range(7)]
    assert asked[:6] == [[]] * 6
    assert asked[6] == ["POST http://127.0.0.1:8083/connectors/c1/restart?includeTasks=true&onlyFailed=true"]


def test_a_task_that_failed_for_its_connection_is_restarted_at_once(site: Site) -> None:
    assert site.round(one=connector(task="FAILED", reason="the database cannot be reached (ConnectException)"))


def test_a_refused_restart_is_none_and_is_asked_for_again(site: Site) -> None:
    site.answer = worker.WorkerError("it answers with HTTP 409")
    assert site.round(LOST) == []
    assert site.memory("acts") == {}
    site.answer = None
    assert site.round(LOST) != []


def test_the_fifth_restart_in_vain_is_told_until_it_lasts(site: Site) -> None:
    told: List[List[str]] = []
    while len(told) < 5:
        if site.round(LOST):
            told.append([one.id for one in heal.findings(Memory.load(site.guard.directory), site.guard)])
    assert told == [["no_flow"]] * 4 + [["restarts_in_vain"]]
    site.round(WELL)
    assert heal.findings(Memory.load(site.guard.directory), site.guard) == []


def test_a_connector_that_somebody_paused_is_left_alone(site: Site) -> None:
    assert site.round(LOST, connector("PAUSED", "PAUSED")) == []
    assert site.memory("healing") == {}


def test_nothing_is_touched_while_somebody_has_said_so(site: Site) -> None:
    site.seen = replace(site.seen, hands_off="a change of the stack is under way", worker=None)
    for _ in range(9):
        assert site.round(LOST) == []
    assert site.started == 0
    assert site.memory("healing") == {}


def test_without_kafka_no_connector_is_restarted(site: Site) -> None:
    site.seen = replace(site.seen, broker_healthy=False)
    assert site.round(LOST) == []


def test_what_was_removed_is_forgotten(site: Site) -> None:
    site.round(LOST)
    site.seen = replace(site.seen, connectors=())
    site.again()
    assert site.memory("healing") == {}


def test_a_worker_that_stopped_is_started_once_it_is_surely_gone(site: Site) -> None:
    site.seen = look.Look("", replace(UP, status="exited", exit_code=137, out_of_memory=True), True)
    site.again()
    site.again()
    assert site.started == 0  # Compose may just be replacing it
    site.again()
    assert site.started == 1
    assert site.memory("acts") == {"start_worker": 1}
    assert "exit code 137, out of memory" in acts.recent(site.guard.directory)[0]["reason"]
    for _ in range(5):
        site.again()
    assert site.started == 1  # the next one a minute later
    for _ in range(4):
        site.again()
    assert site.started == 2


def test_a_worker_that_went_down_with_its_engine_is_started_at_once_each_time(site: Site) -> None:
    """An engine that is killed again and again, or a host whose power fails, is no failure of the worker."""
    for number in range(1, 8):
        site.engine = f"run {number}"
        site.seen = look.Look("", replace(UP, status="exited", exit_code=255), True)
        for _ in range(3):
            site.again()
        assert site.started == number
        assert site.memory("healing")["(worker)"]["failures"] == 1
        site.seen = look.Look("", UP, True)
        site.again()


def test_a_worker_that_does_not_last_under_one_engine_is_started_later_each_time(site: Site) -> None:
    site.seen = look.Look("", replace(UP, status="exited", exit_code=1), True)
    for _ in range(360):
        site.again()
    assert site.started == 6  # at once, then 1, 2, 4, 8 and 16 minutes apart
    site.engine = ""  # systemd was slow for once
    site.again()
    assert site.started == 6
    site.engine = "another run"
    site.again()
    assert site.started == 7


def test_a_worker_that_may_not_start_is_asked_for_again_within_a_minute(site: Site) -> None:
    site.seen = look.Look("", replace(UP, status="created"), True)
    site.decision = OTHER
    for _ in range(30):
        site.again()
    assert site.started == 0
    assert site.memory("acts") == {}
    site.decision = boot.YES
    for _ in range(7):
        site.again()
    assert site.started == 1


def test_a_worker_that_has_been_ill_for_minutes_is_restarted_and_a_frozen_one_is_not(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: List[Any] = []
    done = stack.subprocess.CompletedProcess([], 0, "", "")

    def run(command: List[str], seconds: float) -> Any:
        commands.append(command)
        return done

    monkeypatch.setattr(stack, "run", run)
    site.seen = look.Look("", replace(UP, status="paused", health="unhealthy"), True)
    for _ in range(60):
        site.again()
    site.seen = look.Look("", replace(UP, health="unhealthy"), True, (), "no answer (too slow)")
    for _ in range(30):
        site.again()
    assert commands == []
    site.again()
    assert commands == [["docker", "restart", "--time", "30", "event-log-connect"]]
    assert json.loads((site.guard.directory / acts.NAME).read_text())["act"] == "restart_worker"


def test_a_broker_that_answers_nothing_is_told_of_and_restarted_after_minutes(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: List[Any] = []
    done = stack.subprocess.CompletedProcess([], 0, "", "")

    def run(command: List[str], seconds: float) -> Any:
        commands.append(command)
        return done

    monkeypatch.setattr(stack, "run", run)

    def told() -> List[str]:
        found = heal.findings(Memory.load(site.guard.directory), site.guard)
        return [f"{one.id}: {one.what}" for one in found]

    well = site.seen
    broker = replace(UP, name="event-log-broker")
    silent = replace(well, broker_healthy=False, broker=broker, broker_silent=True)
    site.seen = silent
    for _ in range(3):
        site.again()
    assert told() == []  # slow for once
    site.again()
    words = "it takes connections, but has answered nothing for 30 s"
    assert told() == [f"broker_silent: Kafka hangs: {words}."]
    site.seen = well
    site.again()
    assert told() == []
    site.seen = silent
    for _ in range(30):
        site.again()
    assert commands == []
    site.again()
    assert commands == [["docker", "restart", "--time", "30", "event-log-broker"]]
    assert site.memory("acts") == {"restart_broker": 1}
    for _ in range(30):
        site.again()
    assert len(commands) == 1
    site.again()
    assert len(commands) == 2  # and so on, later each time


def test_a_worker_outlives_a_broker_that_answers_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: List[Any] = []
    monkeypatch.setattr(stack, "run", lambda command, seconds: commands.append(command))
    site.seen = look.Look("", replace(UP, health="unhealthy"), False, (), "no answer (too slow)")
    for _ in range(60):
        site.again()
    assert commands == []

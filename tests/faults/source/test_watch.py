# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's rounds beside a real worker and its database: what was lost comes back, and only if it is the same."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, Set, Tuple

import pytest
from event_guard import acts, boot, flow, heal, look, loop
from event_guard import settings as guard_settings
from event_guard.memory import Memory
from event_log import settings as host_settings
from event_log.status import verdict_of
from event_log.verdict import BUSY, OK

from tests.helpers.fault_home import Home
from tests.helpers.fault_load import Load, Outcome, outcome
from tests.helpers.fault_site import BROKER, DATABASE, WORKER, Event, Site, replayed
from tests.helpers.workers import RigError, docker, wait_for

STEPS = ("boot", "heal")
SEED = int(os.environ.get("EVENT_LOG_TEST_SEED", "9"))
TOLD = {"database": ("no_flow",), "broker": ("broker_silent",), "worker": ("worker",)}
A_MINUTE = 75.0  # what is told after 60 seconds is told by then

# Together they take some nine minutes on a busy machine of two cores, which the default run does not have.
pytestmark = pytest.mark.full


@dataclass
class Watch:
    """A guard that makes its rounds while a test waits."""

    rounds: loop.Rounds
    directory: Path

    def until(self, what: str, seen: Callable[[], Any], seconds: float) -> float:
        """Make a round each second until the answer is true; the seconds that it took."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            self.rounds.one(time.time())
            if seen():
                return time.monotonic() - began
            time.sleep(1)
        raise RigError(f"{what}: not within {seconds:g} s; {acts.recent(self.directory)}; {self.remembered()}")

    def remembered(self) -> Dict[str, Any]:
        memory = Memory.load(self.directory)
        return {key: memory.get(key) for key in ("hold", "waiting", "healing", "acts")}

    def flow(self) -> flow.Flow:
        """What flows through the only connector, as the guard sees it."""
        (one,) = look.look(self.rounds.settings).connectors
        return one.flow

    def while_it_stands(self, seconds: float) -> Dict[str, Tuple[float, str]]:
        """Rounds for so long; what a person is told of that is not well, and after how many seconds first."""
        began = time.monotonic()
        told: Dict[str, Tuple[float, str]] = {}
        while time.monotonic() - began < seconds:
            self.rounds.one(time.time())
            for one in verdict_of(self.rounds.settings).findings:
                if one.verdict not in (OK, BUSY):
                    told.setdefault(one.id, (round(time.monotonic() - began), one.sentence))
            time.sleep(1)
        return told

    def all_came(self, site: Site, name: str, load: Load) -> Tuple[float, Outcome]:
        """Rounds until the topic says what the table says; how long that took, and what the last look found."""
        found: List[Outcome] = []

        def look() -> bool:
            found.append(outcome(site.events(name), site.rows(), load))
            return found[-1].good

        try:
            return self.until("every change has come", look, 150), found[-1]
        except RigError as error:
            raise RigError(f"{found[-1:]} of {load.writes} writes; {error}") from None

    def acts(self) -> List[str]:
        return [one["act"] for one in acts.recent(self.directory, 100)]


@pytest.fixture
def watch(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Watch]:
    """Set a guard on a connector: its settings and its memory as they lie on a host."""

    def made(name: str) -> Watch:
        for variable, value in Home(site, name, tmp_path).guarded(interval=1).items():
            monkeypatch.setenv(variable, value)
        monkeypatch.setattr(boot, "_WATCH", boot.Watch())
        guard = guard_settings.load()
        steps = tuple(one for one in loop.steps() if one[0] in STEPS)
        assert len(steps) == len(STEPS)
        watching = Watch(loop.Rounds(host_settings.load(), guard, steps), guard.directory)
        watching.until("the history is remembered", lambda: Memory.load(guard.directory).get("history").get(name), 60)
        return watching

    return made


def insert(site: Site, *keys: int) -> None:
    site.sql("; ".join(f"INSERT INTO openmrs.person VALUES ({key}, 'F', 'u{key}')" for key in keys))  # noqa: S608


def arrived(site: Site, name: str) -> List[Event]:
    """The events, once they say what the table says. A reader on a busy machine may see a part of them first."""
    events = site.events(name)
    return events if events and replayed(events) == site.rows() else []


def _with_all_of(site: Site, name: str, keys: Set[int]) -> List[Event]:
    events = site.events(name)
    return events if {event.key for event in events} >= keys else []


@pytest.mark.parametrize("times", [1, 20])
def test_a_killed_database_that_comes_back_is_read_on_without_a_loss(
    site: Site, watch: Callable[[str], Watch], times: int
) -> None:
    name = f"killed{times}"
    site.register(name)
    guard = watch(name)
    took = []
    with Load(SEED) as load:
        for _ in range(times):
            wait_for("it is written", lambda before=load.writes: load.writes > before + 50, 60, DATABASE)  # type: ignore[misc]
            restarts = guard.acts().count("restart")
            began = time.monotonic()
            docker("kill", DATABASE)
            docker("start", DATABASE)
            site.await_database()
            guard.until(
                "the connector is restarted, and runs",
                lambda before=restarts: (
                    guard.acts().count("restart") > before  # type: ignore[misc]
                    and site.states(name) == ["RUNNING", "RUNNING"]
                ),
                150,
            )
            took.append(time.monotonic() - began)
            # So that the next kill is a first failure again.
            memory = Memory.load(guard.directory)
            memory.put("healing", {})
            memory.save()
    _, end = guard.all_came(site, name, load)
    assert load.writes > 50 * times
    assert load.deleted
    print(
        f"killed {times} times, seed {SEED}: {load.writes} writes, {end}; "
        f"read on {max(took):.0f} s after the kill at most"
    )
    assert guard.remembered()["hold"] == {}


def test_a_database_that_is_another_one_after_the_connection_was_lost_is_never_read(
    site: Site, watch: Callable[[str], Watch]
) -> None:
    name = "changed"
    insert(site, 1, 2, 3)
    site.register(name)
    insert(site, 4)
    wait_for("the row", lambda: arrived(site, name), 60, WORKER)
    guard = watch(name)
    before = site.offset(name)
    try:
        site.make_database()
        while site.sql("SHOW MASTER STATUS")[0][0] < before["file"]:
            site.sql("FLUSH BINARY LOGS")
        number = 100
        while site.sql("SHOW MASTER STATUS")[0][1] < before["pos"] + 2000:
            insert(site, number)
            number += 1
        guard.until("the worker is held", lambda: guard.remembered()["hold"], 60)
        for _ in range(5):
            guard.rounds.one(time.time())
        assert docker("inspect", "--format", "{{.State.Running}}", WORKER).strip() == "false"
        assert "restart" not in guard.acts()
        events = wait_for("the former events", lambda: _with_all_of(site, name, {1, 2, 3, 4}), 60)
        assert {event.key for event in events} == {1, 2, 3, 4}, "an event of another history was published"
    finally:
        docker("start", WORKER)
        site.await_worker()


def test_an_idle_connector_is_seen_to_live_and_is_left_alone(site: Site, watch: Callable[[str], Watch]) -> None:
    name = "idle"
    insert(site, 1)
    site.register(name)
    guard = watch(name)
    first = guard.flow()
    print(f"idle: {first}")
    assert first.connected and not first.snapshot and first.queue_free
    guard.until("a heartbeat is counted", lambda: (guard.flow().written or 0) > (first.written or 0), 30)
    assert (guard.flow().event_age or 0) < 5
    assert guard.acts() == []


def test_a_killed_worker_is_started_again_and_a_frozen_one_is_left_alone(
    site: Site, watch: Callable[[str], Watch]
) -> None:
    name = "worker"
    insert(site, 1)
    site.register(name)
    guard = watch(name)
    docker("kill", "--signal", "STOP", WORKER)
    try:
        for _ in range(8):
            guard.rounds.one(time.time())
    finally:
        docker("kill", "--signal", "CONT", WORKER)
    assert guard.acts() == []
    insert(site, 2)
    docker("kill", WORKER)
    insert(site, 3)
    took = guard.until("the worker is started", lambda: "start_worker" in guard.acts(), 60)
    site.await_worker()
    wait_for("every change is there", lambda: arrived(site, name), 90, WORKER)
    print(f"a killed worker was started after {took:.0f} s")


@pytest.mark.parametrize("what", ["database", "broker", "worker"])
def test_a_minute_of_standstill_loses_nothing(site: Site, watch: Callable[[str], Watch], what: str) -> None:
    """Under load. It is told while it lasts; whatever the guard makes of it, the stream goes on afterwards."""
    name = f"frozen-{what}"
    insert(site, 1)
    site.register(name)
    guard = watch(name)
    container = {"database": DATABASE, "broker": BROKER, "worker": WORKER}[what]
    with Load(SEED) as load:
        wait_for("the load is under way", lambda: load.writes > 50, 60)
        docker("kill", "--signal", "STOP", container)
        try:
            told = guard.while_it_stands(A_MINUTE)
            waited = guard.remembered()["waiting"]
        finally:
            docker("kill", "--signal", "CONT", container)
        written = load.writes
        guard.until("it is written again", lambda: load.writes > written + 50, 60)
    print(f"a frozen {what}, told after seconds: {told}")
    assert set(TOLD[what]) <= set(told), told
    assert waited.get("id") == ("database_unreachable" if what == "database" else None), guard.remembered()
    took, end = guard.all_came(site, name, load)
    print(f"a frozen {what}, seed {SEED}: {load.writes} writes, {end}, all there after {took:.0f} s; {guard.acts()}")
    # The next health check says it, too.
    guard.until("nobody is told of anything", lambda: verdict_of(guard.rounds.settings).verdict == OK, 60)
    assert not guard.remembered()["waiting"]


def test_a_broker_that_hangs_is_restarted_and_nothing_is_lost(
    site: Site, watch: Callable[[str], Watch], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heal, "_ILL", 45.0)  # five minutes, on a server
    name = "hung"
    site.register(name)
    guard = watch(name)
    with Load(SEED) as load:
        wait_for("the load is under way", lambda: load.writes > 50, 60)
        docker("kill", "--signal", "STOP", BROKER)
        try:
            took = guard.until("the broker is restarted", lambda: "restart_broker" in guard.acts(), 180)
        finally:
            docker("kill", "--signal", "CONT", BROKER, check=False)
        written = load.writes
        guard.until("it is written again", lambda: load.writes > written + 50, 60)
    later, end = guard.all_came(site, name, load)
    told = f"restarted after {took:.0f} s, all there {later:.0f} s later"
    print(f"a broker that hung, seed {SEED}: {told}; {load.writes} writes, {end}; {guard.acts()}")

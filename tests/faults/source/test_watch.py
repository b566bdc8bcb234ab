# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's rounds beside a real worker and its database: what was lost comes back, and only if it is the same."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, Set

import pytest
from event_guard import acts, flow, look, loop
from event_guard.memory import Memory
from event_guard.settings import Guard
from event_log import settings

from tests.helpers.fault_site import (
    BROKER,
    CAPTURE,
    DATABASE,
    DATABASE_PORT,
    PREFIX,
    STACK,
    WORKER,
    Event,
    Site,
    replayed,
)
from tests.helpers.workers import RigError, docker, wait_for

STEPS = ("boot", "heal")

# Together they take some four minutes on a busy machine of two cores, which the default run does not have.
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

    def acts(self) -> List[str]:
        return [one["act"] for one in acts.recent(self.directory, 100)]


def watch(site: Site, name: str, root: Path) -> Watch:
    """A guard as it lies on a host: its settings, and how to ask the database."""
    (root / "config").mkdir()
    (root / "database.properties").write_text(f"password={CAPTURE[1]}\n")
    capture = {
        "connector": name, "topic_prefix": name, "host": "127.0.0.1", "port": DATABASE_PORT, "user": CAPTURE[0],
        "password_file": str(root / "database.properties"), "database": "openmrs",
    }  # fmt: skip
    (root / "config" / "source.json").write_text(json.dumps({"capture": capture}))
    chosen = settings.Settings(
        home=root, image="", bootstrap=STACK.bootstrap, data_dir=site.root / "broker", project=PREFIX.rstrip("-"),
        uid=1001, gid=1001, database="openmrs",
    )  # fmt: skip
    guard = Guard(directory=root / "guard", interval=1)
    steps = tuple(one for one in loop.steps() if one[0] in STEPS)
    assert len(steps) == len(STEPS)
    made = Watch(loop.Rounds(chosen, guard, steps), guard.directory)
    made.until("the history is remembered", lambda: Memory.load(guard.directory).get("history").get(name), 60)
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
def test_a_killed_database_that_comes_back_is_read_on_without_a_loss(site: Site, tmp_path: Path, times: int) -> None:
    name = f"killed{times}"
    insert(site, 1, 2)
    site.register(name)
    guard = watch(site, name, tmp_path)
    took = []
    for number in range(10, 10 + times):
        docker("kill", DATABASE)
        docker("start", DATABASE)
        site.await_database()
        insert(site, number)
        site.sql("DELETE FROM openmrs.person WHERE person_id = 2")
        restarts = guard.acts().count("restart")
        took.append(
            guard.until(
                "the connector is restarted, and runs",
                lambda before=restarts: (
                    guard.acts().count("restart") > before  # type: ignore[misc]
                    and site.states(name) == ["RUNNING", "RUNNING"]
                ),
                150,
            )
        )
        # So that the next kill is a first failure again.
        memory = Memory.load(guard.directory)
        memory.put("healing", {})
        memory.save()
    events = wait_for("every change is there", lambda: arrived(site, name), 90, WORKER)
    written = [event.key for event in events if event.op == "c"]
    assert set(written) == set(range(10, 10 + times))
    print(f"killed {times} times: restarted after {max(took):.0f} s at most, {len(written) - times} events twice")
    assert guard.remembered()["hold"] == {}


def test_a_database_that_is_another_one_after_the_connection_was_lost_is_never_read(site: Site, tmp_path: Path) -> None:
    name = "changed"
    insert(site, 1, 2, 3)
    site.register(name)
    insert(site, 4)
    wait_for("the row", lambda: arrived(site, name), 60, WORKER)
    guard = watch(site, name, tmp_path)
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


def test_an_idle_connector_is_seen_to_live_and_is_left_alone(site: Site, tmp_path: Path) -> None:
    name = "idle"
    insert(site, 1)
    site.register(name)
    guard = watch(site, name, tmp_path)
    first = guard.flow()
    print(f"idle: {first}")
    assert first.connected and not first.snapshot and first.queue_free
    guard.until("a heartbeat is counted", lambda: (guard.flow().written or 0) > (first.written or 0), 30)
    assert (guard.flow().event_age or 0) < 5
    assert guard.acts() == []


def test_a_killed_worker_is_started_again_and_a_frozen_one_is_left_alone(site: Site, tmp_path: Path) -> None:
    name = "worker"
    insert(site, 1)
    site.register(name)
    guard = watch(site, name, tmp_path)
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
def test_a_minute_of_standstill_loses_nothing(site: Site, tmp_path: Path, what: str) -> None:
    """The database's shows by its silence; whatever the guard makes of it, the stream goes on afterwards."""
    name = f"frozen-{what}"
    insert(site, 1)
    site.register(name)
    guard = watch(site, name, tmp_path)
    container = {"database": DATABASE, "broker": BROKER, "worker": WORKER}[what]
    docker("kill", "--signal", "STOP", container)
    began = time.monotonic()
    try:
        while time.monotonic() - began < 75:
            guard.rounds.one(time.time())
            time.sleep(1)
        waited = guard.remembered()["waiting"]
    finally:
        docker("kill", "--signal", "CONT", container)
    assert waited.get("id") == ("database_unreachable" if what == "database" else None), guard.remembered()
    insert(site, 2)
    took = guard.until("the stream goes on", lambda: arrived(site, name), 150)
    guard.until("nothing is waited for", lambda: not guard.remembered()["waiting"], 60)
    print(f"a frozen {what}: it went on {took:.0f} s after the end of that; {guard.acts()}")

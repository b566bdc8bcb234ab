# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's clock is set back by a year while everything runs and somebody writes, and put right again later.

Broker, worker and the guard's own service see that clock; nothing else on this machine does. The database keeps the
right one: MySQL waits until a time of the kernel's clock, which this is not. Events may well stop: Debezium 3.6 hands
on what it has read when a time of the clock is over, which is a year away then, or with a full batch.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
from event_guard.memory import Memory

from tests.helpers.fault_load import Load, outcome
from tests.helpers.fault_site import BROKER, WORKER, Site
from tests.helpers.on_site import OnSite, on_site, remade
from tests.helpers.records import ROOT
from tests.helpers.workers import RigError, docker, wait_for

YEAR = 365 * 86400
WHERE = "/clock"
pytestmark = pytest.mark.full


class Clock:
    """A clock that can be set, and the library that shows it to a process."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir()
        directory.chmod(0o755)
        self.set(0)
        for name, file in (("inside.so", f"{WHERE}/shift"), ("outside.so", str(directory / "shift"))):
            command = ["cc", "-shared", "-fPIC", "-O1", f'-DSHIFT_FILE="{file}"', "-o", str(directory / name)]
            subprocess.run([*command, str(ROOT / "tests" / "faults" / "other_clock.c"), "-ldl"], check=True)

    def set(self, seconds: int) -> None:
        fresh = self.directory / "fresh"
        fresh.write_text(str(seconds), encoding="utf-8")
        fresh.chmod(0o644)
        fresh.replace(self.directory / "shift")

    @property
    def seen(self) -> List[str]:
        """Options of a container whose processes see it."""
        return ["--volume", f"{self.directory}:{WHERE}:ro", "--env", f"LD_PRELOAD={WHERE}/inside.so"]


class Service:
    """The guard as a server runs it, a process of its own under that clock; what it says goes to a file."""

    def __init__(self, guard: OnSite, clock: Clock, directory: Path) -> None:
        self._guard, self.said = guard, directory / "journal"
        packages = [str(ROOT / "roles" / role / "files") for role in ("event_stack", "event_guard")]
        self.environ = {**os.environ, "PYTHONPATH": os.pathsep.join(packages), "PYTHONUNBUFFERED": "1",
                        "LD_PRELOAD": str(clock.directory / "outside.so"), "TZ": "UTC"}  # fmt: skip

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        with self.said.open("a", encoding="utf-8") as said:
            service = subprocess.Popen(
                [sys.executable, "-m", "event_log", "guard"], env=self.environ, stdout=said, stderr=said
            )
        try:
            yield
        finally:
            service.terminate()
            service.wait(60)

    def status(self) -> Dict[str, Any]:
        """What ``event-log status`` says, asked under that clock."""
        done = subprocess.run(
            [sys.executable, "-m", "event_log", "status", "--json"],
            env=self.environ, capture_output=True, text=True, check=False,
        )  # fmt: skip
        try:
            found: Dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            raise RigError(f"event-log status: {done.stdout}{done.stderr}") from None
        return found


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    for parent in [tmp_path, *tmp_path.parents][:3]:  # the containers' users must get through pytest's directories
        parent.chmod(parent.stat().st_mode | 0o011)
    return Clock(tmp_path / "clock")


def findings(told: Dict[str, Any]) -> Dict[str, str]:
    return {one["id"]: f"{one['what']} {one['remedy']}" for one in told["findings"]}


def test_a_clock_that_is_set_back_by_a_year_is_told_and_loses_nothing(
    site: Site, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "clock"
    with remade(BROKER, *clock.seen), remade(WORKER, *clock.seen):
        site.await_worker()
        site.sql("INSERT INTO openmrs.person VALUES (1, 'F', 'before')")
        site.register(name)
        guard = on_site(site, name, tmp_path, monkeypatch)
        service = Service(guard, clock, tmp_path)
        with service.running():
            with Load(7, pause=0.05) as load:
                _remembered(guard, load)
                _set_back_while_it_runs(site, clock, service, load, name)
                _killed_under_the_wrong_clock(site, clock, service, guard)
            end = wait_for("every change has come", lambda: _outcome(site, name, load), 150, WORKER)
        said = service.said.read_text(encoding="utf-8")
        print(f"{load.writes} writes, {end}; {guard.remembered()}\n{said}")
        assert "restart" not in guard.remembered()["acts"], said
        assert guard.remembered()["hold"] == {} and guard.remembered()["waiting"] == {}
        assert {event.key for event in site.events(name) if event.op == "r"} == {1}, "read anew, or dropped by its time"


def _remembered(guard: OnSite, load: Load) -> None:
    wait_for("the load is under way", lambda: load.writes > 50, 60)
    wait_for("the time is remembered", lambda: Memory.load(guard.guard.directory).get("clock").get("newest"), 60)


def _outcome(site: Site, name: str, load: Load) -> object:
    found = outcome(site.events(name), site.rows(), load)
    return found if found.good else None


def _set_back_while_it_runs(site: Site, clock: Clock, service: Service, load: Load, name: str) -> None:
    assert "clock_back" not in findings(service.status())
    clock.set(-YEAR)
    began, writes = time.monotonic(), load.writes
    told = wait_for("it is told", lambda: findings(service.status()).get("clock_back"), 60)
    print(f"told after {time.monotonic() - began:.0f} s at most: {told}")
    wait_for("somebody goes on writing", lambda: load.writes > writes + 100, 90)
    print(f"under the wrong clock: {load.writes - writes} writes, {len(site.events(name))} events in all until now")
    assert told.startswith("The clock of this host says 20") and "what fails is not started again. Set it (" in told
    assert site.states(name) == ["RUNNING", "RUNNING"]


def _killed_under_the_wrong_clock(site: Site, clock: Clock, service: Service, guard: OnSite) -> None:
    """As after a power cut of a server without a battery; then a person sets the clock."""
    docker("kill", WORKER)
    wait_for("the worker is not started", lambda: guard.remembered()["waiting"].get("id") == "clock_back", 90)
    told = service.status()
    print(f"{told['verdict']}: {told['sentence']}")
    assert _state() == "exited"
    clock.set(0)
    began = time.monotonic()
    wait_for("the worker is started", lambda: _state() == "running", 150)
    print(f"started {time.monotonic() - began:.0f} s after the clock was right")
    site.await_worker()
    assert "clock_back" not in findings(service.status())


def _state() -> str:
    return docker("inspect", "--format", "{{.State.Status}}", WORKER).strip()

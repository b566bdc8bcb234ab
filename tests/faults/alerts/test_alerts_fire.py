# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The five alerts that matter most, each by a fault that is really there: from the fault to Prometheus' own answer.

Broker, worker and database are containers that keep everything on one disk of 1 GB; the guard is its own process and
writes its figures; a node exporter hands them to Prometheus, which has the rules of docs/examples. Times are divided by
``FASTER``: the rules' own, and the guard writes each second instead of each minute. Thresholds of the disk are as is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator, List, Set

import pytest
import yaml

from tests.helpers import small_disk
from tests.helpers.fault_home import Home
from tests.helpers.fault_site import BROKER, CAPTURE, DATABASE, WORKER, Site
from tests.helpers.real_prometheus import FASTER, Prometheus, prometheus, seconds
from tests.helpers.small_disk import NoDiskError, SmallDisk
from tests.helpers.worker_rig import images
from tests.helpers.workers import docker, wait_for

ROOT = Path(__file__).resolve().parents[3]
RULES = ROOT / "docs/examples/event-log-alerts.yml"
FOR = {one["alert"]: seconds(one.get("for", "0s")) for one in yaml.safe_load(RULES.read_text())["groups"][0]["rules"]}
NAME = "alerts"
LIBRARIES = [str(ROOT / f"roles/{one}/files") for one in ("event_stack", "event_guard")]
#: ``event-log guard`` as its unit starts it, but that it writes figures each second.
GUARD = """
from event_guard import metrics
from event_log.cli import main
metrics.EVERY = 1.0
raise SystemExit(main(["guard"]))
"""
WELL_FOR = 20.0  # longer than any alert of which a fault could be taken for well here takes to fire
WITHIN = 90.0
OK = 'event_log_verdict{verdict="ok"}'


@dataclass
class Watched:
    """The site, its guard and Prometheus."""

    site: Site
    disk: SmallDisk
    home: Home
    prometheus: Prometheus
    guards: List[subprocess.Popen[bytes]] = field(default_factory=list)

    def start_guard(self) -> None:
        figures = self.home.directory / "figures"
        environment = {**os.environ, **self.home.guarded(interval=1), "PYTHONPATH": ":".join(LIBRARIES)}
        chosen = self.home.home / "config/guard.json"
        more = {"metrics_dir": str(figures), "restart_minutes": [0.05], "site": "broken"}
        chosen.write_text(json.dumps({**json.loads(chosen.read_text()), **more}))
        with (self.home.directory / "guard.log").open("ab") as log:
            command = [sys.executable, "-c", GUARD]
            self.guards.append(subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT))

    def kill_guard(self) -> None:
        while self.guards:
            one = self.guards.pop()
            one.kill()
            one.wait(30)

    def fires(self, alert: str) -> None:
        """Wait until an alert fires, and not before its time."""
        began = time.monotonic()
        said = self.home.directory / "guard.log"
        try:
            wait_for(f"{alert} fires", lambda: alert in self.prometheus.alerts(), WITHIN)
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.prometheus.get('alerts')}\n{said.read_text()[-3000:]}") from None
        took = time.monotonic() - began
        assert took >= FOR[alert] / FASTER
        print(
            f"{alert} after {took:.0f} s; firing or about to with it: {sorted(self.known() - {alert})}"
        )  # for who runs pytest -rP

    def is_over(self, *alerts: str, within: float = WITHIN) -> None:
        wait_for(f"{alerts} are over", lambda: not {*alerts} & self.known(), within)

    def known(self) -> Set[str]:
        return self.prometheus.alerts() | self.prometheus.alerts("pending")


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    images()  # skips where there are none
    with ExitStack() as stack:
        directory = tmp_path_factory.mktemp("alerts")
        try:
            disk = stack.enter_context(small_disk.mounted(directory, 1024))
        except NoDiskError as error:
            pytest.skip(f"no disk of its own: {error}")
        site = Site(disk.path / "site")
        site.remove()
        stack.callback(site.remove)
        site.start_all()
        site.sql("INSERT INTO openmrs.person VALUES (1, 'F', 'a')")
        site.register(NAME)
        home = Home(site, NAME, directory / "host")
        (home.directory / "figures").mkdir()
        made = Watched(site, disk, home, stack.enter_context(prometheus(directory, home.directory / "figures", RULES)))
        stack.callback(made.kill_guard)
        made.start_guard()
        wait_for("figures", lambda: made.prometheus.value("event_log_heartbeat_timestamp_seconds"), 60)
        yield made


@pytest.fixture(autouse=True)
def calm(watched: Watched) -> None:
    """What came before has passed: the guard has mended what it may, and nothing is told."""
    wait_for("all is well", lambda: watched.prometheus.value(OK) == [1.0], WITHIN)
    watched.is_over(*FOR)


def test_a_site_that_is_well_calls_nobody(watched: Watched) -> None:
    until = time.monotonic() + WELL_FOR
    while time.monotonic() < until:
        assert watched.known() == set()
        time.sleep(1)
    assert watched.prometheus.value("event_log_topic_events") != []


def test_a_guard_that_was_killed(watched: Watched) -> None:
    watched.kill_guard()
    watched.fires("EventLogGuardSilent")
    watched.start_guard()
    watched.is_over("EventLogGuardSilent")


def test_a_connector_that_can_no_longer_log_in(watched: Watched) -> None:
    """Somebody has changed the password of its account, and its task begins anew."""
    user = f"'{CAPTURE[0]}'@'%'"
    watched.site.sql(f"ALTER USER {user} IDENTIFIED BY 'another-one-7'")
    watched.site.rest("POST", f"/connectors/{NAME}/restart?includeTasks=true&onlyFailed=false")
    watched.fires("EventLogConnectorStopped")
    assert "FAILED" in watched.site.states(NAME)
    assert "EventLogDown" not in watched.known()
    watched.site.sql(f"ALTER USER {user} IDENTIFIED BY '{CAPTURE[1]}'")
    watched.is_over("EventLogConnectorStopped")  # the guard restarts it


def test_a_database_that_hangs(watched: Watched) -> None:
    docker("kill", "--signal", "STOP", DATABASE)
    try:
        watched.fires("EventLogBehind")
        assert watched.site.states(NAME) == ["RUNNING", "RUNNING"], "by its state alone nobody would have been told"
    finally:
        docker("kill", "--signal", "CONT", DATABASE)
    watched.is_over("EventLogBehind")


def test_a_broker_that_was_killed(watched: Watched) -> None:
    docker("kill", BROKER)
    try:
        watched.fires("EventLogDown")
    finally:
        docker("start", BROKER)
    watched.is_over("EventLogDown")


def test_a_disk_that_is_full(watched: Watched) -> None:
    watched.disk.leave(4)
    try:
        watched.fires("EventLogDiskFull")
        stopped = lambda: docker("inspect", "--format", "{{.State.Running}}", WORKER).strip() == "false"  # noqa: E731
        wait_for("the guard stops the worker", stopped, 60)
    finally:
        watched.disk.leave(40)
    watched.is_over("EventLogDiskFull")

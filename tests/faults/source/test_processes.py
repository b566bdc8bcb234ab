# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Broker, worker and database killed or frozen under a load of which every change is known: nothing is lost.

What the guard does on a server, these tests do by hand: start a worker that is down, restart a task that failed or
stands still. EVENT_LOG_TEST_KILLS says how often (1), EVENT_LOG_TEST_FROZEN for how many seconds (60).
"""

from __future__ import annotations

import os
import random
import time
from typing import Callable, List

import pytest

from tests.helpers.calls import call
from tests.helpers.fault_load import Load, Outcome, outcome
from tests.helpers.fault_site import BROKER, CAPTURE, DATABASE, DATABASE_PORT, WORKER, Site
from tests.helpers.workers import docker, wait_for

KILLS = int(os.environ.get("EVENT_LOG_TEST_KILLS", "1"))
FROZEN = float(os.environ.get("EVENT_LOG_TEST_FROZEN", "60"))
STANDS_STILL = 12.0  # seconds; the guard of a server looks at the connection itself
SEED = int(os.environ.get("EVENT_LOG_TEST_SEED", "9"))
VICTIMS = [BROKER, WORKER, DATABASE]


def healed(site: Site, name: str) -> int:
    """Restart what failed, or stands still under load, until it moves, as the guard does; how often that was needed."""
    before, restarts, last = site.offset(name), 0, time.monotonic()

    def look() -> bool:
        nonlocal restarts, last
        failed = "FAILED" in site.states(name)
        if time.monotonic() - last > (4 if failed else STANDS_STILL):
            restart(site, name)
            restarts, last = restarts + 1, time.monotonic()
        return not failed and site.offset(name) not in ({}, before)

    wait_for(f"{name} moves again", look, 150, WORKER, pause=1)
    return restarts


def restart(site: Site, name: str) -> None:
    """Connector and task: one that stands still has not failed."""
    site.rest("POST", f"/connectors/{name}/restart?includeTasks=true&onlyFailed=false")


def all_came(site: Site, name: str, load: Load) -> Outcome:
    """Wait until the topic says what the table says; the last look counts."""
    found: List[Outcome] = []
    last = time.monotonic()

    def look() -> bool:
        nonlocal last
        found.append(outcome(site.events(name), site.rows(), load))
        if not found[-1].good and time.monotonic() - last > 2 * STANDS_STILL:
            restart(site, name)
            last = time.monotonic()
        return found[-1].good

    try:
        wait_for("every change has come", look, 120, WORKER, pause=1)
    except AssertionError as error:
        pytest.fail(f"{found[-1:]} of {load.writes} writes\n{error}")
    return found[-1]


def under_load(site: Site, name: str, fault: Callable[[str], None], times: int, tell: Callable[..., None]) -> None:
    """Let it happen to each of the three in turn, so many times, and compare at the end."""
    chance, restarts = random.Random(SEED), 0  # noqa: S311
    site.register(name)
    with Load(SEED) as load:
        wait_for("the load is under way", lambda: load.writes > 50, 60)
        for _ in range(times):
            for victim in VICTIMS:
                time.sleep(chance.uniform(0.5, 3))  # at a moment that nobody chose
                fault(victim)
                restarts += healed(site, name)
    end = all_came(site, name, load)
    words = f"{times} times each of three, seed {SEED}: {load.writes} writes, {end.lost} lost, {end.wrong} wrong, "
    told = f"{name}: {words}{end.duplicates} duplicates; {restarts} restarts of the task"
    tell("outcome", told)
    print(told)  # for who runs the long form: pytest -rP
    assert load.writes > 100 and load.deleted


def test_kill_9_of_broker_worker_and_database_loses_nothing(site: Site, record_property: Callable[..., None]) -> None:
    def kill(victim: str) -> None:
        docker("kill", "--signal", "KILL", victim)
        ended = ("inspect", "--format", "{{.State.Running}}", victim)
        wait_for(f"{victim} is dead", lambda: docker(*ended).strip() == "false", 30)
        docker("start", victim)
        if victim == DATABASE:
            site.await_database()
        site.await_worker()

    under_load(site, "killed", kill, KILLS, record_property)


@pytest.mark.full
def test_broker_worker_and_database_frozen_for_a_while_lose_nothing(
    site: Site, record_property: Callable[..., None]
) -> None:
    def freeze(victim: str) -> None:
        docker("kill", "--signal", "STOP", victim)
        try:
            time.sleep(FROZEN)  # the fault itself
        finally:
            docker("kill", "--signal", "CONT", victim)
        site.await_worker()

    under_load(site, "frozen", freeze, 1, record_property)


@pytest.mark.full
def test_a_server_id_that_two_use_is_told_and_heals_once_it_is_gone(site: Site) -> None:
    first, second = "clash-1", "clash-2"
    config = site.config(first)
    site.sql("INSERT INTO openmrs.person VALUES (1, 'F', 'a')")
    site.register(first)
    seen = call(
        "mysql_source_info", login_port=DATABASE_PORT, login_user=CAPTURE[0], login_password=CAPTURE[1],
        database="openmrs", server_id=int(config["database.server.id"]),
    )  # fmt: skip
    assert int(config["database.server.id"]) in [one["server_id"] for one in seen["source"]["replicas"]], seen
    site.known.append(second)
    other = {**site.config(second), "database.server.id": config["database.server.id"]}
    assert site.rest("PUT", f"/connectors/{second}/config", other)[0] == 201

    def told() -> str:
        for name in (first, second):
            trace = site.trace(name)
            if "server_id" in trace or "server_uuid" in trace or "1236" in trace:
                return trace
        log = docker("logs", "--tail", "400", WORKER)
        return log if "same server_uuid/server_id" in log or "zombie dump thread" in log else ""

    assert wait_for("the clash is told", told, 120, WORKER)
    site.rest("DELETE", f"/connectors/{second}")
    site.sql("INSERT INTO openmrs.person VALUES (2, 'M', 'b'); DELETE FROM openmrs.person WHERE person_id = 1")
    healed(site, first)
    wait_for(
        "nothing is lost", lambda: [event.key for event in site.events(first) if event.op == "d"] == [1], 120, WORKER
    )
    assert {event.key for event in site.events(first)} == {1, 2}

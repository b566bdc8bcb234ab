# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Broker, worker and database killed under a load of which every change is known: nothing is lost.

What the guard does on a server, these tests do by hand: start a worker that is down, restart a task that failed or
stands still. EVENT_LOG_TEST_KILLS says how often each is killed (1), EVENT_LOG_TEST_SEED when.
"""

from __future__ import annotations

import os
import random
import time
from typing import Callable, List

import pytest

from tests.helpers.fault_load import Load, Outcome, outcome
from tests.helpers.fault_site import BROKER, DATABASE, WORKER, Site
from tests.helpers.workers import docker, wait_for

KILLS = int(os.environ.get("EVENT_LOG_TEST_KILLS", "1"))
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

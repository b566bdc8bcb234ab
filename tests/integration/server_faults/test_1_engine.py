# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine is killed under load: systemd or the guard starts it, it starts the broker, and the guard the worker.

Of one that stands still nothing else comes to a stand.

EVENT_LOG_TEST_KILLS says how often (1).
"""

from __future__ import annotations

import os
import time
from typing import Callable

from tests.helpers.server import eventually
from tests.integration.server_faults.conftest import UP, Faulty, pause

FROZEN = 75.0  # seconds
#: What the guard may not do while it cannot see anything.
RESTARTS = ("start_engine", "start_worker", "restart_worker", "restart_broker", "restart")
KILLS = int(os.environ.get("EVENT_LOG_TEST_KILLS", "1"))


def killed(faulty: Faulty, said: set[str]) -> float:
    """Kill the engine and wait until events flow again; the seconds that it took."""
    server = faulty.server
    engine = server.sh("pidof dockerd").strip()
    began = time.monotonic()
    server.sh(f"kill -9 {engine}")
    said.add(faulty.sentence())
    eventually(lambda: server.sh(f"pidof dockerd | grep -vx {engine}"), UP, "systemd starts it", pause=0.3)
    said.add(faulty.sentence())
    eventually(lambda: faulty.worker_state() == "running", UP, "the guard starts the worker", pause=0.5)
    return faulty.await_flow(began, "the engine was killed")


def test_kill_9_of_the_engine_loses_nothing(faulty: Faulty, record_property: Callable[..., None]) -> None:
    server, seconds, said = faulty.server, list[float](), set[str]()
    before = faulty.duplicates()
    with faulty.load() as load:
        for _ in range(KILLS):
            pause()
            seconds.append(killed(faulty, said))
    told = ", ".join(f"{one:.0f}" for one in seconds)
    faulty.compared(load, f"kill -9 of dockerd, {KILLS} times; flowing after {told} s", record_property, before)
    print("\n".join(said))
    assert "start_worker" in server.sh("cat /var/lib/event-log/guard/acts.jsonl")
    faulty.await_verdict("ok")
    assert server.sh("systemctl --failed --no-legend") == ""


def test_an_engine_that_systemd_has_given_up_is_started_by_the_guard(
    faulty: Faulty, record_property: Callable[..., None]
) -> None:
    """Debian lets it begin three times in a minute; then it stays down, whoever waits for it."""
    server, before = faulty.server, faulty.duplicates()

    def given_up() -> bool:
        server.sh("pidof dockerd | xargs -r kill -9")
        return server.sh("systemctl is-active docker.service || true").strip() == "failed"

    starts = int(faulty.memory()["acts"].get("start_engine", 0))
    with faulty.load() as load:
        pause()
        eventually(given_up, UP, "systemd gives the engine up", pause=0.3)
        began = time.monotonic()
        said = faulty.sentence()
        seconds = faulty.await_flow(began, "systemd gave the engine up")
    faulty.compared(load, f"the engine was given up; flowing after {seconds:.0f} s", record_property, before)
    print(said)
    assert "the Docker engine does not answer" in said
    assert int(faulty.memory()["acts"]["start_engine"]) == starts + 1
    assert server.sh("systemctl --failed --no-legend") == ""


def test_a_frozen_engine_is_told_of_and_stops_nothing(faulty: Faulty, record_property: Callable[..., None]) -> None:
    server, before = faulty.server, faulty.duplicates()
    done = {act: faulty.memory()["acts"].get(act, 0) for act in RESTARTS}
    with faulty.load() as load:
        pause()
        began = time.monotonic()
        server.sh("kill -STOP $(pidof dockerd)")
        try:
            silent = "the Docker engine does not answer"
            eventually(lambda: silent in faulty.sentence(), UP, "event-log status tells of the engine", pause=0.5)
            told = time.monotonic() - began
            said, place = faulty.sentence(), faulty.position()
            time.sleep(max(0.0, began + FROZEN - time.monotonic()))
            assert faulty.position() > place, "events do not flow"
        finally:
            server.sh("kill -CONT $(pidof dockerd)")
        seconds = faulty.await_flow(time.monotonic(), "the engine went on")
    what = f"engine frozen for {FROZEN:.0f} s; told after {told:.0f} s, flowing {seconds:.0f} s after it went on"
    faulty.compared(load, what, record_property, before)
    print(said)
    assert {act: faulty.memory()["acts"].get(act, 0) for act in RESTARTS} == done
    faulty.await_verdict("ok")

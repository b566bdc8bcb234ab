# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers that die in the middle of an update, and workers that come and go: done or a clear failure, never a lie."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import threading
import time
from typing import Any, Callable, Iterator

import pytest

from tests.helpers.calls import background, call
from tests.helpers.rest_proxy import Proxy, before_worker
from tests.helpers.workers import Rig, Worker, wait_for

NAME = "unsteady"


@pytest.fixture(autouse=True)
def steady(rig: Rig) -> Iterator[None]:
    """Both workers are up before and after, whatever a test does to them."""
    yield
    for worker in (rig.a, rig.b):
        worker.start()
    for worker in (rig.a, rig.b):
        worker.await_ready()
    # A worker answers before its group is whole again.
    for name in (NAME, "unrest"):
        rig.a.delete(name)


def registered(rig: Rig) -> tuple[dict[str, Any], dict[str, Any]]:
    old = rig.source(NAME, batch_size=100)
    made = call("connector", name=NAME, config=old, settle=1, **rig.a.options)
    assert made.get("actions") == ["create"], made
    return old, {**old, "batch.size": 200}


def killing(worker: Worker, when: str) -> Callable[[str], bool]:
    """Kill the worker at the first request like this, and break that request off."""
    done = threading.Event()

    def step(line: str) -> bool:
        if line.startswith(when) and not done.is_set():
            done.set()
            worker.kill()
            return True
        return False

    return step


def through(proxy: Proxy, worker: Worker) -> dict[str, Any]:
    return {**worker.options, "url": proxy.url}


UPDATE = f"PUT /connectors/{NAME}/config"


@pytest.mark.full
@pytest.mark.parametrize("seen", ["before the worker sees it", "after it is done"])
def test_killed_in_the_middle_of_an_update_and_back_in_time(rig: Rig, seen: str) -> None:
    _, new = registered(rig)
    with before_worker(rig.a.member.port) as proxy:
        step = killing(rig.a, UPDATE)
        if seen.startswith("before"):
            proxy.before = step
        else:
            proxy.after = step
        options = {"name": NAME, "config": new, "settle": 1, "wait_timeout": 90, **through(proxy, rig.a)}
        with background("connector", **options) as running:
            wait_for("the update is broken off", lambda: f"{UPDATE} -" in proxy.seen, 60)
            rig.a.start()
            done = running.result()
    assert done.get("actions") == ["update"], done
    assert rig.a.get(f"/connectors/{NAME}/config")["batch.size"] == "200"
    assert rig.a.states(NAME) == ["RUNNING", "RUNNING"]
    # Not written again where it had been written.
    assert len([line for line in proxy.writes if line.endswith(" 200")]) == (1 if seen.startswith("before") else 0)
    assert not call("connector", name=NAME, config=new, **rig.b.options)["changed"]


@pytest.mark.parametrize(
    "seen", ["after it is done", pytest.param("before the worker sees it", marks=pytest.mark.full)]
)
def test_killed_in_the_middle_of_an_update_and_gone(rig: Rig, seen: str) -> None:
    _, new = registered(rig)
    with before_worker(rig.a.member.port) as proxy:
        step = killing(rig.a, UPDATE)
        if seen.startswith("before"):
            proxy.before = step
        else:
            proxy.after = step
        failed = call("connector", name=NAME, config=new, wait_timeout=6, settle=1, **through(proxy, rig.a))
    assert failed["failed"] and "127.0.0.1" in failed["msg"], failed
    # The other worker, which still takes the dead one for the leader, says it clearly, or has waited for the group.
    was_done = seen.startswith("after")
    again = call("connector", name=NAME, config=new, settle=1, wait_timeout=90, **rig.b.options)
    assert again.get("changed") is (not was_done), again
    assert rig.b.get(f"/connectors/{NAME}/config")["batch.size"] == "200"
    assert rig.b.states(NAME) == ["RUNNING", "RUNNING"]


@pytest.mark.full
def test_writes_through_a_worker_whose_leader_has_died_wait_for_the_next_one(rig: Rig) -> None:
    """A worker passes writes on to the leader: with a dead one it says 500 until the group has another."""
    old, new = registered(rig)
    leader, other = sides(rig)
    with before_worker(other.member.port) as proxy:
        leader.kill()
        done = call("connector", name=NAME, config=new, settle=1, wait_timeout=90, **through(proxy, other))
    assert done.get("actions") == ["update"], (done, proxy.seen)
    assert other.get(f"/connectors/{NAME}/config")["batch.size"] == "200"
    assert old != new


def sides(rig: Rig) -> tuple[Worker, Worker]:
    """Return the worker that the group takes for its leader, as its own log says, and the other one."""

    def leads(worker: Worker) -> str:
        lines = [line for line in worker.log().splitlines() if "leaderUrl=" in line]
        return lines[-1].partition("leaderUrl='")[2].partition("'")[0] if lines else ""

    url = leads(rig.a)
    assert url, "no worker has said who leads"
    return (rig.a, rig.b) if str(rig.a.member.port) in url else (rig.b, rig.a)


@contextlib.contextmanager
def meanwhile(work: Callable[[int], Any]) -> Iterator[None]:
    """Do something again and again beside the block."""
    over = threading.Event()

    def go() -> None:
        for number in itertools.count():
            if over.is_set():
                return
            with contextlib.suppress(OSError, http.client.HTTPException):
                work(number)

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(120)


def test_a_worker_that_leaves_and_joins_is_waited_out(rig: Rig) -> None:
    """Updates by way of one worker while the other is killed and comes back, again and again."""

    def come_and_go(number: int) -> None:
        rig.b.kill()
        rig.b.start()
        rig.b.await_ready()

    old, new = registered(rig)
    since = rig.a.now()
    with meanwhile(come_and_go):
        for wanted in (new, old):
            done = call("connector", name=NAME, config=wanted, settle=1, wait_timeout=90, **rig.a.options)
            assert done.get("actions") == ["update"], done
            stored = rig.a.get(f"/connectors/{NAME}/config")
            assert stored["batch.size"] == str(wanted["batch.size"])
    assert rig.a.log(since).count("Successfully joined group") > 1, "no rebalance: nothing was tried"


@pytest.mark.full
def test_a_409_is_waited_out(rig: Rig) -> None:
    """Somebody else changes the number of tasks all the time, and each time the group shares them out anew."""
    _, new = registered(rig)
    other = {key: str(value) for key, value in rig.sink("unrest", "rig-nothing").items()}

    def write(number: int) -> None:
        rig.b.rest("PUT", "/connectors/unrest/config", {**other, "tasks.max": str(1 + number % 3)})

    options: dict[str, Any] = {"name": NAME, "restart": True, "wait": False, "wait_timeout": 60}
    deadline = time.monotonic() + 120
    with meanwhile(write), before_worker(rig.a.member.port) as proxy:
        number = 0
        while not [line for line in proxy.seen if line.endswith(" 409")] and time.monotonic() < deadline:
            number += 1
            done = call("connector", config={**new, "batch.size": number}, **options, **through(proxy, rig.a))
            assert done.get("actions") in (["update", "restart"], ["create"]), (done, proxy.seen[-9:])
    assert [line for line in proxy.seen if line.endswith(" 409")], f"no 409 in {number} calls: nothing was tried"
    assert rig.a.get(f"/connectors/{NAME}/config")["batch.size"] == str(number)

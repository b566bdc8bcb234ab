# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failures that the module heals, or leaves alone when told so, on real workers."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Iterator

import pytest

from tests.helpers.calls import call
from tests.helpers.workers import CAPTURE, Rig, Worker, wait_for

SINK = "heal-sink"


@pytest.fixture(params=["old", pytest.param("a", marks=pytest.mark.full)])
def worker(request: pytest.FixtureRequest, rig: Rig) -> Iterator[Worker]:
    found: Worker = getattr(rig, request.param)
    found.delete(SINK)
    yield found
    found.delete(SINK)


@pytest.fixture
def place(rig: Rig) -> Iterator[Path]:
    """The directory that a sink cannot write to as long as it is not there."""
    missing = rig.files / "missing"
    shutil.rmtree(missing, ignore_errors=True)
    yield missing
    shutil.rmtree(missing, ignore_errors=True)


def made_to_fail(rig: Rig, worker: Worker) -> dict[str, Any]:
    config = rig.sink(SINK, "rig-nothing", file="/rig/missing/out")
    failed = call("connector", name=SINK, config=config, **worker.options)
    assert failed["failed"] and "is not running" in failed["msg"], failed
    assert "task 0 FAILED" in failed["msg"]
    assert "/rig/missing/out" in failed["msg"]  # the worker's own words, not a bare state
    assert failed["connector"]["tasks"][0]["state"] == "FAILED"
    return config


def mend(place: Path) -> None:
    place.mkdir()
    place.chmod(0o777)


def test_a_failed_task_is_healed_once_its_cause_is_gone(rig: Rig, worker: Worker, place: Path) -> None:
    config = made_to_fail(rig, worker)
    mend(place)
    rungs = [
        call("connector", check=check, name=SINK, config=config, settle=1, **worker.options)
        for check in (True, False, True, False)
    ]
    assert [(rung["changed"], rung["actions"]) for rung in rungs] == [(True, ["restart"])] * 2 + [(False, [])] * 2
    assert worker.states(SINK) == ["RUNNING", "RUNNING"]
    assert rungs[1]["diff"]["before"]["state"] == "FAILED"


def test_a_failed_task_is_left_alone_when_told_so(rig: Rig, worker: Worker, place: Path) -> None:
    config = made_to_fail(rig, worker)
    mend(place)
    for check in (True, False):
        told = call("connector", check=check, name=SINK, config=config, restart_failed=False, **worker.options)
        assert told["failed"] and "task 0 FAILED" in told["msg"], told
    for state in ("present", "paused"):
        told = call("connector", name=SINK, config=config, state=state, restart_failed=False, **worker.options)
        assert bool(told.get("failed")) == (state == "paused"), told
    assert worker.states(SINK) == ["RUNNING", "FAILED"]


def test_a_cause_in_the_configuration_is_mended_and_the_task_restarted(rig: Rig, worker: Worker, place: Path) -> None:
    made_to_fail(rig, worker)
    healthy = rig.sink(SINK, "rig-nothing")
    foretold = call("connector", check=True, name=SINK, config=healthy, settle=1, **worker.options)
    done = call("connector", name=SINK, config=healthy, settle=1, **worker.options)
    assert (foretold["actions"], done["actions"]) == (["update", "restart"], ["update", "restart"]), done
    assert worker.states(SINK) == ["RUNNING", "RUNNING"]


@pytest.mark.full
def test_what_still_fails_fails_again_with_its_trace(rig: Rig, worker: Worker, place: Path) -> None:
    config = made_to_fail(rig, worker)
    told = call("connector", name=SINK, config=config, **worker.options)
    assert told["failed"] and "/rig/missing/out" in told["msg"], told


def test_a_failed_connector_can_be_stopped_and_paused(rig: Rig, worker: Worker, place: Path) -> None:
    config = made_to_fail(rig, worker)
    stopped = call("connector", name=SINK, config=config, state="stopped", **worker.options)
    assert stopped["actions"] == ["stop"] and worker.states(SINK) == ["STOPPED"], stopped
    mend(place)
    running = call("connector", name=SINK, config=config, settle=1, **worker.options)
    assert running["actions"] == ["resume"], running
    paused = call("connector", name=SINK, config=config, state="paused", **worker.options)
    assert paused["actions"] == ["pause"] and worker.states(SINK) == ["PAUSED", "PAUSED"], paused


def test_what_failed_is_paused_once_its_cause_is_gone(rig: Rig, worker: Worker, place: Path) -> None:
    config = made_to_fail(rig, worker)
    mend(place)
    rungs = [
        call("connector", check=check, name=SINK, config=config, state="paused", **worker.options)
        for check in (True, False, True, False)
    ]
    assert [rung.get("actions") for rung in rungs] == [["restart", "pause"]] * 2 + [[]] * 2, rungs
    assert worker.states(SINK) == ["PAUSED", "PAUSED"]


def test_debezium_shut_out_of_the_database_is_healed_when_it_may_in_again(rig: Rig) -> None:
    name = "heal-debezium"
    config = rig.debezium(name)
    rig.a.delete(name)
    try:
        made = call("connector", name=name, config=config, settle=1, **rig.a.options)
        assert made["actions"] == ["create"], made
        rig.sql(f"ALTER USER '{CAPTURE[0]}'@'%' ACCOUNT LOCK")
        # It runs for a moment before it is refused: with the settle time that users have.
        shut_out = call("connector", name=name, config=config, restart=True, **rig.a.options)
        assert shut_out["failed"] and "Access denied" in shut_out["msg"] + str(shut_out["connector"]["tasks"]), shut_out
        wait_for("it has failed", lambda: "FAILED" in rig.a.states(name), 60)
        # Nothing to write: the database, which is out of reach, is not asked, and the failure is told.
        left = call("connector", name=name, config=config, restart_failed=False, **rig.a.options)
        assert left["failed"] and "FAILED" in left["msg"], left
        rig.sql(f"ALTER USER '{CAPTURE[0]}'@'%' ACCOUNT UNLOCK")
        healed = call("connector", name=name, config=config, settle=1, **rig.a.options)
        assert healed["actions"] == ["restart"], healed
        assert rig.a.states(name) == ["RUNNING", "RUNNING"]
    finally:
        rig.sql(f"ALTER USER '{CAPTURE[0]}'@'%' ACCOUNT UNLOCK")
        rig.a.delete(name)

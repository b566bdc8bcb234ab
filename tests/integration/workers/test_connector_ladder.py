# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connector's whole life on real workers; in a full run also by a real ansible-playbook.

Each step climbs the ladder: check = changed, run = changed, check = ok, run = ok. What the module says of the run is
held against what the worker itself says. A foreign connector beside it stays as it is, to the byte.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

import pytest

from tests.helpers.calls import call, play
from tests.helpers.worker_files import WORKER_OLD_LOGIN, WORKER_OPEN
from tests.helpers.worker_rig import another
from tests.helpers.workers import Rig, Worker

NAME = "ladder öäü ?#&+1"  # quoted in every path
QUOTED = "ladder%20%C3%B6%C3%A4%C3%BC%20%3F%23%26%2B1"


@dataclass(frozen=True)
class Step:
    """What is asked for, what the module shall say it does, and what the worker shows then."""

    name: str
    state: str
    version: int  # of the configuration, see configs()
    actions: tuple[str, ...]
    states: tuple[str, ...]


LIFE = (
    Step("create", "running", 0, ("create",), ("RUNNING", "RUNNING")),
    Step("update", "running", 1, ("update",), ("RUNNING", "RUNNING")),
    Step("remove a key", "running", 2, ("update",), ("RUNNING", "RUNNING")),
    Step("pause", "paused", 2, ("pause",), ("PAUSED", "PAUSED")),
    Step("update what is paused", "paused", 1, ("update",), ("PAUSED", "PAUSED")),
    Step("resume", "running", 1, ("resume",), ("RUNNING", "RUNNING")),
    Step("stop", "stopped", 1, ("stop",), ("STOPPED",)),
    Step("update and start", "running", 0, ("update", "resume"), ("RUNNING", "RUNNING")),
    Step("stop and update", "stopped", 2, ("stop", "update"), ("STOPPED",)),
    Step("delete", "absent", 0, ("delete",), ()),
)
IN_SHORT = tuple(step for step in LIFE if step.name in ("create", "update", "remove a key", "pause", "delete"))


@dataclass(frozen=True)
class Subject:
    """A kind of connector on one of the workers, and who climbs with it."""

    worker: str
    kind: str
    ansible: bool = False
    full: bool = False
    life: tuple[Step, ...] = LIFE


SUBJECTS = {
    "4.3 debezium, login": Subject("a", "debezium"),
    "4.3 debezium, login, ansible-playbook": Subject("a", "debezium", ansible=True, full=True, life=IN_SHORT),
    "3.9 file source, no login": Subject("old", "source", life=IN_SHORT),
    "3.9 file source, no login, all": Subject("old", "source", full=True),
    "3.9 file sink, no login": Subject("old", "sink", full=True),
    "4.3 file source, login": Subject("a", "source", full=True),
    "4.3 debezium, no login, ansible-playbook": Subject("open", "debezium", ansible=True, full=True),
    "3.9 file source, no login, ansible-playbook": Subject("old", "source", ansible=True, full=True),
    "3.9 file sink, login, ansible-playbook": Subject("old_login", "sink", ansible=True, full=True),
}
MORE = {"open": WORKER_OPEN, "old_login": WORKER_OLD_LOGIN}
each_subject = pytest.mark.parametrize(
    "climbed",
    [pytest.param(key, marks=pytest.mark.full if one.full else (), id=key) for key, one in SUBJECTS.items()],
    indirect=True,
)
each_step = pytest.mark.parametrize(
    ("climbed", "step"),
    [
        pytest.param(key, step, marks=pytest.mark.full if one.full else (), id=f"{key}: {step.name}")
        for key, one in SUBJECTS.items()
        for step in one.life
    ],
    indirect=["climbed"],
)


def configs(rig: Rig, kind: str, tag: str) -> list[dict[str, Any]]:
    """Return three versions of a configuration, with values of any scalar type; the last lacks a key of the second."""
    if kind == "debezium":
        first = rig.debezium(f"ladder-{tag}", max_queue_size=4096)
        second = {**first, "max.queue.size": 5000, "tombstones.on.delete": False, "poll.interval.ms": 250}
    elif kind == "source":
        first = rig.source(f"ladder-{tag}", batch_size=100)
        second = {**first, "batch.size": 200, "errors.log.enable": True, "errors.retry.timeout": 1}
    else:
        first = rig.sink(f"ladder-{tag}", "rig-nothing", errors_retry_timeout=1)
        second = {
            **first,
            "errors.retry.timeout": 2,
            "errors.log.enable": True,
            "consumer.override.max.poll.records": 7,
        }
    third = dict(second)
    del third[list(second)[-1]]
    return [first, second, third]


@dataclass(frozen=True)
class Climbed:
    """One life: four results of each step, and what the worker said after the first and after the last."""

    results: dict[str, list[dict[str, Any]]]
    truths: dict[str, list[Any]]
    foreign: list[Any]
    configs: list[dict[str, Any]]
    steps: list[str]


def options_of(step: Step, config: dict[str, Any]) -> dict[str, Any]:
    more = {} if step.state == "absent" else {"config": config}
    return {"name": NAME, "state": step.state, "settle": 1, **more}


def foreign_now(rig: Rig, worker: Worker, name: str) -> dict[str, Any]:
    """Return what a connector is that nobody shall touch: how it is registered and runs, and what was written."""
    return {
        "registered": worker.rest("GET", f"/connectors/{name}"),
        "states": worker.states(name),
        "records": rig.records_of(worker, name),
    }


Stages = Iterator[tuple[list[Any], list[Any]]]


def by_ansible(worker: Worker, directory: Path, versions: list[dict[str, Any]], life: tuple[Step, ...]) -> Stages:
    """All of it as one playbook, which looks at the worker itself in between."""
    look = {"url": f"{worker.url}/connectors?expand=status&expand=info", "force_basic_auth": True}
    tasks: list[dict[str, Any]] = []
    for step in life:
        rung = {"connector": options_of(step, versions[step.version]), "ignore_errors": True, "diff": True}
        for number in range(4):
            tasks.append({"name": f"{step.name} {number}", **rung, "check_mode": number % 2 == 0})
            if number in (0, 3):
                tasks.append({"name": f"look {number}", "ansible.builtin.uri": {**worker.options, **look}})
    played = play(directory, tasks, module_defaults={"group/openmrs.event_log.connect": worker.options})
    assert len(played.results) == len(tasks), played.output
    for first in range(0, len(tasks), 6):
        of_step = played.results[first : first + 6]
        rungs = [of_step[0], *of_step[2:5]]
        yield rungs, [of_step[number]["json"].get(NAME) for number in (1, 5)]


def by_call(worker: Worker, versions: list[dict[str, Any]], life: tuple[Step, ...]) -> Stages:
    for step in life:
        rungs, truths = [], []
        for number in range(4):
            options = options_of(step, versions[step.version])
            rungs.append(call("connector", check=number % 2 == 0, **worker.options, **options))
            if number in (0, 3):
                truths.append(worker.get("/connectors?expand=status&expand=info").get(NAME))
        yield rungs, truths


@pytest.fixture(scope="module")
def lives() -> dict[str, Climbed | Exception]:
    """Each subject climbs once; all tests look at that."""
    return {}


@pytest.fixture
def climbed(request: pytest.FixtureRequest, rig: Rig, lives: dict[str, Climbed | Exception], tmp_path: Path) -> Climbed:
    if request.param not in lives:
        try:
            lives[request.param] = climb(rig, SUBJECTS[request.param], tmp_path)
        except Exception as error:
            lives[request.param] = error
    life = lives[request.param]
    if isinstance(life, Exception):
        raise life
    return life


def climb(rig: Rig, subject: Subject, directory: Path) -> Climbed:
    where, kind = subject.worker, subject.kind
    with contextlib.ExitStack() as stack:
        worker = stack.enter_context(another(rig, MORE[where])) if where in MORE else getattr(rig, where)
        versions = configs(rig, kind, f"{worker.member.group}-{kind}")
        foreign = f"foreign-{kind}"
        rig.foreign(worker, foreign)
        seen = [foreign_now(rig, worker, foreign)]
        worker.delete(QUOTED)
        try:
            if subject.ansible:
                life = list(by_ansible(worker, directory, versions, subject.life))
            else:
                life = list(by_call(worker, versions, subject.life))
        finally:
            worker.delete(QUOTED)
        seen.append(foreign_now(rig, worker, foreign))
        worker.delete(foreign)
    names = [step.name for step in subject.life]
    rungs = {name: rungs for name, (rungs, _) in zip(names, life)}
    return Climbed(rungs, {name: truths for name, (_, truths) in zip(names, life)}, seen, versions, names)


@each_step
def test_each_step_climbs_the_ladder(climbed: Climbed, step: Step) -> None:
    results = climbed.results[step.name]
    assert [bool(result.get("failed")) for result in results] == [False] * 4, results
    assert [result["changed"] for result in results] == [True, True, False, False], results
    actions = list(step.actions)
    assert [result["actions"] for result in results] == [actions, actions, [], []]
    assert results[0]["diff"] == results[1]["diff"] != results[2]["diff"]
    assert results[2]["diff"] == results[3]["diff"]
    assert results[3]["diff"]["before"] == results[3]["diff"]["after"]
    assert not any(result.get("warnings") for result in results)


@each_step
def test_the_worker_says_the_same(climbed: Climbed, step: Step) -> None:
    foretold, after = climbed.truths[step.name]
    number = climbed.steps.index(step.name)
    earlier = climbed.truths[climbed.steps[number - 1]][1] if number else None
    assert _settings(foretold) == _settings(earlier)  # check mode changed nothing
    if step.state == "absent":
        assert after is None
        return
    assert _states(after) == list(step.states)
    wanted = {key: _java(value) for key, value in climbed.configs[step.version].items()}
    assert after["info"]["config"] == {**wanted, "name": NAME}
    assert climbed.results[step.name][3]["connector"]["config"] == wanted


@each_subject
def test_a_foreign_connector_stays_as_it_is(climbed: Climbed) -> None:
    before, after = climbed.foreign
    assert before == after
    assert before["registered"][0] == 200
    assert before["states"] == ["RUNNING", "RUNNING"]
    assert before["records"] >= 1


def _states(truth: Any) -> list[str]:
    return [truth["status"]["connector"]["state"], *(task["state"] for task in truth["status"]["tasks"])]


def _settings(truth: Any) -> Any:
    return truth and (truth["info"]["config"], _states(truth))


def _java(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

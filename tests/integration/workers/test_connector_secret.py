# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret that was rotated (new file, new reference) reaches every task."""

from __future__ import annotations

import itertools
import time
from typing import Iterator

import pymysql
import pytest
from pymysql.constants.ER import NO_SUCH_THREAD

from tests.helpers.calls import call
from tests.helpers.workers import CAPTURE, Rig, wait_for

NAME = "rotated"
_numbers = itertools.count(int(time.time()))


@pytest.fixture(autouse=True)
def restored(rig: Rig) -> Iterator[None]:
    rig.a.delete(NAME)
    yield
    rig.sql(f"ALTER USER '{CAPTURE[0]}'@'%' IDENTIFIED BY '{CAPTURE[1]}'")
    rig.a.delete(NAME)


def reference(rig: Rig, value: str) -> str:
    return "${file:" + rig.secret(f"rotated-{next(_numbers)}.properties", f"value={value}\n") + ":value}"


def kill(rig: Rig, number: int) -> None:
    """End a connection to the database, which may have ended by itself since it was listed."""
    try:
        rig.sql(f"KILL {number}")
    except pymysql.err.MySQLError as error:
        if error.args[0] != NO_SUCH_THREAD:
            raise


def test_a_new_password_is_drift_and_is_used(rig: Rig) -> None:
    topic, fresh = f"{NAME}.openmrs.person", "rotated-" + CAPTURE[1]
    old = rig.debezium(NAME, database_password=reference(rig, CAPTURE[1]))
    assert call("connector", name=NAME, config=old, settle=1, **rig.a.options)["actions"] == ["create"]
    rig.sql(f"ALTER USER '{CAPTURE[0]}'@'%' IDENTIFIED BY '{fresh}'")
    for (number,) in rig.sql("SELECT id FROM information_schema.processlist WHERE user = 'capture'"):
        kill(rig, number)  # whoever comes again needs the new password
    new = {**old, "database.password": reference(rig, fresh)}
    rungs = [
        call("connector", check=check, name=NAME, config=new, settle=1, **rig.a.options)
        for check in (True, False, True, False)
    ]
    assert [rung.get("changed") for rung in rungs] == [True, True, False, False], rungs
    # And a restart, if the task had missed its connection by then: it may do so between the two.
    for rung in rungs[:2]:
        assert rung["actions"] in (["update"], ["update", "restart"]), rungs
    assert rig.a.states(NAME) == ["RUNNING", "RUNNING"]
    before = rig.end_of(topic)
    rig.sql("INSERT INTO openmrs.person SELECT max(person_id) + 1, 'F', NULL, 'rotated' FROM openmrs.person")
    wait_for("an event comes", lambda: rig.end_of(topic) > before, 60, rig.a.name)


@pytest.mark.parametrize("where", [pytest.param("a", marks=pytest.mark.full), "old"])
def test_every_task_is_restarted_with_the_new_secret(rig: Rig, where: str) -> None:
    """A sink of three tasks whose file is named by the secret: each opens its own file anew."""
    worker = getattr(rig, where)
    name = f"{NAME}-tasks"
    worker.delete(name)
    try:
        old = rig.sink(name, "rig-nothing", file=reference(rig, "/rig/rotated-old.out"), tasks_max=3)
        assert call("connector", name=name, config=old, settle=1, **worker.options)["actions"] == ["create"]
        assert worker.states(name) == ["RUNNING"] * 4
        fresh = f"rotated-{next(_numbers)}.out"
        new = {**old, "file": reference(rig, f"/rig/{fresh}")}
        since = worker.now()
        done = call("connector", name=name, config=new, settle=1, **worker.options)
        assert done["actions"] == ["update"], done
        assert worker.states(name) == ["RUNNING"] * 4
        assert (rig.files / fresh).exists()
        mine = [rig.a, rig.b] if where == "a" else [worker]
        text = "\n".join(one.log(since) for one in mine)
        for task in range(3):
            started = [line for line in text.splitlines() if f"Creating task {name}-{task}" in line]
            assert started, f"task {task} was not started anew"
    finally:
        worker.delete(name)


@pytest.mark.full
def test_restart_reaches_every_task_when_the_reference_is_the_same(rig: Rig) -> None:
    old = rig.debezium(NAME, database_password=reference(rig, CAPTURE[1]))
    assert call("connector", name=NAME, config=old, settle=1, **rig.a.options)["actions"] == ["create"]
    connected = "SELECT id FROM information_schema.processlist WHERE user = 'capture' AND command LIKE 'Binlog Dump%'"
    before = set(wait_for("it reads the binlog", lambda: rig.sql(connected), 60, rig.a.name))
    done = call("connector", name=NAME, config=old, restart=True, settle=1, **rig.a.options)
    assert done["actions"] == ["restart"], done
    wait_for("another connection reads the binlog", lambda: set(rig.sql(connected)) - before, 60, rig.a.name)
    assert not call("connector", name=NAME, config=old, **rig.a.options)["changed"]

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What real workers say to bad input: one clear message, all errors at once, no secret in it, nothing changed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Iterator

import pytest

from tests.helpers.calls import call, play
from tests.helpers.workers import Rig, Worker

NAME = "bad-input"
SECRET = "s3cret-in-clear-text"
WORKERS = ("a", "old")


def bad_inputs(rig: Rig, worker: Worker) -> dict[str, tuple[dict[str, Any], tuple[str, ...]]]:
    """Return options, and what the message says, all of it."""
    source, quick = rig.source(NAME), {"wait_timeout": 2, "settle": 1}
    return {
        "unknown class": (
            {"config": {**source, "connector.class": "org.example.Nothing"}},
            ("org.example.Nothing", "org.apache.kafka.connect.file.FileStreamSinkConnector"),
        ),
        "invalid property": ({"config": {**source, "batch.size": "many"}}, ("batch.size", "many", "1 error")),
        "missing property": (
            {"config": {key: value for key, value in source.items() if key != "topic"}},
            ("topic", "1 error"),
        ),
        "two errors at once": (
            {"config": {**source, "batch.size": "many", "tasks.max": "none"}},
            ("batch.size", "tasks.max", "2 errors"),
        ),
        "not flat": (
            {"config": {**source, "a.list": [1], "a.dict": {"b": 1}, "a.null": None}},
            ("a.list: a list", "a.dict: a dictionary", "a.null: null"),
        ),
        "another name": ({"config": {**source, "name": "other"}}, ("'other'", f"'{NAME}'")),
        "a mask": ({"config": {**source, "some.password": "****"}}, ("some.password", "mask")),
        "a secret among the errors": (
            {"config": {**source, "batch.size": "many", "some.password": SECRET, "tasks.max": f"x-{SECRET}"}},
            ("batch.size", "tasks.max"),
        ),
        "login": ({"config": source, "url_username": "rig", "url_password": "not-that"}, ("401", "url_password")),
        "nobody at the port": ({"config": source, "url": "http://127.0.0.1:9", **quick}, ("127.0.0.1:9", "refused")),
        "unknown host": ({"config": source, "url": "http://nobody.invalid:8083", **quick}, ("nobody.invalid",)),
        "not a worker": (
            {"config": source, "url": "http://127.0.0.1:23306", **quick},
            ("127.0.0.1:23306", "HTTP"),
        ),
    }


#: In short each case on one of the workers, in full each on both, in check mode too.
CASES = [
    pytest.param(where, case, check, id=f"{case} ({where}, {'check' if check else 'run'})", marks=marks)
    for check in (False, True)
    for number, where in enumerate(WORKERS)
    for case in (
        "unknown class", "invalid property", "missing property", "two errors at once", "not flat", "another name",
        "a mask", "a secret among the errors", "login", "nobody at the port", "unknown host", "not a worker",
    )
    for marks in [() if (number == len(case) % 2) is not check or case == "login" else pytest.mark.full]
    if (where, case) != ("old", "login")
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def nothing_stored(rig: Rig) -> Iterator[None]:
    """What the workers have stored is the same before and after all of these tests, by the log on the broker's disk."""
    before = [rig.records_of(worker, NAME) for worker in (rig.a, rig.old)]
    yield
    assert [rig.records_of(worker, NAME) for worker in (rig.a, rig.old)] == before


@pytest.fixture
def unchanged(rig: Rig) -> Iterator[None]:
    """What the workers have registered is the same before and after each, but for what happens beside."""

    def seen() -> list[bool]:
        return [NAME in worker.get("/connectors") for worker in (rig.a, rig.old)]

    before = seen()
    yield
    assert seen() == before


@pytest.mark.parametrize(("where", "case", "check"), CASES)
@pytest.mark.usefixtures("unchanged")
def test_bad_input_is_told_clearly(rig: Rig, where: str, case: str, check: bool) -> None:
    worker: Worker = getattr(rig, where)
    options, words = bad_inputs(rig, worker)[case]
    told = call("connector", check=check, **{**worker.options, "name": NAME, **options})
    assert told["failed"], told
    assert [word for word in words if word not in told["msg"]] == [], told["msg"]
    assert len(told["msg"]) < 1500
    assert SECRET not in str(told)
    assert "Traceback" not in told["msg"]


DEBEZIUM: dict[str, dict[str, Any]] = {
    "no such database host": {"database.hostname": "nobody.invalid"},
    "nobody at the database's port": {"database.port": 9},
    "wrong password": {"database.password": SECRET},
    "missing property, and an invalid one": {"topic.prefix": None, "snapshot.mode": "sometimes"},
}


@pytest.mark.parametrize("case", DEBEZIUM)
@pytest.mark.usefixtures("unchanged")
def test_debezium_is_asked_about_the_database(rig: Rig, case: str) -> None:
    config = {key: value for key, value in {**rig.debezium(NAME), **DEBEZIUM[case]}.items() if value is not None}
    told = call("connector", name=NAME, config=config, **rig.a.options)
    assert told["failed"] and "is not valid" in told["msg"], told
    assert "nothing was changed" in told["msg"]
    assert SECRET not in str(told)
    if "missing" in case:
        assert "topic.prefix" in told["msg"] and "snapshot.mode" in told["msg"] and "2 errors" in told["msg"]
    else:
        assert re.search("nable to connect|connection with the database", told["msg"]), told["msg"]


@pytest.mark.usefixtures("unchanged")
def test_an_update_that_is_refused_changes_nothing(rig: Rig) -> None:
    worker, name = rig.old, "bad-update"
    good = rig.source(name)
    worker.delete(name)
    try:
        call("connector", name=name, config=good, settle=1, **worker.options)
        before = (worker.rest("GET", f"/connectors/{name}"), rig.records_of(worker, name))
        told = call("connector", name=name, config={**good, "batch.size": "many"}, state="stopped", **worker.options)
        assert told["failed"] and "batch.size" in told["msg"], told
        assert worker.states(name) == ["RUNNING", "RUNNING"]
        assert (worker.rest("GET", f"/connectors/{name}"), rig.records_of(worker, name)) == before
    finally:
        worker.delete(name)


def test_a_name_that_connect_4_does_not_take_is_told(rig: Rig) -> None:
    config = rig.source(NAME)
    told = call("connector", name="a/b", config=config, **rig.a.options)
    assert told["failed"] and "no name with / \\ or %" in told["msg"], told
    assert rig.records_of(rig.a, "a/b") == 0


@pytest.mark.usefixtures("unchanged")
def test_not_even_vvv_shows_a_secret(rig: Rig, tmp_path: Path) -> None:
    """Refused by the database, whose words hold the connection's settings; and accepted in check mode."""
    told = {"name": NAME, "config": rig.debezium(NAME, database_password=SECRET), **rig.a.options}
    task = {"connector": told, "ignore_errors": True}
    fine = {"connector": {**told, "config": rig.debezium(NAME, database_password=SECRET), "validate": False}}
    played = play(tmp_path, [task, {**fine, "check_mode": True}], "-vvv", "--diff")
    assert played.code == 0, played.output
    assert "nable to connect" in played.output and "<redacted>" in played.output
    assert SECRET not in played.output
    assert rig.a.options["url_password"] not in played.output

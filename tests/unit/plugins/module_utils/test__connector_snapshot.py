# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One call of connector_snapshot, against a worker that is made up and a database that writes down what it is told."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, FrozenSet, List, Sequence, Tuple, cast

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _connector_snapshot as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._connect_api import Clock, ConnectApi, Deadline
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError
from ansible_collections.openmrs.event_log.plugins.module_utils._http import Transport

from tests.unit.plugins.module_utils.fake_connect import FakeConnect

CONFIG = {
    "connector.class": "io.debezium.connector.mysql.MySqlConnector",
    "tasks.max": "1",
    "topic.prefix": "site",
    "database.include.list": r"open\-mrs,event_log",
    "table.include.list": r"open\-mrs\.person,open\-mrs\.obs",
    "signal.data.collection": "event_log.debezium_signal",
    "database.password": "pw-123456",
}
BEHIND = {"file": "binlog.000002", "pos": 900}


class Database:
    """Writes down what it is told, and then lets the worker store an offset."""

    def __init__(self, fake: FakeConnect, then: Dict[str, Any]) -> None:
        self.fake = fake
        self.then = then
        self.told: List[Any] = []

    def __call__(self, database: str) -> Database:
        assert database == "open-mrs"
        return self

    def keyless(self, tables: Sequence[str]) -> List[str]:
        return [table for table in tables if table == "obs" and self.then.get("keyless")]

    def tidy(self, table: str) -> None:
        self.told.append(("tidy", table))

    def signal(self, table: str, key: str, kind: str, data: str) -> Tuple[str, int]:
        self.told.append((table, kind, json.loads(data)))
        if "offset" in self.then:
            store(self.fake, self.then["offset"])
        return "binlog.000002", 800


def reading(*tables: str) -> Dict[str, Any]:
    listed = [{"incremental_snapshot_collections_id": f"open-mrs.{table}"} for table in tables]
    return {**BEHIND, "incremental_snapshot_collections": json.dumps(listed)}


def store(fake: FakeConnect, offset: Dict[str, Any]) -> None:
    fake.offsets["n"] = [{"partition": {"server": "site"}, "offset": offset}]


class Ticking(Clock):
    """Time that passes only where somebody waits."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def pause(self, seconds: float) -> None:
        self.time += max(seconds, 0.01)


@pytest.fixture
def fake() -> FakeConnect:
    made = FakeConnect()
    made.register("n", CONFIG, "RUNNING RUNNING")
    store(made, {"file": "binlog.000002", "pos": 157})
    return made


def nothing(_values: FrozenSet[str]) -> None:
    """Nobody looks at the output."""


def run(fake: FakeConnect, database: Callable[[str], Any], **order: Any) -> Dict[str, Any]:
    wanted = {"name": "n", "state": "started", "tables": ("person",), **order}
    api = ConnectApi(cast(Transport, fake), Deadline(Ticking(), 30))
    return subject.SnapshotRun(subject.SnapshotOrder(**wanted), api, nothing, database).execute()


def refused(fake: FakeConnect, database: Callable[[str], Any], **order: Any) -> str:
    with pytest.raises(EventLogError) as error:
        run(fake, database, **order)
    return error.value.message


def test_a_signal_is_written_and_seen_behind_the_stored_offset(fake: FakeConnect) -> None:
    database = Database(fake, {"offset": reading("person", "obs")})
    result = run(fake, database, tables=("person", "obs"))
    signal = {"data-collections": ["open-mrs.person", "open-mrs.obs"], "type": "incremental"}
    assert database.told == [
        ("tidy", "event_log.debezium_signal"), ("event_log.debezium_signal", "execute-snapshot", signal),
    ]  # fmt: skip
    assert (result["changed"], result["finished"]) == (True, False)
    assert result["progress"] == "reading again open-mrs.person: begun; then open-mrs.obs"
    assert result["diff"] == {"before": {"reading": []}, "after": {"reading": ["open-mrs.person", "open-mrs.obs"]}}


def test_what_is_being_read_is_not_asked_for_once_more(fake: FakeConnect) -> None:
    store(fake, reading("person"))
    database = Database(fake, {})
    assert run(fake, database)["changed"] is False
    assert database.told == []


def test_of_two_tables_only_the_other_is_asked_for_and_nothing_is_tidied_meanwhile(fake: FakeConnect) -> None:
    store(fake, reading("person"))
    database = Database(fake, {"offset": reading("person", "obs")})
    assert run(fake, database, tables=("person", "obs"))["tables"] == ["open-mrs.obs"]
    assert [told[1] for told in database.told] == ["execute-snapshot"]


def test_check_mode_writes_nothing_and_foresees_it(fake: FakeConnect) -> None:
    database = Database(fake, {})
    result = run(fake, database, check_mode=True)
    assert database.told == []
    assert (result["changed"], result["signals"], result["finished"]) == (True, ["execute-snapshot"], False)
    assert result["diff"]["after"] == {"reading": ["open-mrs.person"]}


def test_finished_waits_until_nothing_is_left_of_it(fake: FakeConnect) -> None:
    result = run(fake, Database(fake, {"offset": BEHIND}), state="finished")
    assert (result["finished"], result["progress"]) == (True, "")


def test_what_takes_longer_than_the_time_is_no_failure(fake: FakeConnect) -> None:
    result = run(fake, Database(fake, {"offset": reading("person")}), state="finished")
    assert (result["changed"], result["finished"]) == (True, False)


@pytest.mark.parametrize("state", ["started", "finished"])
def test_a_signal_that_the_connector_does_not_reach_is_told(fake: FakeConnect, state: str) -> None:
    message = refused(fake, Database(fake, {}), state=state)
    assert "within 30 s connector n has stored no position behind it" in message
    assert "binlog_do_db" in message


def test_stopping_names_what_is_being_read(fake: FakeConnect) -> None:
    store(fake, reading("person", "obs"))
    database = Database(fake, {"offset": BEHIND})
    result = run(fake, database, state="stopped", tables=())
    assert database.told[0][1:] == (
        "stop-snapshot", {"data-collections": ["open-mrs.person", "open-mrs.obs"], "type": "incremental"},
    )  # fmt: skip
    assert (result["changed"], result["finished"]) == (True, True)
    assert run(fake, database, state="stopped", tables=())["changed"] is False


@pytest.mark.parametrize(
    ("changed", "order", "words"),
    [
        ({"signal.data.collection": None}, {}, "CREATE TABLE event_log.debezium_signal"),
        ({"connector.class": "org.example.Sink"}, {}, "none of Debezium's"),
        ({}, {"tables": ()}, "tables is empty"),
        ({}, {"tables": ("person", "drug")}, "does not capture drug: correct the name, or add it to event_log_tables"),
        ({}, {"name": "nobody"}, "nobody is not registered"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    fake: FakeConnect, changed: Dict[str, Any], order: Dict[str, Any], words: str
) -> None:
    fake.register("n", {key: value for key, value in {**CONFIG, **changed}.items() if value}, "RUNNING RUNNING")
    database = Database(fake, {})
    assert words in refused(fake, database, **order)
    assert database.told == []


def test_a_table_without_a_primary_key_is_refused(fake: FakeConnect) -> None:
    database = Database(fake, {"keyless": True})
    assert "obs cannot be read again" in refused(fake, database, tables=("person", "obs"))


@pytest.mark.parametrize("states", ["RUNNING FAILED", "STOPPED", "PAUSED PAUSED"])
def test_a_connector_that_does_not_run_is_refused(fake: FakeConnect, states: str) -> None:
    fake.register("n", CONFIG, states)
    database = Database(fake, {})
    assert "would not hear the signal" in refused(fake, database)
    assert database.told == []

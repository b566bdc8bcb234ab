# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adding tables: the order of the steps, what makes it stop, and how a call goes on that was cut off."""

from __future__ import annotations

import json
from typing import Any, Dict, FrozenSet, List, Sequence, Tuple, cast

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _connector_tables as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._connect_api import ConnectApi, Deadline
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError
from ansible_collections.openmrs.event_log.plugins.module_utils._http import Transport

from tests.unit.plugins.module_utils.fake_connect import FakeConnect
from tests.unit.plugins.module_utils.test__connector_snapshot import CONFIG, Ticking, reading, store

WANTED = ("person", "obs", "visit")
LISTED = r"open\-mrs\.person,open\-mrs\.obs,open\-mrs\.visit"


class Database:
    """Writes down what it is told, beside what the worker is told; may be one whose tables are being changed."""

    def __init__(self, fake: FakeConnect, changes: Sequence[Sequence[str]] = ((), ())) -> None:
        self.fake = fake
        self.changes = [list(one) for one in changes]
        self.told: List[Any] = []
        self.configs: List[Dict[str, str]] = []

    def __call__(self, _database: str) -> Database:
        return self

    def _note(self, *what: Any) -> None:
        self.told.append(what)
        self.configs.append(config_of(self.fake))

    def keyless(self, tables: Sequence[str]) -> List[str]:
        return [table for table in tables if table == "heap"]

    def mark(self, _table: str) -> Tuple[str, int]:
        self._note("mark")
        return "binlog.000002", 157

    def schema_changes(self, file: str, position: int, tables: Sequence[str]) -> List[str]:
        self._note("look", file, position, tuple(tables))
        return self.changes.pop(0)

    def tidy(self, _table: str) -> None:
        self._note("tidy")

    def signal(self, _table: str, _key: str, kind: str, data: str) -> Tuple[str, int]:
        self._note("signal", kind, tuple(json.loads(data)["data-collections"]))
        store(self.fake, reading("visit"))
        return "binlog.000002", 800


@pytest.fixture
def fake() -> FakeConnect:
    made = FakeConnect()
    made.register("n", CONFIG, "RUNNING RUNNING")
    store(made, {"file": "binlog.000002", "pos": 157})
    return made


def nothing(_values: FrozenSet[str]) -> None:
    """Nobody looks at the output."""


def run(fake: FakeConnect, database: Database, tables: Tuple[str, ...] = WANTED, check: bool = False) -> Dict[str, Any]:
    api = ConnectApi(cast(Transport, fake), Deadline(Ticking(), 300))
    return subject.TablesRun(subject.TablesOrder("n", tables, check_mode=check), api, nothing, database).execute()


def refused(fake: FakeConnect, database: Database, tables: Tuple[str, ...] = WANTED) -> str:
    with pytest.raises(EventLogError) as error:
        run(fake, database, tables)
    return error.value.message


def config_of(fake: FakeConnect) -> Dict[str, str]:
    return dict(fake.connectors["n"]["config"])


def test_the_steps_in_their_order(fake: FakeConnect) -> None:
    database = Database(fake)
    result = run(fake, database)
    assert (result["changed"], result["added"]) == (True, ["visit"])
    assert result["diff"] == {"before": {"tables": ["obs", "person"]}, "after": {"tables": ["obs", "person", "visit"]}}
    assert [told[0] for told in database.told] == ["mark", "look", "look", "tidy", "signal"]
    looks = [told[1:] for told in database.told if told[0] == "look"]
    assert looks == [("binlog.000002", 157, WANTED)] * 2
    # Stopped and unchanged at the first look, reading the structure at the second, and still so when it is asked.
    assert [config.get("snapshot.mode") for config in database.configs] == [None, None, *["recovery"] * 3]
    assert database.told[-1][1:] == ("execute-snapshot", ("open-mrs.visit",))
    assert config_of(fake) == {**CONFIG, "table.include.list": LISTED}


def test_what_is_captured_already_is_left_alone(fake: FakeConnect) -> None:
    database = Database(fake)
    assert run(fake, database, ("person",))["changed"] is False
    assert (database.told, fake.writes) == ([], [])


def test_check_mode_writes_nothing(fake: FakeConnect) -> None:
    database = Database(fake)
    assert run(fake, database, check=True)["added"] == ["visit"]
    assert (database.told, fake.writes) == ([], [])


def test_tables_that_are_being_changed_stop_it_and_it_goes_on_as_it_was(fake: FakeConnect) -> None:
    message = refused(fake, Database(fake, [["use `open-mrs`; ALTER TABLE obs ADD x int"]]))
    assert "somebody is changing the tables just now (use `open-mrs`; ALTER TABLE obs" in message
    assert "snapshot.mode" not in config_of(fake)
    assert config_of(fake)["table.include.list"] == CONFIG["table.include.list"]
    assert ConnectApi(cast(Transport, fake), Deadline(Ticking(), 9)).status("n").overall == "RUNNING"


def test_a_change_while_the_structure_is_read_is_found_and_the_next_call_begins_there(fake: FakeConnect) -> None:
    assert "somebody is changing" in refused(fake, Database(fake, [(), ["ALTER TABLE obs"]]))
    assert config_of(fake)["event.log.adding"] == "visit|"
    again = Database(fake)
    result = run(fake, again, ("person", "obs"))
    assert (result["changed"], result["added"]) == (True, ["visit"])
    assert [told[0] for told in again.told] == ["look", "look", "tidy", "signal"]
    assert not {"event.log.adding", "snapshot.mode"} & set(config_of(fake))
    assert config_of(fake)["table.include.list"] == LISTED


def test_what_is_to_be_added() -> None:
    assert subject.to_add(CONFIG, ("person", "visit")) == ["visit"]
    assert subject.to_add({**CONFIG, "event.log.adding": "obs|"}, ("person", "obs")) == ["obs"]
    assert subject.to_add({}, ("person",)) == []


def test_the_mode_of_before_comes_back(fake: FakeConnect) -> None:
    fake.register("n", {**CONFIG, "snapshot.mode": "no_data"}, "RUNNING RUNNING")
    refused(fake, Database(fake, [(), ["ALTER TABLE obs"]]))
    run(fake, Database(fake))
    assert config_of(fake)["snapshot.mode"] == "no_data"


@pytest.mark.parametrize(
    ("changed", "states", "tables", "words"),
    [
        ({"signal.data.collection": ""}, "RUNNING RUNNING", WANTED, "has no table of signals"),
        ({}, "RUNNING RUNNING", ("heap",), "heap cannot be added"),
        ({}, "RUNNING FAILED", WANTED, "only one that runs"),
        ({}, "STOPPED", WANTED, "only one that runs"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    fake: FakeConnect, changed: Dict[str, str], states: str, tables: Tuple[str, ...], words: str
) -> None:
    fake.register("n", {key: value for key, value in {**CONFIG, **changed}.items() if value}, states)
    database = Database(fake)
    assert words in refused(fake, database, tables)
    assert (database.told, fake.writes) == ([], [])


def test_it_waits_for_the_end_of_another_snapshot(fake: FakeConnect) -> None:
    store(fake, reading("obs"))
    assert "Wait for the end of that" in refused(fake, Database(fake))
    assert fake.writes == []

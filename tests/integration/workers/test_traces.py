# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors that really quote a patient: nothing of her in results and in the workers' logs, all of it for who asks."""

from __future__ import annotations

import json
from typing import Any, Callable, Iterator

import pytest

from tests.helpers.calls import call
from tests.helpers.workers import Rig, wait_for

NAME = "traces"
PATIENT = ("Abebe", "Kebede", "Zewditu")
TABLE = "CREATE TABLE IF NOT EXISTS openmrs.traced (person_id int PRIMARY KEY, given_name varchar(50), took time)"


def json_of_text(rig: Rig) -> dict[str, Any]:
    """Return a sink that takes names for JSON: Jackson quotes what it stumbles over."""
    (rig.files / f"{NAME}-text.txt").write_text("Abebe Kebede Zewditu\n", encoding="utf-8")
    text = {"value_converter": "org.apache.kafka.connect.storage.StringConverter"}
    made = call("connector", name=f"{NAME}-text", config=rig.source(f"{NAME}-text", **text), settle=0, **rig.a.options)
    assert not made.get("failed"), made
    plain = {"value_converter_schemas_enable": False}
    return rig.sink(NAME, f"{NAME}-text", value_converter="org.apache.kafka.connect.json.JsonConverter", **plain)


def captured(rig: Rig) -> dict[str, Any]:
    return rig.debezium(NAME, table_include_list="openmrs.traced", snapshot_mode="no_data")


#: What is registered; what is done then; the class by which the log names the error.
CASES: dict[str, tuple[Callable[[Rig], dict[str, Any]], str, str]] = {
    "a record that is no JSON": (json_of_text, "", "com.fasterxml.jackson.core.JsonParseException: Unrecognized token"),
    # MySQL takes it; Debezium's parser stumbles over quotes in quotes, and quotes the whole of it.
    "a statement": (
        captured,
        """ALTER TABLE openmrs.traced COMMENT 'of "Abebe Kebede", not Zewditu'""",
        "io.debezium.text.ParsingException: DDL statement couldn't be parsed.",
    ),
}


@pytest.fixture(autouse=True)
def table(rig: Rig) -> Iterator[None]:
    rig.sql(TABLE)
    yield
    for name in (NAME, f"{NAME}-text"):
        rig.a.delete(name)
    rig.sql("DROP TABLE openmrs.traced")


def quoted(text: str) -> list[str]:
    return [word for word in PATIENT if word in text]


def logs(rig: Rig, since: str) -> str:
    return rig.a.log(since) + rig.b.log(since)


@pytest.mark.parametrize("case", CASES)
def test_a_patient_is_told_only_to_who_asks(rig: Rig, case: str) -> None:
    configured, sql, error = CASES[case]
    worker, since = rig.a, rig.a.now()
    order = {"name": NAME, "config": configured(rig), "settle": 1, **worker.options}
    begun = call("connector", **order)
    if sql:
        assert begun["actions"] == ["create"], begun
        wait_for("it reads the log", lambda: "Connected to binlog" in logs(rig, since), 60, worker.name)
        rig.sql(sql)
    worker.await_states(NAME, "RUNNING", "FAILED")
    # What is kept from everybody else is really there.
    assert quoted(json.dumps(worker.get(f"/connectors/{NAME}/status")))
    log = wait_for("the log names the error", lambda: error in logs(rig, since) and logs(rig, since), 20)
    assert "<hidden>" in log
    assert not quoted(log)

    order = {**order, "restart_failed": False}
    looks = {"connector": order, "connector_info": {"names": [NAME], **worker.options}}
    for module, options in looks.items():
        told = json.dumps(call(module, **options))
        assert not quoted(told), module
        assert error.partition(":")[0] in told
        assert "<hidden>" in told
        assert quoted(json.dumps(call(module, show_traces=True, **options))), module


def test_lines_of_the_log_stay_what_they_are(rig: Rig) -> None:
    log = logs(rig, "")
    for words in (
        "Kafka version: ",
        "[Worker clientId=",
        "groupId=rig-4.3] ",
        "Finished starting connectors and tasks",
    ):
        assert words in log, words
    assert "\tat " not in log

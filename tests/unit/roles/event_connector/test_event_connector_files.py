# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connectors' files in the role, as Ansible runs it in check mode: what would be registered, said and refused."""

from __future__ import annotations

import json
from typing import Any, Dict, List

import pytest

from tests.unit.plugins.module_utils.test__truststore import ONE, pem
from tests.unit.roles.event_connector.test_event_connector_role import PASSWORD, REGISTER, host
from tests.unit.roles.role_runs import Outcome, check

SECRET = "s3cr3t-of-a-file-of-nobody"
FORMER = {
    "connector.class": "io.debezium.connector.mysql.MySqlConnector",
    "database.hostname": "localhost",
    "database.user": "root",
    "database.password": SECRET,
    "database.server.id": "184054",
    "database.server.name": "former",
    "table.whitelist": "openmrs.person",
}
SINK = {"connector.class": "FileStreamSink", "topics": "openmrs.openmrs.person", "file": "/tmp/out"}
FILES = {
    "former": {"name": "former", "config": FORMER},
    "own-name": {"name": "openmrs-connector", "config": {**FORMER, "database.server.name": "openmrs"}},
    "sink": {"name": "sink", "config": SINK},
    "same-id": {"name": "other", "config": {**FORMER, "database.server.name": "other"}},
    "never": {"name": "never", "config": {**FORMER, "snapshot.mode": "never"}},
}
WRONG = ("own-name", "nowhere", "odd", "former", "same-id", "never")
CASES: Dict[str, Dict[str, Any]] = {
    "none": {},
    "two": {"event_connector_files": ["former.json", "sink.json"]},
    "only": {"event_connector_files": ["own-name.json"], "event_connector_from_variables": False},
    "own_authority": {"event_connector_files": ["sink.json"], "event_log_database_ca_cert": "ca.pem"},
    "secret_override": {"event_connector_overrides": {"producer.override.sasl.jaas.config": SECRET}},
    "nothing_left": {"event_connector_from_variables": False},
    "wrong": {"event_connector_files": [f"{name}.json" for name in WRONG]},
}  # fmt: skip


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Outcome]:
    folder = tmp_path_factory.mktemp("files")
    (folder / "ca.pem").write_bytes(pem(ONE))
    (folder / "odd.json").write_text('{"name": "odd",\n "config" {}}')
    for name, content in FILES.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    task = {"ansible.builtin.import_role": {"name": "openmrs.event_log.event_connector"}}
    found = check(folder, [task], {name: host(folder, name, given) for name, given in CASES.items()})
    shown = json.dumps([outcome.results for outcome in found.values()])
    assert SECRET not in shown
    assert PASSWORD not in shown
    return found


def registered(outcome: Outcome) -> Dict[str, Dict[str, str]]:
    assert outcome.failure == ""
    made = outcome.result(REGISTER)["results"]
    return {result["connector"]["name"]: result["connector"]["config"] for result in made}


def said(outcome: Outcome, beginning: str) -> str:
    return "\n".join(str(result["msg"]) for name, result in outcome.results if name.startswith(beginning))


def test_without_files_there_is_the_connector_of_the_variables(outcomes: Dict[str, Outcome]) -> None:
    assert list(registered(outcomes["none"])) == ["openmrs-connector"]
    assert [name for name, _ in outcomes["none"].results if "files" in name] == []


def test_each_file_is_a_connector_beside_that_of_the_variables(outcomes: Dict[str, Outcome]) -> None:
    made = registered(outcomes["two"])
    assert list(made) == ["openmrs-connector", "former", "sink"]
    assert made["sink"] == SINK
    assert made["former"]["topic.prefix"] == "former"
    assert made["former"]["schema.history.internal.kafka.topic"] == "schema-changes.former"


def test_the_password_of_a_file_is_handed_over_as_a_file(outcomes: Dict[str, Outcome]) -> None:
    made = registered(outcomes["two"])["former"]["database.password"]
    assert made.startswith("${file:/run/event-log/secrets/connector-former-")
    assert made.endswith(".properties:password}")
    assert len([name for name in outcomes["two"].changed if name.startswith("Hand the secrets of")]) == 1


def test_what_is_called_otherwise_and_what_is_added_is_told(outcomes: Dict[str, Outcome]) -> None:
    odd = said(outcomes["two"], "Say what is called otherwise")
    assert "former.json, connector former: write database.server.name → topic.prefix" in odd
    assert "former.json, connector former: write table.whitelist → table.include.list" in odd
    added = said(outcomes["two"], "Say what is added")
    assert "former.json, connector former: " in added
    assert "heartbeat.interval.ms=10000" in added
    assert "sink" not in added


def test_a_file_may_take_the_place_of_the_variables(outcomes: Dict[str, Outcome]) -> None:
    made = registered(outcomes["only"])
    assert list(made) == ["openmrs-connector"]
    assert made["openmrs-connector"]["database.user"] == "root"


def test_a_secret_among_the_overrides_is_not_shown_with_the_connectors_name(outcomes: Dict[str, Outcome]) -> None:
    made = registered(outcomes["secret_override"])["openmrs-connector"]
    assert made["producer.override.sasl.jaas.config"] == "<redacted>"


def test_the_checks_know_no_truststore_yet_and_do_not_need_it(outcomes: Dict[str, Outcome]) -> None:
    assert list(registered(outcomes["own_authority"])) == ["openmrs-connector", "sink"]


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("nothing_left", ["event_connector_from_variables is false and event_connector_files is empty"]),
        (
            "wrong",
            [
                "own-name.json", "the name is openmrs-connector", "topic.prefix is openmrs",
                "nowhere.json is not there", "odd.json is not JSON", "line 2, column 11",
                "database.server.id is 184054", "snapshot.mode is never", "no_data",
            ],
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_all_at_once_before_anything_is_written(
    outcomes: Dict[str, Outcome], case: str, words: List[str]
) -> None:
    outcome = outcomes[case]
    assert [word for word in words if word not in outcome.failure] == []
    assert outcome.changed == []

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S311, S608 - made-up rows for a database of the tests' own
"""Connectors as files: the one of the first version registers and streams, a second consumer reads, nothing leaks."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

from tests.helpers.playbooks import CAPTURE_PASSWORD, Outcome, play, site_variables
from tests.helpers.records import ROOT
from tests.helpers.server import Server, eventually

EXAMPLES = ROOT / "docs/examples"
CONNECTOR = "openmrs.event_log.connector"
TABLES = {"person", "patient", "patient_identifier", "patient_identifier_type", "person_name", "person_address"}
FORMER, SINK, STRAY = "former", "person-to-file", "stray"
OUT = "/tmp/person.jsonl"
ARRIVAL = 60  # seconds; a few are usual
WORD = b"word-of-the-vault-of-the-tests"


def example(name: str, **differences: Any) -> dict[str, Any]:
    """A file of the documents, with what is different on the server of the tests, where a connector runs already."""
    read: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return {"name": name, "config": {**read["config"], **differences}}


def former() -> dict[str, Any]:
    site = site_variables()
    found = example(
        "openmrs-connector",
        **{
            "database.port": str(site["event_log_database_port"]),
            "database.password": CAPTURE_PASSWORD,
            "database.server.name": FORMER,
            "database.history.kafka.topic": f"schema-changes.{FORMER}",
        },
    )
    return {**found, "name": FORMER}


def image(server: Server) -> str:
    return server.sh("docker inspect -f '{{.Config.Image}}' event-log-connect").strip()


@dataclass(frozen=True)
class Registered:
    """What the runs said, and one row that was written after them."""

    first: Outcome
    second: Outcome
    person: int


@pytest.fixture(scope="module")
def registered(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registered]:
    """The files registered by the playbook, and once more; one of them is encrypted, one connector is nobody's."""
    directory = tmp_path_factory.mktemp("files")
    (directory / "connectors").mkdir()
    (directory / "connectors" / "former.json").write_text(json.dumps(former(), indent=2), encoding="utf-8")
    topics = {"topics": f"{FORMER}.openmrs.person", "consumer.override.metadata.max.age.ms": 1000}
    sink = json.dumps(example(SINK, **topics)).encode()
    secret = VaultSecret(WORD)
    (directory / "connectors" / "sink.json").write_bytes(VaultLib([("default", secret)]).encrypt(sink, secret=secret))
    (directory / "word").write_bytes(WORD)
    variables = {
        **site_variables(),
        "event_log_image": image(server),
        "event_connector_files": ["connectors/former.json", "connectors/sink.json"],
    }
    stray = {"connector.class": "FileStreamSink", "topics": "no-such-topic"}
    status, answer = server.request("PUT", f"/connectors/{STRAY}/config", stray)
    assert status in (200, 201), answer
    try:
        words = ("--vault-password-file", str(directory / "word"), "--diff")
        first, second = (play(directory, server, variables, *words, playbook=CONNECTOR) for _ in range(2))
        person = random.randrange(1_000_000, 2_000_000_000)
        server.sql(
            "INSERT INTO person (person_id, gender, creator, date_created, uuid)"
            f" VALUES ({person}, 'F', 1, NOW(), '{uuid.uuid4()}')"
        )
        yield Registered(first, second, person)
    finally:
        for name in (FORMER, SINK, STRAY):
            server.request("DELETE", f"/connectors/{name}")
        server.sh(
            f"rm -f /opt/event-log/secrets/connect/connector-{FORMER}-*; docker exec event-log-connect rm -f {OUT}"
        )


def test_the_files_are_registered_and_what_they_lack_is_told(registered: Registered) -> None:
    said = registered.first.output
    assert registered.first.code == 0, said[-3000:]
    tasks = {task for _, task in registered.first.changed}
    assert {task.split(" : ")[-1] for task in tasks} == {
        "Hand the secrets of the connectors to the worker",
        "Register the connector and wait until it streams",
    }
    for line in (
        "write database.server.name → topic.prefix",
        "write table.whitelist → table.include.list",
        "write database.history → schema.history.internal",
        "topic.creation.default.retention.ms=-1",
    ):
        assert line in said
    assert str(former()["config"]["database.password"]) not in said


def test_a_second_run_changes_nothing(registered: Registered) -> None:
    assert registered.second.code == 0, registered.second.output[-3000:]
    assert registered.second.changed == []


def test_a_connector_that_the_inventory_does_not_name_is_told_and_left_alone(
    server: Server, registered: Registered
) -> None:
    for outcome in (registered.first, registered.second):
        assert f"so left as they are: {STRAY}." in outcome.output
        assert f"--limit {server.name} -e state=absent" in outcome.output
        assert f"-e connector={STRAY}" in outcome.output
    assert server.request("GET", f"/connectors/{STRAY}/status")[1]["connector"]["state"] == "RUNNING"


def test_events_arrive_at_the_second_consumer(server: Server, registered: Registered) -> None:
    found: list[Any] = []

    def arrived() -> bool:
        lines = server.exec("docker", "exec", "event-log-connect", "cat", OUT).splitlines()
        found[:] = [json.loads(line) for line in lines if str(registered.person) in line]
        return bool(found)

    eventually(arrived, ARRIVAL, f"person {registered.person} in {OUT}")
    (event,) = found
    assert "schema" not in event
    assert (event["op"], event["before"]) == ("c", None)
    assert (event["after"]["person_id"], event["after"]["gender"]) == (registered.person, "F")
    assert (event["source"]["name"], event["source"]["table"]) == (FORMER, "person")


def test_every_table_of_the_file_has_its_topic_with_the_settings_of_the_site(
    server: Server, registered: Registered
) -> None:
    described = server.kafka("org.apache.kafka.tools.TopicCommand", "--describe").splitlines()
    mine = {
        line.split("\t")[0].removeprefix(f"Topic: {FORMER}.openmrs."): line
        for line in described
        if line.startswith(f"Topic: {FORMER}.")
    }
    assert set(mine) == TABLES
    for line in mine.values():
        assert "retention.ms=-1" in line
        assert "PartitionCount: 1" in line


def test_the_password_is_in_no_configuration(server: Server, registered: Registered) -> None:
    status, config = server.request("GET", f"/connectors/{FORMER}/config")
    assert status == 200, config
    assert config["database.password"].startswith("${file:/run/event-log/secrets/connector-former-")
    assert config["topic.prefix"] == FORMER
    assert "database.server.name" not in config
    counted = {
        word: server.sh(
            f"cat /var/lib/event-log/kafka/data/log/event-log-connect-configs-0/*.log | grep -a -c {word} || true"
        )
        for word in ("connector-former-", str(former()["config"]["database.password"]))
    }
    assert [int(count) > 0 for count in counted.values()] == [True, False]


def test_the_host_command_knows_all_of_them(server: Server, registered: Registered) -> None:
    verdict = json.loads(server.sh("event-log status --json"))
    assert {one["name"] for one in verdict["connectors"]} == {"openmrs-connector", FORMER, SINK, STRAY}
    assert verdict["verdict"] == "ok", verdict

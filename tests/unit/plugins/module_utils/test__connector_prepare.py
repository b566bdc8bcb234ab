# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is registered of connectors' files: their own words, what the site adds, no secret, and nothing twice."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Mapping

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _connector_prepare as subject
from ansible_collections.openmrs.event_log.plugins.module_utils import _debezium
from hypothesis import given
from hypothesis import strategies as st

SECRET = "s3cr3t-of-nobody"
SITE = _debezium.Source(
    site="demo", host="127.0.0.1", port=3306, database="openmrs", user="event_log", tables=("person",),
    password_file="/run/event-log/secrets/database-0123abcd.properties", truststore="/run/event-log/secrets/ca-1.jks",
    ssl_mode="verify_ca", retention_bytes=1024,
)  # fmt: skip
TABLES = "person,patient,patient_identifier,patient_identifier_type,person_name,person_address"
#: As the first version of the system had it.
FORMER = {
    "connector.class": "io.debezium.connector.mysql.MySqlConnector",
    "tasks.max": "1",
    "database.hostname": "localhost",
    "database.port": "3306",
    "database.user": "root",
    "database.password": SECRET,
    "database.server.id": "184054",
    "database.server.name": "openmrs",
    "database.include.list": "openmrs",
    "table.whitelist": ",".join(f"openmrs.{table}" for table in TABLES.split(",")),
    "database.history.kafka.bootstrap.servers": "localhost:9092",
    "database.history.kafka.topic": "schema-changes.openmrs",
    "include.schema.changes": "false",
    "decimal.handling.mode": "double",
    "snapshot.mode": "initial",
    "key.converter": "org.apache.kafka.connect.json.JsonConverter",
    "key.converter.schemas.enable": "false",
}
MINIMAL = {"connector.class": "MySql", "topic.prefix": "two", "database.include.list": "openmrs"}
SINK = {"connector.class": "FileStreamSink", "topics": "openmrs.openmrs.person", "file": "/tmp/out"}
#: Not a file's own alone: to what it leaves out, credentials are added.
SHARED = {"connector.class", "topic.prefix", "database.password", "column.exclude.list"}
KEYS = st.sampled_from(sorted(set(_debezium.connector_config(SITE)) - SHARED))


def file(name: str, config: Mapping[str, Any], path: str = "") -> Dict[str, str]:
    return {
        "path": path or f"/site/{name}.json", "text": json.dumps({"name": name, "config": config}), "problem": "",
    }  # fmt: skip


def prepared(config: Mapping[str, Any], name: str = "two") -> subject.Prepared:
    outcome = subject.prepare_all([file(name, config)], SITE, "")
    assert outcome.problems == ()
    return outcome.connectors[0]


def problems(*files: Dict[str, str], own: str = "openmrs-connector") -> List[str]:
    return list(subject.prepare_all(files, SITE, own).problems)


def test_the_former_file_keeps_every_value_and_gets_what_it_lacks() -> None:
    made = prepared(FORMER, "openmrs-connector")
    renamed = {
        "database.server.name": "topic.prefix",
        "table.whitelist": "table.include.list",
        "database.history.kafka.bootstrap.servers": "schema.history.internal.kafka.bootstrap.servers",
        "database.history.kafka.topic": "schema.history.internal.kafka.topic",
    }
    own = {renamed.get(key, key): value for key, value in FORMER.items() if key != "database.password"}
    assert {key: made.config.get(key) for key in own} == own
    assert set(made.changes) == {f"{old} → {new}" for old, new in renamed.items()}
    assert {key: value for key, value in made.config.items() if key not in own} == {
        "schema.history.internal": "org.openmrs.eventlog.OrderedSchemaHistory",
        "database.ssl.mode": "verify_ca",
        "database.ssl.truststore": "/run/event-log/secrets/ca-1.jks",
        "driver.allowPublicKeyRetrieval": "true",
        **_debezium.HISTORY_CLIENTS,
        "heartbeat.interval.ms": "10000",
        "max.queue.size.in.bytes": "33554432",
        "max.queue.size": "2048",
        "max.batch.size": "512",
        "poll.interval.ms": "100",
        "producer.override.max.request.size": "8388608",
        "producer.override.compression.type": "zstd",
        "producer.override.compression.zstd.level": "1",
        "producer.override.batch.size": "524288",
        "producer.override.linger.ms": "10",
        "column.exclude.list": r"[^.]+\.users\.(?:password|salt|secret_question|secret_answer|activation_key)",
        "topic.creation.default.partitions": "1",
        "topic.creation.default.replication.factor": "1",
        "topic.creation.default.cleanup.policy": "delete",
        "topic.creation.default.retention.ms": "-1",
        "topic.creation.default.retention.bytes": "1024",
        "topic.creation.default.max.message.bytes": "8388608",
        "topic.creation.groups": "heartbeat",
        "topic.creation.heartbeat.include": r"__debezium\-heartbeat\.openmrs",
        "topic.creation.heartbeat.partitions": "1",
        "topic.creation.heartbeat.replication.factor": "1",
        "topic.creation.heartbeat.cleanup.policy": "delete",
        "topic.creation.heartbeat.retention.ms": "3600000",
        "topic.creation.heartbeat.segment.bytes": "1048576",
    }
    assert {line.split("=")[0] for line in made.added} == set(made.config) - set(own)
    assert made.warnings == ()


def test_a_password_becomes_a_reference_to_a_file_of_its_own() -> None:
    made = prepared(FORMER, "openmrs-connector")
    assert SECRET not in json.dumps(made.config)
    assert (made.stem, made.secrets) == ("connector-openmrs-connector", {"password": SECRET})
    whole = subject.registered(made.config, made.references, "connector-openmrs-connector-0a.properties")
    assert (
        whole["database.password"]
        == "${file:/run/event-log/secrets/connector-openmrs-connector-0a.properties:password}"
    )
    assert set(whole) - set(made.config) == {"database.password"}


def test_secrets_of_other_connectors_go_the_same_way() -> None:
    secret = {"connection.password": SECRET, "consumer.override.sasl.jaas.config": f"x password={SECRET};"}
    made = prepared({**SINK, **secret, "password.file.path": "/x", "a.token": "${file:/y:z}", "b.password": ""})
    assert made.secrets == secret
    assert made.config == {**SINK, "password.file.path": "/x", "a.token": "${file:/y:z}", "b.password": ""}
    assert subject.registered(made.config, made.references, "f")["connection.password"] == (
        "${file:/run/event-log/secrets/f:connection.password}"
    )


def test_what_is_no_debezium_connector_is_left_alone() -> None:
    made = prepared(SINK)
    assert (made.config, made.added, made.changes, made.secrets) == (SINK, (), (), {})


def test_a_connector_that_says_nothing_of_the_database_gets_that_of_the_site() -> None:
    made = prepared(MINIMAL)
    site = {key: str(value) for key, value in _debezium.connector_config(SITE).items()}
    for key in ("database.hostname", "database.port", "database.user", "database.password", "database.ssl.mode"):
        assert made.config[key] == site[key]
    assert made.config["schema.history.internal.kafka.bootstrap.servers"] == "127.0.0.1:9092"
    assert made.config["schema.history.internal.kafka.topic"] == "schema-changes.two"
    assert logins_of_the_history(made.config) == _debezium.HISTORY_CLIENTS
    assert "table.include.list" not in made.config
    assert "decimal.handling.mode" not in made.config
    assert made.secrets == {}


def logins_of_the_history(config: Mapping[str, str]) -> Dict[str, str]:
    return {key: value for key, value in config.items() if key in _debezium.HISTORY_CLIENTS}


@pytest.mark.parametrize(
    ("more", "left_out"),
    [
        ({"schema.history.internal.kafka.bootstrap.servers": "localhost:9092"}, set()),
        ({"schema.history.internal.kafka.bootstrap.servers": "kafka:9092"}, set(_debezium.HISTORY_CLIENTS)),
        ({"schema.history.internal": "io.debezium.storage.Other"}, set(_debezium.HISTORY_CLIENTS)),
        (
            {"schema.history.internal.producer.security.protocol": "SSL"},
            {"schema.history.internal.producer.security.protocol"},
        ),
    ],
)
def test_a_history_on_the_event_logs_own_broker_logs_in_the_way_that_it_asks_for(
    more: Dict[str, Any], left_out: set[str]
) -> None:
    made = prepared({**MINIMAL, **more})
    wanted = {key: value for key, value in _debezium.HISTORY_CLIENTS.items() if key not in left_out}
    added = {line.partition("=")[0] for line in made.added}
    assert {key: made.config[key] for key in wanted} == wanted
    assert added & set(_debezium.HISTORY_CLIENTS) == set(wanted)


@pytest.mark.parametrize(
    ("more", "absent"),
    [
        ({"database.hostname": "db2"}, {"database.port", "database.ssl.mode", "driver.allowPublicKeyRetrieval"}),
        ({"database.user": "other"}, {"database.password"}),
        ({"database.ssl.mode": "disabled"}, {"database.ssl.truststore"}),
        ({"max.queue.size": 9000}, {"max.batch.size"}),
        ({"max.batch.size": 9000}, {"max.queue.size"}),
        (
            {"topic.creation.default.compression.type": "lz4"},
            {"producer.override.compression.type", "producer.override.compression.zstd.level"},
        ),
        ({"topic.creation.groups": "all"}, {"topic.creation.heartbeat.include"}),
        (
            {"schema.history.internal": "io.debezium.relational.history.MemorySchemaHistory"},
            {"schema.history.internal.kafka.topic", "schema.history.internal.kafka.bootstrap.servers"},
        ),
    ],
)  # fmt: skip
def test_what_would_not_go_with_the_files_own_words_is_not_added(more: Dict[str, Any], absent: set[str]) -> None:
    made = prepared({**MINIMAL, **more})
    assert absent & set(made.config) == set()


def test_heartbeats_have_their_settings_under_the_name_that_the_file_gives_them() -> None:
    made = prepared({**MINIMAL, "heartbeat.topics.prefix": "__beat"})
    assert made.config["topic.creation.heartbeat.include"] == r"__beat\.two"


def test_mariadb_has_its_own_words() -> None:
    made = prepared({**MINIMAL, "connector.class": "MariaDb"})
    assert made.config["database.ssl.mode"] == "verify-ca"
    assert "driver.allowPublicKeyRetrieval" not in made.config


def test_every_connector_of_every_site_has_a_server_id_of_its_own() -> None:
    two, three = (prepared(MINIMAL, name).config["database.server.id"] for name in ("two", "three"))
    assert len({two, three, str(_debezium.server_id("demo"))}) == 3
    assert two == prepared(MINIMAL, "two").config["database.server.id"]


@given(st.dictionaries(KEYS, st.sampled_from(["1", "x", "true"])))
def test_a_file_s_own_value_always_stays(own: Dict[str, str]) -> None:
    outcome = subject.prepare_all([file("two", {**MINIMAL, **own})], SITE, "")
    (made,) = outcome.connectors
    kept = {**made.config, **{key: made.secrets.get(name) for key, name in made.references.items()}}
    assert {key: kept.get(key) for key in own} == own


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"schema.history.internal": "x.FileSchemaHistory"}, ["x.FileSchemaHistory", "lost"]),
        ({"schema.history.internal": _debezium.KAFKA_HISTORY}, [_debezium.KAFKA_HISTORY, "Leave it out"]),
        ({"schema.history.internal.kafka.bootstrap.servers": "kafka:9092"}, ["kafka:9092", "127.0.0.1:9092"]),
    ],
)  # fmt: skip
def test_what_is_odd_here_is_told(more: Dict[str, str], words: List[str]) -> None:
    (warning,) = prepared({**MINIMAL, **more}).warnings
    assert [word for word in words if word not in warning] == []


def test_names_that_look_alike_as_files_have_different_ones() -> None:
    stems = {prepared(SINK, name).stem for name in ("a b", "a_b", "a/b", "a.b", "ä", "x" * 200, "x" * 201)}
    assert len(stems) == 7
    assert all(stem.isascii() and len(stem) < 100 and "/" not in stem for stem in stems)


def test_files_that_fit_together_and_the_topics_of_their_histories() -> None:
    outcome = subject.prepare_all([file("two", MINIMAL), file("sink", SINK)], SITE, "openmrs-connector")
    assert outcome.problems == ()
    assert [one.name for one in outcome.connectors] == ["two", "sink"]
    assert outcome.history_topics == ["schema-changes.two"]


def test_no_files_are_nothing_wrong_unless_nothing_is_left() -> None:
    assert problems() == []
    (problem,) = problems(own="")
    assert "event_connector_from_variables is false and event_connector_files is empty" in problem


def test_everything_that_is_wrong_is_told_at_once() -> None:
    found = problems(
        {"path": "/no.json", "text": "", "problem": "is not there."},
        {"path": "/odd.json", "text": "{", "problem": ""},
        file("never", {**MINIMAL, "snapshot.mode": "never"}),
        file("no-prefix", {"connector.class": "MySql"}),
        file("good", MINIMAL),
    )
    wanted = ["/no.json is not there", "/odd.json is not JSON", "snapshot.mode is never", "no topic.prefix"]
    assert [word for word, said in zip(wanted, found) if word not in said] == []
    assert len(found) == len(wanted)
    assert all(said.startswith("event_connector_files: ") for said in found)


@pytest.mark.parametrize(
    ("config", "name", "words"),
    [
        (SINK, "openmrs-connector", ["the name is openmrs-connector", "event_connector_from_variables"]),
        ({**MINIMAL, "topic.prefix": "openmrs"}, "two", ["topic.prefix is openmrs", "event_log_topic_prefix"]),
        (
            {**MINIMAL, "database.server.id": _debezium.server_id("demo")}, "two",
            [f"database.server.id is {_debezium.server_id('demo')}", "event_log_server_id"],
        ),
        (
            {**MINIMAL, "database.history.kafka.topic": "schema-changes.openmrs"}, "two",
            ["schema.history.internal.kafka.topic is schema-changes.openmrs"],
        ),
    ],
)  # fmt: skip
def test_a_clash_with_the_variables_connector_is_told(config: Dict[str, Any], name: str, words: List[str]) -> None:
    found = problems(file(name, config))
    assert [word for word in words if word not in found[0]] == []
    assert "the connector openmrs-connector of the site's variables" in found[0]
    assert f"/site/{name}.json" in found[0]


def test_a_clash_of_two_files_names_both() -> None:
    found = problems(
        file("two", {**MINIMAL, "database.server.id": "7"}, "/a.json"),
        file("two", {**MINIMAL, "database.server.id": "7"}, "/b.json"),
    )
    assert len(found) == 4
    assert all("/a.json, connector two and /b.json, connector two" in problem for problem in found)
    assert [problem.split(": ", 1)[1].split(" is ")[0] for problem in found] == [
        "the name", "topic.prefix", "database.server.id", "schema.history.internal.kafka.topic",
    ]  # fmt: skip

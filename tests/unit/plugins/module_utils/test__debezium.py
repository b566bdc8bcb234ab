# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connector's configuration: what a site said, and nothing that would lose, leak or invent."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Dict

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _connector, _topic_audit
from ansible_collections.openmrs.event_log.plugins.module_utils import _debezium as subject
from hypothesis import given
from hypothesis import strategies as st

SITE = subject.Source(
    site="demo",
    host="db.example.org",
    port=3308,
    database="openmrs",
    user="event_log",
    password_file="/run/event-log/secrets/database-0123abcd.properties",
    tables=("person", "patient_identifier"),
)
NAMES = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1)

BROKER = "/run/event-log/secrets/broker.properties"

# The whole of it, for a change here makes every site's connector restart.
WHOLE = {
    "connector.class": "io.debezium.connector.mysql.MySqlConnector",
    "tasks.max": 1,
    "database.hostname": "db.example.org",
    "database.port": 3308,
    "database.user": "event_log",
    "database.password": "${file:/run/event-log/secrets/database-0123abcd.properties:password}",
    "database.server.id": 1320191927,
    "database.include.list": "openmrs",
    "table.include.list": r"openmrs\.person,openmrs\.patient_identifier",
    "database.ssl.mode": "preferred",
    "driver.allowPublicKeyRetrieval": True,
    "topic.prefix": "openmrs",
    "schema.history.internal": "org.openmrs.eventlog.OrderedSchemaHistory",
    "schema.history.internal.store.only.captured.tables.ddl": True,
    "schema.history.internal.kafka.bootstrap.servers": "127.0.0.1:9092",
    "schema.history.internal.kafka.topic": "schema-changes.openmrs",
    "schema.history.internal.producer.security.protocol": f"${{file:{BROKER}:security.protocol}}",
    "schema.history.internal.producer.sasl.mechanism": f"${{file:{BROKER}:sasl.mechanism}}",
    "schema.history.internal.consumer.security.protocol": f"${{file:{BROKER}:security.protocol}}",
    "schema.history.internal.consumer.sasl.mechanism": f"${{file:{BROKER}:sasl.mechanism}}",
    "include.schema.changes": False,
    "decimal.handling.mode": "double",
    "heartbeat.interval.ms": 10000,
    "max.queue.size.in.bytes": 33554432,
    "max.queue.size": 2048,
    "max.batch.size": 512,
    "poll.interval.ms": 100,
    "extended.headers.enabled": False,
    "producer.override.max.request.size": 8388608,
    "producer.override.compression.type": "zstd",
    "producer.override.compression.zstd.level": 1,
    "producer.override.batch.size": 524288,
    "producer.override.linger.ms": 10,
    "column.exclude.list": r"[^.]+\.users\.(?:password|salt|secret_question|secret_answer|activation_key)",
    "topic.creation.default.partitions": 1,
    "topic.creation.default.replication.factor": 1,
    "topic.creation.default.cleanup.policy": "delete",
    "topic.creation.default.retention.ms": -1,
    "topic.creation.default.retention.bytes": -1,
    "topic.creation.default.max.message.bytes": 8388608,
    "topic.creation.groups": "heartbeat",
    "topic.creation.heartbeat.include": r"__debezium\-heartbeat\.openmrs",
    "topic.creation.heartbeat.partitions": 1,
    "topic.creation.heartbeat.replication.factor": 1,
    "topic.creation.heartbeat.cleanup.policy": "delete",
    "topic.creation.heartbeat.retention.ms": 3600000,
    "topic.creation.heartbeat.segment.bytes": 1048576,
}


def config(**differences: Any) -> Dict[str, Any]:
    return subject.connector_config(replace(SITE, **differences))


def test_under_a_guard_the_connector_never_connects_again_by_itself() -> None:
    added = {"connect.keep.alive": False, "errors.max.retries": 0, "connect.keep.alive.interval.ms": 12500}
    assert config(guarded=True) == {**config(), **added}
    assert "connect.keep.alive.interval.ms" not in config(guarded=True, heartbeat_ms=0)
    assert config(guarded=True, overrides={"errors.max.retries": None}) == {
        key: value for key, value in {**config(), **added}.items() if key != "errors.max.retries"
    }


def test_the_whole_configuration_of_a_site() -> None:
    assert config() == WHOLE


@pytest.mark.parametrize(
    ("differences", "changed"),
    [
        ({"server_id": 184200}, {"database.server.id": 184200}),
        ({"ssl_mode": "verify_ca"}, {"database.ssl.mode": "verify_ca"}),
        ({"truststore": "/t-0a.jks"}, {"database.ssl.truststore": "/t-0a.jks"}),
        ({"heartbeat_ms": 1}, {"heartbeat.interval.ms": 1}),
        ({"queue_bytes": 2}, {"max.queue.size.in.bytes": 2}),
        ({"queue_size": 4, "batch_size": 3}, {"max.queue.size": 4, "max.batch.size": 3}),
        ({"retention_bytes": 3}, {"topic.creation.default.retention.bytes": 3}),
        ({"bootstrap": "b:1"}, {"schema.history.internal.kafka.bootstrap.servers": "b:1"}),
        (
            {"max_message_bytes": 4},
            {"producer.override.max.request.size": 4, "topic.creation.default.max.message.bytes": 4},
        ),
        (
            {"topic_prefix": "kisumu-1"},
            {
                "topic.prefix": "kisumu-1",
                "schema.history.internal.kafka.topic": "schema-changes.kisumu-1",
                "topic.creation.heartbeat.include": r"__debezium\-heartbeat\.kisumu\-1",
            },
        ),
        (
            {"database": "open-mrs", "tables": ["obs", "a$b"]},
            {"database.include.list": r"open\-mrs", "table.include.list": r"open\-mrs\.obs,open\-mrs\.a\$b"},
        ),
        ({"overrides": {"tasks.max": 9, "snapshot.mode": "no_data"}}, {"tasks.max": 9, "snapshot.mode": "no_data"}),
        ({"overrides": {"database.port": False}}, {"database.port": False}),
        ({"overrides": {"database.user": ""}}, {"database.user": ""}),
    ],
)
def test_what_a_site_says_stands_where_it_belongs_and_nowhere_else(
    differences: Dict[str, Any], changed: Dict[str, Any]
) -> None:
    assert config(**differences) == {**WHOLE, **changed}


def test_an_override_of_none_removes_a_key() -> None:
    made = config(overrides={"topic.creation.groups": None, "never.there": None})
    assert made == {key: value for key, value in WHOLE.items() if key != "topic.creation.groups"}


@pytest.mark.parametrize(
    ("ssl_mode", "word"),
    [("disabled", "disable"), ("preferred", "disable"), ("required", "trust"), ("verify_ca", "verify-ca"),
     ("verify_identity", "verify-full"), ("verify-full", "verify-full")],
)  # fmt: skip
def test_mariadb_has_its_class_its_words_for_tls_and_no_settings_of_mysqls_driver(ssl_mode: str, word: str) -> None:
    made = config(flavour="mariadb", ssl_mode=ssl_mode)
    assert [key for key in made if key.startswith("driver.")] == []
    wanted = {key: value for key, value in WHOLE.items() if not key.startswith("driver.")}
    mariadb = {"connector.class": "io.debezium.connector.mariadb.MariaDbConnector", "database.ssl.mode": word}
    assert made == {**wanted, **mariadb}


def test_mariadb_reads_the_same_truststore() -> None:
    # Its driver takes MySQL's names of these options too, which is what Debezium hands to both.
    assert config(flavour="mariadb", truststore="/t.jks")["database.ssl.truststore"] == "/t.jks"


@pytest.mark.parametrize("flavour", ["mysql", "mariadb"])
def test_the_configuration_is_one_that_the_connector_module_takes(flavour: str) -> None:
    made = config(flavour=flavour)
    stored = _connector.normalise("openmrs-connector", made)
    assert stored["tasks.max"] == "1"
    assert stored["database.password"] == WHOLE["database.password"]


def test_a_table_of_signals_is_known_with_its_database_and_its_events_do_not_pile_up() -> None:
    made = config(signal_table="event_log.debezium_signal")
    assert {key: value for key, value in made.items() if WHOLE.get(key) != value} == {
        "signal.data.collection": "event_log.debezium_signal",
        "database.include.list": "openmrs,event_log",
        "topic.creation.groups": "heartbeat,signals",
        "topic.creation.signals.include": r"openmrs\.event_log\.debezium_signal",
        "topic.creation.signals.partitions": 1,
        "topic.creation.signals.replication.factor": 1,
        "topic.creation.signals.cleanup.policy": "delete",
        "topic.creation.signals.retention.ms": 3600000,
        "topic.creation.signals.segment.bytes": 1048576,
    }
    assert config(signal_table="openmrs.signals")["database.include.list"] == "openmrs"


def test_no_secret_is_part_of_it() -> None:
    values = [str(value) for key, value in config().items() if "password" in key]
    assert values == ["${file:/run/event-log/secrets/database-0123abcd.properties:password}"]


@given(NAMES, NAMES)
def test_a_name_is_matched_literally(name: str, other: str) -> None:
    pattern = re.compile(subject.literal(name))
    assert pattern.fullmatch(name)
    assert bool(pattern.fullmatch(other)) == (name == other)


@pytest.mark.parametrize("name", ["a.b", "a-b", "a$b", "a+b", "a|b", "(a", "a*", "[a]", "a^", "a\\d", "a b"])
def test_every_sign_of_a_pattern_is_escaped(name: str) -> None:
    assert re.sub(r"\\.", "", subject.literal(name)).isalnum()


def test_letters_and_digits_are_not_escaped_for_that_would_give_them_a_meaning() -> None:
    assert subject.literal("patient_identifier_9Z") == "patient_identifier_9Z"


def test_server_ids_stay_what_they_are_for_ever() -> None:
    # Another id for a site that runs would be a second client of its database.
    assert (subject.server_id("demo"), subject.server_id("kisumu-county")) == (1320191927, 1172259399)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_server_id_is_far_from_those_that_people_write_and_one_that_mysql_takes(site: str) -> None:
    assert 1_000_000_000 <= subject.server_id(site) < 2_000_000_000 < 2**32


def test_thousand_sites_have_as_many_ids() -> None:
    assert len({subject.server_id(f"site-{number}") for number in range(1000)}) == 1000


def described(topic: str, settings: str, partitions: int = 1) -> str:
    return f"Topic: {topic}\tTopicId: x\tPartitionCount: {partitions}\tReplicationFactor: 1\tConfigs: {settings}\n"


KEPT = "cleanup.policy=delete,flush.messages=1,retention.ms=-1,retention.bytes="


def problems(text: str, **differences: Any) -> str:
    expectations = subject.topic_expectations(replace(SITE, **differences), ["connect-configs"])
    good = described("connect-configs", "cleanup.policy=compact,flush.messages=1")
    good += described("schema-changes.openmrs", KEPT + "-1")
    return "\n".join(str(problem) for problem in _topic_audit.audit(good + text, expectations, _topic_audit.Broker()))


@pytest.mark.parametrize(
    ("text", "differences"),
    [
        ("", {}),
        (described("openmrs.openmrs.person", KEPT + "-1"), {}),
        (described("openmrs.openmrs.patient_identifier", KEPT + "500"), {"retention_bytes": 500}),
        (described("openmrs.openmrs.person", KEPT + "501"), {"retention_bytes": 500}),
        (described("openmrs.openmrs.person", KEPT + "-1"), {"retention_bytes": 7}),
        (described("openmrs.openmrs.person", KEPT.rpartition(",")[0]), {"retention_bytes": 7}),
        (described("openmrsXopenmrs.person", "retention.ms=5"), {}),
        (described("openmrs.openmrs.person2", "retention.ms=5"), {}),
        (described("openmrs.openmrs.obs", "retention.ms=5"), {}),
        (described("__debezium-heartbeat.openmrs", "retention.ms=3600000"), {}),
    ],
)
def test_topics_that_are_as_they_must_be_or_not_ours(text: str, differences: Dict[str, Any]) -> None:
    assert problems(text, **differences) == ""


@pytest.mark.parametrize(
    ("text", "differences", "told"),
    [
        (described("openmrs.openmrs.person", "cleanup.policy=delete,retention.ms=5"), {}, "retention.ms is 5"),
        (described("openmrs.openmrs.person", KEPT + "7"), {}, "retention.bytes is 7, it must be -1"),
        (described("openmrs.openmrs.person", KEPT + "6"), {"retention_bytes": 7}, "is 6, it must be at least 7. Rep"),
        (described("openmrs.openmrs.person", KEPT + "6"), {"retention_bytes": 7}, "event_connector_retention_bytes"),
        (described("openmrs.openmrs.patient_identifier", "retention.ms=-1,cleanup.policy=compact"), {}, "cleanup"),
        (described("openmrs.openmrs.person", KEPT + "-1", partitions=2), {}, "partition"),
        (described("openmrs.openmrs.person", KEPT.replace("messages=1", "messages=500") + "-1"), {}, "messages is 500"),
        (described("openmrs.openmrs.person", KEPT.replace("flush.messages=1,", "") + "-1"), {}, "it must be 1"),
        (described("openmrs.openmrs.person", KEPT + "-1,min.insync.replicas=2"), {}, "replicas is 2, it must be 1"),
        ("", {"topic_prefix": "other"}, "schema-changes.other: no such topic"),
    ],
)
def test_topics_that_would_lose_events(text: str, differences: Dict[str, Any], told: str) -> None:
    assert told in problems(text, **differences)


def test_the_workers_own_topics_must_be_compacted() -> None:
    expectations = subject.topic_expectations(SITE, ["a", "b"])
    assert [one for one in expectations if one.get("topic") in ("a", "b")] == [
        {"topic": name, "configs": {"cleanup.policy": "compact", "flush.messages": "1", "min.insync.replicas": "1"}}
        for name in ("a", "b")
    ]
    assert len(subject.topic_expectations(SITE)) == len(expectations) - 2

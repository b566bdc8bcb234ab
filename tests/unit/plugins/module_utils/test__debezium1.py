# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debezium 1.x in today's words: every old name, nothing else, and nothing lost."""

from __future__ import annotations

from typing import Dict

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _debezium1 as subject
from hypothesis import given
from hypothesis import strategies as st

MYSQL = {"connector.class": "io.debezium.connector.mysql.MySqlConnector"}
KAFKA_FORMER = "io.debezium.relational.history.KafkaDatabaseHistory"
RENAMED = {
    "database.server.name": "topic.prefix",
    "database.history.kafka.topic": "schema.history.internal.kafka.topic",
    "database.history.kafka.bootstrap.servers": "schema.history.internal.kafka.bootstrap.servers",
    "database.history.producer.security.protocol": "schema.history.internal.producer.security.protocol",
    "database.history.skip.unparseable.ddl": "schema.history.internal.skip.unparseable.ddl",
    "database.history.store.only.monitored.tables.ddl": "schema.history.internal.store.only.captured.tables.ddl",
    "database.history.store.only.captured.tables.ddl": "schema.history.internal.store.only.captured.tables.ddl",
    "database.history.file.filename": "schema.history.internal.file.filename",
    "database.whitelist": "database.include.list",
    "database.blacklist": "database.exclude.list",
    "table.whitelist": "table.include.list",
    "table.blacklist": "table.exclude.list",
    "column.whitelist": "column.include.list",
    "column.blacklist": "column.exclude.list",
    "database.allowPublicKeyRetrieval": "driver.allowPublicKeyRetrieval",
    "database.serverTimezone": "driver.serverTimezone",
    "heartbeat.topics.prefix": "topic.heartbeat.prefix",
    "event.deserialization.failure.handling.mode": "event.processing.failure.handling.mode",
}
UNCHANGED = [
    "database.hostname", "database.port", "database.user", "database.password", "database.server.id",
    "database.include.list", "table.include.list", "database.ssl.mode", "database.initial.statements",
    "decimal.handling.mode", "heartbeat.interval.ms", "include.schema.changes", "key.converter.schemas.enable",
    "transforms.drop.blacklist", "transforms.keep.whitelist", "tombstones.on.delete", "xdatabase.server.name",
]  # fmt: skip
# What people write: old and new names, and names that nobody knows.
KEYS = st.one_of(
    st.sampled_from([*RENAMED, *RENAMED.values(), *UNCHANGED, "snapshot.mode", "database.history"]),
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1),
)
VALUES = st.sampled_from(["a", "", "schema_only", "schema_only_recovery", "initial", "never", KAFKA_FORMER])
CONFIGS = st.dictionaries(KEYS, VALUES).map(lambda config: {**config, **MYSQL})


@pytest.mark.parametrize("old", RENAMED)
def test_a_former_name_becomes_todays_and_is_told(old: str) -> None:
    made = subject.translate({**MYSQL, old: "v"})
    assert made == subject.Translated({**MYSQL, RENAMED[old]: "v"}, (f"{old} → {RENAMED[old]}",))


@pytest.mark.parametrize("key", [*UNCHANGED, *RENAMED.values()])
def test_what_is_still_called_so_stays(key: str) -> None:
    assert subject.translate({**MYSQL, key: "v"}) == subject.Translated({**MYSQL, key: "v"})


@pytest.mark.parametrize(
    ("old", "new"),
    [("schema_only", "no_data"), ("SCHEMA_ONLY", "no_data"), ("schema_only_recovery", "recovery")],
)
def test_modes_of_the_snapshot_have_new_names(old: str, new: str) -> None:
    made = subject.translate({**MYSQL, "snapshot.mode": old})
    assert made.config["snapshot.mode"] == new
    assert made.changes == (f"snapshot.mode {old} → {new}",)


@pytest.mark.parametrize("mode", ["initial", "initial_only", "when_needed", "no_data", "recovery", "always"])
def test_other_modes_stay(mode: str) -> None:
    given_config = {**MYSQL, "snapshot.mode": mode}
    assert subject.translate(given_config) == subject.Translated(given_config)


@pytest.mark.parametrize("word", ["never", " Never "])
def test_the_mode_never_is_refused_with_what_to_write(word: str) -> None:
    (problem,) = subject.translate({**MYSQL, "snapshot.mode": word}).problems
    assert problem.startswith(f"snapshot.mode is {word}. ")
    assert "no_data" in problem
    assert "initial" in problem


def test_the_class_of_the_history_is_translated_with_its_name() -> None:
    made = subject.translate({**MYSQL, "database.history": KAFKA_FORMER})
    assert made.config["schema.history.internal"] == "org.openmrs.eventlog.OrderedSchemaHistory"
    assert made.changes == (
        "database.history → schema.history.internal",
        f"schema.history.internal {KAFKA_FORMER} → org.openmrs.eventlog.OrderedSchemaHistory",
    )
    former = "io.debezium.relational.history.FileDatabaseHistory"
    made = subject.translate({**MYSQL, "database.history": former})
    assert made.config["schema.history.internal"] == "io.debezium.storage.file.history.FileSchemaHistory"


def test_both_names_with_one_value_are_one_property() -> None:
    made = subject.translate({"database.server.name": "openmrs", **MYSQL, "topic.prefix": "openmrs"})
    assert made.config == {**MYSQL, "topic.prefix": "openmrs"}
    assert made.problems == ()


@pytest.mark.parametrize(
    "pair",
    [
        {"database.server.name": "old", "topic.prefix": "new"},
        {"topic.prefix": "new", "database.server.name": "old"},
    ],
)
def test_both_names_with_different_values_are_refused(pair: Dict[str, str]) -> None:
    (problem,) = subject.translate({**MYSQL, **pair}).problems
    assert "topic.prefix is new" in problem
    assert "database.server.name is old" in problem


def test_two_former_names_of_one_property_are_refused_too() -> None:
    keys = [old for old, new in RENAMED.items() if new.endswith("captured.tables.ddl")]
    (problem,) = subject.translate({**MYSQL, keys[0]: "true", keys[1]: "false"}).problems
    assert all(key in problem for key in keys)


def test_a_refusal_shows_no_secret() -> None:
    old, new = "database.history.producer.ssl.key.password", "schema.history.internal.producer.ssl.key.password"
    (problem,) = subject.translate({**MYSQL, old: "s3cr3t-1", new: "s3cr3t-2"}).problems
    assert "s3cr3t" not in problem


@pytest.mark.parametrize(
    ("name", "is_one", "flavour"),
    [
        ("io.debezium.connector.mysql.MySqlConnector", True, "mysql"),
        ("MySqlConnector", True, "mysql"),
        ("MySql", True, "mysql"),
        ("io.debezium.connector.mariadb.MariaDbConnector", True, "mariadb"),
        ("MariaDb", True, "mariadb"),
        ("io.debezium.connector.postgresql.PostgresConnector", True, ""),
        ("org.apache.kafka.connect.file.FileStreamSinkConnector", False, ""),
        ("FileStreamSink", False, ""),
        ("", False, ""),
    ],
)
def test_which_connector_it_is(name: str, is_one: bool, flavour: str) -> None:
    assert (subject.is_debezium(name), subject.flavour(name)) == (is_one, flavour)


@given(st.dictionaries(KEYS, VALUES))
def test_other_connectors_stay_as_they_are(config: Dict[str, str]) -> None:
    config = {**config, "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector"}
    assert subject.translate(config) == subject.Translated(config)


@given(CONFIGS)
def test_what_is_translated_needs_no_translation(config: Dict[str, str]) -> None:
    once = subject.translate(config)
    again = subject.translate(once.config)
    assert (again.config, again.changes) == (once.config, ())


@given(CONFIGS)
def test_names_that_nobody_knows_are_kept_and_no_value_is_lost(config: Dict[str, str]) -> None:
    made = subject.translate(config)
    known = {*RENAMED, *RENAMED.values(), "database.history", "schema.history.internal", "snapshot.mode"}
    unknown = {key: value for key, value in config.items() if key not in known and key.islower()}
    assert {key: made.config.get(key) for key in unknown} == unknown
    if not made.problems:
        assert {made.config[RENAMED[old]] for old in config if old in RENAMED} == {
            config[old] for old in config if old in RENAMED
        }


@given(CONFIGS)
def test_there_is_a_line_for_every_former_name(config: Dict[str, str]) -> None:
    made = subject.translate(config)
    assert {key for key in config if key in RENAMED} <= {line.split(" → ")[0] for line in made.changes}

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What topics must be, by the configuration of the connector that made them."""

from __future__ import annotations

import re

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _debezium, _topic_expected
from ansible_collections.openmrs.event_log.plugins.module_utils._topic_audit import parse_expectation

SOURCE = _debezium.Source(
    site="here", host="db", port=3306, database="openmrs", user="u", password_file="p", tables=["obs"],
    topic_prefix="openmrs", bootstrap="b:1", signal_table="openmrs.event_log_signal",
)  # fmt: skip
CONFIG = {key: str(value) for key, value in _debezium.connector_config(SOURCE).items()}


def matching(config: dict[str, str]) -> re.Pattern[str]:
    return re.compile(_topic_expected.of_connector(config)[-1]["regex"])


def test_a_connector_of_the_collection_is_judged_as_its_playbook_judges_it() -> None:
    history, tables = _topic_expected.of_connector(CONFIG)
    by_variables = _debezium.topic_expectations(SOURCE)
    assert history == by_variables[0]
    # No limit is the least that can be asked for.
    assert {**tables["configs"], "retention.ms": tables["at_least"]["retention.ms"]} == by_variables[1]["configs"]
    assert tables["at_least"]["retention.bytes"] == "-1"
    assert [parse_expectation(one) for one in (history, tables)]


def test_tables_of_the_prefix_are_meant_and_no_other_topic() -> None:
    meant = matching(CONFIG)
    assert meant.fullmatch("openmrs.openmrs.obs")
    for other in ("openmrs", "schema-changes.openmrs", "__debezium-heartbeat.openmrs", "openmrs2.openmrs.obs", "other"):
        assert not meant.fullmatch(other), other


def test_topics_of_a_group_have_settings_of_their_own() -> None:
    assert not matching(CONFIG).fullmatch("openmrs.openmrs.event_log_signal")
    without = {key: value for key, value in CONFIG.items() if key != "topic.creation.groups"}
    assert matching(without).fullmatch("openmrs.openmrs.event_log_signal")


def test_an_expression_that_only_java_knows_is_passed_over() -> None:
    config = {"topic.prefix": "p", "topic.creation.groups": "a", "topic.creation.a.include": r"\p{Alpha}+,p\.x"}
    assert [bool(matching(config).fullmatch(name)) for name in ("p.x", "p.y")] == [False, True]


def test_a_limit_that_the_site_chose_is_the_one_that_counts() -> None:
    chosen = {
        "topic.prefix": "p",
        "topic.creation.default.retention.ms": "86400000",
        "topic.creation.default.retention.bytes": "1000000",
        "topic.creation.default.cleanup.policy": "compact",
    }
    (tables,) = _topic_expected.of_connector(chosen)
    assert tables["at_least"] == {"retention.ms": "86400000"}
    assert tables["configs"]["cleanup.policy"] == "compact"


@pytest.mark.parametrize(
    ("config", "history"),
    [
        ({"topic.prefix": "p", "schema.history.internal.kafka.topic": "h"}, ["h"]),
        ({"database.server.name": "p", "database.history.kafka.topic": "h"}, ["h"]),
        ({"topic.prefix": "p"}, []),
    ],
)
def test_the_schema_history_keeps_everything(config: dict[str, str], history: list[str]) -> None:
    *found, tables = _topic_expected.of_connector(config)
    assert [one["topic"] for one in found] == history
    assert all(one["configs"]["retention.ms"] == one["configs"]["retention.bytes"] == "-1" for one in found)
    assert tables["regex"].endswith(r"p\..+")


def test_a_connector_without_a_prefix_has_no_topics_that_are_known() -> None:
    assert _topic_expected.of_connector({"connector.class": "FileStreamSink"}) == []

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The topic audit: reading the broker's description, and finding what differs."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _topic_audit as audit_of

HISTORY = {
    "topic": "schema-changes.openmrs",
    "partitions": 1,
    "configs": {"cleanup.policy": "delete", "retention.ms": -1, "retention.bytes": -1},
    "purpose": "the connector cannot start without it",
}


def described(name: str, configs: str = "", partitions: int = 1) -> str:
    lines = [f"Topic: {name}\tTopicId: AbC-_1\tPartitionCount: {partitions}\tReplicationFactor: 1\tConfigs: {configs}"]
    lines += [
        f"\tTopic: {name}\tPartition: {number}\tLeader: 1\tReplicas: 1\tIsr: 1\tElr: \tLastKnownElr: "
        for number in range(partitions)
    ]
    return "\n".join(lines) + "\n"


def problems(text: str, *expectations: Dict[str, Any]) -> List[str]:
    return [str(problem) for problem in audit_of.audit(text, expectations)]


def test_description_is_read_with_commas_in_values() -> None:
    text = described("a.b", "cleanup.policy=compact,delete,segment.bytes=1048576,retention.ms=-1", 2) + described("c")
    assert audit_of.parse_description("WARNING: remark\n\n" + text) == [
        audit_of.Topic(
            "a.b", 2, 1, {"cleanup.policy": "compact,delete", "segment.bytes": "1048576", "retention.ms": "-1"}
        ),
        audit_of.Topic("c", 1, 1, {}),
    ]


@pytest.mark.parametrize(
    ("text", "configs"),
    [
        ("", {}),
        ("retention.ms=-1", {"retention.ms": "-1"}),
        (
            "leader.replication.throttled.replicas=0:1,1:2,preallocate=true",
            {"leader.replication.throttled.replicas": "0:1,1:2", "preallocate": "true"},
        ),
        ("cleanup.policy=,retention.ms=5", {"cleanup.policy": "", "retention.ms": "5"}),
    ],
)
def test_configs_are_split_only_before_a_name(text: str, configs: Dict[str, str]) -> None:
    assert audit_of.parse_configs(text) == configs


@pytest.mark.parametrize("forever", ["-1", "9223372036854775807"])
def test_right_schema_history_is_no_problem(forever: str) -> None:
    assert problems(described("schema-changes.openmrs", f"cleanup.policy=delete,retention.ms={forever}"), HISTORY) == []


def test_compacted_schema_history_is_a_problem_with_its_repair() -> None:
    (problem,) = problems(described("schema-changes.openmrs", "cleanup.policy=compact,delete,retention.ms=-1"), HISTORY)
    assert "cleanup.policy is compact,delete, it must be delete (the connector cannot start without it)" in problem
    assert "kafka.admin.ConfigCommand --bootstrap-server 127.0.0.1:9092 --alter" in problem
    assert "--entity-name schema-changes.openmrs --add-config cleanup.policy=delete" in problem


def test_absent_setting_is_kafkas_default_and_every_problem_is_told_at_once() -> None:
    found = problems(described("schema-changes.openmrs", "retention.bytes=1000", 3), HISTORY)
    assert len(found) == 3
    assert "it has 3 partitions, it must have 1" in found[0]
    assert "cannot take partitions away" in found[0]
    assert "retention.ms is 604800000 (Kafka's default), it must be -1" in found[1]
    assert "retention.bytes is 1000, it must be -1" in found[2]


def test_too_few_partitions_can_be_added() -> None:
    (problem,) = problems(described("t"), {"topic": "t", "partitions": 4})
    assert "TopicCommand --bootstrap-server 127.0.0.1:9092 --alter --topic t --partitions 4" in problem


def test_max_long_means_for_ever_in_time_only() -> None:
    wanted = {"topic": "t", "configs": {"retention.bytes": -1}}
    assert problems(described("t", "retention.bytes=9223372036854775807"), wanted)


def test_order_of_cleanup_policies_does_not_matter_but_their_number_does() -> None:
    wanted = {"topic": "t", "configs": {"cleanup.policy": "delete,compact"}}
    assert problems(described("t", "cleanup.policy=compact,delete"), wanted) == []
    (problem,) = problems(described("t", "cleanup.policy=compact"), wanted)
    assert "'cleanup.policy=[delete,compact]'" in problem


def test_named_topic_must_exist_and_a_pattern_need_not_match() -> None:
    text = described("other")
    assert "no such topic" in problems(text, HISTORY)[0]
    assert problems(text, {**HISTORY, "required": False}) == []
    assert problems(text, {"regex": "openmrs\\..*"}) == []
    assert "topics like openmrs" in problems(text, {"regex": "openmrs\\..*", "required": True})[0]


def test_pattern_matches_whole_names_and_names_the_variable() -> None:
    text = described("openmrs.openmrs.person", "retention.ms=-1,retention.bytes=5") + described("x.openmrs.openmrs.y")
    wanted = {
        "regex": "openmrs\\.openmrs\\..+",
        "configs": {"retention.bytes": 7, "retention.ms": -1},
        "variable": "event_connector_retention_bytes",
    }
    (problem,) = problems(text, wanted)
    assert problem.startswith("openmrs.openmrs.person: retention.bytes is 5, it must be 7.")
    assert problem.endswith("If 5 is what this site wants, set event_connector_retention_bytes.")


def test_booleans_and_unknown_settings_compare_as_text() -> None:
    assert problems(described("t"), {"topic": "t", "configs": {"preallocate": False}}) == []
    (problem,) = problems(described("t"), {"topic": "t", "configs": {"new.setting": True}})
    assert "new.setting is not set, it must be true" in problem


@pytest.mark.parametrize("text", ["", "Error while executing topic command : Timed out\n"])
def test_no_description_at_all_is_a_problem_whatever_is_expected(text: str) -> None:
    (problem,) = problems(text, {"regex": "never"})
    assert "described none" in problem
    assert text.strip() in problem


@pytest.mark.parametrize(
    "wrong", [{}, {"topic": "a", "regex": "b"}, {"regex": "("}, {"topic": "a", "config": {}}, {"configs": {}}]
)
def test_senseless_expectation_is_refused(wrong: Dict[str, Any]) -> None:
    with pytest.raises(audit_of.ExpectationError):
        problems(described("t"), wrong)


def test_commands_use_the_given_image_and_broker_and_quote() -> None:
    broker = audit_of.Broker(image="event log:1", bootstrap="b:9")
    (problem,) = audit_of.audit(described("t"), [{"topic": "t", "configs": {"retention.ms": 1}}], broker)
    assert "'event log:1' kafka-class kafka.admin.ConfigCommand --bootstrap-server b:9 " in problem.repair

"""Who may read what: rights of consumers, of the collection's own accounts, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._broker_access import Options, access

SITE = Options("hilltop", "openmrs", ("person", "openmrs.obs"))
PASSWORD = "Pw-secret-4711"
LAB = [{"name": "lab", "password": PASSWORD}]
READ = ["DESCRIBE", "DESCRIBE_CONFIGS", "READ"]


def rights(acls: Any, users: Any = LAB, options: Options = SITE) -> dict[tuple[str, str, str], list[str]]:
    """The rights of lab, by type, name and pattern."""
    found = access(users, acls, options)
    assert found["problems"] == []
    return {
        (entry["resource_type"], entry["resource"], entry["pattern"]): entry["operations"]
        for entry in found["acls"]
        if entry["user"] == "lab"
    }


def problems(users: Any, acls: Any = (), options: Options = SITE) -> list[str]:
    found: list[str] = access(users, list(acls), options)["problems"]
    assert PASSWORD not in "".join(found)
    return found


def test_a_consumer_reads_its_tables_by_a_group_of_its_name() -> None:
    assert rights([{"user": "lab", "tables": ["obs", "person"]}]) == {
        ("topic", "hilltop.openmrs.obs", "literal"): READ,
        ("topic", "hilltop.openmrs.person", "literal"): READ,
        ("group", "lab", "literal"): ["READ"],
    }


def test_all_tables_are_those_of_the_site_alone() -> None:
    assert rights([{"user": "lab", "tables": ["*"], "groups": []}]) == {
        ("topic", "hilltop.openmrs.", "prefixed"): READ,
    }


def test_topics_and_groups_are_named() -> None:
    entry = {"user": "lab", "topics": ["__debezium-heartbeat.hilltop"], "groups": ["lab-1", "lab-2"]}
    assert rights([entry]) == {
        ("topic", "__debezium-heartbeat.hilltop", "literal"): READ,
        ("group", "lab-1", "literal"): ["READ"],
        ("group", "lab-2", "literal"): ["READ"],
    }


def test_entries_of_one_user_add_up_and_their_order_does_not_matter() -> None:
    entries = [{"user": "lab", "tables": ["obs"]}, {"user": "lab", "tables": ["person", "obs"]}]
    assert rights(entries) == rights([{"user": "lab", "tables": ["person", "obs"]}])
    assert access(LAB, entries, SITE)["acls"] == access(LAB, entries[::-1], SITE)["acls"]


def test_a_table_has_the_topic_that_debezium_writes() -> None:
    assert ("topic", "hilltop.openmrs.odd_name", "literal") in rights(
        [{"user": "lab", "tables": ["odd name"]}], options=Options("hilltop", "openmrs")
    )


def test_a_user_without_rights_is_no_problem_and_gets_none() -> None:
    assert rights([]) == {}


def test_the_hosts_command_reads_and_changes_nothing() -> None:
    found = access([], [], SITE)
    assert found["problems"] == []
    assert [
        (entry["user"], entry["resource_type"], entry["resource"], entry["pattern"], entry["operations"])
        for entry in found["acls"]
    ] == [
        ("event-log-command", "cluster", "kafka-cluster", "literal", ["DESCRIBE", "DESCRIBE_CONFIGS"]),
        ("event-log-command", "group", "*", "literal", ["DESCRIBE"]),
        ("event-log-command", "group", "console-consumer-", "prefixed", ["READ"]),
        ("event-log-command", "topic", "*", "literal", READ),
    ]


def test_a_web_page_has_rights_only_where_the_site_has_it() -> None:
    found = access([], [], Options("hilltop", "openmrs", uis=("kowl",)))["acls"]
    assert {entry["user"] for entry in found} == {"event-log-command", "event-log-kowl"}
    pages = [entry for entry in found if entry["user"] == "event-log-kowl"]
    assert {(entry["resource_type"], entry["resource"]): entry["operations"] for entry in pages} == {
        ("topic", "*"): READ,
        ("group", "*"): ["DESCRIBE"],
        ("cluster", "kafka-cluster"): ["DESCRIBE", "DESCRIBE_CONFIGS"],
    }


def test_nobody_may_write_delete_or_alter() -> None:
    found = access(LAB, [{"user": "lab", "tables": ["*"]}], Options("a", "b", uis=("kafdrop", "kowl")))["acls"]
    assert {operation for entry in found for operation in entry["operations"]} == set(READ)


@pytest.mark.parametrize(
    ("users", "said"),
    [
        ("lab", "event_log_kafka_users is no list"),
        ({"lab": PASSWORD}, "event_log_kafka_users is no list"),
        (["lab"], "event_log_kafka_users, entry 1 has no name"),
        ([{"user": "lab", "password": PASSWORD}], "event_log_kafka_users, entry 1 has no name"),
        ([{"name": " ", "password": PASSWORD}], "entry 1 has no name"),
        ([{"name": "lab"}], "event_log_kafka_users, lab has no password"),
        ([{"name": "lab", "password": ""}], "lab has no password"),
        ([{"name": "lab", "password": 12345678}], "lab has no password: give one as text"),
        ([{"name": "event-log", "password": PASSWORD}], "event-log: the name is reserved"),
        ([{"name": "Event-Log-lab", "password": PASSWORD}], "the name is reserved"),
        ([{"name": "ANONYMOUS", "password": PASSWORD}], "the name is reserved"),
        ([{"name": "la b", "password": PASSWORD}], "la b: the name holds more than letters"),
        ([{"name": "*", "password": PASSWORD}], "the name holds more than letters"),
        ([{"name": 'lab"', "password": PASSWORD}], "the name holds more than letters"),
        ([*LAB, *LAB], "lab is there twice"),
        ([{"name": "lab", "password": PASSWORD, "topic": "x"}], "lab: topic is not known"),
    ],
)
def test_users_that_cannot_be_meant_are_refused(users: Any, said: str) -> None:
    (found,) = problems(users)
    assert said in found


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("lab", "event_log_kafka_acls, entry 1 has no user"),
        ({"tables": ["obs"]}, "event_log_kafka_acls, entry 1 has no user"),
        ({"user": "lap", "tables": ["obs"]}, "lap is no user: event_log_kafka_users has lab. Add the user there"),
        ({"user": "lab"}, "event_log_kafka_acls, lab may read nothing"),
        ({"user": "lab", "tables": ["obs"], "operations": ["WRITE"]}, "lab: operations is not known"),
        ({"user": "lab", "topics": ["a"], "tables": "obs"}, "lab: tables is no list of names"),
        ({"user": "lab", "tables": ["obs"], "topics": [1]}, "lab: topics is no list of names"),
        ({"user": "lab", "tables": ["obs"], "groups": "lab"}, "lab: groups is no list of names"),
        ({"user": "lab", "tables": ["obbs"]}, "tables holds obbs, which is not captured: correct it"),
        ({"user": "lab", "tables": ["openmrs.person"]}, "give the table without its database, person"),
        ({"user": "lab", "topics": ["*"]}, "topics holds *, which is no name of a topic"),
        ({"user": "lab", "topics": ["a b"]}, "topics holds a b, which is no name of a topic"),
        ({"user": "lab", "topics": ["__consumer_offsets"]}, "keeps for itself"),
        ({"user": "lab", "topics": ["event-log-connect-configs"]}, "keeps for itself"),
        ({"user": "lab", "tables": ["obs"], "groups": ["*"]}, "groups holds *: give names"),
        ({"user": "lab", "tables": ["obs"], "groups": ["event-log-connect"]}, "which is reserved"),
    ],
)
def test_rights_that_cannot_be_meant_are_refused(entry: Any, said: str) -> None:
    (found,) = problems(LAB, [entry])
    assert said in found


def test_acls_must_be_a_list() -> None:
    found = access(LAB, {"lab": ["obs"]}, SITE)["problems"]
    assert found == ["event_log_kafka_acls is no list: give a list of {user, tables, topics, groups}, or [] for none."]


def test_every_problem_is_said_at_once() -> None:
    found = problems([{"name": "event-log-x"}], [{"user": "lab"}, {"user": "x", "topics": ["*"]}])
    assert len(found) == 6


def test_without_a_list_of_tables_any_name_goes() -> None:
    assert problems(LAB, [{"user": "lab", "tables": ["anything"]}], Options("hilltop", "openmrs")) == []


def test_of_many_tables_some_are_named() -> None:
    many = Options("hilltop", "openmrs", tuple(f"t{number:02}" for number in range(20)))
    (found,) = problems(LAB, [{"user": "lab", "tables": ["obs"]}], many)
    assert found.endswith("t10, t11 and 8 more.")

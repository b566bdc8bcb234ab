"""Users and ACLs: the steps from what a broker has to what it shall have, in words and without secrets."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _broker_accounts as accounts
from ansible_collections.openmrs.event_log.plugins.module_utils._broker_accounts import (
    MECHANISM,
    Acl,
    Current,
    Desired,
    Operation,
    applied,
    current_of,
    desired_acls,
    diff,
    plan,
    told,
)
from hypothesis import given
from hypothesis import strategies as st

SCRAM = frozenset({MECHANISM})
READ = Acl("User:lab", "TOPIC", "openmrs.openmrs.obs", "LITERAL", "READ")
DESCRIBE = Acl("User:lab", "TOPIC", "openmrs.openmrs.obs", "LITERAL", "DESCRIBE")
GROUP = Acl("User:lab", "GROUP", "lab", "LITERAL", "READ")
LAB = Desired(frozenset({"lab"}), frozenset({READ, DESCRIBE, GROUP}))
LAB_THERE = Current({"lab": SCRAM}, LAB.acls, frozenset({"lab"}))


def steps(current: Current, desired: Desired) -> list[tuple[str, Any]]:
    return [(step.do, step.acl or step.user) for step in plan(current, desired)]


def test_a_new_user_has_its_rights_before_it_can_log_in() -> None:
    assert steps(Current(), LAB) == [
        ("create_acl", GROUP), ("create_acl", DESCRIBE), ("create_acl", READ), ("set_password", "lab"),
    ]  # fmt: skip


def test_what_is_there_is_left_alone() -> None:
    assert plan(LAB_THERE, LAB) == []


def test_nothing_to_nothing() -> None:
    assert plan(Current(), Desired()) == []


def test_a_password_that_does_not_let_in_is_set() -> None:
    wrong = Current({"lab": SCRAM}, LAB.acls, frozenset())
    assert plan(wrong, LAB) == [Operation("set_password", "lab", known=True)]


def test_a_user_that_is_not_wanted_goes_with_its_rights() -> None:
    assert steps(LAB_THERE, Desired()) == [
        ("delete_acl", GROUP), ("delete_acl", DESCRIBE), ("delete_acl", READ), ("delete_user", "lab"),
    ]  # fmt: skip


def test_new_rights_are_given_before_old_ones_are_taken() -> None:
    prefixed = Acl("User:lab", "TOPIC", "openmrs.openmrs.", "PREFIXED", "READ")
    desired = Desired(LAB.users, frozenset({prefixed, DESCRIBE, GROUP}))
    assert steps(LAB_THERE, desired) == [("create_acl", prefixed), ("delete_acl", READ)]


@pytest.mark.parametrize(
    "foreign",
    [
        Acl("User:lab", "TOPIC", "openmrs.openmrs.obs", "LITERAL", "READ", host="10.0.0.1"),
        Acl("User:lab", "TOPIC", "openmrs.openmrs.obs", "LITERAL", "READ", permission="DENY"),
        Acl("User:*", "TOPIC", "*", "LITERAL", "ALL"),
        Acl("Group:x", "TRANSACTIONAL_ID", "t", "LITERAL", "WRITE"),
    ],
)
def test_a_right_that_nobody_wants_is_taken(foreign: Acl) -> None:
    current = Current(LAB_THERE.users, LAB.acls | {foreign}, LAB_THERE.right)
    assert plan(current, LAB) == [Operation("delete_acl", acl=foreign)]


def test_a_login_by_another_mechanism_is_removed_and_the_user_stays() -> None:
    both = Current({"lab": frozenset({MECHANISM, "SCRAM-SHA-256"})}, LAB.acls, frozenset({"lab"}))
    (step,) = plan(both, LAB)
    assert step == Operation("delete_user", "lab", "SCRAM-SHA-256")
    assert told([step], LAB) == ["remove the password by SCRAM-SHA-256 of lab"]


def test_a_user_with_another_mechanism_alone_gets_its_password() -> None:
    current = Current({"lab": frozenset({"SCRAM-SHA-256"})}, LAB.acls, frozenset())
    assert [step.do for step in plan(current, LAB)] == ["set_password", "delete_user"]


def test_every_mechanism_of_an_unwanted_user_goes() -> None:
    current = Current({"old": frozenset({MECHANISM, "SCRAM-SHA-256"})})
    found = plan(current, Desired())
    assert [step.mechanism for step in found] == ["SCRAM-SHA-256", MECHANISM]
    assert told(found, Desired()) == ["remove the user old"]


NAMES = st.sampled_from(["a", "b", "c"])
ACLS = st.frozensets(
    st.builds(
        Acl,
        NAMES.map("User:{}".format),
        st.sampled_from(["TOPIC", "GROUP"]),
        st.sampled_from(["x", "y"]),
        st.sampled_from(["LITERAL", "PREFIXED"]),
        st.sampled_from(["READ", "DESCRIBE"]),
        permission=st.sampled_from(["ALLOW", "DENY"]),
    )
)
MECHANISMS = st.frozensets(st.sampled_from([MECHANISM, "SCRAM-SHA-256"]), min_size=1)
CURRENTS = st.builds(
    lambda users, acls, right: Current(users, acls, frozenset(u for u in right if MECHANISM in users.get(u, ()))),
    st.dictionaries(NAMES, MECHANISMS),
    ACLS,
    st.frozensets(NAMES),
)
DESIREDS = st.builds(Desired, st.frozensets(NAMES), ACLS)


@given(CURRENTS, DESIREDS)
def test_after_the_steps_nothing_is_left_to_do(current: Current, desired: Desired) -> None:
    found = plan(current, desired)
    after = applied(current, found)
    assert plan(after, desired) == []
    assert set(after.users) == desired.users
    assert after.acls == desired.acls
    assert bool(found) == bool(told(found, desired))
    shown = diff(current, found)
    assert (shown["before"] != shown["after"]) == bool(found)


def test_the_wanted_rights_of_the_module_are_those_of_kafka() -> None:
    entry = {
        "user": "lab", "resource_type": "topic", "resource": "openmrs.openmrs.obs", "pattern": "literal",
        "operations": ["read", "DESCRIBE"],
    }  # fmt: skip
    assert desired_acls([entry, entry]) == {READ, DESCRIBE}


def test_what_the_tool_says_is_read() -> None:
    looked = {"users": {"lab": [MECHANISM], "old": [MECHANISM]}, "acls": [GROUP.as_json()], "logins": {"lab": False}}
    assert current_of(looked) == Current({"lab": SCRAM, "old": SCRAM}, frozenset({GROUP}), frozenset())
    assert current_of({"logins": {}}) == Current()


def test_the_steps_are_told_with_the_rights_on_one_thing_together() -> None:
    cluster = Acl("User:event-log-command", "CLUSTER", accounts.CLUSTER, "LITERAL", "DESCRIBE")
    prefixed = Acl("User:lab", "TOPIC", "openmrs.", "PREFIXED", "READ", host="10.0.0.1")
    denied = Acl("User:lab", "TOPIC", "*", "LITERAL", "READ", permission="DENY")
    current = Current({"lab": SCRAM, "old": SCRAM}, frozenset({prefixed, denied}))
    desired = Desired(frozenset({"lab", "new"}), frozenset({cluster, READ, DESCRIBE}))
    assert told(plan(current, desired), desired) == [
        "allow event-log-command DESCRIBE on the cluster",
        "allow lab DESCRIBE, READ on topic openmrs.openmrs.obs",
        "give lab its new password",
        "add the user new",
        "withdraw from lab: READ on topic * (denied)",
        "withdraw from lab: READ on topic openmrs.* (from 10.0.0.1)",
        "remove the user old",
    ]


def test_the_difference_says_of_a_password_only_whether_it_is_the_wanted_one() -> None:
    current = Current({"lab": SCRAM}, frozenset({READ, DESCRIBE}))
    shown = diff(current, plan(current, Desired(LAB.users, frozenset({READ}))))
    assert shown == {
        "before": {
            "users": {"lab": {"password": "another", "mechanisms": [MECHANISM]}},
            "acls": ["lab, topic openmrs.openmrs.obs: DESCRIBE, READ"],
        },
        "after": {
            "users": {"lab": {"password": "as wanted", "mechanisms": [MECHANISM]}},
            "acls": ["lab, topic openmrs.openmrs.obs: READ"],
        },
    }


def test_operations_go_to_the_tool_as_it_reads_them() -> None:
    assert [step.as_json() for step in plan(LAB_THERE, Desired(frozenset(), LAB.acls - {READ}))] == [
        {
            "do": "delete_acl",
            "acl": {
                "principal": "User:lab", "resource_type": "TOPIC", "resource": "openmrs.openmrs.obs",
                "pattern": "LITERAL", "operation": "READ", "host": "*", "permission": "ALLOW",
            },
        },
        {"do": "delete_user", "user": "lab", "mechanism": MECHANISM},
    ]  # fmt: skip
    assert plan(Current(), Desired(frozenset({"lab"})))[0].as_json() == {"do": "set_password", "user": "lab"}

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connectors in words: what there is, what was done, why not; and nothing that could be a patient's."""

from __future__ import annotations

from typing import Any, Dict, Optional

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_words import (
    ORDERS,
    connectors_told,
    order_failed,
    order_refused,
    outcome_told,
)
from ansible_collections.openmrs.event_log.plugins.modules import connector as module

TRACE = "org.a.ConnectException: Can't convert 'Mary Smith'\nCaused by: java.sql.SQLException: Access denied for user"


def connector(name: str = "n", state: str = "RUNNING", task: str = "RUNNING", trace: Optional[str] = None) -> Any:
    config = {"connector.class": "a.B", "tasks.max": "1", "database.password": "<redacted>"}
    tasks = [{"id": 0, "state": task, "worker_id": "w:8083", "trace": trace}] if task else []
    more = {"worker_id": "w:8083", "trace": trace if state == "FAILED" else None}
    return {"name": name, "type": "source", "version": "3.6", "state": state, "config": config, "tasks": tasks, **more}


def test_a_connector_is_told_with_class_state_and_worker() -> None:
    assert connectors_told([connector()]) == [
        "n: RUNNING on w:8083 (source, a.B 3.6)",
        "  task 0: RUNNING on w:8083",
    ]
    assert connectors_told([connector(task="")])[1] == "  no tasks"
    assert connectors_told([]) == ["There is no connector."]


@pytest.mark.parametrize(("state", "line"), [("RUNNING", 1), ("FAILED", 0)])
def test_a_failure_is_told_without_data(state: str, line: int) -> None:
    told = connectors_told([connector(state=state, task="FAILED", trace=TRACE)])
    assert told[line].endswith(": the database refuses the login (ConnectException <- SQLException)")
    assert "Mary" not in str(told)


def test_the_configuration_is_told_when_it_is_asked_for() -> None:
    told = connectors_told([connector()], config=True)
    assert told[-3:] == ["    connector.class: a.B", "    database.password: <redacted>", "    tasks.max: 1"]


@pytest.mark.parametrize(
    ("name", "order", "words"),
    [
        ("", "", []),
        ("n", "", []),
        ("n", "paused", []),
        ("gone", "absent", []),
        ("gone", "", ["connector is gone: there is none of that name", "Connectors here: m, n."]),
        ("gone", "runing", ["state is runing", "running, paused, stopped, restarted, absent", "connector is gone"]),
        ("", "paused", ["connector is not set", "-e connector=NAME", "Connectors here: m, n."]),
    ],
)
def test_what_cannot_be_is_refused_in_one_message(name: str, order: str, words: list[str]) -> None:
    said = order_refused(name, order, [connector("m"), connector("n")])
    assert bool(said) == bool(words)
    assert [word for word in words if word not in said] == []


def test_the_words_of_users_are_options_of_the_module() -> None:
    choices: Any = module.OPTIONS["state"]
    assert {order["state"] for order in ORDERS.values()} <= set(choices["choices"])


def failed(**unit: Any) -> Dict[str, Any]:
    msg = f"connector n is not running: connector RUNNING, task 0 FAILED. {TRACE}"
    return {"failed": False, "msg": msg, "connector": connector(**unit)}


def test_a_failed_order_is_told_without_what_the_trace_quotes() -> None:
    said = order_failed(failed(task="FAILED", trace=TRACE))
    assert said.startswith("connector n is not running: connector RUNNING, task 0 FAILED\n")
    assert "the database refuses the login" in said
    assert "Mary" not in said
    assert "Mary" not in order_failed(failed(state="FAILED", trace=TRACE))


def test_other_failures_keep_their_words() -> None:
    assert order_failed({"msg": "GET http://w:8083/: no. And why.", "connector": None}) == (
        "GET http://w:8083/: no. And why."
    )
    assert order_failed({"changed": True, "actions": ["pause"]}) == ""


def test_the_outcome_says_what_was_done_and_what_stays() -> None:
    there = [connector("m"), connector("n")]
    assert outcome_told("", "", there, {}) == connectors_told(there)
    assert outcome_told("n", "", there, {}) == connectors_told(there[1:], config=True)
    done = {"actions": ["pause"], "connector": connector(state="PAUSED", task="PAUSED")}
    assert outcome_told("n", "paused", there, done)[:2] == ["n: pause", "n: PAUSED on w:8083 (source, a.B 3.6)"]
    assert outcome_told("n", "paused", there, done, foretold=True)[0] == "n: would pause"
    assert outcome_told("n", "running", there, {"actions": [], "connector": connector()})[0] == "n: nothing to do"
    gone = outcome_told("n", "absent", there, {"actions": ["delete"], "connector": None})
    assert gone[0] == "n: removed."
    assert "topics stay" in " ".join(gone)
    assert outcome_told("x", "absent", there, {"actions": []}) == [
        "x: there is no such connector. Connectors here: m, n."
    ]


def test_whole_traces_are_told_to_those_who_ask_for_them() -> None:
    told = connectors_told([connector(state="FAILED", task="FAILED", trace=TRACE)], show_traces=True)
    assert [line.strip() for line in told].count("org.a.ConnectException: Can't convert 'Mary Smith'") == 2
    said = order_failed(failed(task="FAILED", trace=TRACE), show_traces=True)
    assert said.startswith(f"connector n is not running: connector RUNNING, task 0 FAILED. {TRACE}\n")
    there = [connector("n", task="FAILED", trace=TRACE)]
    assert "Mary" in str(outcome_told("n", "", there, {}, show_traces=True))
    assert "Mary" in str(outcome_told("n", "paused", there, {"connector": there[0]}, show_traces=True))
    assert "Mary" not in str(outcome_told("n", "paused", there, {"connector": there[0]}))

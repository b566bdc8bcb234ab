# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole call against a scripted worker: which requests, in which order, with which end."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import (
    ApiError,
    PlanError,
    StateError,
    ValidationError,
)

from tests.unit.plugins.module_utils.connect_answers import (
    CONFIG,
    INFO,
    PLUGIN,
    STATUS,
    Call,
    info,
    no_connector,
    plugin,
    registered,
    settling,
    status,
    validated,
)
from tests.unit.plugins.module_utils.scripted_http import FakeClock, ScriptedServer

OLD = {**CONFIG, "tasks.max": "2", "gone": "x"}
CREATE = {"name": "n", "config": CONFIG}
UPDATE = INFO + "/config"
HEAL = INFO + "/restart?includeTasks=true&onlyFailed=true"
RESTART = INFO + "/restart?includeTasks=true&onlyFailed=false"


def test_nothing_to_do_makes_three_requests(worker: ScriptedServer, clock: FakeClock) -> None:
    registered(worker, "RUNNING RUNNING")
    result = Call(worker, clock).result()
    assert result["changed"] is False
    assert result["actions"] == []
    assert result["diff"]["before"] == result["diff"]["after"]
    assert result["connector"]["config"]["database.password"] == "<redacted>"
    assert clock.pauses == 0


def test_create_is_validated_posted_and_settled(worker: ScriptedServer, clock: FakeClock) -> None:
    no_connector(worker)
    plugin(worker)
    validated(worker)
    worker.expect("POST", "/connectors", info(), 201, body=CREATE)
    worker.fails("GET", STATUS, 404, "No status found for connector n")
    worker.expect("GET", STATUS, status("RUNNING"))  # no tasks yet: not yet running
    settling(worker, looks=5)
    began = clock.now()
    result = Call(worker, clock).result()
    assert (result["changed"], result["actions"]) == (True, ["create"])
    assert result["diff"]["before"] == {}
    assert result["diff"]["after"]["state"] == "RUNNING"
    assert result["connector"]["tasks"] == [{"id": 0, "state": "RUNNING", "worker_id": "w:8083", "trace": None}]
    assert clock.now() - began > 3


@pytest.mark.parametrize(("state", "word"), [("paused", "PAUSED"), ("stopped", "STOPPED")])
def test_create_paused_or_stopped_is_one_post(worker: ScriptedServer, clock: FakeClock, state: str, word: str) -> None:
    no_connector(worker)
    plugin(worker)
    worker.expect("GET", "/", {"version": "3.7.0"})
    validated(worker)
    worker.expect("POST", "/connectors", info(), 201, body={**CREATE, "initial_state": word})
    worker.expect("GET", STATUS, status(word))
    assert Call(worker, clock, state=state).result()["actions"] == ["create"]


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("state", ["paused", "stopped"])
def test_a_worker_too_old_to_create_asleep_is_told_apart(
    worker: ScriptedServer, clock: FakeClock, state: str, check: bool
) -> None:
    no_connector(worker)
    plugin(worker)
    worker.expect("GET", "/", {"version": "3.6.2"})
    with pytest.raises(
        PlanError, match=rf"cannot be created {state}, and nothing .* Connect 3\.6\.2, .* 3\.7 or later"
    ):
        Call(worker, clock, state=state, check_mode=check).result()


def test_a_worker_that_hides_its_version_is_tried(worker: ScriptedServer, clock: FakeClock) -> None:
    no_connector(worker)
    plugin(worker)
    worker.fails("GET", "/", 403, "Forbidden", body=None)
    said = 'Unrecognized field "initial_state" (class CreateConnectorRequest), not marked as ignorable'
    worker.fails("POST", "/connectors", 500, said)
    with pytest.raises(ApiError, match="initial_state"):
        Call(worker, clock, state="stopped", validate=False).result()


def test_update_of_what_runs(worker: ScriptedServer, clock: FakeClock) -> None:
    registered(worker, "RUNNING RUNNING", OLD)
    validated(worker)
    worker.expect("PUT", UPDATE, info(), body=CONFIG)
    settling(worker)
    result = Call(worker, clock).result()
    assert result["actions"] == ["update"]
    assert result["diff"]["before"]["config"]["gone"] == "x"
    assert "gone" not in result["diff"]["after"]["config"]


@pytest.mark.parametrize(
    ("state", "before", "after", "requests"),
    [
        ("paused", "RUNNING RUNNING", "PAUSED PAUSED", ["/pause", "/config"]),
        ("stopped", "RUNNING RUNNING", "STOPPED", ["/stop", "/config"]),
        ("running", "STOPPED", "RUNNING RUNNING", ["/config", "/resume"]),
    ],
)
def test_order_of_writes(
    *, worker: ScriptedServer, clock: FakeClock, state: str, before: str, after: str, requests: Any
) -> None:
    registered(worker, before, OLD)
    validated(worker)
    for path in requests:
        worker.expect("PUT", INFO + path, info(), 202, body=CONFIG if path == "/config" else None)
    settling(worker, after, 6 if state == "running" else 1)
    assert len(Call(worker, clock, state=state).result()["actions"]) == 2


def test_what_failed_is_restarted_and_old_states_are_not_believed(worker: ScriptedServer, clock: FakeClock) -> None:
    registered(worker, "RUNNING FAILED")
    worker.expect("POST", HEAL, status("RUNNING RESTARTING"), 202)
    worker.expect("GET", STATUS, status("RUNNING FAILED", "x"))
    worker.expect("GET", STATUS, status("RUNNING RESTARTING"))
    settling(worker, looks=5)
    result = Call(worker, clock).result()
    assert result["actions"] == ["restart"]
    assert result["diff"]["before"]["state"] == "FAILED"
    assert result["diff"]["after"]["state"] == "RUNNING"


def test_restart_of_everything(worker: ScriptedServer, clock: FakeClock) -> None:
    registered(worker, "RUNNING RUNNING")
    worker.expect("POST", RESTART, status("RESTARTING RESTARTING"), 202)
    settling(worker)
    assert Call(worker, clock, restart=True).result()["actions"] == ["restart"]


def test_a_failure_ends_the_wait_at_once_with_the_trace(worker: ScriptedServer, clock: FakeClock) -> None:
    registered(worker, "RUNNING RUNNING", OLD)
    worker.expect("PUT", UPDATE, info(), body=CONFIG)
    trace = "org.x.E: it broke with pw-123456\n\tat a.b(C.java:1)\nCaused by: first\n\tat d\nCaused by: Access denied"
    worker.expect("GET", STATUS, status("RUNNING RUNNING")).expect("GET", STATUS, status("RUNNING FAILED", trace))
    call = Call(worker, clock, validate=False)
    with pytest.raises(StateError) as caught:
        call.result()
    told = call.run.failure(caught.value)
    assert told["msg"] == (
        "connector n is not running: connector RUNNING, task 0 FAILED. "
        "org.x.E: it broke with <redacted> Caused by: Access denied"
    )
    assert "Caused by: first" in told["connector"]["tasks"][0]["trace"]
    assert "pw-123456" not in str(told)
    assert clock.pauses == 1


@pytest.mark.parametrize("options", [{}, {"wait": False}, {"check_mode": True}])
def test_unchanged_and_failed_is_a_failure(worker: ScriptedServer, clock: FakeClock, options: Dict[str, Any]) -> None:
    registered(worker, "FAILED RUNNING")
    with pytest.raises(StateError, match="connector n is not running: connector FAILED, task 0 RUNNING"):
        Call(worker, clock, restart_failed=False, **options).result()


@pytest.mark.parametrize("states", ["FAILED FAILED", "STOPPED", "PAUSED PAUSED", "UNASSIGNED"])
def test_present_looks_at_no_state(worker: ScriptedServer, clock: FakeClock, states: str) -> None:
    registered(worker, states)
    assert Call(worker, clock, state="present").result()["changed"] is False


def test_present_updates_without_waiting(worker: ScriptedServer, clock: FakeClock) -> None:
    registered(worker, "STOPPED", OLD)
    validated(worker)
    worker.expect("PUT", UPDATE, info(), body=CONFIG).expect("GET", STATUS, status("STOPPED"))
    result = Call(worker, clock, state="present").result()
    assert (result["actions"], result["diff"]["after"]["state"]) == (["update"], "STOPPED")


def test_a_state_that_is_not_reached_is_told_with_the_last_look(worker: ScriptedServer, clock: FakeClock) -> None:
    registered(worker, "RUNNING UNASSIGNED")
    for _ in range(10):
        worker.expect("GET", STATUS, status("RUNNING"))
    with pytest.raises(StateError, match=r"not running within 8 s: connector RUNNING, no tasks\. a connector without"):
        Call(worker, clock, wait_timeout=8).result()


def test_a_rebalance_is_over_before_the_plan_is_made(worker: ScriptedServer, clock: FakeClock) -> None:
    worker.expect("GET", INFO, info()).expect("GET", STATUS, status("UNASSIGNED UNASSIGNED"))
    worker.expect("GET", STATUS, status("PAUSED PAUSED"))
    plugin(worker)
    worker.expect("PUT", INFO + "/resume", None, 202)
    settling(worker)
    assert Call(worker, clock).result()["actions"] == ["resume"]


@pytest.mark.parametrize("check", [True, False])
def test_a_rebalance_is_waited_out_for_the_plan_whoever_waits_for_the_end(
    worker: ScriptedServer, clock: FakeClock, check: bool
) -> None:
    worker.expect("GET", INFO, info()).expect("GET", STATUS, status("UNASSIGNED UNASSIGNED"))
    worker.expect("GET", STATUS, status("RUNNING FAILED"))
    plugin(worker)
    if not check:
        worker.expect("POST", HEAL, status("RUNNING RESTARTING"), 202).expect("GET", STATUS, status("RUNNING FAILED"))
    assert Call(worker, clock, wait=False, check_mode=check).result()["actions"] == ["restart"]


def test_a_rebalance_without_end_changes_nothing(worker: ScriptedServer, clock: FakeClock) -> None:
    worker.expect("GET", INFO, info(OLD))
    for _ in range(9):
        worker.expect("GET", STATUS, status("UNASSIGNED UNASSIGNED"))
    with pytest.raises(StateError, match="in transit for 6 s and nothing was changed: connector UNASSIGNED"):
        Call(worker, clock, wait_timeout=6).result()


def test_without_waiting_one_look_is_taken_after_the_write(worker: ScriptedServer, clock: FakeClock) -> None:
    registered(worker, "RUNNING RUNNING")
    worker.expect("PUT", INFO + "/pause", None, 202).expect("GET", STATUS, status("RUNNING PAUSED"))
    result = Call(worker, clock, state="paused", wait=False).result()
    assert result["connector"]["state"] == "RUNNING"
    assert clock.pauses == 0


def test_absent(worker: ScriptedServer, clock: FakeClock) -> None:
    registered(worker, "RUNNING RUNNING")
    worker.expect("DELETE", INFO, None, 204).expect("GET", INFO, info())
    no_connector(worker)
    result = Call(worker, clock, state="absent", config=None).result()
    assert (result["actions"], result["connector"], result["diff"]["after"]) == (["delete"], None, {})


def test_absent_already(worker: ScriptedServer, clock: FakeClock) -> None:
    no_connector(worker)
    result = Call(worker, clock, state="absent", config=None).result()
    assert (result["changed"], result["connector"]) == (False, None)


@pytest.mark.parametrize("state", ["running", "paused", "stopped", "present", "absent"])
def test_check_mode_only_reads_and_plans_the_same(worker: ScriptedServer, clock: FakeClock, state: str) -> None:
    registered(worker, "RUNNING FAILED", OLD)
    if state != "absent":
        validated(worker)
    result = Call(worker, clock, state=state, check_mode=True).result()
    assert (
        result["actions"]
        == {
            "running": ["update", "restart"],
            "paused": ["restart", "pause", "update"],
            "stopped": ["stop", "update"],
            "present": ["update"],
            "absent": ["delete"],
        }[state]
    )
    after = {"running": "RUNNING", "paused": "PAUSED", "stopped": "STOPPED", "present": "FAILED"}
    assert result["diff"]["after"].get("state") == after.get(state)


def test_check_mode_of_a_create_shows_what_would_be(worker: ScriptedServer, clock: FakeClock) -> None:
    no_connector(worker)
    plugin(worker)
    validated(worker)
    result = Call(worker, clock, check_mode=True).result()
    assert result["connector"]["state"] == "RUNNING"
    assert result["connector"]["config"]["database.password"] == "<redacted>"


def test_validation_errors_come_all_at_once_and_nothing_is_changed(worker: ScriptedServer, clock: FakeClock) -> None:
    registered(worker, "RUNNING RUNNING", OLD)

    def value(name: str, text: Any, *errors: str) -> Dict[str, Any]:
        return {"definition": {}, "value": {"name": name, "value": text, "errors": list(errors)}}

    configs = [
        value(
            "database.password", "resolved-word", "Invalid value resolved-word for configuration database.password: no"
        ),
        value("wallet", "another-word", "not another-word", "not another-word"),
        value("topic.prefix", None, "Missing required configuration"),
        value("tasks.max", "1"),
    ]
    worker.expect("PUT", PLUGIN + "/validate", {"configs": configs}, body={**CONFIG, "name": "n"})
    call = Call(worker, clock)
    with pytest.raises(ValidationError) as caught:
        call.result()
    assert call.run.failure(caught.value)["msg"] == (
        "config of connector n is not valid, 3 errors; nothing was changed. "
        "database.password: Invalid value <redacted> for configuration database.password: no; "
        "wallet: not <redacted>; topic.prefix: Missing required configuration"
    )
    assert {"resolved-word", "another-word", "pw-123456"} <= call.hidden


def test_an_unknown_class_is_told_in_the_workers_words(worker: ScriptedServer, clock: FakeClock) -> None:
    no_connector(worker)
    worker.fails("GET", PLUGIN, 404, "Unknown plugin C.", body=None)
    worker.fails("PUT", PLUGIN + "/validate", 500, "Failed to find any class that implements Connector: C")
    with pytest.raises(ApiError, match="Failed to find any class that implements Connector: C"):
        Call(worker, clock).result()

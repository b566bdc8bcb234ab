# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes whose outcome is unclear: the module looks before it writes again."""

from __future__ import annotations

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import (
    AlreadyExistsError,
    InterruptedRequestError,
    TimedOutError,
)

from tests.unit.plugins.module_utils.connect_answers import (
    CONFIG,
    INFO,
    STATUS,
    Call,
    info,
    no_connector,
    plugin,
    registered,
    settling,
    status,
)
from tests.unit.plugins.module_utils.scripted_http import ANY, FakeClock, ScriptedServer

OLD = {**CONFIG, "tasks.max": "2"}
UPDATE = INFO + "/config"
TIMED_OUT = "Request timed out"
REBALANCE = "Cannot complete request because of a conflicting operation (e.g. worker rebalance)"


def creating(worker: ScriptedServer) -> None:
    no_connector(worker)
    plugin(worker)


def unclear(worker: ScriptedServer, method: str, path: str, how: str) -> None:
    if how == "500":
        worker.fails(method, path, 500, TIMED_OUT)
    elif how == "503":
        worker.expect(method, path, raw=b"busy", status=503, content_type="text/plain", body=ANY)
    else:
        worker.expect(method, path, {}, body=ANY, behaviour=how)


HOW = pytest.mark.parametrize("how", ["500", "503", "drop", "hang", "cut"])


@HOW
def test_a_create_that_happened_is_not_made_again(worker: ScriptedServer, clock: FakeClock, how: str) -> None:
    creating(worker)
    unclear(worker, "POST", "/connectors", how)
    worker.expect("GET", INFO, info())
    settling(worker)
    assert Call(worker, clock, timeout=0.8, validate=False).result()["actions"] == ["create"]


@HOW
def test_a_create_that_did_not_happen_is_made_again(worker: ScriptedServer, clock: FakeClock, how: str) -> None:
    creating(worker)
    unclear(worker, "POST", "/connectors", how)
    no_connector(worker)
    worker.expect("POST", "/connectors", info(), 201, body={"name": "n", "config": CONFIG})
    settling(worker)
    assert Call(worker, clock, timeout=0.8, validate=False).result()["actions"] == ["create"]


def test_a_create_that_happened_late_is_recognised(worker: ScriptedServer, clock: FakeClock) -> None:
    creating(worker)
    unclear(worker, "POST", "/connectors", "drop")
    no_connector(worker)
    worker.fails("POST", "/connectors", 409, "Connector n already exists")
    worker.expect("GET", INFO, info())
    settling(worker)
    assert Call(worker, clock, validate=False).result()["changed"] is True


def test_somebody_elses_connector_is_recognised_too(worker: ScriptedServer, clock: FakeClock) -> None:
    creating(worker)
    unclear(worker, "POST", "/connectors", "drop")
    no_connector(worker)
    worker.fails("POST", "/connectors", 409, "Connector n already exists")
    worker.expect("GET", INFO, info(OLD))
    with pytest.raises(AlreadyExistsError):
        Call(worker, clock, validate=False).result()


@HOW
def test_an_update_that_happened_is_not_made_again(worker: ScriptedServer, clock: FakeClock, how: str) -> None:
    registered(worker, "RUNNING RUNNING", OLD)
    unclear(worker, "PUT", UPDATE, how)
    worker.expect("GET", INFO, info())
    settling(worker)
    assert Call(worker, clock, timeout=0.8, validate=False).result()["actions"] == ["update"]


@HOW
def test_an_update_that_did_not_happen_is_made_again(worker: ScriptedServer, clock: FakeClock, how: str) -> None:
    registered(worker, "RUNNING RUNNING", OLD)
    unclear(worker, "PUT", UPDATE, how)
    worker.expect("GET", INFO, info(OLD))
    worker.expect("PUT", UPDATE, info(), body=CONFIG)
    settling(worker)
    assert Call(worker, clock, timeout=0.8, validate=False).result()["actions"] == ["update"]


def test_a_worker_killed_in_an_update_is_waited_for(late_worker: ScriptedServer, clock: FakeClock) -> None:
    late_worker.start()
    registered(late_worker, "RUNNING RUNNING", OLD)
    unclear(late_worker, "PUT", UPDATE, "drop")
    late_worker.fails("GET", INFO, 409, REBALANCE).fails("GET", INFO, 500, TIMED_OUT).expect("GET", INFO, info(OLD))
    late_worker.fails("PUT", UPDATE, 409, REBALANCE).expect("PUT", UPDATE, info(), body=CONFIG)
    settling(late_worker)
    assert Call(late_worker, clock, validate=False).result()["actions"] == ["update"]


def test_a_delete_that_happened_is_not_made_again(worker: ScriptedServer, clock: FakeClock) -> None:
    registered(worker, "RUNNING RUNNING")
    unclear(worker, "DELETE", INFO, "drop")
    no_connector(worker)
    no_connector(worker)
    assert Call(worker, clock, state="absent", config=None).result()["actions"] == ["delete"]


def test_404_on_delete_is_what_was_wanted(worker: ScriptedServer, clock: FakeClock) -> None:
    registered(worker, "RUNNING RUNNING")
    unclear(worker, "DELETE", INFO, "500")
    worker.expect("GET", INFO, info())
    worker.fails("DELETE", INFO, 404, "Connector n not found")
    no_connector(worker)
    assert Call(worker, clock, state="absent", config=None).result()["actions"] == ["delete"]


@pytest.mark.parametrize("how", ["500", "drop"])
def test_run_states_may_be_asked_for_again_without_looking(worker: ScriptedServer, clock: FakeClock, how: str) -> None:
    registered(worker, "RUNNING RUNNING")
    unclear(worker, "PUT", INFO + "/pause", how)
    worker.expect("PUT", INFO + "/pause", None, 202).expect("GET", STATUS, status("PAUSED PAUSED"))
    assert Call(worker, clock, state="paused").result()["actions"] == ["pause"]


def test_the_deadline_ends_unclear_writes_too(worker: ScriptedServer, clock: FakeClock) -> None:
    registered(worker, "RUNNING RUNNING", OLD)
    for _ in range(40):
        unclear(worker, "PUT", UPDATE, "500")
        worker.expect("GET", INFO, info(OLD))
    began = clock.now()
    with pytest.raises(TimedOutError):
        Call(worker, clock, validate=False, wait_timeout=10, wait=False).result()
    assert 10 <= clock.now() - began < 11
    worker.script.clear()


def test_an_interrupted_wait_ends_with_the_deadline(worker: ScriptedServer, clock: FakeClock) -> None:
    registered(worker, "RUNNING UNASSIGNED")
    for _ in range(40):
        worker.expect("GET", STATUS, {}, behaviour="drop")
    with pytest.raises(InterruptedRequestError, match="tried"):
        Call(worker, clock, wait_timeout=10).result()
    worker.script.clear()

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that are refused, that only predict, or that fail: what they say and what they leave alone."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import (
    AlreadyExistsError,
    ApiError,
    BadAnswerError,
    EventLogError,
    InputError,
    StateError,
    UnreachableError,
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
    status,
)
from tests.unit.plugins.module_utils.scripted_http import FakeClock, ScriptedServer

OLD = {**CONFIG, "tasks.max": "2", "gone": "x"}
UPDATE = INFO + "/config"


def test_input_is_refused_before_any_request(worker: ScriptedServer, clock: FakeClock) -> None:
    for options in ({"config": {"a": None}}, {"sensitive_keys": ("(",)}, {"settle": 120}):
        with pytest.raises(InputError):
            Call(worker, clock, **options).result()


def test_a_short_secret_is_refused_once_the_keys_are_known(worker: ScriptedServer, clock: FakeClock) -> None:
    registered(worker, "RUNNING RUNNING")
    with pytest.raises(InputError, match="config of connector n is refused: wallet: a secret of fewer than 6"):
        Call(worker, clock, config={**CONFIG, "wallet": "short"}).result()


def test_a_masked_value_is_no_drift(worker: ScriptedServer, clock: FakeClock) -> None:
    registered(worker, "RUNNING RUNNING", {**CONFIG, "database.password": "********"})
    assert Call(worker, clock).result()["changed"] is False


def test_another_class_is_asked_for_its_keys_too(worker: ScriptedServer, clock: FakeClock) -> None:
    old = {**CONFIG, "connector.class": "B", "old.wallet": "coins-1234"}
    worker.expect("GET", INFO, info(old)).expect("GET", STATUS, status("RUNNING RUNNING"))
    worker.expect("GET", "/connector-plugins/B/config", [{"name": "old.wallet", "type": "PASSWORD"}])
    plugin(worker)
    result = Call(worker, clock, check_mode=True, validate=False).result()
    assert result["diff"]["before"]["config"]["old.wallet"] == "<redacted>"


def test_predicted_and_out_of_reach_answers_as_if_nothing_were_there(
    late_worker: ScriptedServer, clock: FakeClock
) -> None:
    call = Call(late_worker, clock, check_mode=True, predicted=True)
    result = call.result()
    assert (result["changed"], result["actions"], clock.pauses) == (True, ["create"], 0)
    assert result["diff"]["after"]["config"]["database.password"] == "<redacted>"
    assert call.invocation == result["diff"]["after"]["config"]
    absent = Call(late_worker, clock, check_mode=True, predicted=True, state="absent", config=None).result()
    assert (absent["changed"], absent["actions"]) == (False, [])


@pytest.mark.parametrize("options", [{"check_mode": True}, {"predicted": True}])
def test_out_of_reach_fails_otherwise(late_worker: ScriptedServer, clock: FakeClock, options: Dict[str, Any]) -> None:
    call = Call(late_worker, clock, wait_timeout=5, **options)
    with pytest.raises(UnreachableError) as caught:
        call.result()
    told = call.run.failure(caught.value)
    assert (told["method"], told["url"], told["status"]) == ("GET", late_worker.url + INFO, None)
    assert call.invocation is None, "nobody knows yet what is secret"


def test_predicted_does_not_hide_a_wrong_login(worker: ScriptedServer, clock: FakeClock) -> None:
    worker.expect("GET", INFO, raw=b"no", status=401)
    with pytest.raises(ApiError):
        Call(worker, clock, check_mode=True, predicted=True).result()


def test_a_proxys_page_fails_with_its_words(worker: ScriptedServer, clock: FakeClock) -> None:
    registered(worker, "RUNNING RUNNING", OLD)
    worker.expect("PUT", UPDATE, raw=b"<html>Log in. pw-123456</html>", content_type="text/html", body=CONFIG)
    call = Call(worker, clock, validate=False)
    with pytest.raises(BadAnswerError) as caught:
        call.result()
    told = call.run.failure(caught.value)
    assert (told["status"], told["response"]) == (200, "<html>Log in. <redacted></html>")
    assert told["connector"]["state"] == "RUNNING"


def test_a_trace_of_5_mb_is_returned_shortened(worker: ScriptedServer, clock: FakeClock) -> None:
    trace = "java.lang.Error: big\n" + "\tat a.b.c(D.java:1)\n" * 260000 + "Caused by: the end"
    registered(worker, "RUNNING FAILED", trace=trace)
    call = Call(worker, clock, restart_failed=False)
    with pytest.raises(StateError, match=r"java\.lang\.Error: big Caused by: the end") as caught:
        call.result()
    assert len(trace) > 5_000_000
    assert len(str(call.run.failure(caught.value))) < 20_000


def test_one_already_there_in_the_meantime_is_not_overwritten(worker: ScriptedServer, clock: FakeClock) -> None:
    no_connector(worker)
    plugin(worker)
    worker.fails("POST", "/connectors", 409, "Connector n already exists")
    with pytest.raises(AlreadyExistsError, match="Connector n already exists"):
        Call(worker, clock, validate=False).result()


def test_every_failure_carries_a_message(worker: ScriptedServer, clock: FakeClock) -> None:
    assert Call(worker, clock).run.failure(EventLogError("m")) == {"msg": "m", "connector": None}

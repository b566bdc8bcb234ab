# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever goes wrong once the connector was stopped, its former state comes back and everything is told."""

from __future__ import annotations

from typing import Any, Optional

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _connector_offsets as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import (
    ApiError,
    NotFoundError,
    StateError,
)

from tests.unit.plugins.module_utils.connect_answers import INFO, STATUS, status
from tests.unit.plugins.module_utils.offsets_answers import (
    FILE,
    NEW,
    NO_FILENAME,
    OFFSETS,
    OLD,
    WANTED,
    Call,
    altered,
    begun,
    kept,
    resumed,
    stopped,
)
from tests.unit.plugins.module_utils.scripted_http import FakeClock, ScriptedServer

# failures after the connector was stopped


def test_the_plugins_words_and_the_former_state(worker: ScriptedServer, clock: FakeClock) -> None:
    begun(worker, "RUNNING RUNNING")
    stopped(worker)
    kept(worker, OLD)
    worker.fails("PATCH", OFFSETS, 500, NO_FILENAME)
    kept(worker, OLD)
    resumed(worker)
    failed = Call(worker, clock).failure(ApiError)
    tail = f"{NO_FILENAME}. Its offsets were not changed; the connector is running as before"
    assert failed["msg"].endswith(tail)
    assert (failed["method"], failed["status"], failed["response"]) == ("PATCH", 500, NO_FILENAME)
    assert failed["actions"] == ["stop", "resume"]
    assert (failed["offsets"], failed["state"]) == ([{"partition": FILE, "offset": OLD}], "RUNNING")


@pytest.mark.parametrize(
    ("states", "verb", "told"),
    [("PAUSED PAUSED", "pause", "paused as before"), ("STOPPED", None, "stopped as before")],
)
def test_other_states_are_brought_back_too(
    worker: ScriptedServer, clock: FakeClock, states: str, verb: Optional[str], told: str
) -> None:
    begun(worker, states)
    if verb:
        stopped(worker)
        kept(worker, OLD)
    worker.fails("PATCH", OFFSETS, 400, "no such thing")
    kept(worker, OLD)
    if verb:
        worker.expect("PUT", f"{INFO}/{verb}", None, 202).expect("GET", STATUS, status(states))
    assert told in Call(worker, clock).failure(ApiError)["msg"]


def test_tasks_that_will_not_stop(worker: ScriptedServer, clock: FakeClock) -> None:
    begun(worker, "RUNNING RUNNING")
    worker.expect("PUT", INFO + "/stop", None, 204)
    for _ in range(15):
        worker.expect("GET", STATUS, status("STOPPED RUNNING"))
    resumed(worker)
    began = clock.now()
    failed = Call(worker, clock, wait_timeout=12).failure(StateError)
    assert "have not stopped within 12 s, and offsets cannot be changed while anything runs" in failed["msg"]
    assert "connector STOPPED, task 0 RUNNING. Its offsets were not changed; the connector is running" in failed["msg"]
    assert failed["actions"] == ["stop", "resume"]
    assert 12 <= clock.now() - began < 12 + 4


def test_a_stop_that_is_refused(worker: ScriptedServer, clock: FakeClock) -> None:
    begun(worker, "RUNNING RUNNING")
    worker.fails("PUT", INFO + "/stop", 500, "something odd")
    resumed(worker)
    failed = Call(worker, clock).failure(ApiError)
    assert "something odd. Its offsets were not changed; the connector is running as before" in failed["msg"]


def test_a_connector_deleted_meanwhile(worker: ScriptedServer, clock: FakeClock) -> None:
    begun(worker, "RUNNING RUNNING")
    stopped(worker)
    worker.fails("GET", OFFSETS, 404, "Connector n not found").fails("PUT", INFO + "/resume", 404, "no connector n")
    failed = Call(worker, clock).failure(NotFoundError)
    assert "Connector n not found. Its offsets were not changed. And then: PUT" in failed["msg"]
    assert "no connector n" in failed["msg"]


def test_a_connector_that_does_not_come_back_is_told_with_the_first_error(
    worker: ScriptedServer, clock: FakeClock
) -> None:
    begun(worker, "RUNNING RUNNING")
    stopped(worker)
    kept(worker, OLD)
    worker.fails("PATCH", OFFSETS, 500, NO_FILENAME)
    kept(worker, OLD)
    worker.expect("PUT", INFO + "/resume", None, 202)
    worker.expect("GET", STATUS, status("RUNNING FAILED", "java.lang.Error: pw-123456 refused"))
    failed = Call(worker, clock).failure(ApiError)
    assert NO_FILENAME in failed["msg"]
    assert "And then: connector n is not running again: connector RUNNING, task 0 FAILED. java.lang.E" in failed["msg"]
    assert "pw-123456" not in failed["msg"]
    assert failed["state"] == "FAILED"


def test_a_connector_that_fails_at_its_new_offsets(worker: ScriptedServer, clock: FakeClock) -> None:
    begun(worker, "RUNNING FAILED")
    stopped(worker)
    kept(worker, OLD)
    altered(worker)
    kept(worker, NEW)
    worker.expect("PUT", INFO + "/resume", None, 202).expect("GET", STATUS, status("RUNNING FAILED"))
    failed = Call(worker, clock).failure(StateError)
    assert failed["msg"].startswith("the offsets are as asked for, and yet: connector n is not running again: ")
    assert "it had failed before as well. java.lang.Error: why" in failed["msg"]
    assert (failed["actions"], failed["offsets"]) == (["stop", "alter", "resume"], WANTED)


def test_the_way_back_has_time_of_its_own(worker: ScriptedServer, clock: FakeClock) -> None:
    begun(worker, "RUNNING RUNNING")
    stopped(worker)
    kept(worker, OLD)
    altered(worker)
    kept(worker, NEW)
    worker.expect("PUT", INFO + "/resume", None, 202)
    for _ in range(63):
        worker.expect("GET", STATUS, status("RUNNING UNASSIGNED"))
    began = clock.now()
    failed = Call(worker, clock, wait_timeout=5).failure(StateError)
    assert "and yet: connector n is not running again: connector RUNNING, task 0 UNASSIGNED" in failed["msg"]
    assert subject.RESTORE_SECONDS <= clock.now() - began < subject.RESTORE_SECONDS + 1


def test_an_error_of_our_own_brings_the_connector_back_as_well(
    worker: ScriptedServer, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(worker, "RUNNING RUNNING")
    stopped(worker)
    resumed(worker)

    call = Call(worker, clock)
    real, asked = call.run._api.offsets, iter([False, True])

    def interrupted(name: str) -> Any:
        if next(asked):
            raise KeyboardInterrupt
        return real(name)

    monkeypatch.setattr(call.run._api, "offsets", interrupted)
    with pytest.raises(KeyboardInterrupt):
        call.result()


def test_offsets_that_are_not_kept_as_given(worker: ScriptedServer, clock: FakeClock) -> None:
    begun(worker, "STOPPED")
    altered(worker)
    kept(worker, OLD)
    kept(worker, {"position": 8})
    failed = Call(worker, clock).failure(StateError)
    assert 'the worker keeps other offsets of connector n than it was given: [{"offset": {"posi' in failed["msg"]
    assert 'Its offsets are now [{"offset": {"position": 8}' in failed["msg"]


def test_a_partition_that_is_not_in_kafka_is_guessed_at(worker: ScriptedServer, clock: FakeClock) -> None:
    there = {"partition": {"kafka_topic": "t", "kafka_partition": 0}, "offset": {"kafka_offset": 5}}
    begun(worker, "STOPPED", there, kind="sink")
    worker.fails("PATCH", OFFSETS, 500, "Failed to alter consumer group offsets for connector n")
    kept(worker, there)
    wanted = [{"partition": {"kafka_topic": "t", "kafka_partition": 9}, "offset": {"kafka_offset": 5}}]
    told = "for connector n; it takes topics that exist, and partitions that they have. Its offsets were"
    assert told in Call(worker, clock, offsets=wanted).failure(ApiError)["msg"]

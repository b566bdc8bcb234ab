# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The change of a running stack: noted, stopped, verified, taken back; Docker and worker are in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _stack_former
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_state import Status, Task
from ansible_collections.openmrs.event_log.plugins.module_utils._stack_change import told
from ansible_collections.openmrs.event_log.plugins.module_utils._stack_project import ChangeError
from ansible_collections.openmrs.event_log.tests.unit.plugins.module_utils.fake_connect import FakeConnect
from ansible_collections.openmrs.event_log.tests.unit.plugins.module_utils.fake_docker import (
    BROKER,
    NAMES,
    WORKER,
    FakeDocker,
    compose,
)
from ansible_collections.openmrs.event_log.tests.unit.plugins.module_utils.running_stack import NEW, OLD, Stack


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    connect = FakeConnect()
    server = connect.serve()
    yield Stack(tmp_path, FakeDocker(tmp_path, server.server_address[1]), connect)
    server.shutdown()
    server.server_close()


def test_a_change_notes_what_runs_and_stops_the_worker_before_the_broker(stack: Stack) -> None:
    stack.write(NEW)
    found = stack.change.begin(NEW, False, 30)
    assert found == {"recreated": NAMES, "way_back": True, "connectors": ["runs"], "lost": ""}
    assert stack.docker.stopped == ["connect", "broker"]
    stack.docker.up(NEW)
    assert stack.change.verify(60, 5) == ["runs"]
    assert not stack.former.exists()


def test_one_setting_concerns_one_container(stack: Stack) -> None:
    text = compose(connect="other")
    stack.write(text)
    assert stack.change.begin(text, False, 30)["recreated"] == [WORKER]


def test_a_name_that_means_another_image_now_is_a_change(stack: Stack) -> None:
    stack.docker.images["image:1"] = "sha256:9"
    stack.write(OLD)
    found = stack.change.begin(OLD, False, 30)
    assert (found["recreated"], found["way_back"]) == (NAMES, False), "the former files would start the new image"
    assert found["lost"] == "event-log-broker runs an image that image:1 does not mean any more"
    assert (stack.docker.stopped, stack.former.exists()) == ([], False)


def test_an_image_whose_name_is_gone_cannot_be_gone_back_to(stack: Stack) -> None:
    del stack.docker.images["image:1"]
    stack.write(NEW)
    assert "does not mean any more" in stack.change.begin(NEW, False, 30)["lost"]


def test_files_that_no_container_depends_on_stop_nothing(stack: Stack) -> None:
    stack.write(OLD)
    found = stack.change.begin(OLD, False, 30)
    assert found == {"recreated": [], "way_back": False, "connectors": [], "lost": ""}
    assert (stack.docker.stopped, stack.former.exists()) == ([], False)


def test_check_mode_says_it_and_writes_and_stops_nothing(stack: Stack) -> None:
    found = stack.change.begin(NEW, True, 30)
    assert (found["recreated"], found["way_back"]) == (NAMES, False)
    assert (stack.docker.stopped, stack.former.exists(), stack.connect.requests) == ([], False, [])


@pytest.mark.parametrize(
    ("health", "status", "said"), [("unhealthy", "running", "unhealthy"), ("", "exited", "not running")]
)
def test_there_is_no_way_back_to_what_is_not_healthy(stack: Stack, health: str, status: str, said: str) -> None:
    stack.docker.health(WORKER, health, status)
    stack.write(NEW)
    found = stack.change.begin(NEW, False, 30)
    assert (found["way_back"], found["lost"]) == (False, f"event-log-connect was {said}")
    assert (stack.docker.stopped, stack.former.exists()) == ([], False)


def test_what_was_just_started_is_given_a_moment(stack: Stack) -> None:
    stack.docker.health(BROKER, "starting")
    stack.clock.events[2] = lambda: stack.docker.health(BROKER, "healthy")
    stack.write(NEW)
    assert stack.begin() is True


def test_what_stays_starting_is_not_waited_for_longer_than_that(stack: Stack) -> None:
    stack.docker.health(BROKER, "starting")
    stack.write(NEW)
    began = stack.clock.now()
    assert stack.begin() is False
    assert 30 <= stack.clock.now() - began < 40


def test_a_first_installation_has_no_way_back(stack: Stack) -> None:
    stack.docker.containers.clear()
    stack.write(NEW)
    found = stack.change.begin(NEW, False, 30)
    assert (found["way_back"], found["lost"]) == (False, ""), "nothing is lost either"


def failing(stack: Stack) -> None:
    stack.connect.connectors["runs"].update(tasks=["FAILED"])
    stack.connect.trace = "org.x.DataException: name of Grace\n\tat y\nCaused by: java.lang.Error: Amina\n\tat z"


def test_a_healthy_worker_whose_connector_fails_is_not_enough(stack: Stack) -> None:
    stack.write(NEW)
    stack.begin()
    failing(stack)
    began = stack.clock.now()
    with pytest.raises(ChangeError) as caught:
        stack.change.verify(600, 5)
    assert stack.clock.now() - began < 30, "a failure that lasts is not waited out"
    assert "runs: connector RUNNING, task 0 FAILED (DataException <- Error)" in str(caught.value)
    assert "Grace" not in str(caught.value)
    assert stack.former.exists(), "the way back is still open"


def test_a_password_that_comes_after_the_stack_is_no_fault_of_the_stack(stack: Stack) -> None:
    stack.write(NEW)
    stack.begin()
    failing(stack)
    stack.connect.trace = "org.x.ConnectException: x\nCaused by: java.sql.SQLException: Access denied for user 'c'@'h'"
    assert stack.change.verify(60, 5) == ["runs"]
    assert not stack.former.exists(), "the change is settled"


def test_what_the_worker_shows_at_first_does_not_count(stack: Stack) -> None:
    stack.write(NEW)
    stack.begin()
    failing(stack)
    stack.clock.events[4] = lambda: stack.connect.connectors["runs"].update(tasks=["RUNNING"])
    assert stack.change.verify(60, 5) == ["runs"]


def test_the_failures_of_the_version_that_is_taken_back_are_waited_out(stack: Stack) -> None:
    stack.write(NEW)
    stack.begin()
    failing(stack)
    stack.clock.events[40] = lambda: stack.connect.connectors["runs"].update(tasks=["RUNNING"])
    assert stack.change.back(60, 5) == ["runs"]
    stack.write(NEW)
    stack.begin()
    failing(stack)
    with pytest.raises(ChangeError, match="task 0 FAILED"):
        stack.change.back(60, 5)


def test_a_connector_must_go_on_running(stack: Stack) -> None:
    stack.write(NEW)
    stack.begin()
    stack.clock.events[4] = lambda: failing(stack)
    with pytest.raises(ChangeError):
        stack.change.verify(60, 8)


def test_a_connector_that_does_not_come_up_ends_at_the_time_limit(stack: Stack) -> None:
    stack.write(NEW)
    stack.begin()
    stack.connect.connectors["runs"].update(tasks=[])
    began = stack.clock.now()
    with pytest.raises(ChangeError, match="runs: connector RUNNING, no tasks"):
        stack.change.verify(60, 5)
    assert 55 <= stack.clock.now() - began < 70
    del stack.connect.connectors["runs"]
    with pytest.raises(ChangeError, match="runs: gone"):
        stack.change.verify(20, 5)


def test_back_brings_files_containers_and_connectors_of_the_former_version(stack: Stack) -> None:
    stack.docker.broken = ["image:2"]
    stack.write(NEW)
    stack.begin()
    assert stack.docker.up(NEW) is False
    assert stack.change.back(60, 5) == ["runs"]
    assert stack.text == OLD
    assert {entry["Image"] for entry in stack.docker.containers.values()} == {"sha256:1"}
    assert not stack.former.exists()
    (up,) = [call for call in stack.docker.calls if " up " in call]
    assert "--pull never" in up
    assert "--wait --wait-timeout 60" in up


def test_back_that_fails_keeps_the_former_files(stack: Stack) -> None:
    stack.write(NEW)
    stack.begin()
    stack.docker.broken = ["image:1", "image:2"]
    with pytest.raises(ChangeError, match="event-log-connect is unhealthy"):
        stack.change.back(60, 5)
    assert (stack.text, stack.former.exists()) == (OLD, True)


KILLED = {"while the worker stops": "stop connect", "while the broker stops": "stop broker"}


@pytest.mark.parametrize("came", ["before the stop", *KILLED, "before the new containers", "before they were verified"])
def test_a_run_after_one_that_was_killed_goes_on(stack: Stack, came: str) -> None:
    stack.write(NEW)
    stack.docker.killed_at = KILLED.get(came, "")
    if came in KILLED:
        with pytest.raises(KeyboardInterrupt):
            stack.begin()
        stack.docker.killed_at = ""
        stack.docker.health(WORKER, "", "exited")  # the engine goes on stopping what it was told to stop
    elif came != "before the stop":
        stack.begin()
    if came == "before they were verified":
        stack.docker.up(NEW)
        stack.connect.connectors["runs"].update(tasks=["UNASSIGNED"])  # not what ran before the change
    stack.write(NEW)
    found = stack.change.begin(NEW, False, 30)
    assert (found["connectors"], found["way_back"]) == (["runs"], True)
    stack.docker.up(NEW)
    stack.connect.connectors["runs"].update(tasks=["RUNNING"])
    assert stack.change.verify(60, 5) == ["runs"]


def test_a_run_after_one_that_was_killed_may_still_go_back(stack: Stack) -> None:
    stack.write(NEW)
    stack.begin()
    third = compose("image:2", connect="mended")
    stack.write(third)
    assert stack.begin(third) is True
    stack.docker.up(third)
    assert stack.change.back(60, 5) == ["runs"]
    assert stack.text == OLD


def test_a_change_that_cannot_be_begun_leaves_files_and_containers(stack: Stack) -> None:
    stack.write("broken")
    with pytest.raises(ChangeError, match="this is no mapping"):
        stack.begin("broken")
    assert stack.change.refuse() is False, "nothing to go back to"
    assert (stack.text, stack.docker.stopped, stack.former.exists()) == (OLD, [], False)


def test_what_was_stopped_before_it_failed_is_gone_back_to(stack: Stack) -> None:
    stack.write(NEW)
    stack.docker.stop_fails = "broker"
    with pytest.raises(ChangeError, match="did not receive an exit event"):
        stack.begin()
    assert stack.docker.stopped == ["connect", "broker"]
    assert stack.change.refuse() is True
    assert stack.change.back(60, 5) == ["runs"]
    assert (stack.text, stack.former.exists()) == (OLD, False)
    assert {entry["State"]["Status"] for entry in stack.docker.containers.values()} == {"running"}


def test_what_an_earlier_run_stopped_is_gone_back_to(stack: Stack) -> None:
    stack.write(NEW)
    stack.begin()
    stack.write("broken")
    with pytest.raises(ChangeError):
        stack.begin("broken")
    assert stack.change.refuse() is True
    assert stack.change.back(60, 5) == ["runs"]
    assert stack.text == OLD


def test_a_connector_that_was_deleted_does_not_hold_up_the_way_back(stack: Stack) -> None:
    stack.connect.register("too", {}, "RUNNING RUNNING")
    stack.write(NEW)
    stack.begin()
    del stack.connect.connectors["runs"]
    with pytest.raises(ChangeError, match="runs: gone"):
        stack.change.verify(20, 5)  # the new version may have lost it
    assert stack.change.back(60, 5) == ["too"]
    assert not stack.former.exists()


def test_what_a_cut_off_drop_left_is_no_change(stack: Stack) -> None:
    stack.write(NEW)
    stack.begin()
    (stack.former / "files.json").unlink()
    assert stack.change.refuse() is False
    assert stack.begin() is False


def test_an_engine_that_is_down_is_said(stack: Stack) -> None:
    stack.docker.down = True
    with pytest.raises(ChangeError, match="the Docker engine does not answer: Cannot connect"):
        stack.begin()


def test_units_that_came_back_are_told_to_systemd(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.write(NEW)
    stack.begin()
    monkeypatch.setattr(_stack_former, "put_back", lambda _former: ["/etc/systemd/system/event-log.service"])
    stack.docker.write(OLD)
    stack.change.back(60, 5)
    assert "systemctl daemon-reload" in stack.docker.calls


def test_a_trace_is_told_by_its_classes_only() -> None:
    trace = "a.b.CError: Grace\nAmina.Otieno: x\n\tat q.R.s(R.java)\nCaused by: d.E$FError\n\tat x\nCaused by: words"
    status = Status("RUNNING", (Task(0, "FAILED", trace=trace),))
    assert told("n", status) == "n: connector RUNNING, task 0 FAILED (CError <- E$FError)"

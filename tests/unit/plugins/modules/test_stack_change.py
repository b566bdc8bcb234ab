# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module stack_change: its steps as tasks, in check mode too, and failures in words."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils import _stack_former
from ansible_collections.openmrs.event_log.plugins.modules import stack_change as subject
from ansible_collections.openmrs.event_log.tests.unit.plugins.module_utils.fake_connect import FakeConnect
from ansible_collections.openmrs.event_log.tests.unit.plugins.module_utils.fake_docker import (
    NAMES,
    FakeDocker,
    compose,
)

from tests.unit.plugins.modules.conftest import Call

OLD, NEW = compose(), compose("image:2")
NOTHING: Dict[str, Any] = {"recreated": [], "way_back": False, "connectors": []}


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDocker]:
    """A running stack whose files have been changed."""
    connect = FakeConnect()
    connect.register("runs", {}, "RUNNING RUNNING")
    server = connect.serve()
    found = FakeDocker(tmp_path, server.server_address[1])
    found.write(OLD)
    found.up(OLD)
    _stack_former.keep(found.project / "former", [found.project / "compose.yaml"])
    found.write(NEW)
    monkeypatch.setattr(AnsibleModule, "run_command", lambda _module, command, **_options: found(command))
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    yield found
    server.shutdown()
    server.server_close()


def options(docker: FakeDocker, step: str, **more: Any) -> Dict[str, Any]:
    paths = {"project_dir": str(docker.project), "former": str(docker.project / "former")}
    return {"step": step, **paths, "containers": NAMES, "settle": 0, **more}


def result(told: Dict[str, Any]) -> Dict[str, Any]:
    return {key: told[key] for key in NOTHING}


def test_the_steps_of_a_change_that_goes_well(call: Call, docker: FakeDocker) -> None:
    foretold = call(subject, check=True, **options(docker, "begin", compose=NEW))
    assert (foretold["changed"], result(foretold)) == (False, {**NOTHING, "recreated": NAMES})
    begun = call(subject, **options(docker, "begin", compose=NEW))
    assert result(begun) == {"recreated": NAMES, "way_back": True, "connectors": ["runs"]}
    docker.up(NEW)
    verified = call(subject, **options(docker, "verify"))
    assert (verified["changed"], verified["connectors"]) == (False, ["runs"])
    assert not (docker.project / "former").exists()


def test_the_steps_of_a_change_that_is_taken_back(call: Call, docker: FakeDocker) -> None:
    call(subject, **options(docker, "begin", compose=NEW))
    back = call(subject, **options(docker, "back"))
    assert (back["changed"], back["connectors"]) == (True, ["runs"])
    assert (docker.project / "compose.yaml").read_text() == OLD


@pytest.mark.parametrize("step", ["verify", "back"])
def test_check_mode_does_nothing(call: Call, docker: FakeDocker, step: str) -> None:
    told = call(subject, check=True, **options(docker, step))
    assert (told["changed"], result(told), docker.calls) == (False, NOTHING, [])


def test_without_docker_there_is_nothing_to_replace(
    call: Call, docker: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    assert result(call(subject, **options(docker, "begin", compose=NEW))) == NOTHING


@pytest.mark.parametrize("check", [True, False])
def test_a_change_that_cannot_be_begun_fails_and_leaves_the_former_files(
    call: Call, docker: FakeDocker, check: bool
) -> None:
    told = call(subject, check=check, **options(docker, "begin", compose="broken"))
    assert told["failed"]
    assert told["way_back"] is False
    assert "this is no mapping" in told["msg"]
    assert (docker.project / "compose.yaml").read_text() == (NEW if check else OLD)


def test_a_change_that_fails_after_the_first_stop_asks_for_the_way_back(call: Call, docker: FakeDocker) -> None:
    docker.stop_fails = "broker"
    told = call(subject, **options(docker, "begin", compose=NEW))
    assert (told["failed"], told["way_back"]) == (True, True)
    assert "did not receive an exit event" in told["msg"]
    assert call(subject, **options(docker, "back"))["connectors"] == ["runs"]
    assert (docker.project / "compose.yaml").read_text() == OLD


def test_an_error_that_nobody_thought_of_leaves_the_former_files_too(
    call: Call, docker: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(subject.Change, "_differing", broken)
    told = call(subject, **options(docker, "begin", compose=NEW))
    assert (told["failed"], told["way_back"]) == (True, False)
    assert "No space left on device" in told["msg"]
    assert (docker.project / "compose.yaml").read_text() == OLD


def test_a_change_without_a_way_back_is_warned_of(
    call: Call, docker: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    warned: List[str] = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda _module, text: warned.append(text))
    docker.health(NAMES[1], "unhealthy")
    assert call(subject, **options(docker, "begin", compose=NEW))["way_back"] is False
    assert warned == ["There is no way back from this change of the stack: event-log-connect was unhealthy."]


def test_a_password_is_in_no_message(call: Call, docker: FakeDocker) -> None:
    shown: List[str] = [str(call(subject, **options(docker, "begin", compose=NEW)))]
    shown.append(str(call(subject, **options(docker, "back"))))
    assert "password-of-the-worker" not in "".join(shown)


def test_begin_needs_the_wanted_project(call: Call, docker: FakeDocker) -> None:
    assert "compose" in call(subject, **options(docker, "begin"))["msg"]

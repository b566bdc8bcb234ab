# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module stack_uis: check = changed, run = changed, check = ok, run = ok; and what is ill is a warning."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Dict, List

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.modules import stack_uis as subject
from ansible_collections.openmrs.event_log.tests.unit.plugins.module_utils.fake_docker import FakeDocker

from tests.unit.plugins.modules.conftest import Call

PAGE = "event-log-kowl"
COMPOSE = yaml.safe_dump({"services": {"kowl": {"image": "image:1", "container_name": PAGE}}})


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    found = FakeDocker(tmp_path, 0)
    found.write(COMPOSE)
    monkeypatch.setattr(AnsibleModule, "run_command", lambda _module, command, **_options: found(command))
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    return found


def options(docker: FakeDocker, **more: Any) -> Dict[str, Any]:
    given = {"project_dir": str(docker.project), "project": "event-log", "containers": [PAGE], "compose": COMPOSE}
    return {**given, "timeout": 0, **more}


def test_the_ladder(call: Call, docker: FakeDocker) -> None:
    for state, key in (("present", "made"), ("absent", "removed")):
        seen = []
        for check in (True, False, True, False):
            told = call(subject, check=check, **options(docker, state=state))
            seen.append((told["changed"], told[key]))
            assert told.get("warnings", []) == []
        assert seen == [(True, [PAGE]), (True, [PAGE]), (False, []), (False, [])]


def test_what_is_ill_is_a_warning_and_no_failure(
    call: Call, docker: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker.broken = ["image:1"]
    warned: List[str] = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda _module, words: warned.append(words))
    told = call(subject, **options(docker))
    assert (told["changed"], told.get("failed", False)) == (True, False)
    assert told["notes"][0].startswith("Kowl is not healthy (unhealthy).")
    assert warned == told["notes"]


def test_without_an_engine_check_mode_foretells(
    call: Call, docker: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker.down = True
    assert call(subject, check=True, **options(docker))["made"] == [PAGE]
    docker.calls.clear()
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    assert call(subject, check=True, **options(docker))["made"] == [PAGE]
    assert docker.calls == []


def test_an_engine_that_does_not_answer_is_a_failure(call: Call, docker: FakeDocker) -> None:
    docker.down = True
    told = call(subject, **options(docker))
    assert told["failed"] is True
    assert "the Docker engine does not answer" in told["msg"]

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the role waits for an engine: as long as its message says, whatever the engine does."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any, Dict

import pytest
import yaml

from tests.unit.role_files import ROOT
from tests.unit.roles.role_runs import check

#: What `docker version` does, by name.
ENGINES = {
    "silent": "exec sleep 300",
    "refuses": "echo Client: x; echo permission denied >&2; exit 1",
    "comes": 'if [ -e "$0.called" ]; then exit 0; fi; : >"$0.called"; exit 1',
}


def wait_task() -> Dict[str, Any]:
    (block,) = yaml.safe_load((ROOT / "roles/docker_engine/tasks/run.yml").read_text(encoding="utf-8"))
    (task,) = [task for task in block["block"] if task["name"] == "Wait until the engine answers"]
    return dict(task)


@pytest.fixture(scope="module")
def waits(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Dict[str, Any]]:
    folder = tmp_path_factory.mktemp("wait")
    hosts = {}
    for name, text in ENGINES.items():
        (folder / name).mkdir()
        (folder / name / "docker").write_text(f"#!/bin/sh\n{text}\n")
        (folder / name / "docker").chmod(0o755)
        hosts[name] = {"path": f"{folder / name}:{os.environ['PATH']}", "docker_engine_start_timeout": 3}
    outcomes = check(folder, [wait_task()], hosts, really=True)
    return {name: outcome.result("Wait until the engine answers") for name, outcome in outcomes.items()}


def seconds(result: Dict[str, Any]) -> float:
    hours, minutes, rest = result["delta"].split(":")
    return timedelta(hours=int(hours), minutes=int(minutes), seconds=float(rest)).total_seconds()


@pytest.mark.parametrize(("name", "words"), [("silent", "says nothing"), ("refuses", "permission denied")])
def test_an_engine_that_does_not_answer_is_given_up_when_the_time_is_over(
    waits: Dict[str, Dict[str, Any]], name: str, words: str
) -> None:
    assert waits[name]["failed"]
    assert words in waits[name]["stderr"]
    assert "Client" not in waits[name]["stderr"]
    assert 2 <= seconds(waits[name]) < 15, "three seconds, and what a loaded machine takes beside them"


def test_an_engine_that_comes_is_enough(waits: Dict[str, Dict[str, Any]]) -> None:
    assert not waits["comes"].get("failed")
    assert seconds(waits["comes"]) < 15


def test_the_time_is_the_one_that_the_message_names() -> None:
    assert wait_task()["environment"] == {"SECONDS_TO_WAIT": "{{ docker_engine_start_timeout }}"}
    assert "until" not in wait_task(), "retries would be on top of it"
    broken = (ROOT / "roles/docker_engine/tasks/broken.yml").read_text(encoding="utf-8")
    assert "within docker_engine_start_timeout = {{ docker_engine_start_timeout }} s" in broken
    assert Path(ROOT / "roles/docker_engine/defaults/main.yml").read_text().count("docker_engine_start_timeout") == 1

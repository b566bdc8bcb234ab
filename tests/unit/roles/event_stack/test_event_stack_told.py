# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run says when a change of the stack went wrong: what is known, and no more."""

from __future__ import annotations

import os
from typing import Any, Dict

import pytest
import yaml

from tests.unit.role_files import ROOT
from tests.unit.roles.role_runs import Outcome, check

FOLDER = ROOT / "roles" / "event_stack"
NEVER_HEALTHY = {"failed": False, "way_back": False}
BEGUN = {"failed": False, "way_back": True}
BACK = {"failed": False, "recreated": [], "connectors": ["openmrs-connector"]}
CASES: Dict[str, Dict[str, Any]] = {
    "refused": {"change": {"failed": True, "way_back": False}, "back": {"skipped": True}},
    "no way back": {"change": NEVER_HEALTHY, "back": {"skipped": True}},
    "skipped": {"change": {"skipped": True}, "back": {"skipped": True}},
    "went back": {"change": BEGUN, "back": BACK},
    "stopped half": {"change": {"failed": True, "way_back": True}, "back": {**BACK, "connectors": []}},
    "crashed": {"change": {"failed": True}, "back": {"failed": False, "msg": "no space left"}},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Outcome]:
    tasks = yaml.safe_load((FOLDER / "tasks" / "containers.yml").read_text())
    (block,) = [task for task in tasks if "rescue" in task]
    (told,) = [task for task in block["rescue"] if "ansible.builtin.fail" in task]
    expression = yaml.safe_load((FOLDER / "vars" / "main.yml").read_text())["__event_stack_way_back"]
    more = {"__event_stack_way_back": expression, "event_stack_start_timeout": 11, "event_stack_upgrade_timeout": 22}
    log = {"results": [{"item": "event-log-broker", "stdout": "a line", "stderr": ""}]}
    given = {"__event_stack_logs": log, "ansible_failed_result": {"msg": "the reason"}, "path": os.environ["PATH"]}
    hosts = {
        name.replace(" ", "_"): {**given, "__event_stack_change": case["change"], "__event_stack_back": case["back"]}
        for name, case in CASES.items()
    }
    return check(tmp_path_factory.mktemp("told"), [{**told, "vars": {**told["vars"], **more}}], hosts)


@pytest.mark.parametrize(
    ("case", "said"),
    [
        (
            "refused",
            [
                "The stack could not be changed. Nothing was stopped, "
                "and a version that was there before has its files again:"
            ],
        ),
        ("no way back", ["The stack did not become healthy within event_stack_start_timeout = 11 s:"]),
        ("skipped", ["The stack did not become healthy within event_stack_start_timeout = 11 s:"]),
        (
            "went back",
            [
                "The new version did not come up within event_stack_upgrade_timeout = 22 s. "
                "The former version runs again, and from its position openmrs-connector.",
                "What was wrong with the change:",
            ],
        ),
        (
            "stopped half",
            ["The stack could not be changed. The former version runs again.", "What was wrong with the change:"],
        ),
        (
            "crashed",
            [
                "The stack could not be changed. Going back to the former version failed too, so that the stack may be "
                "stopped; the next run goes on from there. It said: no space left",
                "What was wrong with the change:",
            ],
        ),
    ],
)
def test_the_failure_claims_only_what_is_known(runs: Dict[str, Outcome], case: str, said: list[str]) -> None:
    lines = runs[case.replace(" ", "_")].failure.splitlines()
    assert lines[: len(said) + 1] == [*said, "the reason"]
    assert lines[len(said) + 1 : len(said) + 3] == ["The last lines of event-log-broker:", "a line"]


def test_what_still_starts_has_its_whole_time_before_the_way_back_is_given_up() -> None:
    tasks = yaml.safe_load((FOLDER / "tasks" / "containers.yml").read_text())
    (block,) = [task["block"] for task in tasks if "block" in task]
    (begin,) = [task["openmrs.event_log.stack_change"] for task in block if "Stop what" in task["name"]]
    assert begin["patience"] == "{{ event_stack_start_timeout }}"

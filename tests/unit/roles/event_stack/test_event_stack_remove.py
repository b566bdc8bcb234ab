# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles would remove of a host, looked at in check mode: what goes, what stays, and nothing is changed."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

from tests.unit.roles.role_runs import Outcome, check

HOME = ("config/event-log.json", "lib/event_log/cli.py", "formatted", "secrets/connect_password", "secrets/connect/a")
DATA = (
    "meta.properties",
    "openmrs.openmrs.person-0/0.log",
    "openmrs.openmrs.patient-0/0.log",
    "__consumer_offsets-0/0.log",
)
SAMPLE = ("server/my.cnf", "secrets/root_password")
ROLES = {
    "event_stack": "event_stack_removal",
    "kafka_host": "kafka_host_removal",
    "openmrs_sample": "openmrs_sample_removal",
}


def host(folder: Path, name: str, **given: Any) -> Dict[str, Any]:
    """The variables of a made-up host; its names are its own, for the machine may have a real event log."""
    root = folder / name
    for place, files in (("home", HOME), ("data/kafka/data/log", DATA), ("sample", SAMPLE)):
        for file in files:
            (root / place / file).parent.mkdir(parents=True, exist_ok=True)
            (root / place / file).write_text("x")
    (root / "home/formatted").write_text("abc\n")
    (root / "data/kafka/data/log/meta.properties").write_text("cluster.id=abc\n")
    return {
        "event_log_site": "demo",
        "event_log_profile": "clinic",
        "event_log_home": str(root / "home"),
        "event_log_project": f"test-{os.getpid()}",
        "event_log_data_dir": str(root / "data"),
        "event_log_uid": os.getuid(),
        "event_log_gid": os.getgid(),
        "event_stack_command": str(root / "event-log"),
        "kafka_host_user": "nobody-of-this-name",
        "kafka_host_group": "nobody-of-this-name",
        "openmrs_sample_home": str(root / "sample"),
        "openmrs_sample_data_dir": str(root / "sample-data"),
        "openmrs_sample_project": f"test-sample-{os.getpid()}",
        "path": "/usr/bin:/bin",
        **given,
    }


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Tuple[Path, Dict[str, Outcome]]:
    folder = tmp_path_factory.mktemp("remove")
    hosts = {
        "kept": host(folder, "kept"),
        "whole": host(folder, "whole", event_log_remove_data=True),
        "far": host(folder, "far", event_log_remove_data=True, event_log_secrets_dir=str(folder / "far/secrets")),
        "other": host(folder, "other", event_log_remove_data=True),
    }
    (folder / "other/home/formatted").write_text("xyz\n")
    (folder / "kept/data/notes.txt").write_text("mine")
    (folder / "far/secrets").mkdir()
    (folder / "far/secrets/connect_password").write_text("x")
    tasks = [
        {"ansible.builtin.import_role": {"name": f"openmrs.event_log.{role}", "tasks_from": "remove_look"}}
        for role in ROLES
    ]
    return folder, check(folder, tasks, hosts)


def told(outcome: Outcome, what: str) -> List[str]:
    lines: List[str] = []
    for name in ROLES.values():
        facts = [result["ansible_facts"] for _, result in outcome.results if name in result.get("ansible_facts", {})]
        lines += facts[0][name][what]
    # Units are looked for where systemd has them, and the machine may have those of a real event log.
    return [line for line in lines if not line.startswith("unit")]


def test_data_and_secrets_stay_unless_they_are_to_go(looked: Tuple[Path, Dict[str, Outcome]]) -> None:
    folder, outcomes = looked
    root, outcome = folder / "kept", outcomes["kept"]
    assert outcome.failure == ""
    assert told(outcome, "gone") == [f"of {root}/home: config, lib (0.0 MB)"]
    stays = told(outcome, "stays")
    assert re.match(rf"of {root}/home: formatted, secrets \(\d+ bytes\), without which kept data", stays[0])
    assert re.match(rf"of {root}/data: kafka \(2 topics, \d+ bytes\), as long as", stays[1])
    assert stays[2] == f"{root}/sample and {root}/sample-data, the sample database itself"


def test_with_the_data_all_of_it_goes(looked: Tuple[Path, Dict[str, Outcome]]) -> None:
    folder, outcomes = looked
    root, outcome = folder / "whole", outcomes["whole"]
    assert outcome.failure == ""
    first = r"\(\d+ bytes, overwritten first\)"
    for line, pattern in zip(
        told(outcome, "gone"),
        (
            rf"of {root}/home: config, lib \(0\.0 MB\)",
            rf"of {root}/home: formatted, secrets {first}",
            rf"{root}/data \(2 topics, \d+ bytes, overwritten first\)",
            rf"{root}/sample {first}",
        ),
        strict=True,
    ):
        assert re.fullmatch(pattern, line)
    assert told(outcome, "stays") == []


def test_secrets_elsewhere_are_found(looked: Tuple[Path, Dict[str, Outcome]]) -> None:
    folder, outcomes = looked
    lines = [line for line in told(outcomes["far"], "gone") if line.startswith(f"{folder}/far/secrets (")]
    assert [line.endswith("bytes, overwritten first)") for line in lines] == [True]


def test_data_of_another_cluster_are_refused(looked: Tuple[Path, Dict[str, Outcome]]) -> None:
    outcome = looked[1]["other"]
    assert "holds the data of the cluster abc, and this host's own is xyz" in outcome.failure


def test_a_look_changes_nothing_and_says_so(looked: Tuple[Path, Dict[str, Outcome]]) -> None:
    assert {name: outcome.changed for name, outcome in looked[1].items()} == {name: [] for name in looked[1]}

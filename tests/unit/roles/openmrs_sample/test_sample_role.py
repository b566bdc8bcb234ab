# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role as Ansible runs it in check mode on a host that has nothing: what it refuses, what it predicts.

One host per case, so that one run of ansible-playbook answers for all of them.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest

from tests.unit.roles.role_runs import Outcome, check

#: No Docker, no image, nothing on the disk; a port that nobody has.
SOUND: Dict[str, Any] = {
    "event_log_capture_password": "not-to-be-seen",
    "openmrs_sample_port": 1,
    "openmrs_sample_min_free_mb": 1,
}
CASES: Dict[str, Dict[str, Any]] = {
    "sound": {},
    "own_image": {"openmrs_sample_image": "mysql:9.9-of-nowhere"},
    "unknown_variable": {"openmrs_sample_pateints": 3},
    "wrong_type": {"openmrs_sample_patients": "many"},
    "port_out_of_range": {"openmrs_sample_port": 70000},
    "negative_patients": {"openmrs_sample_patients": -1},
    "odd_database": {"event_log_database_name": "open`mrs"},
    "odd_user": {"event_log_capture_user": "event log"},
    "no_password": {"event_log_capture_password": ""},
    "named_zone": {"openmrs_sample_time_zone": "Africa/Nairobi"},
    "taken_server_id": {"openmrs_sample_server_id": 184054},
    "root": {"openmrs_sample_uid": 0},
    "too_little_memory": {"openmrs_sample_memory_mb": 128},
    "no_disk": {"openmrs_sample_min_free_mb": 10**9},
    "all_at_once": {"openmrs_sample_port": 0, "event_log_capture_password": "", "openmrs_sample_time_zone": "EAT"},
}


def run(folder: Path, cases: Dict[str, Dict[str, Any]]) -> Dict[str, Outcome]:
    # A docker command that has no engine: these tests are the same with and without one.
    (folder / "docker").write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n")
    (folder / "docker").chmod(0o755)
    hosts = {
        name: {
            "path": f"{folder}:{os.environ['PATH']}",
            "openmrs_sample_home": str(folder / name / "home"),
            "openmrs_sample_data_dir": str(folder / name / "data"),
            "openmrs_sample_container": f"openmrs-sample-not-there-{name.replace('_', '-')}",
            **SOUND,
            **variables,
        }
        for name, variables in cases.items()
    }
    for name in hosts:
        (folder / name).mkdir()
    tasks = [{"ansible.builtin.include_role": {"name": "openmrs.event_log.openmrs_sample"}}]
    outcomes = check(folder, tasks, hosts)
    assert [name for name, outcome in outcomes.items() if "not-to-be-seen" in str(outcome.results)] == []
    return outcomes


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dict[str, Outcome]]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = {"taken_port": {"openmrs_sample_port": holder.getsockname()[1]}}
        yield run(tmp_path_factory.mktemp("role"), {**CASES, **taken})


def test_check_mode_on_a_host_without_anything_predicts_every_change(outcomes: Dict[str, Outcome]) -> None:
    assert outcomes["sound"].failure == ""
    assert outcomes["sound"].changed == [
        "Get the image of the sample database",
        "Keep a password for the sample database's root",
        "Write the login that the container's own scripts use",
        "Write the sample's Compose project, settings and program",
        "Initialise the sample database",
        "Start the sample database",
        "Make the accounts of the sample database",
        "Fill the sample database",
    ]


def test_a_site_s_own_image_is_the_one_that_would_be_used(outcomes: Dict[str, Outcome]) -> None:
    assert "mysql:9.9-of-nowhere" in outcomes["own_image"].result("Get the image of the sample database")["msg"]


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("unknown_variable", ["openmrs_sample_pateints", "Correct its name", "openmrs_sample_patients"]),
        ("wrong_type", ["openmrs_sample_patients", "many"]),
        ("port_out_of_range", ["openmrs_sample_port is 70000", "free TCP port"]),
        ("taken_port", ["openmrs_sample_port", "in use"]),
        ("negative_patients", ["openmrs_sample_patients is -1", "0 or more"]),
        ("odd_database", ["openmrs_sample_database is 'open`mrs'", "set event_log_database_name"]),
        ("odd_user", ["openmrs_sample_capture_user is 'event log'", "set event_log_capture_user"]),
        ("no_password", ["openmrs_sample_capture_password is not set", "event_log_capture_password", "vaulted"]),
        ("named_zone", ["openmrs_sample_time_zone is 'Africa/Nairobi'", "+03:00"]),
        ("taken_server_id", ["openmrs_sample_server_id is 184054", "3308"]),
        ("root", ["openmrs_sample_uid is 0", "above 0"]),
        ("too_little_memory", ["openmrs_sample_memory_mb is 128", "raise the first"]),
        ("no_disk", ["openmrs_sample_data_dir", "MB"]),
        ("all_at_once", ["openmrs_sample_port is 0", "capture_password is not set", "time_zone is 'EAT'"]),
    ],
)
def test_bad_input_is_refused_by_name_before_the_first_change(
    outcomes: Dict[str, Outcome], case: str, words: List[str]
) -> None:
    outcome = outcomes[case]
    assert [word for word in words if word not in outcome.failure] == [], outcome.failure
    assert outcome.changed == []

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role as Ansible runs it, without a database: what it refuses, what check mode forgives, what it would install.

One host per case, so that two runs of ansible-playbook answer for all of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List

import pytest

ROOT = Path(__file__).resolve().parents[4]
LOOK = "Look at the source database"
# Port 1 of loopback: nobody listens there.
SOUND: Dict[str, Any] = {"event_log_database_port": 1, "event_log_capture_password": "not-to-be-seen"}
CASES: Dict[str, Dict[str, Any]] = {
    "unreachable": {},
    "expected": {"mysql_binlog_expected": True},
    "loud": {"mysql_binlog_secure_logging": False},
    "unknown_variable": {"mysql_binlog_databse": "openmrs"},
    "wrong_type": {"event_log_database_port": "three"},
    "port_out_of_range": {"event_log_database_port": 70000},
    "no_password": {"event_log_capture_password": ""},
    "no_user": {"event_log_capture_user": ""},
    "no_host": {"event_log_database_host": ""},
    "odd_database": {"event_log_database_name": "open mrs"},
    "table_with_database": {"event_log_tables": ["person", "openmrs.patient"]},
    "table_pattern": {"event_log_tables": ["openmrs.person.*"]},
    "no_tables": {"event_log_tables": []},
    "wrong_mode": {"mysql_binlog_ssl_mode": "sometimes"},
    "all_at_once": {"event_log_database_port": 0, "event_log_tables": [], "event_log_capture_password": ""},
}


@dataclass
class Outcome:
    """What became of one host: results by task, and its counts."""

    results: Dict[str, Dict[str, Any]] = field(default_factory=dict)
    stats: Dict[str, int] = field(default_factory=dict)

    @property
    def failure(self) -> str:
        failed = [result for result in self.results.values() if result.get("failed")]
        return str(failed[-1]["msg"]) if failed else ""


def run(folder: Path, hosts: Dict[str, Dict[str, Any]], *options: str) -> Dict[str, Outcome]:
    common = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    listed = {name: {**common, **SOUND, **variables} for name, variables in hosts.items()}
    inventory, playbook = folder / "hosts.json", folder / "play.yml"
    inventory.write_text(json.dumps({"all": {"hosts": listed}}))
    playbook.write_text(
        "- hosts: all\n  gather_facts: true\n  gather_subset: ['!all', '!min', python, distribution]\n  tasks:\n"
        "    - ansible.builtin.include_role: {name: openmrs.event_log.mysql_binlog}\n"
    )
    settings = folder / "ansible.cfg"
    settings.write_text(
        f"[defaults]\ncollections_path = {ROOT / '.cache'}\nlocal_tmp = {folder / 'tmp'}\n"
        "stdout_callback = ansible.posix.json\nretry_files_enabled = false\n"
    )
    environment = {**os.environ, "ANSIBLE_CONFIG": str(settings)}
    command = [sys.executable, "-m", "ansible", "playbook", "-i", str(inventory), "-f", "8", str(playbook), *options]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout.lstrip().startswith("{"), done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert "not-to-be-seen" not in done.stdout + done.stderr
    found = {name: Outcome(stats=report["stats"][name]) for name in hosts}
    for task in report["plays"][0]["tasks"]:
        for name, result in task["hosts"].items():
            if not result.get("skipped"):
                found[name].results[task["task"]["name"].split(" : ")[-1]] = result
    return found


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Outcome]:
    return run(tmp_path_factory.mktemp("real"), CASES)


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Outcome]:
    folder = tmp_path_factory.mktemp("checked")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "bare")], check=True, timeout=60)
    without_driver = {"ansible_python_interpreter": str(folder / "bare/bin/python")}
    hosts = {name: CASES[name] for name in ("unreachable", "expected")}
    return run(folder, {**hosts, "without_driver": without_driver}, "--check", "--diff")


def test_an_unreachable_database_stops_the_run_and_names_the_variables(real: Dict[str, Outcome]) -> None:
    message = real["unreachable"].failure
    assert "No database answers at 127.0.0.1:1: " in message
    assert "event_log_database_port: 1" in message
    assert "event_log_tables: person, patient, patient_identifier, " in message
    assert "[server_unreachable]" in message
    assert real["unreachable"].stats["changed"] == 0


def test_expecting_a_database_forgives_nothing_in_a_real_run(real: Dict[str, Outcome]) -> None:
    assert "[server_unreachable]" in real["expected"].failure


def test_the_task_with_the_password_is_kept_out_of_the_log(real: Dict[str, Outcome]) -> None:
    assert "censored" in real["unreachable"].results[LOOK]
    assert "censored" not in real["loud"].results[LOOK]


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("unknown_variable", ["mysql_binlog_databse", "Correct its name", "mysql_binlog_database"]),
        ("wrong_type", ["mysql_binlog_port", "three"]),
        ("port_out_of_range", ["mysql_binlog_port is 70000", "set event_log_database_port"]),
        ("no_password", ["mysql_binlog_capture_password is not set", "event_log_capture_password", "vaulted"]),
        ("no_user", ["mysql_binlog_capture_user is empty", "set event_log_capture_user"]),
        ("no_host", ["mysql_binlog_host is empty", "set event_log_database_host"]),
        ("odd_database", ["mysql_binlog_database is 'open mrs'", "set event_log_database_name"]),
        ("table_with_database", ["'openmrs.patient'", "event_log_tables wants plain names"]),
        ("table_pattern", ["'openmrs.person.*'", "without patterns"]),
        ("no_tables", ["mysql_binlog_tables is empty", "set event_log_tables"]),
        ("wrong_mode", ["mysql_binlog_ssl_mode", "sometimes", "verify_ca"]),
        ("all_at_once", ["mysql_binlog_port is 0", "mysql_binlog_tables is empty", "capture_password is not set"]),
    ],
)
def test_bad_input_is_refused_by_name_before_anything_is_looked_at(
    real: Dict[str, Outcome], case: str, words: List[str]
) -> None:
    outcome = real[case]
    assert [word for word in words if word not in outcome.failure] == []
    assert LOOK not in outcome.results
    assert (outcome.stats["changed"], outcome.stats["failures"]) == (0, 1)


def test_check_mode_forgives_a_database_that_is_only_predicted(checked: Dict[str, Outcome]) -> None:
    outcome = checked["expected"]
    assert (outcome.failure, outcome.stats["changed"]) == ("", 0)
    said = outcome.results["Say that the source database is only predicted"]["msg"]
    assert said.startswith("Nothing answers at 127.0.0.1:1 yet")


def test_check_mode_does_not_forgive_a_database_that_should_be_there(checked: Dict[str, Outcome]) -> None:
    assert "[server_unreachable]" in checked["unreachable"].failure


@pytest.mark.skipif(not Path("/etc/debian_version").is_file(), reason="the driver is installed on Debian's family only")
def test_check_mode_predicts_the_driver_and_then_looks_at_nothing(checked: Dict[str, Outcome]) -> None:
    outcome = checked["without_driver"]
    assert (outcome.failure, outcome.stats["changed"]) == ("", 1)
    assert outcome.results["Install the packages of the driver"]["changed"]
    assert "once the database driver is installed" in outcome.results[LOOK]["msg"]

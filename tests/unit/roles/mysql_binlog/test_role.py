# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role as Ansible runs it, without a database: what it refuses, what check mode forgives, what it would install.

One host per case, so that two runs of ansible-playbook answer for all of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest

from tests.unit.roles.role_runs import Outcome, check

LOOK = "Look at the source database"
SETTINGS, ACCOUNT = "Give the database the settings that the event log needs", "Make the capture account"
# Port 1 of loopback: nobody listens there.
SOUND: Dict[str, Any] = {
    "event_log_site": "test-site",
    "event_log_database_port": 1,
    "event_log_capture_password": "not-to-be-seen",
    "mysql_binlog_admin_password": "not-to-be-seen-either",
}
CASES: Dict[str, Dict[str, Any]] = {
    "unreachable": {},
    "expected": {"mysql_binlog_expected": True},
    "loud": {"mysql_binlog_secure_logging": False},
    "configure": {"mysql_binlog_mode": "configure"},
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
    "what_mode": {"mysql_binlog_mode": "repair"},
    "restart_of_what": {"mysql_binlog_restart": "if_needed"},
    "persist_of_what": {"mysql_binlog_persist": True},
    "always_restart": {"mysql_binlog_mode": "configure", "mysql_binlog_restart": "always"},
    "no_outage": {"mysql_binlog_longest_outage_days": 0},
    "hasty": {"mysql_binlog_mode": "configure", "mysql_binlog_restart_timeout": 1},
    "odd_container": {"mysql_binlog_container": "my db"},
    "relative_directory": {"mysql_binlog_settings_dir": "conf.d"},
    "odd_setting": {"mysql_binlog_settings": {"max connections": 3}},
    "odd_keep": {"mysql_binlog_keep": ["sync binlog"]},
    "all_at_once": {"event_log_database_port": 0, "event_log_tables": [], "event_log_capture_password": ""},
}


def run(folder: Path, hosts: Dict[str, Dict[str, Any]], really: bool) -> Dict[str, Outcome]:
    listed = {name: {"path": os.environ["PATH"], **SOUND, **variables} for name, variables in hosts.items()}
    facts = {"ansible.builtin.setup": {"gather_subset": ["!all", "!min", "python", "distribution"]}}
    outcomes = check(
        folder, [facts, {"ansible.builtin.include_role": {"name": "openmrs.event_log.mysql_binlog"}}], listed, really
    )
    assert [name for name, outcome in outcomes.items() if "not-to-be-seen" in str(outcome.results)] == []
    return outcomes


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Outcome]:
    return run(tmp_path_factory.mktemp("real"), CASES, really=True)


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Outcome]:
    folder = tmp_path_factory.mktemp("checked")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "bare")], check=True, timeout=60)
    bare = {"ansible_python_interpreter": str(folder / "bare/bin/python")}
    hosts = {name: CASES[name] for name in ("unreachable", "expected")}
    configure = {**bare, **CASES["configure"]}
    return run(folder, {**hosts, "without_driver": bare, "configure_without_driver": configure}, really=False)


def test_an_unreachable_database_stops_the_run_and_names_the_variables(real: Dict[str, Outcome]) -> None:
    message = real["unreachable"].failure
    assert "No database answers at 127.0.0.1:1: " in message
    assert "event_log_database_port: 1" in message
    assert "event_log_tables: person, patient, patient_identifier, " in message
    assert "[server_unreachable]" in message
    assert real["unreachable"].changed == []


def test_expecting_a_database_forgives_nothing_in_a_real_run(real: Dict[str, Outcome]) -> None:
    assert "[server_unreachable]" in real["expected"].failure


def test_the_task_with_the_password_is_kept_out_of_the_log(real: Dict[str, Outcome]) -> None:
    assert "censored" in real["unreachable"].result(LOOK)
    assert "censored" not in real["loud"].result(LOOK)


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("unknown_variable", ["mysql_binlog_databse is not a variable", "Did you mean mysql_binlog_database?"]),
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
        ("what_mode", ["mysql_binlog_mode", "repair", "verify, configure"]),
        ("restart_of_what", ["mysql_binlog_mode is verify", "set it to configure", "mysql_binlog_restart"]),
        ("persist_of_what", ["mysql_binlog_mode is verify", "set it to configure", "mysql_binlog_persist"]),
        ("always_restart", ["mysql_binlog_restart", "always", "never, if_needed"]),
        ("no_outage", ["mysql_binlog_longest_outage_days is 0", "1 to 365"]),
        ("hasty", ["mysql_binlog_restart_timeout is 1", "at least 10"]),
        ("odd_container", ["mysql_binlog_container is 'my db'", "docker ps"]),
        ("relative_directory", ["mysql_binlog_settings_dir is 'conf.d'", "whole path"]),
        ("odd_setting", ["mysql_binlog_settings", "'max connections'"]),
        ("odd_keep", ["mysql_binlog_keep", "'sync binlog'"]),
        ("all_at_once", ["mysql_binlog_port is 0", "mysql_binlog_tables is empty", "capture_password is not set"]),
    ],
)
def test_bad_input_is_refused_by_name_before_anything_is_looked_at(
    real: Dict[str, Outcome], case: str, words: List[str]
) -> None:
    outcome = real[case]
    assert [word for word in words if word not in outcome.failure] == []
    assert {LOOK, SETTINGS, ACCOUNT}.isdisjoint(name for name, _ in outcome.results)
    assert outcome.changed == []


def test_check_mode_forgives_a_database_that_is_only_predicted(checked: Dict[str, Outcome]) -> None:
    outcome = checked["expected"]
    assert (outcome.failure, outcome.changed) == ("", [])
    said = outcome.result("Say that the source database is only predicted")["msg"]
    assert said.startswith("Nothing answers at 127.0.0.1:1 yet")


def test_check_mode_does_not_forgive_a_database_that_should_be_there(checked: Dict[str, Outcome]) -> None:
    assert "[server_unreachable]" in checked["unreachable"].failure


@pytest.mark.skipif(not Path("/etc/debian_version").is_file(), reason="the driver is installed on Debian's family only")
def test_check_mode_predicts_the_driver_and_then_looks_at_nothing(checked: Dict[str, Outcome]) -> None:
    outcome = checked["without_driver"]
    assert (outcome.failure, outcome.changed) == ("", ["Install the packages of the driver"])
    assert "once the database driver is installed" in outcome.result(LOOK)["msg"]


@pytest.mark.skipif(not Path("/etc/debian_version").is_file(), reason="the driver is installed on Debian's family only")
def test_check_mode_without_a_driver_looks_for_the_server_itself(checked: Dict[str, Outcome]) -> None:
    outcome = checked["configure_without_driver"]
    assert "No database server of this host listens on port 1" in outcome.failure
    assert outcome.changed == ["Install the packages of the driver"]


def test_configure_stops_at_an_administrator_who_cannot_get_in(real: Dict[str, Outcome]) -> None:
    outcome = real["configure"]
    assert "The administrator root cannot log in (127.0.0.1:1: " in outcome.failure
    assert "mysql_binlog_admin_password" in outcome.failure
    assert "Nothing was changed." in outcome.failure
    assert ACCOUNT not in [name for name, _ in outcome.results]

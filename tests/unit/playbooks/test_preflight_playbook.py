# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused of an inventory, and what the disk is asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest
import yaml

from tests.unit.role_files import ROOT

(PLAY,) = yaml.safe_load((ROOT / "playbooks/preflight.yml").read_text(encoding="utf-8"))
IGNORED = "in the inventory, where it has no effect"
SITE = {
    "event_log_site": "demo",
    "event_log_capture_password": "{{ lookup('ansible.builtin.file', inventory_dir ~ '/capture_password') }}",
    "event_log_profile": "clinic",
}
#: The play has the role's defaults because it imports it.
CONNECTOR = {
    "ansible.builtin.import_role": {"name": "openmrs.event_log.event_connector", "tasks_from": "preflight"},
    "when": False,
}


def run(folder: Path, tasks: List[Dict[str, Any]], site: Dict[str, Any], *arguments: str) -> str:
    """The tasks for three sites with the variables and the batches of the playbook."""
    play = {**{key: PLAY[key] for key in ("name", "hosts", "gather_facts", "serial", "vars")}, "tasks": tasks}
    (folder / "playbooks").mkdir()
    (folder / "roles").symlink_to(ROOT / "roles")
    (folder / "playbooks/play.yml").write_text(json.dumps([play]))
    (folder / "ansible.cfg").write_text(f"[defaults]\ncollections_path = {ROOT / '.cache'}\n")
    (folder / "capture_password").write_text("only-in-this-test\n")
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    hosts = dict.fromkeys(("one", "two", "three"), local)
    (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts, "vars": {**SITE, **site}}}))
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    environment.update(ANSIBLE_CONFIG=str(folder / "ansible.cfg"))
    command = [sys.executable, "-m", "ansible", "playbook", "-i", "hosts.json", *arguments, "playbooks/play.yml"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ("failed=1" in done.stdout) == bool(done.returncode), done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("site", "arguments", "refused"),
    [
        ({}, [], False),
        ({}, ["-e", "event_log_serial=1"], False),
        ({}, ["-e", '{"event_log_serial": [1, "100%"]}'], False),
        ({"event_log_serial": 2}, ["-e", "event_log_serial=1"], False),
        ({"event_log_serial": 5}, [], False),
        ({"event_log_serial": "100%"}, [], False),
        ({"event_log_serial": 2}, [], True),
        ({"event_log_serial": "34%"}, [], True),
        ({"event_log_serial": [1, 2]}, [], True),
        ({"event_log_serial": 2}, ["--limit", "one,two"], False),
    ],
)
def test_batches_in_the_inventory_are_refused_where_they_have_no_effect(
    tmp_path: Path, site: Dict[str, Any], arguments: List[str], refused: bool
) -> None:
    (check,) = [task for task in PLAY["tasks"] if "ansible.builtin.assert" in task]
    said = run(tmp_path, [check], site, *arguments)
    assert (IGNORED in said) == refused
    assert refused or "failed=1" not in said


@pytest.mark.parametrize(
    ("site", "told"),
    [
        ({"event_log_capture_password": "zebra"}, ["event_log_capture_password"]),
        ({"ansible_become_password": "zebra"}, ["ansible_become_password"]),
        ({"event_log_connect_password": "{{ word }}", "word": "zebra"}, ["word, of which event_log_connect_password"]),
        ({"event_log_capture_password": "{{ 'zebra' | string }}"}, ["event_log_capture_password"]),
        (
            {"event_connector_overrides": {"database.password": "zebra"}, "mysql_binlog_admin_password": "zebra"},
            ["event_connector_overrides.database.password", "mysql_binlog_admin_password"],
        ),
        ({"event_log_connect_password": "{{ lookup('ansible.builtin.env', 'HOME') }}"}, []),
    ],
)
def test_a_secret_in_plain_text_is_refused_and_not_shown(tmp_path: Path, site: Dict[str, Any], told: List[str]) -> None:
    (check,) = [task for task in PLAY["tasks"] if "ansible.builtin.assert" in task]
    said = run(tmp_path, [check], site)
    assert "zebra" not in said
    assert ("A secret stands in an inventory encrypted" in said) == bool(told)
    for words in told:
        assert f"{tmp_path}/hosts.json, line 1: {words}" in said
        assert "ansible-vault encrypt_string --prompt --name " in said


def test_all_that_is_refused_of_an_inventory_is_told_at_once(tmp_path: Path) -> None:
    (check,) = [task for task in PLAY["tasks"] if "ansible.builtin.assert" in task]
    file = "{{ lookup('ansible.builtin.file', inventory_dir ~ '/default') }}"
    (tmp_path / "default").write_text("Admin123\n")
    site = {
        "event_log_bootstrap": "0.0.0.0:9092",
        "event_log_connect_url": "http://localhost:8083",
        "event_stack_broker_settings": {"advertised.listeners": "BROKER://192.0.2.10:9092", "super.users": "User:me"},
        "event_log_capture_password": file,
        "event_log_kafka_users": [{"name": "laboratory", "password": file}],
        "event_log_connect_password": "zebra",
        "event_log_tabels": ["person"],
    }
    said = run(tmp_path, [check], site, "--limit", "one")
    for words in (
        "event_log_bootstrap is '0.0.0.0:9092'",
        "Write http://127.0.0.1:8083.",
        "event_stack_broker_settings has advertised.listeners",
        "event_stack_broker_settings has super.users",
        "event_log_capture_password is a password of 8 characters (not shown here)",
        "event_log_kafka_users[laboratory].password is a password of 8 characters (not shown here)",
        "event_log_connect_password is a password of 5 characters (not shown here)",
        "line 1: event_log_connect_password is plain text (not shown)",
        "event_log_tabels is not a variable of this collection",
    ):
        assert words in said
    assert not any(secret in said for secret in ("Admin123", "zebra"))


@pytest.mark.parametrize("logins", ["required", "none"])
def test_settings_of_logins_are_refused_where_there_are_logins(tmp_path: Path, logins: str) -> None:
    (check,) = [task for task in PLAY["tasks"] if "ansible.builtin.assert" in task]
    site = {"event_log_broker_logins": logins, "event_stack_broker_settings": {"super.users": "User:me"}}
    said = run(tmp_path, [check], site, "--limit", "one")
    assert ("has super.users" in said) == (logins == "required")


@pytest.mark.parametrize(
    ("site", "filled"),
    [
        ({}, 6 * 1024),
        ({"event_log_profile": "district", "event_log_tables": ["obs", "visit"]}, 2 * 4096),
        ({"event_connector_retention_bytes": 512 * 1024**2}, 6 * 512),
        ({"event_connector_retention_bytes": -1}, -1),
    ],
)
def test_the_disk_is_asked_for_what_all_tables_may_keep(tmp_path: Path, site: Dict[str, Any], filled: int) -> None:
    tell = {"ansible.builtin.debug": {"msg": "may fill {{ kafka_host_may_fill_mb }} by {{ kafka_host_may_fill_by }}"}}
    said = run(tmp_path, [tell, CONNECTOR], site)
    assert said.count(f"may fill {filled} by ['event_log_tables', 'event_connector_retention_bytes']") == 3


def on_hold(folder: Path) -> Dict[str, Any]:
    (folder / "home").mkdir()
    (folder / "home/hold").write_text("a new disk\n")
    return {"event_log_home": str(folder / "home")}


def test_a_host_on_hold_is_refused_before_the_first_change(tmp_path: Path) -> None:
    roles = [task.get("ansible.builtin.import_role", {}) for task in PLAY["tasks"]]
    (role,) = [role for role in roles if role.get("name") == "openmrs.event_log.kafka_host"]
    said = run(tmp_path, [{"ansible.builtin.import_role": role}, CONNECTOR], on_hold(tmp_path), "--limit", "one")
    assert "home/hold is there (a new disk), so nothing was changed." in said


@pytest.mark.parametrize("checked_before", [True, False])
def test_a_connector_by_itself_is_left_alone_on_hold(tmp_path: Path, checked_before: bool) -> None:
    (connector,) = yaml.safe_load((ROOT / "playbooks/connector.yml").read_text(encoding="utf-8"))
    (look,) = [task for task in connector["pre_tasks"] if "openmrs.event_log.host_check" in task]
    site = {**on_hold(tmp_path), **({"event_log_preflight": False} if checked_before else {})}
    said = run(tmp_path, [look], site, "--limit", "one")
    assert ("home/hold is there (a new disk), so nothing was changed." in said) != checked_before
    assert ("skipped=1" in said) == checked_before

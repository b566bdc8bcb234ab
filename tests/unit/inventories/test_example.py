# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example inventory: its vaults open with the password beside them, and a run would take its sites."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import pytest
import yaml
from ansible_collections.openmrs.event_log.plugins.module_utils import _variables

from tests.unit.role_files import ROOT

BIN = Path(sys.executable).parent
ROLES = ROOT / "roles"
EXAMPLE = ROOT / "inventories/example"
PASSWORD = EXAMPLE / "example-vault-password.txt"
VAULTS = sorted(EXAMPLE.rglob("vault.yml"))
#: What such servers report, in MB, and the profile that they must get.
MEMORY = {"hilltop": (3916, "clinic"), "lakeside": (15900, "district"), "northgate": (64100, "referral")}
CHECKED = [
    "docker_engine",
    "event_connector",
    "event_images",
    "event_stack",
    "kafka_host",
    "mysql_binlog",
    "offline_packages",
]


def run(*command: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(BIN / command[0]), "-i", str(EXAMPLE), *command[1:]], cwd=ROOT, check=False, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def hosts() -> Dict[str, Dict[str, Any]]:
    done = run("ansible-inventory", "--vault-password-file", str(PASSWORD), "--list")
    assert done.returncode == 0, done.stdout + done.stderr
    variables: Dict[str, Dict[str, Any]] = json.loads(done.stdout)["_meta"]["hostvars"]
    return variables


def test_its_sites_are_ones_that_the_preflight_would_take(hosts: Dict[str, Dict[str, Any]]) -> None:
    assert set(hosts) == set(MEMORY)
    sites = [variables["event_log_site"] for variables in hosts.values()]
    assert sorted(set(sites)) == sorted(sites), "two hosts with the name of one site"
    for host, variables in hosts.items():
        assert _variables.unknown_variables(variables, str(ROLES)) == [], host
        assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", variables["event_log_site"]), host
        assert variables["ansible_host"].endswith(".example"), host


def test_every_site_has_secrets_of_its_own_that_are_plainly_made_up(hosts: Dict[str, Dict[str, Any]]) -> None:
    assert len(VAULTS) == len(hosts)
    secrets = [
        (name, variables[name]) for variables in hosts.values() for name in variables if name.startswith("vault_")
    ]
    assert len({secret for _, secret in secrets}) == len(secrets) == 2 * len(hosts)
    assert [name for name, secret in secrets if not secret.startswith("made-up-")] == []


@pytest.mark.parametrize("vault", VAULTS, ids=lambda path: path.parent.name)
def test_a_vault_is_encrypted(vault: Path) -> None:
    assert vault.read_bytes().startswith(b"$ANSIBLE_VAULT;1.1;AES256\n")


def test_nothing_outside_the_vaults_holds_a_secret() -> None:
    clear = [path for path in EXAMPLE.rglob("*.yml") if path not in VAULTS]
    assert clear
    for path in clear:
        for name, value in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            assert not re.search("password|secret", name) or "{{ vault_" in value, f"{path}: {name}"


def test_the_password_says_that_it_is_a_throw_away_and_nobody_can_take_it_for_a_host() -> None:
    assert "throw-away" in PASSWORD.read_text(encoding="utf-8")
    assert PASSWORD.suffix == ".txt", "Ansible reads other files of an inventory's directory as inventories"


def test_another_password_does_not_open_them(tmp_path: Path) -> None:
    other = tmp_path / "password"
    other.write_text("another\n")
    done = run("ansible-inventory", "--vault-password-file", str(other), "--list")
    assert done.returncode != 0
    assert "made-up" not in done.stdout + done.stderr


def test_its_sites_pass_the_syntax_check() -> None:
    done = run("ansible-playbook", "--vault-password-file", str(PASSWORD), "--syntax-check", "playbooks/site.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_variables_are_of_the_types_that_the_roles_take_and_its_sizes_those_of_its_servers(tmp_path: Path) -> None:
    """The roles' own validation, which carries the tag `always`, on servers that report such memory."""
    memory = {host: megabytes for host, (megabytes, _) in MEMORY.items()}
    tasks = [
        {
            "name": "Have as much memory as such a server",
            "ansible.builtin.set_fact": {"memtotal_mb": "{{ memory[inventory_hostname] }}", "cacheable": True},
            "tags": ["always"],
        },
        *({"ansible.builtin.import_role": {"name": f"openmrs.event_log.{role}"}} for role in CHECKED),
        {
            "name": "Tell the sizes",
            "ansible.builtin.debug": {
                "msg": "{{ event_log_profile | default('auto') | openmrs.event_log.profile(seen) }}"
            },
            "vars": {"seen": "{{ ansible_facts['memtotal_mb'] }}"},
            "tags": ["always"],
        },
    ]
    play = {
        "hosts": "all",
        "gather_facts": False,
        "connection": "local",
        "tasks": tasks,
        "vars": {"memory": memory, "event_stack_image": "a:b", "event_connector_image": "a:b"},
    }
    (tmp_path / "play.json").write_text(json.dumps([play]))
    done = subprocess.run(
        [str(BIN / "ansible-playbook"), "-i", str(EXAMPLE), "--vault-password-file", str(PASSWORD),
         "--tags", "none-of-them", str(tmp_path / "play.json")],
        cwd=ROOT, check=False, capture_output=True, text=True,
        env={"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
             "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    ran = {task["task"]["name"]: task["hosts"] for task in json.loads(done.stdout)["plays"][0]["tasks"]}
    validated = [name for name in ran if "Validating arguments" in name]
    assert len(validated) == len(CHECKED), validated
    told = {host: result["msg"]["name"] for host, result in ran["Tell the sizes"].items()}
    assert told == {host: name for host, (_, name) in MEMORY.items()}

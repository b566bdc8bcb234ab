# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way from an empty laptop to the first server: what it tells people to type and write can be."""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest
import yaml
from ansible_collections.openmrs.event_log.plugins.module_utils import _profiles, _site_summary, _variables

from tests.helpers.documents import ROOT, marked_blocks

BIN = Path(sys.executable).parent
PAGE = ROOT / "docs/first-site.md"
TEXT = PAGE.read_text(encoding="utf-8")
FLEET = (ROOT / "docs/fleet.md").read_text(encoding="utf-8")
SIZES = (ROOT / "docs/sizes.md").read_text(encoding="utf-8")
BLOCKS = marked_blocks(PAGE)
SHELL: List[str] = re.findall(r"^```sh\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
OF_ITS_OWN = {"inventory", "vault_password_file"}


def settings(text: str) -> Dict[str, Dict[str, str]]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    return {section: dict(parser[section]) for section in parser.sections()}


@pytest.fixture
def sites(tmp_path: Path) -> Path:
    """The directory of the page, written as it says."""
    home = tmp_path / "home"
    place = home / "sites"
    (place / "host_vars/hilltop").mkdir(parents=True)
    (home / "event-log-vault-password").write_text("of this test\n")
    (place / "ansible.cfg").write_text(BLOCKS["ansible-cfg"])
    added = "".join(f"    {line}\n" for name in ("database", "packages") for line in BLOCKS[name].splitlines())
    (place / "hosts.yml").write_text(BLOCKS["inventory"] + added)
    (place / "host_vars/hilltop/vault.yml").write_text(BLOCKS["vault"])
    return place


def ansible(sites: Path, *command: str) -> subprocess.CompletedProcess:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    environment.update(HOME=str(sites.parent), ANSIBLE_COLLECTIONS_PATH=str(ROOT / ".cache"))
    return subprocess.run(
        [str(BIN / command[0]), *command[1:]], cwd=sites, env=environment, capture_output=True, text=True, check=False
    )


def test_its_commands_are_shell() -> None:
    assert len(SHELL) >= 15
    for block in SHELL:
        done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
        assert done.stderr == "", block


def test_its_inventory_is_ten_lines_that_ansible_reads_with_the_vault_beside_it(sites: Path) -> None:
    assert len(BLOCKS["inventory"].splitlines()) == 10
    encrypted = ansible(sites, "ansible-vault", "encrypt", "host_vars/hilltop/vault.yml")
    assert encrypted.returncode == 0, encrypted.stderr
    assert (sites / "host_vars/hilltop/vault.yml").read_text().startswith("$ANSIBLE_VAULT")
    listed = ansible(sites, "ansible-inventory", "--list")
    assert listed.returncode == 0, listed.stderr
    assert "WARNING" not in listed.stderr
    hosts: Dict[str, Any] = json.loads(listed.stdout)["_meta"]["hostvars"]
    (variables,) = hosts.values()
    assert _variables.unknown_variables(variables, str(ROOT / "roles")) == []
    written = {**yaml.safe_load(BLOCKS["vault"]), **yaml.safe_load(BLOCKS["database"])}
    assert {key: variables[key] for key in written} == written


def test_this_machine_itself_knows_where_images_and_packages_go(sites: Path) -> None:
    """The playbooks that make them run here, and read the same file."""
    shown = ansible(
        sites, "ansible", "localhost", "-m", "ansible.builtin.debug",
        "-a", "msg={{ event_log_images_dir }}:{{ event_log_packages_dir }}:{{ event_log_packages_releases }}",
    )  # fmt: skip
    assert "~/event-log-images:~/event-log-packages:['debian-12']" in shown.stdout, shown.stdout + shown.stderr


def test_its_settings_are_those_of_the_collection_itself() -> None:
    told, ours = settings(BLOCKS["ansible-cfg"]), settings((ROOT / "ansible.cfg").read_text(encoding="utf-8"))
    assert set(told) == set(ours)
    told["defaults"] = {key: value for key, value in told["defaults"].items() if key not in OF_ITS_OWN}
    for section, values in told.items():
        assert {key: ours[section].get(key) for key in values} == values
    assert told["ssh_connection"] == ours["ssh_connection"]


def test_ansible_knows_every_setting(sites: Path) -> None:
    (sites / "host_vars/hilltop/vault.yml").unlink()
    dumped = ansible(sites, "ansible-config", "dump", "--only-changed", "--format", "json", "--type", "all")
    assert dumped.returncode == 0, dumped.stderr
    callbacks = ansible(sites, "ansible-doc", "-t", "callback", "-l", "openmrs.event_log")
    for name in settings(BLOCKS["ansible-cfg"])["defaults"]["callbacks_enabled"].split(","):
        assert name.strip() in callbacks.stdout
    origins = re.findall(r'"name": "([A-Z_]+)",\s*"origin": "[^"]*sites/ansible.cfg"', dumped.stdout)
    for name in ("DEFAULT_FORKS", "DEFAULT_GATHERING", "DEFAULT_HOST_LIST", "DEFAULT_TIMEOUT", "CALLBACKS_ENABLED"):
        assert name in origins, origins


def test_the_table_of_sizes_is_that_of_the_code() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (?:from )?([\d.]+) GB(?: or more)? \| (.+?) \| (.+?) \| (\d+) GiB \|$", SIZES, re.MULTILINE
    )
    told = [(name, float(host) * 1000, float(kept) * _profiles.GIB) for name, host, _, _, kept in rows]
    assert told == [(one.name, one.host_mb, one.retention_bytes) for one in _profiles.PROFILES]

    def mb(words: str) -> float:
        number, unit = words.split()
        return float(number) * (1024 if unit == "GB" else 1)

    limits = [(mb(broker), mb(worker)) for _, _, broker, worker, _ in rows]
    assert limits == [(one.broker_limit_mb, one.connect_limit_mb) for one in _profiles.PROFILES]


def test_every_number_of_a_profile_is_told() -> None:
    units = {"GiB": _profiles.GIB, "MiB": _profiles.MIB, "": 1}
    for name in ("retention_bytes", "queue_bytes", "queue_size", "batch_size"):
        ((cells),) = re.findall(rf"`event_connector_{name}` \| (.+) \|$", SIZES, re.MULTILINE)
        told = [int(number) * units[unit] for number, unit in re.findall(r"(\d+) ?(\w*)", cells)]
        assert told == [getattr(profile, name) for profile in _profiles.PROFILES], name


def test_what_it_shows_of_a_run_is_what_a_run_shows() -> None:
    (predicted,) = re.findall(r"^(What a run would do.*)\n(hilltop .*)\n", TEXT, re.MULTILINE)
    lines = [line.text for line in _site_summary.summary([_site_summary.Site("hilltop", changed=20)], predicted=True)]
    assert lines[:2] == list(predicted)
    (block,) = re.findall(r"^```\n(Site by site\n.*?)```$", TEXT, re.MULTILINE | re.DOTALL)
    sentence = " ".join(re.findall(r"changed 20 +(.*)\n +(.*)\n", block)[0])
    site = _site_summary.Site("hilltop", changed=20, verdict="ok", sentence=sentence)
    assert block == "".join(line.text + "\n" for line in _site_summary.summary([site]))
    reason = _profiles.choose("auto", 3916).reason
    for page in (TEXT, SIZES):
        assert f"`The profile of hilltop is {reason}.`" in page
    assert "The profile of {{ event_log_site | default(inventory_hostname) }} is {{ __profile.reason }}." in (
        ROOT / "playbooks/preflight.yml"
    ).read_text(encoding="utf-8")


def test_its_tags_are_those_of_the_playbooks() -> None:
    (words,) = re.findall(r"--tags connector`; the words are (.+) \|$", FLEET, re.MULTILINE)
    listed = subprocess.run(
        [str(BIN / "ansible-playbook"), "playbooks/site.yml", "--list-tags"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    tags = {tag for found in re.findall(r"TASK TAGS: \[(.*)\]", listed) for tag in found.split(", ")}
    named = re.findall(r"`(\w+)`", words)
    assert set(named) == tags - {"always", "sample"}


def test_batches_can_be_asked_for_as_it_says(tmp_path: Path) -> None:
    given = re.findall(r"-e (event_log_serial=\S+|'\{.*?\}')`", FLEET)
    assert len(given) == 1
    play = {
        "hosts": "all",
        "gather_facts": False,
        "serial": "{{ event_log_serial | default('100%') }}",
        "tasks": [{"name": "Count", "ansible.builtin.debug": {"msg": "batch of {{ ansible_play_batch | length }}"}}],
    }
    (tmp_path / "play.json").write_text(json.dumps([play]))
    hosts = ",".join(f"h{number}" for number in range(6)) + ","
    sizes = []
    for extra in given:
        done = subprocess.run(
            [str(BIN / "ansible-playbook"), "-i", hosts, "-e", extra.strip("'"), str(tmp_path / "play.json")],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        sizes.append(sorted({int(size) for size in re.findall(r"batch of (\d)", done.stdout)}))
    assert sizes == [[1, 5]]

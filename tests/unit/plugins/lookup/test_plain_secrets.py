# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in plain text are found in every file that Ansible reads for a host, and in no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.openmrs.event_log.plugins.lookup import plain_secrets as subject

from tests.unit.role_files import ROOT

PLAIN = "event_log_capture_password: zebra\n"
HOSTS = "all: {children: {clinics: {hosts: {hilltop: , lakeside: }}}}\n"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    put(tmp_path / "site/hosts.yml", HOSTS)
    (tmp_path / "playbooks").mkdir()
    return tmp_path / "site"


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def found(site: Path, *sources: Path, host: str = "hilltop") -> List[str]:
    """The places of the findings, without their directory."""
    given: Dict[str, Any] = {
        "inventory_hostname": host,
        "group_names": ["clinics"],
        "ansible_inventory_sources": [str(source) for source in sources or [site / "hosts.yml"]],
        "playbook_dir": str(site.parent / "playbooks"),
    }
    said = subject.LookupModule(loader=DataLoader()).run([str(ROOT / "roles")], given)
    assert not any("zebra" in sentence for sentence in said)
    return [sentence.split(": ")[0].replace(f"{site.parent}/", "") for sentence in said]


@pytest.mark.parametrize(
    "name",
    [
        "site/group_vars/all.yml",
        "site/group_vars/all",
        "site/group_vars/all.json",
        "site/group_vars/clinics.yaml",
        "site/group_vars/all/deep/main.yml",
        "site/host_vars/hilltop.yml",
        "site/host_vars/hilltop/vars",
        "playbooks/group_vars/all.yml",
        "playbooks/host_vars/hilltop.yml",
    ],
)
def test_a_file_of_variables_that_is_read_for_the_host(site: Path, name: str) -> None:
    put(site.parent / name, PLAIN)
    assert found(site) == [f"{name}, line 1"]


@pytest.mark.parametrize(
    "name",
    [
        "site/group_vars/others.yml",
        "site/host_vars/lakeside.yml",
        "site/host_vars/lakeside/hilltop.yml",
        "site/group_vars/all.yml.txt",
        "site/group_vars/all/.hidden.yml",
        "site/group_vars/all/old.yml~",
        "site/notes.yml",
        "elsewhere/group_vars/all.yml",
    ],
)
def test_a_file_that_is_not(site: Path, name: str) -> None:
    put(site.parent / name, PLAIN)
    assert found(site) == []


def test_a_file_for_another_host_is_told_for_that(site: Path) -> None:
    put(site / "host_vars/lakeside.yml", PLAIN)
    put(site / "hosts.yml", "all: {hosts: {hilltop: {event_log_capture_password: zebra}, lakeside: }}\n")
    assert found(site) == ["site/hosts.yml, line 1"]
    assert found(site, host="lakeside") == ["site/host_vars/lakeside.yml, line 1"]


def test_links_are_followed_and_a_circle_ends(site: Path) -> None:
    put(site.parent / "shared/main.yml", PLAIN)
    (site.parent / "shared/again").symlink_to(site.parent / "shared")
    (site / "group_vars").mkdir()
    (site / "group_vars/all").symlink_to(site.parent / "shared")
    (site / "group_vars/clinics.yml").symlink_to(site.parent / "shared/main.yml")
    assert found(site) == ["site/group_vars/all/main.yml, line 1", "site/group_vars/clinics.yml, line 1"]


def test_what_is_wholly_encrypted_is_not_told(site: Path) -> None:
    word = VaultSecret(b"only-in-this-test")
    path = put(site / "group_vars/all/vault.yml", "")
    path.write_bytes(VaultLib([("default", word)]).encrypt(PLAIN.encode(), secret=word))
    put(site / "group_vars/all/main.yml", "event_log_connect_password: '{{ vault_x }}'\n")
    assert found(site) == []


def test_what_a_variable_is_made_of_is_found_in_another_file(site: Path) -> None:
    put(site / "group_vars/all.yml", "event_log_capture_password: '{{ vault_x }}'\n")
    put(site / "host_vars/hilltop/vault.yml", "---\nvault_x: zebra\n")
    assert found(site) == ["site/host_vars/hilltop/vault.yml, line 2"]
    assert found(site, host="lakeside") == []


def test_an_inventory_that_is_a_directory(site: Path) -> None:
    put(site / "more/hosts.ini", "hilltop event_log_capture_password=zebra\n")
    put(site / "group_vars/clinics.yml", PLAIN)
    put(site / "hosts.yml.orig", "all: {vars: {event_log_capture_password: zebra}}\n")
    put(site / "capture_password", "zebra\n")
    assert found(site, site) == ["site/group_vars/clinics.yml, line 1", "site/more/hosts.ini, line 1"]


def test_several_sources_and_none_that_is_a_file(site: Path) -> None:
    other = put(site.parent / "other/hosts", "[clinics:vars]\nansible_password=zebra\n")
    given = [site / "hosts.yml", other, Path("hilltop,"), site / "nowhere.yml"]
    assert found(site, *given) == ["other/hosts, line 2"]


def test_a_program_that_makes_an_inventory_is_not_read(site: Path) -> None:
    program = put(site / "hosts", "#!/bin/sh\nhilltop ansible_password=zebra\n")
    assert found(site, program) == ["site/hosts, line 2"]
    program.chmod(0o755)
    assert found(site, program) == []


def test_the_secrets_are_those_of_the_roles(site: Path) -> None:
    names = [
        "event_log_connect_password",
        "event_connector_capture_password",
        "mysql_binlog_admin_password",
        "openmrs_sample_root_password",
        "ansible_become_password",
    ]
    put(site / "group_vars/all.yml", "".join(f"{name}: zebra\n" for name in names) + "unrelated_password: zebra\n")
    assert len(found(site)) == len(names)


def test_a_directory_without_roles_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AnsibleError, match="has no roles"):
        subject.LookupModule(loader=DataLoader()).run([str(tmp_path)], {})


INVENTORIES = sorted(
    {path.parent.parent for path in ROOT.glob("*/**/*.yml") if path.parent.name in subject.VARIABLES}
    | {path.parent.parent.parent for path in ROOT.glob("*/**/group_vars/all/*.yml")}
)


@pytest.mark.parametrize("inventory", INVENTORIES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_inventories_of_the_checkout_hold_none(inventory: Path) -> None:
    entries = [path for kind in subject.VARIABLES for path in (inventory / kind).glob("*")]
    given: Dict[str, Any] = {
        "group_names": [name for path in entries for name in (path.name, path.stem)],
        "ansible_inventory_sources": [str(path) for path in inventory.glob("hosts*")] or [str(inventory / "none")],
    }
    assert entries
    assert subject.LookupModule(loader=DataLoader()).run([str(ROOT / "roles")], given) == []


def test_the_inventories_of_the_checkout_are_found() -> None:
    found = {str(path.relative_to(ROOT)) for path in INVENTORIES}
    assert {"inventories/demo", "inventories/example", "molecule/shared/inventory"} <= found

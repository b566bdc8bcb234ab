# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of an inventory: where each stands, whose it is, and that what is encrypted is left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _inventory_text as subject

VAULTED = "!vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3865\n"
HOSTS = """\
all:
  hosts:
    hilltop:
      word: one
      nothing:
    lake[1:3]:
      word: two
    bare:
  vars: {word: three, sure: true}
  children:
    clinics:
      vars:
        word: four
      children:
        small:
          hosts:
            lake9: {word: 5}
"""
INI = """\
# word=no
hilltop word='one' other=x  # comment
lake[1:3] word=two
broken 'quote word=no
bare
[clinics]
lake9 word=three

[clinics:vars]
; word=no
word = "four with = in it"
sure=true
empty=
[all:children]
clinics
"""


def read(name: str, text: str, scope: Optional[str] = None) -> List[Tuple[str, str, int]]:
    """Scope, text and line of each leaf of what is called word."""
    found = subject.variables_of(Path("/inventory") / name, text, scope)
    return [(one.scope, leaf.text, leaf.line) for one in found if one.name == "word" for leaf in one.leaves]


@pytest.mark.parametrize("name", ["hosts.yml", "hosts.yaml", "hosts"])
def test_hosts_and_groups_of_yaml(name: str) -> None:
    assert read(name, HOSTS) == [
        ("hilltop", "one", 4),
        ("", "two", 7),
        ("all", "three", 9),
        ("clinics", "four", 13),
        ("lake9", "5", 17),
    ]


def test_hosts_of_json_also_with_tabs() -> None:
    inventory: Dict[str, Any] = {"all": {"hosts": {"hilltop": {"word": "one"}}}}
    assert read("hosts.json", json.dumps(inventory)) == [("hilltop", "one", 1)]
    assert read("hosts.json", json.dumps(inventory, indent="\t")) == [("hilltop", "one", 5)]


@pytest.mark.parametrize("name", ["hosts.ini", "hosts"])
def test_hosts_and_groups_of_ini(name: str) -> None:
    assert read(name, INI) == [
        ("hilltop", "one", 2),
        ("", "two", 3),
        ("lake9", "three", 7),
        ("clinics", "four with = in it", 11),
    ]
    assert not any(one.encryptable for one in subject.variables_of(Path(name), INI))


def test_toml_belongs_to_everybody() -> None:
    assert read("hosts.toml", "[all.vars]\nword = \"one\"\n[clinics.hosts.a]\nword = 'two'\n") == [
        ("", "one", 2),
        ("", "two", 4),
    ]


def test_a_file_of_variables_has_the_scope_of_its_name() -> None:
    text = f"---\nother: {VAULTED}word: one\n"
    assert read("vars.yml", text, "hilltop") == [("hilltop", "one", 5)]
    assert read("vars.ini", "word=one", "hilltop") == [], "Ansible does not read it"
    assert read("vars.yml", "word=one", "hilltop") == []


@pytest.mark.parametrize("value", [VAULTED, "\n", "''\n", "~\n", "true\n", "{}\n", "[]\n", "[!vault x]\n"])
def test_what_is_encrypted_or_nothing_is_no_leaf(value: str) -> None:
    assert read("vars.yml", f"word: {value}", "all") == []
    (variable,) = subject.variables_of(Path("vars.yml"), f"word: {value}", "all")
    assert variable.name == "word"


def test_what_is_wholly_encrypted_has_no_variables() -> None:
    assert subject.variables_of(Path("vars.yml"), "$ANSIBLE_VAULT;1.1;AES256\n3865\n", "all") == []
    assert subject.variables_of(Path("hosts"), "$ANSIBLE_VAULT;1.1;AES256\n3865\n") == []


def test_keys_lead_to_a_leaf() -> None:
    text = "word:\n- {name: a, password: b}\n- c\n- !unsafe '{{ d }}'\n"
    (variable,) = subject.variables_of(Path("vars.yml"), text, "all")
    assert [(leaf.keys, leaf.text, leaf.line, leaf.literal) for leaf in variable.leaves] == [
        (("name",), "a", 2, False),
        (("password",), "b", 2, False),
        ((), "c", 3, False),
        ((), "{{ d }}", 4, True),
    ]


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "plugin: x\nhosts: y\n", "all: {hosts: [a], vars: 7}\n", "a: [\n"])
def test_what_is_no_inventory_has_no_variables(text: str) -> None:
    assert subject.variables_of(Path("hosts.yml"), text) == []

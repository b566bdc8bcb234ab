# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which variables are secrets in plain text: by themselves, by their keys, or by what they are made of."""

from __future__ import annotations

from pathlib import Path
from typing import FrozenSet, List, Optional, Tuple

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _plain_secrets as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._inventory_text import variables_of

SECRET = ("event_log_capture_password", "event_log_kafka_users")
WORD = "zebra"


def told(text: str, name: str = "vars.yml", scope: Optional[str] = "all") -> List[str]:
    found = variables_of(Path("/i") / name, text, scope)
    said = subject.Judge(found, SECRET, ("event_log_", "event_connector_")).problems()
    assert not any(WORD in sentence for sentence in said)
    return said


def test_a_plain_secret_is_told_with_its_place_and_the_remedy() -> None:
    (sentence,) = told(f"---\na: b\nevent_log_capture_password: {WORD}\n")
    assert sentence == (
        "/i/vars.yml, line 3: event_log_capture_password is plain text (not shown). Put in its place what this prints, "
        "once it has asked for the value: ansible-vault encrypt_string --prompt --name event_log_capture_password"
    )


@pytest.mark.parametrize(
    "line",
    [
        "ansible_become_password: zebra",
        "ansible_password: 12345",
        "openmrs_password: &p zebra\nevent_log_capture_password: *p",
        "event_log_capture_password: !unsafe '{{ zebra }}'",
        "event_log_capture_password: '{{ \"zebra\" }}'",
        "event_log_capture_password: \"{{ 'zebra' | string }}\"",
        "event_log_capture_password: \"{{ 'zeb' ~ 'ra' }}\"",
        "event_log_capture_password: \"{{ ['zebra'] | first }}\"",
        "event_log_capture_password: \"{{ vault_x | default('zebra') }}\"",
        "event_log_capture_password: \"{{ 'zebra' if site is defined else vault_x }}\"",
        "event_log_capture_password: '{% if true %}zebra{% endif %}'",
        "event_log_kafka_users: [{name: a, password: zebra}]",
        "event_connector_overrides: {database.password: zebra}",
        "event_connector_overrides: {sasl.jaas.config: zebra}",
        "event_log_own_password: zebra",
    ],
)
def test_each_of_these_is_plain(line: str) -> None:
    assert len(told(f"{line}\n")) == 1


@pytest.mark.parametrize(
    "line",
    [
        "event_log_capture_password: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  38",
        "event_log_capture_password: '{{ vault_x }}'",
        "event_log_capture_password: '{{ vault_x | default(\"\") }}'",
        "event_log_capture_password: \"{{ lookup('ansible.builtin.file', inventory_dir ~ '/word') }}\"",
        "event_log_capture_password: \"{{ lookup('ansible.builtin.env', 'WORD') | default('', true) }}\"",
        "event_log_capture_password: \"{{ query('community.hashi_vault.vault_kv2_get', 'a')[0].data.word }}\"",
        "event_log_capture_password: \"{{ vault_x | replace('a', 'b') }}\"",
        "event_log_capture_password: ENC[AES256_GCM,data:x]",
        "event_log_capture_password: ''",
        "event_log_capture_password:",
        "event_log_secrets_dir: /srv/secrets",
        "event_log_kafka_users: [{name: a, password: '{{ vault_a }}'}]",
        "event_connector_overrides: {database.password: '${file:/run/x:password}', max.batch.size: 7}",
        "event_connector_overrides: {x.password.enabled: 'true'}",
        "openmrs_password: zebra",
        "word: zebra\nevent_log_capture_password: \"{{ lookup('file', word) }}\"",
        'word: zebra\nevent_log_capture_password: "{{ vault_x if word else vault_y }}"',
        'word: zebra\nevent_log_capture_password: "{{ vault_x[word] }}"',
        "a: '{{ event_log_capture_password }}'\nevent_log_capture_password: '{{ a }}'",
        "event_log_capture_password: '{{ broken'",
    ],
)
def test_none_of_these_is(line: str) -> None:
    assert told(f"{line}\n") == []


@pytest.mark.parametrize(
    ("template", "plain"),
    [
        ("{{ vault_x }}", "vault_x: zebra"),
        ("{{ vault_x | trim }}", "vault_x: '{{ vault_y }}'\nvault_y: zebra"),
        ("{{ vault.capture }}", "vault: {capture: zebra, other: x}"),
        ("{{ vault['capture'] }}", "vault: {other: x, capture: zebra}"),
        ("{{ vault[event_log_site] }}", "vault: {hilltop: zebra}"),
        ("{{ hostvars['hilltop'].vault_x }}", "vault_x: zebra"),
        ("{{ vars['vault_x'] }}", "vault_x: zebra"),
        ("{{ lookup('ansible.builtin.vars', 'vault_x') }}", "vault_x: zebra"),
        ("{{ vault_y if there else vault_x }}", "vault_x: zebra"),
        ("{{ vault_y | default(vault_x) }}", "vault_x: zebra"),
        ("{{ 'a' ~ vault_x }}", "vault_x: zebra"),
        ("{{ vault_x.strip() }}", "vault_x: zebra"),
    ],
)
def test_what_a_secret_is_made_of_must_not_be_plain_either(template: str, plain: str) -> None:
    line = 1 + plain.count("\n")
    (sentence,) = told(f'{plain}\nevent_log_capture_password: "{template}"\n')
    assert sentence.startswith(f"/i/vars.yml, line {line}: vault")
    assert ", of which event_log_capture_password is made, is plain text (not shown)." in sentence


@pytest.mark.parametrize(
    ("lines", "plain"),
    [
        ("event_log_kafka_users: '{{ users }}'\nusers: [{name: a, password: zebra}]\n", ["users.password"]),
        ("event_log_own: '{{ a + b }}'\na: [{name: a}]\nb: '{{ c }}'\nc: [{password: zebra}]\n", ["c.password"]),
        ("event_connector_overrides: '{{ a | combine(b) }}'\na: {x: y}\nb: {x.password: zebra}\n", ["b.x.password"]),
        ("event_log_kafka_users: '{{ users }}'\nusers: [{name: a, password: '{{ x }}'}]\nx: zebra\n", ["x"]),
        ("event_log_kafka_users: '{{ users }}'\nusers: [{name: a, password: '{{ vault_x }}'}]\n", []),
        ("event_log_database_name: '{{ a.name }}'\na: {name: b, password: zebra}\n", []),
        ("event_log_database_name: '{{ a }}'\na: '{{ event_log_database_name }}'\n", []),
    ],
)
def test_what_other_variables_are_made_of_is_judged_by_its_keys(lines: str, plain: List[str]) -> None:
    assert [sentence.split(": ")[1].split(",")[0].split(" is ")[0] for sentence in told(lines)] == plain


def test_everything_is_told_at_once_each_place_once_in_order() -> None:
    text = "event_log_kafka_users:\n- {name: a, password: zebra}\n- {name: b, password: '{{ x }}'}\nx: zebra\n"
    said = told(text + "event_log_capture_password: '{{ x }}'\nansible_become_password: '{{ x }}'\n")
    assert [sentence.split(" is plain text")[0] for sentence in said] == [
        "/i/vars.yml, line 2: event_log_kafka_users.password",
        "/i/vars.yml, line 4: x, of which ansible_become_password is made,",
    ]


def test_a_salt_in_a_name_is_not_shown() -> None:
    said = told("event_connector_overrides: {column.mask.hash.v2.SHA-256.with.salt.zebra: a.b}\n")
    assert len(said) == 1
    assert "with.salt.<redacted> is plain text (not shown). It cannot be encrypted by itself there." in said[0]


def test_a_line_of_ini_goes_into_a_vault() -> None:
    for scope, line, where in (
        ("hilltop", "hilltop event_log_capture_password=zebra", "host_vars/hilltop/vault.yml or group_vars/hilltop"),
        ("", "site[1:3] event_log_capture_password=zebra", "ansible-vault create group_vars/all/vault.yml"),
    ):
        (sentence,) = told(line, "hosts.ini", None)
        assert sentence.startswith("/i/hosts.ini, line 1: event_log_capture_password is plain text"), scope
        assert where in sentence


@pytest.mark.parametrize(
    ("template", "made_of"),
    [
        ("{{ a.b.c }}{{ d[0] }}", {("a", "b", "c"), ("d",)}),
        ("{{ lookup('x', a) }}", set()),
        ("{{ 1 + a }}", {("a",)}),
        ("{% if a %}{{ b }}{% else %}{{ c }}{% endif %}", {("b",), ("c",)}),
        ("plain", None),
        ("{{ 'a' }}", None),
        ("{{ 7 }}", None),
        ("{{ a is defined }}", None),
    ],
)
def test_references(template: str, made_of: Optional[FrozenSet[Tuple[str, ...]]]) -> None:
    assert subject.references(template) == made_of


def test_secrets_are_options_that_say_so_and_what_they_take_over() -> None:
    defaults = {"a": {"a_word": "{{ event_log_word | default('') }}", "a_other": "{{ event_log_other }}"}}
    assert subject.declared({"a": ["a_word"], "b": ["b_word"]}, defaults) == {"a_word", "b_word", "event_log_word"}

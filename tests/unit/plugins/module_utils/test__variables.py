# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Misspelt variables are found, and no variable that the collection really reads is taken for one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Iterable, Set

import pytest
import yaml
from ansible_collections.openmrs.event_log.plugins.module_utils import _variables as subject

from tests.unit.role_files import ROOT, roles

ROLES_DIRECTORY = str(ROOT / "roles")
PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))
DOCUMENTED = sorted({name for role in roles() for name in role.options})
ROLE_NAMES = sorted(role.name for role in roles())


def ours(text: str) -> Set[str]:
    """The words of a text that look like variables of the collection; internal ones begin otherwise."""
    return set(re.findall(rf"(?<![\w./-])(?:event_log|{'|'.join(ROLE_NAMES)})_[a-z0-9_]+\b(?!\.py)", text))


def site_wide() -> Set[str]:
    texts = (path.read_text(encoding="utf-8") for path in (ROOT / "roles").glob("*/defaults/main.yml"))
    return {name for text in texts for name in ours(text) if name.startswith("event_log_")}


def unknown(names: Iterable[str]) -> str:
    return "\n".join(subject.unknown_variables(names, ROLES_DIRECTORY))


def test_there_is_something_to_know() -> None:
    assert len(DOCUMENTED) > 80
    assert {"event_log_site", "event_log_tables", "event_log_uid"} <= site_wide()


def test_no_documented_or_site_wide_variable_is_refused() -> None:
    assert unknown([*DOCUMENTED, *site_wide(), *subject.PLAYBOOK_VARIABLES]) == ""


def test_no_variable_of_a_playbook_or_of_a_shipped_inventory_is_refused() -> None:
    for path in PLAYBOOKS:
        code = re.sub(r"^\s*#.*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert unknown(ours(code) - {f"{name}_" for name in ROLE_NAMES}) == "", path
    inventories = sorted((ROOT / "inventories").rglob("*.yml"))
    assert inventories
    for path in inventories:
        assert unknown(re.findall(r"^\s*#?\s*([a-z0-9_]+):", path.read_text(encoding="utf-8"), re.MULTILINE)) == "", (
            path
        )


def test_every_variable_that_only_playbooks_read_is_read_by_one() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in PLAYBOOKS)
    assert subject.PLAYBOOK_VARIABLES - ours(text) == set()


def test_the_preflight_looks_at_all_variables_whatever_roles_there_are() -> None:
    text = (ROOT / "playbooks" / "preflight.yml").read_text(encoding="utf-8")
    assert "query('ansible.builtin.varnames', '.') | openmrs.event_log.unknown_variables(__roles)" in text


@pytest.mark.parametrize("page", ["README.md", "docs/first-site.md", "docs/troubleshooting.md"])
def test_the_pages_name_only_variables_that_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert unknown(name for name in ours(text) if not name.endswith("_")) == ""


@pytest.mark.parametrize("name", [*DOCUMENTED, *sorted(site_wide())])
def test_one_letter_too_few_is_seen_and_the_name_proposed(name: str) -> None:
    short = name[:-2] + name[-1]
    if short in {*DOCUMENTED, *site_wide()}:
        pytest.skip("that is a variable too")
    sentence = unknown([short])
    assert sentence.startswith(f"{short} is not a variable of this collection. Did you mean ")
    proposed = re.findall(r"Did you mean (\w+)\?", sentence)[0]
    assert proposed in {*DOCUMENTED, *site_wide()}
    if len(name) > 14:
        assert proposed.startswith(name.split("_", maxsplit=1)[0])


def test_the_sentence_in_words() -> None:
    assert unknown(["event_log_tabels"]) == (
        "event_log_tabels is not a variable of this collection. Did you mean event_log_tables?"
    )
    assert unknown(["event_log_zzzzzzzzzzzzzzzzzzzz"]) == (
        "event_log_zzzzzzzzzzzzzzzzzzzz is not a variable of this collection. "
        "Remove it, or see docs/variables.md for the names."
    )


def test_each_name_is_told_once_and_in_order() -> None:
    names = ["kafka_host_usr", "event_log_sitee", "kafka_host_usr"]
    assert [line.split()[0] for line in unknown(names).splitlines()] == ["event_log_sitee", "kafka_host_usr"]


@pytest.mark.parametrize(
    "name",
    [
        "ansible_host",
        "mysql_port",
        "event_logger",
        "event_log",
        "my_event_log_x",
        "__event_stack_x",
        "kafka_home",
        "kafka",
    ],
)
def test_other_names_are_none_of_our_business(name: str) -> None:
    assert unknown([name]) == ""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A collection of one role."""
    role = tmp_path / "tea_pot"
    for folder in ("meta", "defaults"):
        (role / folder).mkdir(parents=True)
    options = {"tea_pot_size": {"type": "int"}, "tea_pot_lid": {"type": "dict", "options": {"inner": {"type": "str"}}}}
    specs = {"argument_specs": {"main": {"options": options}, "preflight": {"options": {"tea_pot_quick": {}}}}}
    (role / "meta" / "argument_specs.yml").write_text(yaml.safe_dump(specs))
    (role / "defaults" / "main.yml").write_text('tea_pot_size: "{{ event_log_cups | default(4) }}"\n')
    return tmp_path


def test_what_is_known_of_a_role(small: Path) -> None:
    wanted = {"tea_pot_size", "tea_pot_lid", "tea_pot_quick", "event_log_cups"}
    assert subject.known_variables(small) == wanted | subject.PLAYBOOK_VARIABLES


def test_roles_that_are_not_this_collections_are_none_of_our_business(small: Path) -> None:
    names = ["tea_pot_siz", "tea_pot_inner", "event_log_cup", "event_stack_nothing"]
    told = subject.unknown_variables(names, str(small))
    assert [sentence.split()[0] for sentence in told] == ["event_log_cup", "tea_pot_inner", "tea_pot_siz"]

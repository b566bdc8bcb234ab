# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/variables.md says what the roles say."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Dict, List

import pytest
import yaml
from ansible_collections.openmrs.event_log.plugins.module_utils import _variables

from tests.unit.role_files import ROOT, roles

PAGE = (ROOT / "docs" / "variables.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_variables", ROOT / "docs" / "generate_variables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(page: str) -> Dict[str, List[str]]:
    """The cells beside each variable's name."""
    lines = [re.split(r" (?<!\\)\| ", line.strip("| ")) for line in page.splitlines() if line.startswith("| `")]
    return {cells[0].strip("`"): cells[1:] for cells in lines}


def test_the_page_is_up_to_date(generator: ModuleType) -> None:
    assert generator.page() == PAGE, "run: python docs/generate_variables.py"


def test_the_page_has_every_variable_and_no_other() -> None:
    facts = {name for name in _variables.PLAYBOOK_VARIABLES if not name.startswith(_variables.SITE_PREFIX)}
    assert set(rows(PAGE)) == _variables.known_variables(ROOT / "roles") - facts


def test_every_row_is_complete_and_plain() -> None:
    for name, cells in rows(PAGE).items():
        assert len(cells) == 3, name
        kind, _default, meaning = cells
        assert re.fullmatch(r"(bool|int|float|str|path|dict|list)( of \w+)?", kind), name
        assert meaning.endswith("."), name
    assert re.findall(r"\{\{|\b[COVM]\(|!unsafe", PAGE) == []


def test_defaults_are_those_of_the_specifications() -> None:
    table = rows(PAGE)
    compared = 0
    for role in roles():
        for name, option in role.options.items():
            if option.get("default") is not None and not option.get("required"):
                assert yaml.safe_load(table[name][1].strip("`")) == option["default"], name
                compared += 1
            assert (table[name][1] == "**required**") == bool(option.get("required")), name
    assert compared > 50


def test_what_a_site_must_say_is_marked() -> None:
    site = rows(PAGE.split("## docker_engine", maxsplit=1)[0])
    required = {name for name, cells in site.items() if cells[1] == "**required**"}
    assert required == {"event_log_site", "event_log_capture_password"}
    assert all(name.startswith("event_log_") for name in site)


def test_a_small_role(generator: ModuleType, tmp_path: Path) -> None:
    role = tmp_path / "roles" / "event_stack"
    for folder in ("meta", "defaults"):
        (role / folder).mkdir(parents=True)
    options = {
        "event_stack_a": {"type": "int", "default": 4, "description": "Sees C(a|b) and O(event_stack_b=1), V(x)."},
        "event_stack_b": {"type": "list", "elements": "str", "choices": ["on", "1"], "description": ["B", "c."]},
        "event_stack_c": {"required": True, "description": "C(f(x))."},
    }
    (role / "meta" / "argument_specs.yml").write_text(
        yaml.safe_dump({"argument_specs": {"main": {"options": options}}})
    )
    defaults = {
        "event_stack_a": "{{ event_log_a | default(4) }}",
        "event_stack_b": "{{ event_stack_a * 2 }}",
        "event_stack_c": "{{ event_log_c }}",
    }
    (role / "defaults" / "main.yml").write_text(yaml.safe_dump(defaults))
    of_playbooks = "".join(
        f"| `{name}` | {kind} | {default} | {about} |\n"
        for name, (kind, default, about) in sorted(generator.OF_PLAYBOOKS.items())
    )
    assert generator.page(tmp_path).partition("## Of a site\n\n")[2] == (
        "| variable | type | default | meaning |\n|---|---|---|---|\n"
        "| `event_log_a` | int | `4` | Sees `a\\|b` and `event_stack_b=1`, `x`. |\n"
        "| `event_log_c` | str | **required** | `f(x)`. |\n"
        f"{of_playbooks}"
        "\n## event_stack\n\n"
        "| variable | type | default | meaning |\n|---|---|---|---|\n"
        "| `event_stack_a` | int | `4` | Sees `a\\|b` and `event_stack_b=1`, `x`. Set by `event_log_a`. |\n"
        "| `event_stack_b` | list of str | from other variables | B c. One of `'on'`, `'1'`. |\n"
        "| `event_stack_c` | str | **required** | `f(x)`. Set by `event_log_c`. |\n"
    )

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role installs, from whom modules have their logic too, where there is no guard, and what it refuses."""

from __future__ import annotations

import ast
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from event_guard.settings import Guard, from_mapping

from tests.unit.role_files import ROOT
from tests.unit.roles.role_runs import Outcome, check

PACKAGE = ROOT / "roles" / "event_guard" / "files" / "event_guard"
COMMON: dict[str, Any] = {
    "event_log_site": "hilltop",
    "event_log_home": "/nowhere/event-log",
    "event_log_data_dir": "/nowhere/data",
    "path": os.environ["PATH"],
}
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "chosen": {
        "event_log_guard": True,
        "event_guard_free_drop": 20.5,
        "event_guard_consumer_groups": ["warehouse"],
        "event_guard_report_command": ["/usr/local/bin/send", "hilltop"],
        "event_guard_may_drop_unread": "yes",
    },
    "without_systemd": {"init": "sysvinit"},
    "unwanted": {"event_log_guard": False},
    "impossible": {"init": "sysvinit", "event_log_guard": True},
    "wrong_order": {"event_guard_free_stop": 15},
    "no_list": {"event_guard_report_command": "/usr/local/bin/send --now"},
    "no_restarts": {"event_guard_restart_minutes": []},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    # As site.yml does: types are looked at by the role's own check.
    role = {"ansible.builtin.include_role": {"name": "openmrs.event_log.event_guard", "rolespec_validate": False}}
    # As if the play had gathered it.
    facts = {"ansible.builtin.set_fact": {"ansible_service_mgr": "{{ init | default('systemd') }}", "cacheable": True}}
    hosts = {name: {**COMMON, **given} for name, given in CASES.items()}
    return check(tmp_path_factory.mktemp("event_guard"), [facts, role], hosts)


def settings(outcome: Outcome) -> Guard:
    files = outcome.files()
    return from_mapping(json.loads(files["/nowhere/event-log/config/guard.json"]), Path("guard.json"))


def test_its_settings_are_those_that_the_program_has_by_itself(runs: dict[str, Outcome]) -> None:
    assert runs["plain"].failure == ""
    assert settings(runs["plain"]) == Guard(directory=Path("/nowhere/data/guard"), site="hilltop")


def test_what_the_inventory_says_is_handed_on(runs: dict[str, Outcome]) -> None:
    found = settings(runs["chosen"])
    assert (found.free_drop, found.may_drop_unread) == (20.5, True)
    assert (found.consumer_groups, found.report_command) == (("warehouse",), ("/usr/local/bin/send", "hilltop"))


def test_the_whole_program_is_installed_and_links_are_followed(runs: dict[str, Outcome]) -> None:
    files = runs["plain"].files()
    prefix = "/nowhere/event-log/lib/event_guard/"
    installed = {
        path[len(prefix) :]: text for path, text in files.items() if path.startswith(prefix) and path.endswith(".py")
    }
    assert set(installed) == {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py")}
    for name, text in installed.items():
        assert text.rstrip() == (PACKAGE / name).read_text(encoding="utf-8").rstrip(), name


def test_what_modules_share_is_one_file() -> None:
    shared = [path for path in (PACKAGE / "shared").glob("*.py") if path.name != "__init__.py"]
    assert shared
    for path in shared:
        assert path.is_symlink(), path
        # Those that only the guard's own modules need say so by their names.
        assert path.resolve().parent == ROOT / "plugins" / "module_utils"
        assert path.resolve().name in (f"_guard_{path.name}", f"_{path.name}")


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.name)
def test_the_guard_needs_nothing_but_python_the_host_command_and_the_driver(path: Path) -> None:
    allowed = {*sys.stdlib_module_names, "event_log", "event_guard", "pymysql"}
    shared = path.parent.name == "shared"
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        for name in (one.partition(".")[0] for one in names):
            assert name in (allowed - {"event_log", "event_guard"} if shared else allowed), f"{path.name}: {name}"


def test_the_unit_runs_the_command_and_stops_with_the_stack(runs: dict[str, Outcome]) -> None:
    unit = runs["plain"].files()["/etc/systemd/system/event-log-guard.service"].splitlines()
    for line in (
        "ExecStart=/usr/local/bin/event-log guard",
        "Restart=always",
        "PartOf=event-log.service",
        "After=docker.service event-log.service",
        "RequiresMountsFor=/nowhere/event-log /nowhere/data",
    ):
        assert line in unit
    assert runs["plain"].changed[-1] == "Start the guard, now and at every boot"


@pytest.mark.parametrize("case", ["without_systemd", "unwanted"])
def test_where_there_is_no_guard_nothing_is_installed(runs: dict[str, Outcome], case: str) -> None:
    outcome = runs[case]
    assert (outcome.failure, outcome.files()) == ("", {})
    assert "Remove the guard" in [name for name, _ in outcome.results]


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("impossible", "event_log_guard is True"),
        ("wrong_order", "are 10, 15 and 3"),
        ("no_list", "event_guard_report_command is /usr/local/bin/send --now"),
        ("no_restarts", "event_guard_restart_minutes is []"),
    ],
)
def test_what_cannot_be_is_refused_with_its_name(runs: dict[str, Outcome], case: str, told: str) -> None:
    assert told in " ".join(runs[case].failure.split())
    assert runs[case].changed == []

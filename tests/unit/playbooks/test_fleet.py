# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every play keeps so that many sites can be run over slow lines: batches, tags, few facts, one check."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, Tuple

import pytest
import yaml

from tests.unit.role_files import ROOT

PLAYBOOKS = ROOT / "playbooks"
FACTS = "tasks/facts.yml"


def plays() -> Iterator[Tuple[str, Dict[str, Any]]]:
    """Those for the sites; some playbooks work on the control node alone."""
    for path in sorted(PLAYBOOKS.glob("*.yml")):
        for play in yaml.safe_load(path.read_text(encoding="utf-8")):
            if play.get("hosts") == "all" and (play.get("vars") or {}).get("ansible_connection") != "local":
                yield path.name, play


PLAYS = list(plays())
each_play = pytest.mark.parametrize(("name", "play"), PLAYS, ids=[name for name, _ in PLAYS])


def tasks(play: Dict[str, Any]) -> List[Dict[str, Any]]:
    return [*play.get("pre_tasks", []), *play.get("tasks", []), *play.get("post_tasks", [])]


def imported(task: Dict[str, Any]) -> Dict[str, Any]:
    """The role that a task brings in, if it does."""
    return task.get("ansible.builtin.import_role") or task.get("ansible.builtin.include_role") or {}


def test_there_are_plays_for_the_sites() -> None:
    assert {"preflight.yml", "engine.yml", "mysql.yml", "stack.yml", "connector.yml"} <= {name for name, _ in PLAYS}


@each_play
def test_a_play_takes_batches_and_tags_and_gathers_nothing_by_itself(name: str, play: Dict[str, Any]) -> None:
    assert play["serial"] == "{{ event_log_serial | default('100%') }}"
    assert play["tags"]
    assert play["gather_facts"] is False
    assert "any_errors_fatal" not in play
    assert "max_fail_percentage" not in play


@each_play
def test_a_play_whose_roles_need_facts_learns_them_once(name: str, play: Dict[str, Any]) -> None:
    learns = [task for task in tasks(play) if task.get("ansible.builtin.import_tasks") == FACTS]
    without = ("connectors.yml", "purge_clear_events.yml", "remove.yml", "status.yml")
    assert len(learns) == (name not in without and not name.startswith("repair_"))


@each_play
def test_inputs_that_are_not_validated_with_the_role_were_checked_before_it(name: str, play: Dict[str, Any]) -> None:
    """A role that is checked by its play where that runs alone, else by preflight.yml, and then not again."""
    looks = [task for task in tasks(play) if imported(task).get("tasks_from") == "preflight"]
    checked = {imported(task)["name"]: str(task.get("when", "")) for task in looks}
    for task in tasks(play):
        role = imported(task)
        if role.get("rolespec_validate") is False and role.get("tasks_from") != "preflight":
            short = role["name"].rsplit(".", 1)[-1]
            assert "event_log_preflight | default(true)" in checked[role["name"]], role["name"]
            assert play["vars"][f"{short}_preflight"] is False, role["name"]
            assert role["name"] in (PLAYBOOKS / "preflight.yml").read_text(encoding="utf-8")


def used_facts() -> Dict[str, List[str]]:
    found: Dict[str, List[str]] = {}
    for folder in ("roles", "playbooks"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".yml", ".j2") and "molecule" not in path.parts:
                for fact in re.findall(r"ansible_facts(?:\['|\.)(\w+)", path.read_text(encoding="utf-8")):
                    found.setdefault(fact, []).append(str(path.relative_to(ROOT)))
    return found


def test_every_fact_that_is_used_is_brought_over() -> None:
    (task,) = yaml.safe_load((PLAYBOOKS / FACTS).read_text(encoding="utf-8"))
    patterns = [pattern.replace("*", ".*") for pattern in task["ansible.builtin.setup"]["filter"]]
    used = used_facts()
    assert {"memtotal_mb", "distribution", "service_mgr"} <= set(used)
    missing = {
        fact: places for fact, places in used.items()
        if not any(re.fullmatch(pattern, f"ansible_{fact}") for pattern in patterns)
    }  # fmt: skip
    assert missing == {}


def test_every_kind_of_work_can_be_asked_for_alone() -> None:
    order = [entry["ansible.builtin.import_playbook"] for entry in yaml.safe_load((PLAYBOOKS / "site.yml").read_text())]
    tags = {name: play["tags"] for name, play in PLAYS}
    assert "always" in tags[order[0]], "whoever asks for some work gets its checks"
    own = [tags[name][0] for name in order]
    assert len(set(own)) == len(own), "each play has a word of its own, its first"
    assert [name for name in order[1:] if "always" in tags[name]] == []
    # A stack or a connector needs to know its image.
    (images,) = [name for name in order if "images" in tags[name]]
    assert {"stack", "connector"} <= set(tags[images])


def test_the_verdict_is_handed_on_where_a_site_is_done() -> None:
    last = yaml.safe_load((PLAYBOOKS / "site.yml").read_text())[-1]["ansible.builtin.import_playbook"]
    (play,) = [play for other, play in PLAYS if other == last]
    assert tasks(play)[-1]["ansible.builtin.import_tasks"] == "tasks/verdict.yml"

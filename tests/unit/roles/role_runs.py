# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a role on this machine, usually in check mode, as many made-up hosts at once, and reads what it would do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping, Tuple

from tests.unit.role_files import ROOT


@dataclass
class Outcome:
    """What became of one host: the results of the tasks that ran, in order, by name."""

    results: List[Tuple[str, Dict[str, Any]]] = field(default_factory=list)

    @property
    def failure(self) -> str:
        failed = [result for _, result in self.results if result.get("failed") and not result.get("ignored")]
        return str(failed[-1]["msg"]) if failed else ""

    @property
    def changed(self) -> List[str]:
        return [name for name, result in self.results if result.get("changed")]

    def result(self, task: str) -> Dict[str, Any]:
        (found,) = [result for name, result in self.results if name == task]
        return found

    def files(self) -> Dict[str, str]:
        """What the run would write, by path, as its diff shows it."""
        found: Dict[str, str] = {}
        for _, result in self.results:
            diffs = result.get("diff") or []
            for diff in diffs if isinstance(diffs, list) else [diffs]:
                path = diff.get("header") or diff.get("after_header", "")
                if path and "after" in diff:
                    found[path] = diff["after"]
        return found


def check(
    folder: Path, tasks: List[Dict[str, Any]], hosts: Mapping[str, Mapping[str, Any]], really: bool = False
) -> Dict[str, Outcome]:
    """Run the tasks with `--check --diff`, or really, for these hosts and their variables."""
    common = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory = {"all": {"hosts": {name: {**common, **variables} for name, variables in hosts.items()}}}
    play = [{"hosts": "all", "gather_facts": False, "environment": {"PATH": "{{ path }}"}, "tasks": tasks}]
    (folder / "hosts.json").write_text(json.dumps(inventory))
    (folder / "play.yml").write_text(json.dumps(play))
    (folder / "ansible.cfg").write_text(
        f"[defaults]\ncollections_path = {ROOT / '.cache'}\nlocal_tmp = {folder / 'tmp'}\n"
        "stdout_callback = ansible.posix.json\nretry_files_enabled = false\ninject_facts_as_vars = false\n"
    )
    command = [sys.executable, "-m", "ansible", "playbook", "-i", "hosts.json", "-f", "8"]
    command += [] if really else ["--check", "--diff"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    environment["ANSIBLE_CONFIG"] = str(folder / "ansible.cfg")
    done = subprocess.run(
        [*command, "play.yml"], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.stdout.lstrip().startswith("{"), done.stdout + done.stderr
    assert "DEPRECATION" not in done.stderr, done.stderr
    found = {name: Outcome() for name in hosts}
    for task in json.loads(done.stdout)["plays"][0]["tasks"]:
        for name, result in task["hosts"].items():
            if not result.get("skipped"):
                found[name].results.append((task["task"]["name"].split(" : ")[-1], result))
    return found

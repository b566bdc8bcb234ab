# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a run says what event-log status says, word for word: the real command, the real tasks, a real run."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.conftest import Host
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.described import container

ROOT = Path(__file__).resolve().parents[5]


def command_of(host: Host) -> Path:
    """What /usr/local/bin/event-log is on a site."""
    known = {key: value for key, value in host.environ.items() if os.environ.get(key) != value}
    words = [f"{key}={value}" for key, value in known.items()]
    path = host.root / "event-log"
    path.write_text(f'#!/bin/sh\nexec env {shlex.join(words)} {shlex.quote(sys.executable)} -m event_log "$@"\n')
    path.chmod(0o755)
    return path


def end_of_a_run(host: Host) -> str:
    """The summary's line of the site, in one piece."""
    play = [
        {
            "hosts": "all",
            "gather_facts": False,
            "vars": {"event_stack_command": str(command_of(host))},
            "tasks": [{"ansible.builtin.import_tasks": str(ROOT / "playbooks/tasks/verdict.yml")}],
        }
    ]
    (host.root / "play.json").write_text(json.dumps(play))
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "site,", "-c", "local",
         "-e", f"ansible_python_interpreter={sys.executable}", str(host.root / "play.json")],
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return " ".join(done.stdout.partition("Site by site")[2].partition("1 site:")[0].split())


@pytest.mark.parametrize(
    ("language", "begins"),
    [("en", "Down: the event log has"), ("fr", "En panne : le journal"), ("es", "Caído: el reg")],
)
def test_a_run_ends_with_the_verdict(host: Host, language: str, begins: str) -> None:
    host.containers()
    path = host.chosen.home / "config" / "event-log.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "language": language}))
    said = host.run("status").stdout.strip()
    assert said.startswith(begins)
    assert end_of_a_run(host) == f"site ok, down {said}"


def test_of_several_findings_it_shows_the_gravest(host: Host) -> None:
    host.containers(container("event-log-broker", status="paused"), container("event-log-connect", status="exited"))
    gravest, _, others = host.run("status").stdout.strip().partition("\n")
    assert others.startswith("Also: ")
    # A path of a test is longer than a line, and is broken where it has a dash.
    assert end_of_a_run(host).replace(" ", "") == f"site ok, down {gravest}".replace(" ", "")

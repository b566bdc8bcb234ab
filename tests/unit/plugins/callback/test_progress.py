# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The progress callback: its pure parts, and whole playbook runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, Tuple

import pytest
from ansible_collections.openmrs.event_log.plugins.callback.progress import (
    Running,
    Watch,
    _log_of,
    heartbeat,
    last_line,
    shorten,
)

ROOT = Path(__file__).resolve().parents[4]
PLAYBOOK = """
- name: Look around
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Pass quickly
      ansible.builtin.debug:
        msg: here
- name: Take a while
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Work quietly
      ansible.builtin.shell: for i in 1 2 3; do sleep 0.9; echo "line $i" >> {log}; done
      changed_when: false
"""


def test_shorten_keeps_one_printable_line() -> None:
    assert shorten("  \x1b[32mfetching\x1b[0m   a\tjar \x07") == "fetching a jar"
    assert shorten("x" * 200, 10) == "x" * 9 + "…"
    assert shorten("exactly10!", 10) == "exactly10!"


def test_last_line_is_what_a_progress_bar_left(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"first\nfetch 10 %\rfetch 20 %\r\n \n")
    assert last_line(str(log), 0) == "fetch 20 %"


def test_last_line_of_a_long_log_reads_only_its_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("old\n" * 5000 + "new\n")
    assert last_line(str(log), 0) == "new"


def test_last_line_ignores_a_log_older_than_the_task(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("yesterday\n")
    os.utime(log, (1000, 1000))
    assert last_line(str(log), 1001) == ""
    assert last_line(str(log), 999) == "yesterday"


@pytest.mark.parametrize("path", ["", "/does/not/exist", "/proc"])
def test_last_line_of_nothing_readable_is_empty(path: str) -> None:
    assert last_line(path, 0) == ""


def test_heartbeat_names_task_seconds_and_line() -> None:
    assert heartbeat("Build the image", 31.4, "") == "... Build the image: 31 s"
    assert heartbeat("Build the image", 31.4, "step 3/9") == "... Build the image: 31 s | step 3/9"


def test_watch_is_silent_until_the_interval_has_passed() -> None:
    watch = Watch(10)
    task = Running("t", 100, "")
    watch.spoke(100)
    watch.start(task)
    assert watch.seconds_left(104) == 6
    assert watch.take(109.9) is None
    assert watch.take(110) == task
    assert watch.take(110) is None, "one sign of life for each interval"
    watch.spoke(115)
    assert watch.take(121) is None, "what was printed counts"
    assert watch.take(125) == task


def test_watch_reports_nothing_between_tasks() -> None:
    watch = Watch(10)
    watch.start(Running("t", 0, ""))
    watch.start(None)
    assert watch.take(99) is None


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({}, "default"),
        ({"log_path": "/tmp/own"}, "/tmp/own"),
        ({"log_path": "{{ somewhere }}"}, "default"),
        ({"log_path": None}, "default"),
        ("{{ args }}", "default"),
    ],
)
def test_the_tasks_own_log_goes_first_unless_it_is_a_template(args: object, expected: str) -> None:
    assert _log_of(args, "default") == expected


def run(tmp_path: Path, **environment: str) -> Tuple[subprocess.CompletedProcess, float]:
    log = tmp_path / "build.log"
    playbook = tmp_path / "play.yml"
    playbook.write_text(PLAYBOOK.format(log=log))
    env: Dict[str, str] = {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "EVENT_LOG_PROGRESS_FILE": str(log),
        **environment,
    }
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "-c", "local"]
    command += ["-e", f"ansible_python_interpreter={sys.executable}", str(playbook)]
    started = time.monotonic()
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done, time.monotonic() - started


def test_a_run_says_its_steps_and_a_sign_of_life_with_the_logs_last_line(tmp_path: Path) -> None:
    done, seconds = run(tmp_path, EVENT_LOG_PROGRESS_INTERVAL="1")
    lines = done.stderr.splitlines()
    assert "step 1 of 2: Look around" in lines
    assert "step 2 of 2: Take a while" in lines
    beats = [line for line in lines if line.startswith("... ")]
    assert 1 <= len(beats) <= seconds
    assert any("Work quietly" in beat and "line" in beat for beat in beats), beats
    assert not any("Pass quickly" in beat for beat in beats)


def test_a_quick_run_prints_no_sign_of_life(tmp_path: Path) -> None:
    done, _ = run(tmp_path, EVENT_LOG_PROGRESS_INTERVAL="30")
    assert "... " not in done.stderr
    assert done.stderr.splitlines() == ["step 1 of 2: Look around", "step 2 of 2: Take a while"]


def test_the_stdout_callback_stays_readable_by_machines(tmp_path: Path) -> None:
    done, _ = run(tmp_path, EVENT_LOG_PROGRESS_INTERVAL="1", ANSIBLE_STDOUT_CALLBACK="ansible.posix.json")
    assert json.loads(done.stdout)["stats"]["localhost"]["ok"] == 2
    assert "step 2 of 2: Take a while" in done.stderr


def test_an_interval_of_zero_leaves_the_steps(tmp_path: Path) -> None:
    done, _ = run(tmp_path, EVENT_LOG_PROGRESS_INTERVAL="0")
    assert done.stderr.splitlines() == ["step 1 of 2: Look around", "step 2 of 2: Take a while"]

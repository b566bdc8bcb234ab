# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The summary at the end of whole runs: fleets, batches, predictions, machines that read the output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest
from ansible_collections.openmrs.event_log.plugins.callback.site_summary import Plays

ROOT = Path(__file__).resolve().parents[4]
FIRST: List[Dict[str, Any]] = [
    {
        "name": "Change something",
        "ansible.builtin.command": {"cmd": "true"},
        "check_mode": False,
        "changed_when": "changing | default(false)",
    },
    {
        "block": [{"name": "Try", "ansible.builtin.fail": {"msg": "first"}, "when": "trying | default(false)"}],
        "rescue": [{"name": "Mend", "ansible.builtin.debug": {"msg": "mended"}}],
    },
    {
        "name": "Pass over",
        "ansible.builtin.fail": {"msg": "nobody minds"},
        "when": "trying | default(false)",
        "ignore_errors": True,
    },
    {
        "name": "Break",
        "ansible.builtin.fail": {"msg": "The disk is full.\nMake room."},
        "when": "breaking | default(false)",
    },
]
SECOND: List[Dict[str, Any]] = [
    {"name": "Break later", "ansible.builtin.fail": {"msg": "later"}, "when": "late | default(false)"},
    {
        "name": "Hand over",
        "ansible.builtin.set_stats": {
            "per_host": True,
            "data": {"event_log_verdict": {"verdict": "{{ verdict }}", "sentence": "All of {{ inventory_hostname }}."}},
        },
        "when": "verdict is defined",
    },
]
UNREACHABLE = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}


def run(tmp_path: Path, hosts: Dict[str, Any], *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    play = {"hosts": "all", "gather_facts": False, "serial": "{{ batch | default('100%') }}"}
    plays = [{**play, "name": "One", "tasks": FIRST}, {**play, "name": "Two", "tasks": SECOND}]
    common = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory = {"all": {"vars": common, "hosts": hosts}}
    (tmp_path / "play.json").write_text(json.dumps(plays))
    (tmp_path / "hosts.json").write_text(json.dumps(inventory))
    env = {
        **{key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")},
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_SSH_RETRIES": "0",
        **environment,
    }
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(tmp_path / "hosts.json")]
    return subprocess.run(
        [*command, str(tmp_path / "play.json"), *arguments],
        env=env, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def told(done: subprocess.CompletedProcess) -> str:
    """From the heading to the end, and nothing after it."""
    head = "What a run would do" if "What a run would do" in done.stdout else "Site by site"
    return done.stdout[done.stdout.index(head) :]


FLEET: Dict[str, Any] = {
    "bayview": {"verdict": "ok", "trying": True},
    "eastgate": {"verdict": "ill", "changing": True},
    "far": UNREACHABLE,
    "lakeside": {"changing": True},
    "westhill": {"breaking": True, "verdict": "ok"},
}


def test_a_site_that_fails_or_cannot_be_reached_stops_no_other_and_is_named_last(tmp_path: Path) -> None:
    done = run(tmp_path, FLEET)
    assert done.returncode != 0
    assert (
        told(done)
        == """\
Site by site
bayview   ok              All of bayview.
lakeside  changed 1
eastgate  changed 1, ill  All of eastgate.
far       unreachable     ssh: connect to host 127.0.0.1 port 1: Connection
                          refused
westhill  FAILED          Break: The disk is full. Make room.

5 sites: 1 ok, 1 changed, 1 ok but not well, 1 unreachable, 1 failed.
Not well: eastgate
Unreachable: far
Failed: westhill
Again for these alone: --limit far,westhill
"""
    )
    assert "\x1b" not in done.stdout + done.stderr


def test_a_limited_run_tells_of_its_sites_alone_and_colours_them_where_asked(tmp_path: Path) -> None:
    done = run(tmp_path, FLEET, "--limit", "bayview", ANSIBLE_FORCE_COLOR="1")
    assert done.returncode == 0
    assert told(done).splitlines()[1:] == [
        "\x1b[0;32mbayview  ok  All of bayview.\x1b[0m", "", "1 site: 1 ok.",
    ]  # fmt: skip


def test_a_prediction_says_so(tmp_path: Path) -> None:
    done = run(tmp_path, {"lakeside": {"changing": True, "verdict": "ok"}}, "--check")
    assert (
        told(done)
        == """\
What a run would do, site by site (--check: nothing was changed)
lakeside  would change 1  All of lakeside.

1 site: 1 would change.
"""
    )


def test_batches_add_up(tmp_path: Path) -> None:
    done = run(tmp_path, {"a": {"changing": True}, "b": {"breaking": True}, "c": {}, "d": {}}, "-e", "batch=2")
    assert [line.split()[:2] for line in told(done).splitlines()[1:5]] == [
        ["c", "ok"], ["d", "ok"], ["a", "changed"], ["b", "FAILED"],
    ]  # fmt: skip


def test_sites_whose_turn_did_not_come_are_told(tmp_path: Path) -> None:
    done = run(tmp_path, {"a": {"breaking": True}, "b": {}}, "-e", "batch=1")
    assert told(done).splitlines()[1] == ("b     not reached  The run ended before its turn: a whole batch had failed.")
    assert told(done).splitlines()[-1] == "Again for these alone: --limit b,a"


def test_sites_that_the_run_left_half_way_are_told(tmp_path: Path) -> None:
    done = run(tmp_path, {"a": {"late": True}, "b": {"changing": True}}, "-e", "batch=1")
    assert told(done).splitlines()[1:3] == [
        "b     not finished  The run ended before it was through here, after 1 change.",
        "a     FAILED        Break later: later",
    ]


def test_output_for_machines_stays_as_it_is(tmp_path: Path) -> None:
    done = run(tmp_path, {"a": {}}, ANSIBLE_STDOUT_CALLBACK="ansible.posix.json")
    assert json.loads(done.stdout)["stats"]["a"]["failures"] == 0
    assert "1 site: 1 ok." in done.stderr


@pytest.mark.parametrize(
    ("batches", "total", "finished"),
    [
        ([("p", {"a", "b"}, {"a"})], 1, {"a"}),
        ([("p", {"a", "b"}, {"a"}), ("p", {"a", "b"}, {"b"})], 1, {"a", "b"}),
        ([("p", {"a", "b"}, {"a", "b"})], 2, set()),
        ([("p", {"a"}, {"a"}), ("q", {"b"}, {"b"})], 2, {"a", "b"}),
        ([("p", {"a", "b"}, {"a", "b"}), ("q", {"a", "b"}, {"b"})], 2, {"b"}),
    ],
)
def test_who_is_through(batches: List[Any], total: int, finished: set) -> None:
    plays = Plays(total)
    for batch in batches:
        plays.batch(*batch)
    assert {host for host in plays.hosts() if plays.finished(host)} == finished

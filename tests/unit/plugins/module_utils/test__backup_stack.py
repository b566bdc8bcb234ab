# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs is stopped and started as it was, with systemd and without, also when its stopper is killed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import List, Sequence, Tuple

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _backup_stack as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._backup import BackupError
from ansible_collections.openmrs.event_log.plugins.module_utils._backup_stack import Stack

from tests.unit.plugins.module_utils.backup_rig import Rig
from tests.unit.role_files import ROOT


class Host:
    """A host with systemd: its unit stops and starts two containers."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.unit = "active"
        self.up = True
        self.health = "healthy"
        self.stubborn = False
        self.verdicts = ["ok"]
        self.did: List[str] = []

    def run(self, command: Sequence[str]) -> Tuple[int, str, str]:
        words = list(command)
        if words[:2] == ["systemctl", "is-active"]:
            return (0 if self.unit == "active" else 3), self.unit, ""
        if words[:2] == ["docker", "ps"]:
            return 0, "event-log-connect\nevent-log-broker\n", ""
        if words[:3] == ["docker", "container", "inspect"]:
            state = "running" if self.up else "exited"
            return 0, "".join(f"/{name}\t{state}\tsince\t{self.health}\t{self.home}\n" for name in words[5:]), ""
        if words[1:] == ["status", "--json"]:
            verdict = self.verdicts.pop(0) if len(self.verdicts) > 1 else self.verdicts[0]
            return 0, json.dumps({"verdict": verdict, "sentence": f"It is {verdict}."}), ""
        self.did.append(" ".join(words))
        self.up = words[-2:] != ["event-log.service"] or "start" in words or self.stubborn
        if words[0] == "systemctl":
            self.unit = "active" if words[1] == "start" else "inactive"
            self.up = words[1] == "start" or self.stubborn
        else:
            self.up = words[-1] != "stop" or self.stubborn
        return 0, "", ""


class Hurry:
    """Time that passes without waiting."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def pause(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(Stack, "_systemd", staticmethod(lambda: True))
    return Host(tmp_path)


def stack(host: Host, command: str = "none") -> Stack:
    return Stack(host.run, host.home, "event-log", host.home / command, Hurry())  # type: ignore[arg-type]


def test_systemd_stops_and_starts_what_it_holds(host: Host) -> None:
    one = stack(host)
    state = one.look()
    assert (state.unit, state.up, state.runs) == (True, ["event-log-broker", "event-log-connect"], True)
    one.stop(state)
    one.start(state, 10)
    assert host.did == ["systemctl stop event-log.service", "systemctl start event-log.service"]


def test_containers_that_systemd_does_not_hold_are_the_host_commands(host: Host) -> None:
    host.unit = "inactive"
    (host.home / "event-log").touch()
    one = stack(host, "event-log")
    state = one.look()
    one.stop(state)
    one.start(state, 10)
    assert host.did == [f"{host.home}/event-log unit stop", f"{host.home}/event-log unit start"]


def test_without_the_host_command_compose_does_it(host: Host) -> None:
    host.unit = "inactive"
    one = stack(host)
    state = one.look()
    one.stop(state)
    one.start(state, 10)
    compose = f"docker compose --ansi never --project-directory {host.home}"
    assert host.did == [f"{compose} stop", f"{compose} up --detach --no-recreate --no-build --pull never"]


def test_what_does_not_stop_is_told(host: Host) -> None:
    host.stubborn = True
    one = stack(host)
    with pytest.raises(BackupError, match="event-log-broker, event-log-connect did not stop"):
        one.stop(one.look())


def test_what_does_not_become_well_again_is_told_after_its_time(host: Host) -> None:
    one = stack(host)
    state = one.look()
    host.health = "unhealthy"
    with pytest.raises(BackupError, match="after 10 s it is not well: event-log-broker is running and unhealthy"):
        one.start(state, 10)
    assert 10 <= one.clock.now() < 12


def test_what_was_ill_before_needs_only_to_run(host: Host) -> None:
    host.health = "unhealthy"
    one = stack(host)
    state = one.look()
    assert (state.well, state.up) == ([], ["event-log-broker", "event-log-connect"])
    one.stop(state)
    one.start(state, 1)
    host.run = lambda command: (0, "", "")  # type: ignore[method-assign]
    with pytest.raises(BackupError, match="event-log-broker is gone"):
        stack(host).start(state, 1)


def test_a_connector_that_read_before_reads_again_before_it_counts_as_started(host: Host) -> None:
    (host.home / "event-log").touch()
    one = stack(host, "event-log")
    state = one.look_well()
    assert state.reads
    host.verdicts = ["starting", "starting", "ok"]
    one.start(state, 10)
    assert host.verdicts == ["ok"]
    host.verdicts = ["ill"]
    with pytest.raises(BackupError, match="after 10 s it is not well: It is ill"):
        one.start(state, 10)
    one.start(one.look_well(), 10)
    host.up = False
    assert not one.look_well().reads


def test_containers_of_another_directory_are_refused(host: Host, tmp_path: Path) -> None:
    one = Stack(host.run, tmp_path / "other", "event-log", tmp_path / "none")
    with pytest.raises(BackupError, match="see event_log_home"):
        one.look()


def test_an_engine_that_does_not_answer_is_only_none_where_there_is_no_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(tmp_path)
    monkeypatch.setenv("PATH", rig.path)
    (rig.bin / "down").touch()
    one = Stack(rig.run, rig.places.home, "event-log", tmp_path / "none")
    with pytest.raises(BackupError, match=r"engine does not answer.*Cannot connect"):
        one.look()
    (rig.places.home / "compose.yaml").unlink()
    assert not one.look().runs


def test_a_hold_is_told_with_its_reason(tmp_path: Path) -> None:
    one = Stack(Host(tmp_path).run, tmp_path, "event-log", tmp_path / "none")
    assert one.hold() == ""
    (tmp_path / "hold").write_text("new\ndisk")
    assert one.hold() == "new disk"
    (tmp_path / "hold").write_text("")
    assert one.hold() == "no reason given"


_KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from ansible_collections.openmrs.event_log.plugins.module_utils._backup_stack import Stack, State

class Marked(Stack):
    def start_command(self, state):
        return ["touch", sys.argv[2]]

with Marked(None, Path("/"), "p", Path("/")).watched(State()):
    if sys.argv[3] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("end", "code"), [("killed", -9), ("ended", 0)])
def test_the_event_log_is_started_when_its_stopper_is_killed_and_only_then(tmp_path: Path, end: str, code: int) -> None:
    mark = tmp_path / "started"
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(ROOT / ".cache"), str(mark), end], check=False, timeout=60
    )
    assert done.returncode == code
    deadline = time.monotonic() + 10
    while not mark.exists() and end == "killed" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert mark.exists() == (end == "killed")


def test_only_a_wish_to_end_ends_the_copy() -> None:
    script = (
        f"import os, signal, sys; sys.path.insert(0, {str(ROOT / '.cache')!r})\n"
        "from ansible_collections.openmrs.event_log.plugins.module_utils._backup_stack import catch_signals\n"
        "catch_signals(); os.kill(os.getpid(), signal.SIGHUP); print('goes on', flush=True)\n"
        "os.kill(os.getpid(), signal.SIGTERM); signal.pause()"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=60)
    assert done.stdout == "goes on\n"
    assert "BackupError: the run was ended by signal 15" in done.stderr


def test_the_line_that_docker_shows_is_read_as_it_is_asked_for() -> None:
    assert subject._SHOWN.count("\t") == 4

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""install-packages on a server whose last installation was interrupted, and the directories that packages come to.

apt and dpkg are stand-ins that refuse what the real ones refuse; they themselves run in the integration tests.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
from pathlib import Path
from typing import Any, Dict, List

import pytest
import yaml

from tests.unit.role_files import ROOT
from tests.unit.roles.role_runs import check

ROLE = ROOT / "roles/offline_packages"
APT = """
case " $* " in
  *" update "*) exit 0 ;;
  *" --simulate "*) echo 'Inst zstd (1.5 set [amd64])'; exit 0 ;;
esac
if [ -n "$(ls "$DPKG_ADMINDIR/updates")" ]; then
  echo "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem." >&2
  exit 100
fi
echo "apt-get installs" >>"$CALLS"
"""
DPKG = """
echo "dpkg $*" >>"$CALLS"
if [ -e "$DPKG_ADMINDIR/taken" ]; then
  rm "$DPKG_ADMINDIR/taken"
  echo 'dpkg: error: dpkg frontend lock was locked by another process with pid 7' >&2
  exit 2
fi
[ ! -e "$DPKG_ADMINDIR/broken" ] || { echo 'dpkg: error processing archive' >&2; exit 1; }
rm -f "$DPKG_ADMINDIR"/updates/*
"""
CONFIGURED = "dpkg --force-confdef --force-confold --configure -a"


class Server:
    """A server that lacks zstd, with a set that has it."""

    def __init__(self, root: Path) -> None:
        self.root, self.set, self.database = root, root / "set", root / "dpkg"
        self.calls = root / "calls"
        (self.database / "updates").mkdir(parents=True)
        self.set.mkdir()
        index = "Package: zstd\nFilename: ./zstd.deb\nSize: 3\nInstalled-Size: 1\n"
        for name, content in (("Packages", index), ("zstd.deb", "deb")):
            (self.set / name).write_text(content)
            with (self.set / "SHA256SUMS").open("a") as sums:
                sums.write(f"{hashlib.sha256(content.encode()).hexdigest()}  {name}\n")
        self.commands = {"apt-get": APT, "dpkg": DPKG, "dpkg-query": "exit 1", "sleep": "exit 0"}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        place = self.root / "commands"
        place.mkdir(exist_ok=True)
        for name, text in self.commands.items():
            (place / name).write_text(f"#!/bin/sh\n{text}\n")
            (place / name).chmod(0o755)
        environment = {
            "PATH": f"{place}:/usr/bin:/bin",
            "DPKG_ADMINDIR": str(self.database),
            "CALLS": str(self.calls),
        }
        return subprocess.run(
            ["sh", str(ROLE / "files/install-packages"), *words],
            env=environment, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    def called(self) -> List[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []

    def plan(self) -> Dict[str, Any]:
        loaded: Dict[str, Any] = json.loads(self.run("plan", str(self.set), "zstd").stdout)
        return loaded


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def test_without_an_interruption_nothing_is_finished(server: Server) -> None:
    assert server.plan()["interrupted"] is False
    assert server.run("install", str(server.set), "zstd").returncode == 0
    assert server.called() == ["apt-get installs"]


def test_what_a_power_cut_left_is_told_and_finished_first(server: Server) -> None:
    (server.database / "updates/0001").write_text("Package: x\n")
    assert server.plan()["interrupted"] is True
    assert server.called() == [], "a plan changes nothing"
    done = server.run("install", str(server.set), "zstd")
    assert done.returncode == 0, done.stderr
    assert server.called() == [CONFIGURED, "apt-get installs"]


def test_somebody_else_at_work_is_waited_for(server: Server) -> None:
    (server.database / "updates/0001").write_text("")
    (server.database / "taken").write_text("")
    assert server.run("install", str(server.set), "zstd").returncode == 0
    assert server.called() == [CONFIGURED, CONFIGURED, "apt-get installs"]


def test_what_cannot_be_finished_is_told(server: Server) -> None:
    (server.database / "updates/0001").write_text("")
    (server.database / "broken").write_text("")
    done = server.run("install", str(server.set), "zstd")
    assert (done.returncode, "error processing archive" in done.stderr) == (3, True), done.stderr
    assert server.called() == [CONFIGURED]


def test_a_damaged_set_is_refused_before_anything_is_finished(server: Server) -> None:
    (server.database / "updates/0001").write_text("")
    (server.set / "zstd.deb").write_text("dev")
    assert "damaged" in server.run("install", str(server.set), "zstd").stderr
    assert server.called() == []


@pytest.mark.parametrize(("status", "lacks"), [("ii ", ""), ("iU ", "engine\n"), ("iF ", "engine\n")])
def test_an_engine_that_was_only_unpacked_is_missing(server: Server, status: str, lacks: str) -> None:
    server.commands.update({"dockerd": "exit 0", "docker": "exit 0", "dpkg-query": f"printf '{status}'"})
    assert server.run("missing", "engine").stdout == lacks


def made(folder: Path, place: Path) -> None:
    """Run the role's task that makes the directories."""
    tasks = yaml.safe_load((ROLE / "tasks/ship.yml").read_text(encoding="utf-8"))
    (task,) = [task for task in tasks if task["name"] == "Make the directories for the packages"]
    variables = {
        "path": os.environ["PATH"],
        "offline_packages_cache_dir": str(place),
        "__offline_packages_target": str(place / "debian-13"),
        "__offline_packages_login": {"stdout": str(os.getuid())},
    }
    folder.mkdir()
    outcome = check(folder, [task], {"server": variables}, really=True)["server"]
    assert outcome.failure == "", outcome.results


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_directories_of_the_site_stay_as_they_are(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    made(tmp_path / "first", shared / "packages")
    made(tmp_path / "second", shared)
    assert mode(shared) == 0o1777
    assert [mode(shared / name) for name in ("packages", "packages/debian-13", "debian-13")] == [0o755] * 3

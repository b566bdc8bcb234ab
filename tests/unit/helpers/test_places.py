# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each place of a hunt is looked into: what is planted there is found. Docker and the journal are stand-ins here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.helpers import places
from tests.helpers.hunt import Forms, secret
from tests.helpers.places import Place, files, hunt

SECRET = "q8sZ4mP2xkL0-planted"
FORMS = Forms([secret("it", SECRET), secret("another", "7hTq0pWv3nEa")])

# Says what it is asked for: one object for each thing, and a secret where the test has planted one.
STAND_IN = """#!/bin/sh
case "$*" in ps*|images*|*" ls -q") echo one; exit 0 ;; esac
echo "$(basename "$0") $*"
case "$(basename "$0") $*" in "$PLANTED"*) echo "x=$SECRET" ;; esac
"""


@dataclass(frozen=True)
class Here:
    """This machine in the place of a server, with stand-ins first on the path."""

    bin: Path
    planted: str = "nowhere"

    def sh(self, script: str, *, stdin: str | None = None, check: bool = True, timeout: float = 180) -> str:
        environment = {**os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}", "PLANTED": self.planted}
        return subprocess.run(
            ["sh", "-c", script],
            input=stdin,
            env={**environment, "SECRET": SECRET},
            capture_output=True,
            text=True,
            check=check,
            timeout=timeout,
        ).stdout


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    directory = tmp_path / "hunt"
    for key, value in {"WORK": "", "FORMS": "forms", "TOLD": "told", "SEEN": "processes"}.items():
        monkeypatch.setattr(places, key, str(directory / value).rstrip("/"))
    yield directory
    assert not (directory / "forms").exists(), "the forms were left behind"
    assert not (directory / "told").exists(), "what was told was left behind"


@pytest.fixture
def stand_ins(tmp_path: Path) -> Path:
    directory = tmp_path / "bin"
    directory.mkdir()
    for command in ("docker", "journalctl"):
        (directory / command).write_text(STAND_IN)
        (directory / command).chmod(0o755)
    return directory


TOLD = {
    "docker inspect, containers": "docker inspect one",
    "docker inspect, images": "docker image inspect",
    "docker history": "docker history",
    "docker inspect, volumes and networks": "docker network inspect",
    "docker events": "docker events",
    "container logs": "docker logs",
    "docker compose config": "docker compose --project-directory /opt/event-log config",
    "journal": "journalctl",
}


@pytest.mark.parametrize("place", [*places.DOCKER, *places.JOURNAL], ids=lambda place: place.name)
def test_what_docker_and_the_journal_tell_is_looked_through(work: Path, stand_ins: Path, place: Place) -> None:
    planted = Here(stand_ins, TOLD[place.name])
    assert [str(find) for find in hunt(planted, FORMS, [place])] == [f"{place.name}: it (plain)"]
    assert hunt(Here(stand_ins), FORMS, [place]) == []


@pytest.mark.parametrize("place", places.PROCESSES[:2], ids=lambda place: place.name)
def test_what_stands_in_a_command_line_is_found(work: Path, stand_ins: Path, place: Place) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()", f"--password={SECRET}"], stdin=subprocess.PIPE) as process:
        try:
            found = [str(find) for find in hunt(Here(stand_ins), FORMS, [place])]
        finally:
            process.kill()
    assert found == [f"{place.name}: it (plain)"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to start a process of another account")
def test_what_stands_in_the_environment_of_a_service_is_found(work: Path, stand_ins: Path) -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, user=1001, env={"PASSWORD": SECRET}, cwd="/") as process:
        try:
            found = [str(find) for find in hunt(Here(stand_ins), FORMS, [places.PROCESSES[2]])]
        finally:
            process.kill()
    assert found == ["environments of services: it (plain)"]


def planted(root: Path, path: str, mode: int) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"some words\nx={SECRET}\n")
    file.chmod(mode)


@dataclass(frozen=True)
class Planted:
    path: str
    mode: int
    named: str


@pytest.mark.parametrize(
    "it",
    [
        Planted("etc/odd.conf", 0o604, "files that others may read"),
        Planted("tmp/left-over", 0o600, "temporary files and logs"),
        Planted("var/log/some.log", 0o640, "temporary files and logs"),
        Planted("root/.ansible/tmp/module", 0o700, "temporary files and logs"),
        Planted("opt/event-log/config/compose.yaml", 0o600, "the event log's own files"),
        Planted("opt/event-log/former/secrets/password", 0o400, "the event log's own files"),
    ],
)
def test_files_are_found_where_they_must_not_be(work: Path, stand_ins: Path, tmp_path: Path, it: Planted) -> None:
    root = tmp_path / "root"
    for directory in ("etc", "opt/event-log"):
        (root / directory).mkdir(parents=True, exist_ok=True)
        (root / directory / "innocent").write_text("nothing")
    (root / "tmp").mkdir(exist_ok=True)
    (root / "tmp/innocent").write_text("nothing")
    planted(root, "opt/event-log/secrets/connect_password", 0o400)
    looked = files(root=str(root))
    assert hunt(Here(stand_ins), FORMS, looked) == [], "a secret's own file is no find"
    planted(root, it.path, it.mode)
    assert f"{it.named} {root}/{it.path}: it (plain)" in [str(find) for find in hunt(Here(stand_ins), FORMS, looked)]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a file to another group")
def test_a_file_of_another_group_is_a_find_and_one_of_roots_group_is_none(
    work: Path, stand_ins: Path, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    planted(root, "srv/mine", 0o640)
    planted(root, "srv/theirs", 0o640)
    os.chown(root / "srv/theirs", 0, 1001)
    found = [str(find) for find in hunt(Here(stand_ins), FORMS, files(root=str(root))[:1])]
    assert found == [f"files that others may read {root}/srv/theirs: it (plain)"]


def test_places_that_may_hold_it_are_left_out(work: Path, stand_ins: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    planted(root, "opt/sample/names.py", 0o644)
    planted(root, "etc/odd.conf", 0o644)
    left_out = files([f"{root}/opt/sample"], str(root))[:1]
    found = [str(find) for find in hunt(Here(stand_ins), FORMS, left_out)]
    assert found == [f"files that others may read {root}/etc/odd.conf: it (plain)"]


def test_a_place_without_anything_in_it_proves_nothing(work: Path, stand_ins: Path) -> None:
    for place in (Place("silent", "true"), Place("no files", "true", files=True)):
        with pytest.raises(AssertionError, match="nothing there to look through"):
            hunt(Here(stand_ins), FORMS, [place])

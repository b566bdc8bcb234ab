# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A docker command that keeps its images in files, for what is done on the host."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Sequence

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _image_host as hosts
from ansible_collections.openmrs.event_log.plugins.module_utils import _image_incoming as incoming

NEW, OLD = "shop:2", "shop:1"
HERE = os.uname().machine.replace("x86_64", "amd64").replace("aarch64", "arm64")
OTHER = "arm64" if HERE == "amd64" else "amd64"

# Knows the commands that are used; anything else fails. An image is a line "REFERENCE ID".
DOCKER = r"""#!/bin/sh
echo "docker $*" >> "$STATE/calls"
[ ! -e "$STATE/hangs" ] || ! grep -qF "$1 $2" "$STATE/hangs" || exec sleep 60
[ ! -e "$STATE/refuses" ] || { echo "Cannot connect to the Docker daemon" >&2; exit 1; }
case "$1 $2" in
  "info --format") printf '{"DockerRootDir": "%s", "Architecture": "%s"}\n' "$STATE" "$(uname -m)" ;;
  "image ls") cut -d' ' -f1 "$STATE/images"; echo "<none>:<none>" ;;
  "ps --all") cat "$STATE/running" ;;
  "image inspect")
    line=$(grep "^$3 " "$STATE/images") || { echo "Error: No such image: $3" >&2; exit 1; }
    tagged=0001-01-01T00:00:00Z; [ ! -e "$STATE/tags" ] || tagged="2027-${line#* }"
    echo "[{\"Id\": \"sha256:${line#* }\", \"Size\": 42, \"RootFS\": {\"Layers\": [\"l1\", \"l2\"]},
           \"Created\": \"2026-${line#* }\", \"Metadata\": {\"LastTagTime\": \"$tagged\"}}]" ;;
  "save --output") echo "saved $4" > "$3" ;;
  "load --quiet") cat > "$STATE/loaded"; [ ! -e "$STATE/broken" ] || { echo "no space left" >&2; exit 1; }
    [ -e "$STATE/forgets" ] || echo "shop:2 03" >> "$STATE/images" ;;
  "manifest inspect") [ -e "$STATE/registry" ] || { printf 'noise\nlookup registry: no such host\n' >&2; exit 1; } ;;
  "pull --quiet") [ -e "$STATE/registry" ] || { echo "lookup registry: no such host" >&2; exit 1; }
    echo "$3 04" >> "$STATE/images" ;;
  "tag "*) echo "$3 04" >> "$STATE/images" ;;
  "image rm") ! grep -qxF "$3" "$STATE/running" || { echo "conflict" >&2; exit 1; } ;;
  *) exit 99 ;;
esac
"""


class Rig:
    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.state, self.incoming, self.tools = directory / "state", directory / "in", directory / "tools"
        for path in (self.state, self.tools):
            path.mkdir()
        for name in ("calls", "running", "images"):
            (self.state / name).write_text("")
        (self.tools / "docker").write_text(DOCKER)
        (self.tools / "docker").chmod(0o755)
        for name in ("sh", "cut", "cat", "grep", "uname", "zstd", "sleep", "timeout"):
            (self.tools / name).symlink_to(str(shutil.which(name)))
        monkeypatch.setenv("PATH", str(self.tools))
        monkeypatch.setenv("STATE", str(self.state))
        self.engine = hosts.Engine(self.run)
        self.work = self.incoming / incoming.OWN

    @staticmethod
    def run(command: Sequence[str]) -> tuple[int, str, str]:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def have(self, *images: str) -> None:
        (self.state / "images").write_text("".join(f"{image}\n" for image in images))

    def look(self, *places: str) -> hosts.Host:
        return self.engine.look("hilltop", [NEW], places, self.incoming)

    @property
    def calls(self) -> list[str]:
        return (self.state / "calls").read_text().splitlines()


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    if shutil.which("zstd") is None:
        pytest.skip("there is no zstd on this machine")
    return Rig(tmp_path, monkeypatch)

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A made-up event log in a directory, with an engine that is a script and remembers what it was told."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._backup import Places

#: What must not stand in any archive or message.
PATIENT = b"Adaeze Testperson"

_DOCKER = """#!/bin/sh
here=$(dirname "$0")
echo "docker $*" >> "$here/did"
[ ! -e "$here/down" ] || { echo "Cannot connect to the Docker daemon" >&2; exit 1; }
case "$*" in
  "ps "*) cut -f1 "$here/containers" ;;
  "container inspect "*) sed 's,^,/,' "$here/containers" ;;
  "image inspect "*) [ ! -e "$here/no-image" ] ;;
  compose*" stop") sed -i 's,\trunning\t,\texited\t,' "$here/containers" ;;
  compose*" up "*)
    [ ! -e "$here/ill" ] || { rm "$here/ill"; echo "container event-log-broker is unhealthy" >&2; exit 1; }
    sed -i "s,\texited\t,\trunning\t,; s,\tsince[^\t]*,\tsince-$$," "$here/containers" ;;
  *) echo "unknown: $*" >&2; exit 2 ;;
esac
"""
_NO_SYSTEMD = "#!/bin/sh\nexit 3\n"


def need_tools() -> None:
    """Real tools or none: what they do is what is tested. ./test.sh installs them."""
    missing = [name for name in ("age", "age-keygen", "zstd", "tar") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (apt-get install age zstd)")


@dataclass(frozen=True)
class Key:
    """A pair of keys: the file's text, and the public one."""

    text: str
    public: str

    @property
    def secret(self) -> str:
        return self.text.splitlines()[-1]


def new_key() -> Key:
    need_tools()
    text = subprocess.run(["age-keygen"], check=True, capture_output=True, text=True).stdout
    return Key(text, next(line.split()[-1] for line in text.splitlines() if "public key" in line))


class Rig:
    """One host."""

    def __init__(self, folder: Path, runs: bool = True) -> None:
        self.folder = folder
        self.places = Places(folder / "home", folder / "data", folder / "home/secrets")
        self.backups = folder / "backups"
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        for name, text in (("docker", _DOCKER), ("systemctl", _NO_SYSTEMD)):
            (self.bin / name).write_text(text)
            (self.bin / name).chmod(0o755)
        self.containers(runs)
        self.fill()

    def fill(self) -> None:
        files = {
            "home/compose.yaml": b"services: {}\n",
            "home/formatted": b"abc\n",
            "home/config/event-log.json": b'{"image": "event-log:1", "services": ["broker", "connect"]}',
            "home/lib/event_log/cli.py": b"",
            "home/secrets/connect/rest-0badcafe.properties": b"event-log=hunter2hunter2\n",
            "data/kafka/data/log/meta.properties": b"cluster.id=abc\n",
            "data/kafka/data/log/openmrs.openmrs.person-0/0.log": PATIENT * 5000,
        }
        for name, content in files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(content)
        with (self.folder / "data/kafka/data/log/openmrs.openmrs.person-0/0.index").open("wb") as stream:
            stream.truncate(10 << 20)
        (self.folder / "data/kafka/data/log/lost+found").mkdir()
        (self.folder / "data/kafka/data").chmod(0o750)
        (self.folder / "home/secrets/connect/rest-0badcafe.properties").chmod(0o400)
        (self.folder / "home/secrets").chmod(0o500)

    def containers(self, runs: bool = True) -> None:
        state = "running" if runs else "exited"
        lines = [
            f"{name}\t{state}\tsince-1\thealthy\t{self.places.home}\n"
            for name in ("event-log-broker", "event-log-connect")
        ]
        (self.bin / "containers").write_text("".join(lines))

    @property
    def path(self) -> str:
        return f"{self.bin}:{os.environ['PATH']}"

    @property
    def runs(self) -> bool:
        return (self.bin / "containers").read_text().count("\trunning\t") == 2

    @property
    def did(self) -> List[str]:
        """What was done with the containers, in order."""
        words = {"stop": " stop", "up": " up "}
        lines = (self.bin / "did").read_text().splitlines() if (self.bin / "did").exists() else []
        return [
            word
            for line in lines
            for word, mark in words.items()
            if mark in f"{line} ".replace("  ", " ") and "compose" in line
        ]

    def run(self, command: Sequence[str]) -> Tuple[int, str, str]:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PATH": self.path},
            stdin=subprocess.DEVNULL,
        )
        return done.returncode, done.stdout, done.stderr

    def contents(self) -> Dict[str, Tuple[bytes, int]]:
        """Data, settings and secrets with their modes."""
        found = {}
        for top in ("home", "data"):
            for path in sorted((self.folder / top).rglob("*")):
                if path.name in ("restored.json", "lost+found"):
                    continue
                found[str(path.relative_to(self.folder))] = (
                    path.read_bytes() if path.is_file() else b"",
                    path.stat().st_mode,
                )
        return found


def files(directory: Path) -> List[str]:
    return sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with an event log: settings, a log directory, a broker's port and a docker command that plays its part."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log import settings
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.kafka_batches import Made, write_segment

PACKAGE_PARENT = Path(__file__).resolve().parents[5] / "roles" / "event_stack" / "files"

FAKE_DOCKER = """#!/bin/sh
echo "$*" >> "$FAKE_DIR/calls"
case "$1" in
image) [ -f "$FAKE_DIR/image-error" ] && { cat "$FAKE_DIR/image-error" >&2; exit 1; }; echo sha256:1; exit 0 ;;
create) while [ -f "$FAKE_DIR/slow-create" ]; do sleep 0.05; done; echo created > "$FAKE_DIR/created"; exit 0 ;;
start) exec sh "$FAKE_DIR/tool" ;;
rm) [ -f "$FAKE_DIR/stubborn" ] && mv "$FAKE_DIR/stubborn" "$FAKE_DIR/still-there" || rm -f "$FAKE_DIR/still-there" ;;
ps) [ ! -f "$FAKE_DIR/still-there" ] || echo 0123456789ab ;;
container)
  [ ! -f "$FAKE_DIR/engine-error" ] || { cat "$FAKE_DIR/engine-error" >&2; exit 1; }
  [ -f "$FAKE_DIR/containers" ] || { echo "[]"; echo "Error: No such container: x" >&2; exit 1; }
  cat "$FAKE_DIR/containers" ;;
compose)
  case "$*" in
  *" config "*) cat "$FAKE_DIR/compose" ;;
  *) [ ! -f "$FAKE_DIR/compose-error" ] || { cat "$FAKE_DIR/compose-error" >&2; exit 1; }
     [ ! -f "$FAKE_DIR/no-page" ] || [ "${*##* }" != "$(cat "$FAKE_DIR/no-page")" ] || exit 1 ;;
  esac ;;
esac
"""


@dataclass(frozen=True)
class Host:
    """What a test needs to play with the command."""

    root: Path
    data_dir: Path
    environ: Dict[str, str]
    chosen: settings.Settings

    def play(self, script: str) -> None:
        """What the tool in the container does."""
        (self.root / "tool").write_text(script)

    def containers(self, *described: Dict[str, Any]) -> None:
        """What `docker container inspect` answers."""
        (self.root / "containers").write_text(json.dumps(described))

    def tell(self, name: str, words: str) -> None:
        (self.root / name).write_text(words)

    def refuse_image(self, words: str) -> None:
        (self.root / "image-error").write_text(words)

    def calls(self) -> List[str]:
        path = self.root / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def topic(self, name: str, *batches: Made) -> None:
        write_segment(self.data_dir / name, batches[0].base if batches else 0, batches)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "event_log", *arguments],
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *arguments: str, without: str = "") -> subprocess.CompletedProcess[str]:
        environ = {key: value for key, value in self.environ.items() if key != without}
        return subprocess.run(
            [sys.executable, "-m", "event_log", *arguments],
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def broker_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def host(tmp_path: Path, broker_port: int) -> Host:
    data_dir = tmp_path / "data" / "log"
    data_dir.mkdir(parents=True)
    path = tmp_path / "home" / "config" / "event-log.json"
    path.parent.mkdir(parents=True)
    written = {
        "image": "openmrs-event-log:1",
        "bootstrap": f"127.0.0.1:{broker_port}",
        "data_dir": str(data_dir),
        "project": "event-log",
        "uid": 1001,
        "gid": 1002,
        "database": "openmrs",
    }
    path.write_text(json.dumps(written))
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(FAKE_DOCKER)
    docker.chmod(0o755)
    environ = {
        **os.environ,
        "PATH": f"{docker.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(PACKAGE_PARENT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "FAKE_DIR": str(tmp_path),
        "EVENT_LOG_SETTINGS": str(path),
        "TZ": "Africa/Kigali",
    }
    return Host(tmp_path, data_dir, environ, settings.load(environ))

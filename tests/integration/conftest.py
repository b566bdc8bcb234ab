# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Kafka broker of the tests' own, from the project's image, with its data in a temporary directory."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

import pytest

from tests.helpers import kafka_tools, one_broker
from tests.helpers.fixtures import bare, prepared, server  # noqa: F401 - fixtures for the tests of this directory

PACKAGE_PARENT = Path(__file__).resolve().parents[2] / "roles" / "event_stack" / "files"
UID = 1001
PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
log.segment.bytes=1048576
log.flush.start.offset.checkpoint.interval.ms=200
log.initial.task.delay.ms=500
"""


def docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=120)


def wait_until(true: Callable[[], Any], seconds: float, what: str) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = true()
        if answer:
            return answer
        time.sleep(0.1)
    pytest.fail(f"{what}: not within {seconds} s")


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def project_image() -> Optional[str]:
    """The image to test: named by EVENT_LOG_IMAGE, else the newest one that this host has."""
    named = os.environ.get("EVENT_LOG_IMAGE")
    if named:
        return named
    if shutil.which("docker") is None:
        return None
    listed = docker("images", "openmrs-event-log", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()
    return listed[0] if listed else None


@dataclass(frozen=True)
class Broker:
    """A running broker and the host command's settings for it."""

    name: str
    image: str
    port: int
    data_dir: Path
    settings: Path

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def environ(self) -> Dict[str, str]:
        return {
            **os.environ,
            "EVENT_LOG_SETTINGS": str(self.settings),
            "PYTHONPATH": str(PACKAGE_PARENT),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "event_log", *arguments],
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def tool(self, main: str, *arguments: str) -> str:
        done = docker(
            "run", "--rm", "--network", "host", "--read-only", "--tmpfs", "/tmp:exec,size=64m", self.image,
            "kafka-class", main, "--bootstrap-server", self.bootstrap, *arguments,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def tools_running(self) -> List[str]:
        return docker("ps", "--all", "--filter", f"name={PROJECT}-tail", "--format", "{{.Names}}").stdout.split()


def free_ports() -> List[int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        return [one.getsockname()[1], two.getsockname()[1]]


#: One for each run of pytest, so that what another run has left is not taken for this one's.
PROJECT = f"clitest-{os.getpid()}"


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    image = project_image()
    if image is None:
        pytest.skip("no image openmrs-event-log on this host (it is built by the role event_images)")
    if os.geteuid() != 0:
        pytest.skip("needs root: the broker's data directory belongs to another user")
    root = tmp_path_factory.mktemp("broker")
    for parent in [root, *root.parents][:3]:  # the broker's user must get through pytest's private directories
        parent.chmod(parent.stat().st_mode | 0o011)
    data, config, home = root / "data", root / "etc", root / "home" / "config"
    for path in (data / "log", config, home):
        path.mkdir(parents=True)
    for path in (data, data / "log"):
        os.chown(path, UID, UID)
    port, controller = free_ports()
    (config / "server.properties").write_text(
        (one_broker.SETTINGS + PROPERTIES).format(port=port, controller=controller)
    )
    name = f"{PROJECT}-broker"
    # What a killed run has left; the containers of other processes have other names.
    for leftover in docker("ps", "--all", "--filter", "name=^clitest", "--format", "{{.Names}}").stdout.split():
        if not Path("/proc", leftover.split("-")[1]).exists():
            docker("rm", "--force", "--volumes", leftover)
    settings = home / "event-log.json"
    written = {
        "image": image,
        "bootstrap": f"127.0.0.1:{port}",
        "data_dir": str(data / "log"),
        "project": PROJECT,
        "uid": UID,
        "gid": UID,
        "database": "openmrs",
    }
    settings.write_text(json.dumps(written))
    common = [
        "--network", "host", "--user", f"{UID}:{UID}", "--read-only", "--tmpfs", "/tmp:exec,size=64m",
        "--volume", f"{data}:/var/lib/kafka/data", "--volume", f"{config}:/etc/event-log:ro",
        "--env", f"KAFKA_HEAP_OPTS=-Xmx256m {kafka_tools.SHORT}", image, "kafka-class",
    ]  # fmt: skip
    formatted = docker(
        "run", "--rm", *common, "kafka.tools.StorageTool", "format", "--cluster-id=clitestclitestclitestA",
        "--config", "/etc/event-log/server.properties",
    )  # fmt: skip
    assert formatted.returncode == 0, formatted.stdout + formatted.stderr
    started = docker("run", "--detach", "--name", name, *common, "kafka.Kafka", "/etc/event-log/server.properties")
    assert started.returncode == 0, started.stderr
    try:
        try:
            wait_until(lambda: answers(port), 60, "the broker answers")
        except pytest.fail.Exception as error:
            pytest.fail(f"{error}\n{docker('logs', '--tail', '40', name).stdout}")
        yield Broker(name, image, port, data / "log", settings)
    finally:
        docker("rm", "--force", "--volumes", name)

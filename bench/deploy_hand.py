# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody types who does it by hand: ssh, docker compose up -d, curl. On the same servers, with the same files.

The servers have no curl, so Python asks the worker in its place. Waiting is asking again, without pauses for thought.
"""

from __future__ import annotations

import base64
import json
import shlex
import subprocess
import time
from dataclasses import dataclass
from typing import Any, Sequence

from tests.helpers.hospital import Site
from tests.helpers.server import REQUEST

HOME = "/opt/event-log"
COMPOSE = f"sudo docker compose --file {HOME}/compose.yaml"
CONNECTOR = "openmrs-connector"
URL = f"http://127.0.0.1:8083/connectors/{CONNECTOR}"


@dataclass(frozen=True)
class Hand:
    """What the person knows of a server: the worker's login, and the connector's configuration."""

    site: Site
    login: str
    config: dict[str, Any]

    @staticmethod
    def of(site: Site) -> Hand:
        login = base64.b64encode(site.login.replace("=", ":", 1).encode()).decode()
        return Hand(site, login, site.request("GET", f"/connectors/{CONNECTOR}/config")[1])

    def ssh(self, command: str, check: bool = True, stdin: str = "") -> str:
        done = subprocess.run(
            [*self.site.ssh_words(), command], input=stdin, capture_output=True, text=True, timeout=600, check=False
        )
        if check and done.returncode != 0:
            raise SystemExit(f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def curl(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        sent = "" if body is None else json.dumps(body)
        words = shlex.join(["python3", "-", method, URL + path, self.login, sent])
        said = self.ssh(words, check=False, stdin=REQUEST)
        if not said.strip():
            return 0, None  # nobody answers
        status, text = json.loads(said)
        return status, json.loads(text) if text.startswith("{") else text

    def register(self) -> None:
        """Send the configuration until the worker takes it, and look until connector and task run."""
        deadline = time.monotonic() + 300
        while self.curl("PUT", "/config", self.config)[0] not in (200, 201):
            assert time.monotonic() < deadline, "the worker does not take the configuration"
            time.sleep(0.5)
        while True:
            status, answer = self.curl("GET", "/status")
            if status == 200 and [task["state"] for task in answer["tasks"]] == ["RUNNING"]:
                return
            assert time.monotonic() < deadline, f"the connector does not run: {answer}"
            time.sleep(0.5)

    def up(self) -> None:
        self.ssh(f"{COMPOSE} up --detach --quiet-pull")

    def load(self, image: str) -> None:
        """docker save IMAGE | gzip | ssh HOST docker load"""
        there = shlex.join([*self.site.ssh_words(), "sudo docker load"])
        subprocess.run(
            ["bash", "-o", "pipefail", "-c", f"docker save {shlex.quote(image)} | gzip | {there}"],
            check=True, capture_output=True,
        )  # fmt: skip

    def change_image(self, image: str) -> None:
        self.ssh(f"sudo sed -i 's|^  image: .*|  image: {image}|' {HOME}/compose.yaml")

    def forget(self) -> None:
        """The server without the stack and its images, as before the first time; engine and settings stay."""
        self.ssh(
            f"sudo systemctl disable --now event-log.service; {COMPOSE} down; sudo docker image prune --all --force"
        )

    def settings(self) -> bytes:
        """The project's directory, as the person has it at home."""
        command = [*self.site.ssh_words(), f"sudo tar -cz -C {HOME} compose.yaml config"]
        return subprocess.run(command, capture_output=True, check=True).stdout

    def send(self, settings: bytes) -> None:
        command = [*self.site.ssh_words(), f"sudo tar -xz -C {HOME}"]
        subprocess.run(command, input=settings, check=True, capture_output=True)


def nothing_to_do(hands: Sequence[Hand]) -> None:
    """One server after the other: is it up, is the connector as it should be?"""
    for hand in hands:
        hand.up()
        hand.register()


def look_at_engines(sites: Sequence[Site]) -> None:
    for site in sites:
        site.ssh("sudo", "docker", "info", "--format", "{{.ServerVersion}}")
        site.ssh("sudo", "docker", "compose", "version", "--short")


def log_in(site: Site, seconds: float = 300) -> None:
    """ssh, again and again, until somebody answers."""
    deadline = time.monotonic() + seconds
    while True:
        words = [*site.ssh_words(), "true"]
        if subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL, check=False).returncode == 0:
            return
        assert time.monotonic() < deadline, f"{site.name} lets nobody in"
        time.sleep(0.2)

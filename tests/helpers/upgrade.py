# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What proves an upgrade: images that differ from the real one on purpose, and a load whose every row must arrive.

variant(server, image, "second")                      the same image under another name and id
variant(server, image, "no-worker", NO_WORKER)        Kafka starts, Kafka Connect cannot
variant(server, image, "no-plugin", NO_PLUGIN)        both are healthy, the connector cannot run
with Load(server) as load: ...upgrade...              rows are written all the time
load.assert_arrived()                                 each of them is in the topic, once at least
reboot(server); reboot(server, orderly=False)         what a shutdown and a power cut do
"""

from __future__ import annotations

import json
import random
import subprocess
import threading
import time
from collections import Counter
from typing import Any

from tests.helpers.server import Server, ServerError, eventually

NO_WORKER = "rm /opt/kafka/libs/connect-runtime-*.jar"
NO_PLUGIN = "rm -r /opt/kafka/plugins/debezium-*"
TOPIC = "openmrs.openmrs.person"
ROWS = 20  # in one statement


def variant(server: Server, image: str, name: str, change: str = "true") -> str:
    """Make an image on the server from one that is there; returns its reference."""
    reference = f"{image.rpartition(':')[0]}:{name}"
    recipe = f"FROM {image}\nUSER 0\nRUN {change}\nLABEL test.variant={name}\n"
    server.exec(
        "env", "DOCKER_BUILDKIT=0", "docker", "build", "--network", "none", "--tag", reference, "-", stdin=recipe
    )
    return reference


def image_of(server: Server, container: str = "event-log-connect") -> str:
    return server.exec("docker", "inspect", "--format", "{{.Config.Image}}", container).strip()


def ids_of(server: Server) -> list[str]:
    """The ids of both containers: others mean that they were made anew."""
    return server.exec("docker", "inspect", "--format", "{{.Id}}", "event-log-broker", "event-log-connect").split()


def verdict(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(server.exec("event-log", "status", "--json"))
    return found


def await_verdict(server: Server, wanted: str = "ok", seconds: float = 180) -> dict[str, Any]:
    """Ask `event-log status` until it says so; the failure tells what it said last."""
    last: dict[str, Any] = {}

    def asked() -> bool:
        last.update(verdict(server))
        return bool(last["verdict"] == wanted)

    try:
        eventually(asked, seconds, f"event-log status is {wanted}")
    except ServerError as error:
        raise ServerError(f"{error}: {last}") from None
    return last


class Load:
    """Inserts rows into the sample database as long as its block lasts. Only rows that the database took count."""

    def __init__(self, server: Server, pause: float = 0.2) -> None:
        self.server = server
        self.first = random.randrange(10**8, 10**9)  # noqa: S311 - so that no two loads meet
        self.written: list[int] = []
        self.refused: list[str] = []
        self._pause = pause
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> Load:
        self._thread.start()
        eventually(lambda: self.written or self.refused, 30, "the load writes")
        return self

    def __exit__(self, *_exception: object) -> None:
        self._over.set()
        self._thread.join(60)

    def _write(self) -> None:
        begin = self.first
        while not self._over.wait(self._pause):
            numbers = range(begin, begin + ROWS)
            rows = ", ".join(f"({number}, 'F', NOW(), 1, UUID())" for number in numbers)
            try:
                self.server.sql(
                    f"INSERT INTO openmrs.person (person_id, gender, date_created, creator, uuid) VALUES {rows};"  # noqa: S608
                )
            except ServerError as error:
                self.refused.append(str(error))
            else:
                self.written += numbers
            begin += ROWS

    def arrived(self) -> Counter[int]:
        """How often each row of this load is in the topic."""
        last = max(self.written)
        keys = (key.get("person_id") for key, _ in self.server.consume(TOPIC) if isinstance(key, dict))
        return Counter(number for number in keys if number is not None and self.first <= number <= last)

    def assert_arrived(self, seconds: float = 120) -> Counter[int]:
        """Every row is there once at least; returns the counts."""
        assert len(self.written) >= 2 * ROWS, f"the load wrote {len(self.written)} rows only: {self.refused}"
        deadline = time.monotonic() + seconds
        while True:
            counts = self.arrived()
            missing = [number for number in self.written if number not in counts]
            if not missing:
                return counts
            if time.monotonic() >= deadline:
                raise AssertionError(
                    f"{len(missing)} of {len(self.written)} rows did not arrive, the first {missing[0]}"
                )


def reboot(server: Server, orderly: bool = True) -> None:
    """Restart the server's init: told to shut down, with time for it; or the power is cut."""
    if orderly:
        docker("restart", "--time", "240", server.name)
    else:
        docker("kill", server.name)
        docker("start", server.name)
    # Not `running` alone: a unit that failed is told by the caller's own checks, with better words.
    eventually(
        lambda: server.exec("systemctl", "is-system-running", check=False).strip() in ("running", "degraded"),
        240,
        "the server has booted",
    )


def docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise ServerError(f"docker {' '.join(words)}: {done.stderr}")
    return done.stdout

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole hospital server to break: systemd, Debian's own MariaDB and engine, and a small disk as its root.

The event log's data and the engine's lie on other disks, as docs/first-site.md advises, so that only the root fills up.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pymysql
import pytest

from tests.helpers.fault_load import Load, Outcome, outcome
from tests.helpers.fault_site import Event
from tests.helpers.fixtures import run_quietly, started
from tests.helpers.native import Native, native_variables
from tests.helpers.records import ROOT
from tests.helpers.server import Server, ServerError, eventually
from tests.helpers.small_disk import SmallDisk, mounted
from tests.integration.repair.conftest import CONNECTOR, Repair

NAME = "eventlog-test-faults"
MEGABYTES = 3000  # of the root, some 900 of which are used; the set-up wants 1 GiB free for the binary log
WRITER = ("hospital", "only-for-the-faults-7")
TOPIC = "openmrs.openmrs.person"
SCHEMA = f"""
CREATE DATABASE openmrs;
CREATE TABLE openmrs.person (person_id int PRIMARY KEY, gender varchar(50), uuid char(38)) ENGINE=InnoDB;
CREATE USER '{WRITER[0]}'@'%' IDENTIFIED BY '{WRITER[1]}';
GRANT ALL ON openmrs.* TO '{WRITER[0]}'@'%';
"""
#: Load of the machine that runs the tests makes everything slower; none of these is a promise to a hospital.
UP, FLOWS = 180.0, 420.0
STRANGE = 900_000_000  # keys from here on are not a load's
_loads = itertools.count(1)


@dataclass(frozen=True)
class Addressed(Native):
    """A server whose database is written to from outside."""

    @property
    def address(self) -> str:
        """It may be another one after a power cut."""
        networks = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return subprocess.run(
            ["docker", "inspect", "--format", networks, self.name], capture_output=True, text=True, check=True
        ).stdout.strip()

    def connect(self) -> Any:
        return pymysql.connect(host=self.address, user=WRITER[0], password=WRITER[1], autocommit=True,
                               connect_timeout=3, read_timeout=30, write_timeout=30)  # fmt: skip


def inventory() -> Dict[str, Any]:
    return {**native_variables(), "event_log_tables": ["person"], "event_log_profile": "clinic"}


@dataclass
class Faulty(Repair):
    """The server, what is written there, and what is measured."""

    server: Addressed = field(default_factory=lambda: Addressed(NAME))
    variables: Dict[str, Any] = field(default_factory=inventory)
    gone: Dict[int, Any] = field(default_factory=dict)  # in the topic, and no more in a database that was set back

    @property
    def disk(self) -> SmallDisk:
        """The one that is the server's root, seen from outside."""
        source = '{{range .Mounts}}{{if eq .Destination "/srv/root"}}{{.Source}}{{end}}{{end}}'
        found = subprocess.run(
            ["docker", "inspect", "--format", source, self.server.name], capture_output=True, text=True, check=True
        )
        return SmallDisk(Path(found.stdout.strip()))

    # what flows

    def position(self) -> tuple[str, int]:
        status, answer = self.server.request("GET", f"/connectors/{CONNECTOR}/offsets")
        assert status == 200, answer
        offset = answer["offsets"][0]["offset"]
        return offset["file"], offset["pos"]

    def rows(self) -> Dict[int, Dict[str, Any]]:
        lines = self.server.sql("SELECT person_id, gender, uuid FROM openmrs.person").splitlines()
        parts = (line.split("\t") for line in lines)
        return {int(key): {"person_id": int(key), "gender": gender, "uuid": uuid} for key, gender, uuid in parts}

    def published(self) -> List[Event]:
        return [Event(key["person_id"], value) for key, value in self.server.consume(TOPIC, 4) if isinstance(key, dict)]

    def flows(self) -> bool:
        """Whether the stored position has moved within a few seconds, and all says that it runs."""
        try:
            before = self.position()
            time.sleep(2)  # a position is stored every second
            return self.states() == ["RUNNING", "RUNNING"] and self.position() > before
        except (AssertionError, LookupError):  # a worker that starts, and says so in other words
            return False

    def await_flow(self, began: float, what: str) -> float:
        """Seconds from then until events flow again under a load."""
        eventually(self.flows, FLOWS, f"events flow again after {what}", pause=0.5)
        return time.monotonic() - began

    # what a person sees

    def verdict(self) -> Dict[str, Any]:
        """What the host command says. Where it ends in an error, what it printed is no JSON, and fails here."""
        said: Dict[str, Any] = json.loads(self.server.sh("event-log status --json || true"))
        return said

    def sentence(self) -> str:
        return " ".join(self.server.sh("event-log status || true").split())

    def await_verdict(self, verdict: str, seconds: float = UP) -> None:
        eventually(lambda: self.verdict()["verdict"] == verdict, seconds, f"event-log status says {verdict}")

    # the load

    @contextlib.contextmanager
    def load(self) -> Iterator[Load]:
        """Rows that are inserted, changed and deleted, all of them known, until the block ends."""
        number = next(_loads)
        # No event of an earlier load may be taken for one of this.
        first = max(
            [
                1000,
                *(key for key in self.rows() if key < STRANGE),
                *(event.key for event in self.published() if event.key < STRANGE),
            ]
        )
        with Load(900 + number, pause=0.05, connect=self.server.connect, first=first) as load:
            eventually(lambda: load.writes > 30, 60, "the load is under way", pause=0.3)
            yield load

    def compared(self, load: Load, what: str, tell: Callable[..., None], before: int = 0) -> Outcome:
        """Wait until every committed change is in the topic, and its last states are the rows of the table."""
        found: List[Outcome] = []

        def look() -> bool:
            found.append(outcome(self.published(), {**self.gone, **self.rows()}, load))
            return found[-1].good

        try:
            eventually(look, FLOWS, "every change has come", pause=1)
        except ServerError:
            pytest.fail(f"{what}: {found[-1:]} of {load.writes} writes\n{self.sentence()}\n{self.worker_log()}")
        end = found[-1]
        twice = end.duplicates - before
        words = f"{what}; {load.writes} writes, {end.lost} lost, {end.wrong} wrong, {twice} twice; seed {load.seed}"
        tell("outcome", words)
        print(words)  # for who runs the long form: pytest -rP
        assert load.deleted
        assert load.writes > 50
        return end

    def duplicates(self) -> int:
        return outcome(self.published(), {}, Load(0)).duplicates

    # power

    def cut(self) -> None:
        """As if somebody had pulled the plug, but for the page cache, which stays."""
        run_quietly("docker", "kill", self.server.name)

    def power_on(self) -> float:
        """Returns when that was; by then somebody can log in."""
        began = time.monotonic()
        run_quietly("docker", "start", self.server.name)
        eventually(lambda: self.server.sh("docker info"), UP, "the engine is back")
        return began

    def power_cut(self) -> float:
        self.cut()
        return self.power_on()


def pause(most: float = 3.0) -> None:
    """To a moment that nobody chose."""
    time.sleep(random.uniform(0.3, most))  # noqa: S311


@contextlib.contextmanager
def small_root(directory: Path) -> Iterator[str]:
    """The options of `docker run` that make a small disk the root of a server."""
    with mounted(directory, MEGABYTES) as disk:
        volumes = [
            f"{disk.path}:/srv/root",
            f"{Path(__file__).parent / 'entry'}:/usr/local/sbin/entry:ro",
            f"{ROOT / 'images/test-server/entry'}:/srv/entry:ro",
            "/var/lib/event-log",
        ]
        options = list(itertools.chain.from_iterable(("--volume", one) for one in volumes))
        yield json.dumps({"server_options": options})


@pytest.fixture(scope="session")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    """A server that is kept from before is taken as it is; one that is made here goes at the end."""
    directory = tmp_path_factory.mktemp("server-faults")
    if Server(NAME).exists:
        yield Faulty()
        return
    image = ("-e", "server_image=eventlog-test-database:mariadb-11.8")
    with small_root(directory) as options:
        for _ in started(NAME, *image, "-e", options):
            found = Faulty()
            found.server.sql(SCHEMA)
            # The load comes from outside, and the clients of the hospital with it.
            found.server.sh("printf '[mysqld]\\nbind-address = 0.0.0.0\\n' > /etc/mysql/mariadb.conf.d/z-hospital.cnf")
            found.server.sh("systemctl restart mariadb")
            outcome = found.play(directory / "site", "site")
            assert outcome.code == 0, outcome.output[-3000:]
            found.await_verdict("ok")
            yield found

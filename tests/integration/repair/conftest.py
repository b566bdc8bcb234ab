# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S311, S608 - made-up rows for a database of the tests' own
"""A server of its own, with the sample database: what is done to it here should happen to no other test's."""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Set

import pytest

from tests.helpers.fixtures import run_quietly, started
from tests.helpers.native import NativeSample, native_variables
from tests.helpers.playbooks import SITE, Outcome, play, site_variables
from tests.helpers.records import ROOT
from tests.helpers.same_rows import Event, assert_same, events_of, key_of, rows_of
from tests.helpers.server import Server, eventually

NAME = "eventlog-test-repair"
CONNECTOR = "openmrs-connector"
SIGNALS = "event_log.debezium_signal"
SAMPLE, MARIADB = "none", "mariadb-11.8"  # tags of the server's image: without a database, or with one
MEMORY = "/var/lib/event-log/guard/memory.json"
#: As docs/snapshots.md tells whoever owns the database.
ADMINISTRATOR = re.compile(r"```sql\n(CREATE DATABASE event_log;.*?)```", re.DOTALL)


def told(outcome: Outcome) -> str:
    """What a run printed, without the breaks of lines that its form of output makes."""
    return " ".join(outcome.output.split())


@dataclass
class Repair:
    """The server with its inventory, and what is known of its topics. Tests change both for good."""

    server: Server
    variables: Dict[str, Any] = field(default_factory=site_variables)
    refused: Optional[Outcome] = None  # what snapshot_tables said before there was a table of signals
    ghosts: Dict[str, Set[str]] = field(default_factory=dict)  # rows of which no event tells that they are gone

    @property
    def site(self) -> str:
        return str(self.variables["event_log_site"])

    def play(self, directory: Path, name: str, *words: str, **more: Any) -> Outcome:
        """Run a playbook of the collection, with further variables in the inventory."""
        variables = {**self.variables, **more}
        return play(directory, self.server, variables, *words, playbook=f"openmrs.event_log.{name}")

    def done(self, directory: Path, name: str, *words: str, **more: Any) -> Outcome:
        """The same, and it must succeed."""
        outcome = self.play(directory, name, *words, **more)
        assert outcome.code == 0, f"{outcome.messages}\n{outcome.output[-3000:]}\n{self.worker_log()}"
        return outcome

    def refuses(self, directory: Path, name: str, *words: str, **more: Any) -> str:
        """The same, and it must stop in one message, before any change."""
        outcome = self.play(directory, name, *words, **more)
        assert outcome.code != 0, outcome.output[-3000:]
        assert outcome.changed == []
        (failure,) = outcome.run.failures
        return failure.message

    def tasks(self, *names: str) -> List[tuple[str, str]]:
        """These tasks of the role, as an outcome tells what was changed."""
        return sorted((self.server.name, f"openmrs.event_log.event_connector : {name}") for name in names)

    def config(self) -> Dict[str, str]:
        status, answer = self.server.request("GET", f"/connectors/{CONNECTOR}/config")
        assert status == 200, answer
        found: Dict[str, str] = answer
        return found

    def states(self) -> List[str]:
        """Those of the connector and of its tasks; none where no worker answers."""
        status, answer = self.server.request("GET", f"/connectors/{CONNECTOR}/status")
        assert status == 200, answer
        return [answer["connector"]["state"], *(task["state"] for task in answer["tasks"])]

    def signals(self) -> int:
        """Wishes that were written for the connector."""
        return int(self.server.sql(f"SELECT COUNT(*) FROM {SIGNALS} WHERE type LIKE '%-snapshot'"))

    def assert_same(self, *tables: str, new: tuple[str, ...] = ()) -> List[Event]:
        """Every row of the tables is in its topic, and of no other row but those that are known."""
        return assert_same(self.server, tables, self.ghosts, new)

    def as_captured(self) -> None:
        """Take what the connector captures, and what earlier runs have left in the topics, as it is."""
        names = re.findall(r"openmrs\\\.(\w+)", self.config()["table.include.list"])
        self.variables["event_log_tables"] = names
        rows = rows_of(self.server, names)
        alive: Dict[tuple[str, str], bool] = {}
        for event in self.events(*names):
            alive[event.table, event.key] = event.op != "d"
        for (table, key), lives in alive.items():
            if lives and key not in rows[table]:
                self.ghosts.setdefault(table, set()).add(key)

    def events(self, *tables: str) -> List[Event]:
        return events_of(self.server, tables)

    # the database

    @staticmethod
    def insert(person: int) -> str:
        values = f"({person}, 'F', 1, NOW(), UUID())"
        return f"INSERT INTO openmrs.person (person_id, gender, creator, date_created, uuid) VALUES {values}"

    def two_people(self) -> int:
        """Write two people and wait until the worker has sent them; returns the number of the first."""
        first = random.randrange(1_000_000_000, 1_500_000_000)
        self.server.sql("; ".join(self.insert(first + number) for number in (0, 1)))
        wanted = {key_of({"person_id": first + number}) for number in (0, 1)}
        eventually(lambda: wanted <= {event.key for event in self.events("person")}, 60, "two people have arrived")
        return first

    def newest_file(self) -> str:
        return self.server.sql("SHOW BINARY LOGS").splitlines()[-1].split("\t")[0]

    def purge(self) -> None:
        """The database keeps the newest file of its binary log and no other.

        MariaDB keeps a file for a reader that has gone until it notices that.
        """

        def alone() -> bool:
            self.server.sql(f"PURGE BINARY LOGS TO '{self.newest_file()}'")
            return len(self.server.sql("SHOW BINARY LOGS").splitlines()) == 1

        eventually(alone, 60, "older files of the binary log are gone")

    def await_database(self) -> None:
        def answers() -> bool:
            return self.server.sql("SELECT 1").strip() == "1"

        eventually(answers, 120, "the database answers")

    # the worker and the guard

    def stop(self) -> None:
        """Stop the connector, as the REST interface does."""
        self.server.request("PUT", f"/connectors/{CONNECTOR}/stop")
        eventually(lambda: self.states() == ["STOPPED"], 60, "the connector is stopped")

    def worker_state(self) -> str:
        return self.server.sh("docker inspect -f '{{.State.Status}}' event-log-connect").strip()

    def runs(self) -> bool:
        """Whether a worker runs, and in it a connector and its task."""
        return self.worker_state() == "running" and self.states() == ["RUNNING", "RUNNING"]

    def memory(self) -> Dict[str, Any]:
        """What the guard remembers."""
        found: Dict[str, Any] = json.loads(self.server.sh(f"cat {MEMORY}"))
        return found

    def await_remembered(self) -> None:
        """Wait until the guard has seen the binary log where it is now, one look ago even."""

        def seen() -> bool:
            newest = self.memory().get("history", {}).get(CONNECTOR, {}).get("newest") or {"file": "", "pos": 0}
            return (newest["file"], newest["pos"]) >= place

        name, size = self.server.sql("SHOW BINARY LOGS").splitlines()[-1].split("\t")[:2]
        place = (name, int(size))
        eventually(seen, 90, f"the guard remembers {name}:{size}")

    def worker_log(self) -> str:
        return self.server.sh("docker logs --tail 60 event-log-connect 2>&1 || true")

    def await_running(self) -> None:
        eventually(lambda: self.states() == ["RUNNING", "RUNNING"], 90, "connector and task run")


def with_signals(found: Repair, directory: Path) -> None:
    """As docs/snapshots.md says: the administrator makes the table, and one run of the site tells the connector."""
    found.refused = found.play(directory / "no-signals", "snapshot_tables", "-e", "tables=person")
    (statements,) = ADMINISTRATOR.findall((ROOT / "docs/snapshots.md").read_text(encoding="utf-8"))
    # Where the account comes from is the site's own matter; the sample's may come from anywhere.
    found.server.sql(statements.replace("'localhost'", "'%'"))
    found.done(directory / "signals", "site", "--tags", "database,connector")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--repair-database", choices=(SAMPLE, MARIADB), default=SAMPLE, help="whose, on the server")


@pytest.fixture(scope="session")
def repair(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Repair]:
    """A server that is kept from before is taken as it is; one that is made here goes at the end."""
    directory = tmp_path_factory.mktemp("repair")
    tag = str(request.config.getoption("--repair-database", default=SAMPLE))
    found = Repair(Server(NAME)) if tag == SAMPLE else Repair(NativeSample(f"{NAME}-{tag}"), native_variables())
    if found.server.exists:
        found.as_captured()
        yield found
        return
    run_quietly("ansible-playbook", "-i", "localhost,", str(ROOT / "tests/run/databases.yml"), "-e", f"only={tag}")
    for _ in started(found.server.name, "-e", f"server_image=eventlog-test-database:{tag}"):
        if isinstance(found.server, NativeSample):
            found.server.fill()
        outcome = play(directory / "site", found.server, found.variables, playbook=SITE)
        assert outcome.code == 0, outcome.output[-3000:]
        if tag == SAMPLE:  # where a run may make the account, it has made the table, too
            with_signals(found, directory)
        assert found.config()["signal.data.collection"] == SIGNALS
        yield found

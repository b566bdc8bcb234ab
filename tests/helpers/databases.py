# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The databases of molecule's scenario `databases`, and the event log that reads them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Tuple

import yaml

from tests.helpers.server import Server, eventually

ROOT = Path(__file__).resolve().parents[2]
INVENTORY = ROOT / "molecule" / "databases" / "inventory"
STACK = Server("eventlog-test-stack")
LIMIT = 8 * 1024 * 1024  # the largest message, as the role event_connector sets it

# Reads what the console consumer prints, and shortens long values, so that 50 MB need not travel.
SHORTEN = r"""
import hashlib, json, sys
def short(value):
    if isinstance(value, dict):
        return {key: short(inner) for key, inner in value.items()}
    if isinstance(value, str) and len(value) > 1000:
        return {"length": len(value), "sha256": hashlib.sha256(value.encode()).hexdigest()}
    return value
for line in sys.stdin.buffer:
    key, tab, value = line.decode().rstrip("\n").partition("\t")
    if tab:
        print(json.dumps([json.loads(key), short(json.loads(value))]))
"""


def digest(text: str) -> Dict[str, Any]:
    """What a long value is shortened to."""
    return {"length": len(text), "sha256": hashlib.sha256(text.encode()).hexdigest()}


@dataclass(frozen=True)
class Database:
    """A database server: natively installed on a server of its own, or in a container of the stack's server."""

    name: str
    flavour: str
    server: Server
    client: Tuple[str, ...]

    @property
    def prefix(self) -> str:
        return self.name.replace(".", "")

    @property
    def connector(self) -> str:
        return f"openmrs-{self.name}"

    @property
    def version(self) -> Tuple[int, ...]:
        return tuple(int(part) for part in self.name.partition("-")[2].split("."))

    @property
    def native(self) -> bool:
        return self.server is not STACK

    @property
    def cascades_are_logged(self) -> bool:
        """Since MySQL 9.6 the SQL layer carries out foreign keys' actions, and so they are in the binary log."""
        return self.flavour == "mysql" and self.version >= (9, 6)

    def sql(self, statements: str) -> str:
        """Run SQL as the database's administrator."""
        return self.server.exec(*self.client, stdin=statements, timeout=120)

    def one(self, statement: str) -> str:
        return self.sql(statement).strip()

    def topic(self, table: str) -> str:
        return f"{self.prefix}.openmrs.{table}"


def _database(about: Dict[str, Any]) -> Database:
    name, flavour = about["name"], about["flavour"]
    words = ("--default-character-set=utf8mb4", "--skip-column-names", "--batch")
    if about["host"] == "127.0.0.1":
        password = (INVENTORY.parent / "root_password").read_text(encoding="utf-8").strip()
        login = ("--disable-ssl-verify-server-cert", "--socket=/var/lib/mysql/mysqld.sock", "--user=root")
        inside = ("docker", "exec", "-i", name, "mysql", *login, f"--password={password}", *words)
        return Database(name, flavour, STACK, inside)
    return Database(name, flavour, Server(about["host"]), ("mariadb" if flavour == "mariadb" else "mysql", *words))


def databases() -> List[Database]:
    """Those that the scenario reads, as its inventory names them."""
    listed = yaml.safe_load((INVENTORY / "group_vars" / "stack.yml").read_text(encoding="utf-8"))["every_database"]
    return [_database(about) for about in listed if os.environ.get("EVENT_LOG_TEST_FULL") or "only" not in about]


def _tool(main: str, *words: str) -> str:
    """A shell command of the stack's server that runs one of Kafka's tools."""
    return shlex.join(STACK.tool(main, *words, heap="512m"))


def counts() -> Dict[str, int]:
    """How many messages have been written to each topic of the databases."""
    printed = STACK.sh(_tool("org.apache.kafka.tools.GetOffsetShell", "--topic-partitions", r".*\.openmrs\..*"))
    lines = [line.rsplit(":", 2) for line in printed.splitlines() if line.count(":") >= 2]
    return {topic: int(offset) for topic, _partition, offset in lines}


def wait_for(expected: Dict[str, int], seconds: float) -> Dict[str, int]:
    """Wait until each topic has at least so many messages; the failure names those that have not."""

    def missing() -> Any:
        now = counts()
        short = {topic: f"{now.get(topic, 0)} of {number}" for topic, number in expected.items()}
        lacking = {topic: text for topic, text in short.items() if now.get(topic, 0) < expected[topic]}
        return now if not lacking else _Lacking(lacking)

    arrived: Dict[str, int] = eventually(missing, seconds, "the events of all databases", pause=2)
    return arrived


class _Lacking(Dict[str, str]):
    """Not yet: false, and says what is missing."""

    def __bool__(self) -> bool:
        return False


def consume(topics: List[str], number: int) -> List[Tuple[Any, Any]]:
    """The first `number` messages of these topics, keys and values, in order within a topic; long text shortened."""
    pattern = "|".join(re.escape(topic) for topic in topics)
    STACK.sh("cat > /tmp/shorten.py", stdin=SHORTEN)
    printed = STACK.sh(
        _tool(
            "org.apache.kafka.tools.consumer.ConsoleConsumer",
            "--include", pattern, "--from-beginning", "--max-messages", str(number), "--timeout-ms", "30000",
            "--formatter-property", "print.key=true", "--formatter-property", "key.separator=\t",
        )
        + " | python3 /tmp/shorten.py",
        timeout=240,
    )  # fmt: skip
    read = [tuple(json.loads(line)) for line in printed.splitlines()]
    assert len(read) == number, f"{len(read)} of {number} messages of {topics}"
    return read

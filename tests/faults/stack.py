# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Database, broker and worker on the disk under test, on 127.0.0.1, with the settings of a variant."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterator

import pymysql
from confluent_kafka import KafkaException
from pymysql.constants import CLIENT

from tests.faults import processes
from tests.faults.follower import Follower
from tests.faults.load import STEADY
from tests.faults.processes import Program
from tests.faults.variants import CONNECT_PORT, CONNECTOR, DATABASE_PORT, PASSWORD, USER, Variant
from tests.helpers.worker_files import CLUSTER_ID

UID = 1001
MYSQL, BROKER, WORKER = "mysql", "broker", "worker"
IMAGES = {MYSQL: "openmrs-sample-db", BROKER: "openmrs-event-log", WORKER: "openmrs-event-log"}
USERS = {MYSQL: "0:0", BROKER: f"{UID}:{UID}", WORKER: f"{UID}:{UID}"}
MARK = 1_000_000_000  # rows from here on are of the tests' own
CONFIG = "/etc/event-log"
INITIALIZE = "mysqld --no-defaults --initialize-insecure --user=root --datadir=/disk/mysql"
FORMAT = f"kafka-class kafka.tools.StorageTool format --cluster-id={CLUSTER_ID} --config {CONFIG}/broker.properties"
COMMANDS = {
    MYSQL: "mysqld --no-defaults --user=root --datadir=/disk/mysql --bind-address=127.0.0.1"
    f" --port={DATABASE_PORT} --socket=/tmp/mysqld.sock --pid-file=/tmp/mysqld.pid --loose-mysqlx=0 --server-id=4712"
    " --performance-schema=OFF --innodb-log-file-size=16M --sync-binlog=1 --innodb-flush-log-at-trx-commit=1",
    BROKER: f"kafka-class kafka.Kafka {CONFIG}/broker.properties",
    WORKER: f"kafka-class org.apache.kafka.connect.cli.ConnectDistributed {CONFIG}/worker.properties",
}
LOG_DIR = "kafka/log"


class StackError(AssertionError):
    """Something did not come; the message holds the last answer and the end of the program's log."""


def wait_for(what: str, seen: Callable[[], Any], seconds: float, program: Program) -> Any:
    deadline, last = time.monotonic() + seconds, None
    while time.monotonic() < deadline:
        try:
            last = seen()
            if last:
                return last
        except (OSError, http.client.HTTPException, pymysql.err.Error, KafkaException) as error:
            last = error
        time.sleep(0.3)
    raise StackError(f"{what}: not within {seconds:g} s; last seen: {last!r}\n{program.said}")


@dataclass(frozen=True)
class Stack:
    """All three on the disk mounted at ``disk``. ``slow`` is a library that makes each sync of the disk take longer."""

    disk: Path
    etc: Path
    variant: Variant
    slow: str = ""
    running: dict[str, Program] = field(default_factory=dict)

    @contextlib.contextmanager
    def up(self) -> Iterator[Stack]:
        try:
            for name in (MYSQL, BROKER, WORKER):
                self.start(name)
            yield self
        finally:
            self.cut()

    @contextlib.contextmanager
    def up_from_nothing(self) -> Iterator[Stack]:
        """Begin with an empty disk: a database with the capture account, and a broker."""
        self.prepare()
        with self.up():
            self.await_database()
            self.make_account()
            yield self

    def prepare(self) -> None:
        for name, owner in (("mysql", 0), ("kafka", UID)):
            (self.disk / name).mkdir()
            os.chown(self.disk / name, owner, owner)
        self.start(MYSQL, INITIALIZE).wait(90)
        self.start(BROKER, FORMAT).wait(60)

    def cut(self) -> None:
        """Nothing gets time to write anything down."""
        for program in self.running.values():
            program.kill()
        self.running.clear()

    def start(self, name: str, command: str = "") -> Program:
        self.etc.mkdir(parents=True, exist_ok=True)
        for file, content in self.variant.files().items():
            (self.etc / file).write_text(content, encoding="utf-8")
        mounts = {"disk": self.disk, **({"slow.so": Path(self.slow)} if self.slow else {})}
        environment = {
            "KAFKA_HEAP_OPTS": self.variant.java.get(name, "-Xmx384m -XX:+UseSerialGC"),
            **({"LD_PRELOAD": "/slow.so"} if self.slow else {}),
        }
        if name != MYSQL:
            mounts["etc/event-log"] = self.etc
        self.running[name] = processes.start(
            processes.tree(IMAGES[name]), USERS[name], command or COMMANDS[name],
            mounts=mounts, log=self.etc / f"{name}.log", environment=environment,
        )  # fmt: skip
        return self.running[name]

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        with self.session() as link, link.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def session(self) -> pymysql.connections.Connection[Any]:
        return pymysql.connect(
            host="127.0.0.1", port=DATABASE_PORT, user="root", autocommit=True, connect_timeout=5, read_timeout=60,
            client_flag=CLIENT.MULTI_STATEMENTS,
        )  # fmt: skip

    def rest(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", CONNECT_PORT, timeout=30)) as link:
            link.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
            answer = link.getresponse()
            text = answer.read().decode()
        return answer.status, json.loads(text) if text.startswith(("{", "[")) else None

    def await_database(self, seconds: float = 60) -> None:
        wait_for("the database answers", lambda: self.sql("SELECT 1"), seconds, self.running[MYSQL])

    def await_worker(self, seconds: float = 120) -> None:
        wait_for("the worker answers", lambda: self.rest("GET", "/connectors")[0] == 200, seconds, self.running[WORKER])

    def make_account(self) -> None:
        self.sql(
            f"CREATE USER '{USER}'@'%' IDENTIFIED BY '{PASSWORD}'",
            "GRANT SELECT, RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO "
            f"'{USER}'@'%'",
        )  # fmt: skip

    def register(self) -> None:
        status, answer = self.rest("PUT", f"/connectors/{CONNECTOR}/config", self.variant.connector())
        assert status in (200, 201), answer

    def await_registration(self, seconds: float = 60) -> None:
        """A worker that has just started may answer before it has read its topics: then it knows of no connector."""

        def known() -> bool:
            return CONNECTOR in (self.rest("GET", "/connectors")[1] or ())

        wait_for("the connector is still registered", known, seconds, self.running[WORKER])

    def failure(self) -> str:
        """The first line of what a failed task says; empty where none has failed."""
        status, answer = self.rest("GET", f"/connectors/{CONNECTOR}/status")
        parts = [answer["connector"], *answer["tasks"]] if status == 200 else []
        traces = [part.get("trace", "") for part in parts if part["state"] == "FAILED"]
        return " | ".join(line for line in traces[0].splitlines() if "Exception" in line)[:400] if traces else ""

    def await_row(self, follower: Follower, row: int, seconds: float) -> None:
        """Wait until a row of the steady table is in its topic; a task that fails ends it."""

        def seen() -> bool:
            follower.check()
            if found := self.failure():
                raise StackError(f"the task has failed: {found}")
            return (STEADY, row) in follower.rows

        wait_for(f"the event of row {row}", seen, seconds, self.running[WORKER])

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small site to break: broker, worker and MySQL with the settings that the collection ships, each in a container.

On 127.0.0.1 only: broker 29192, worker 28183, their metrics 28404 and 28405, database 23406. What they keep lies in a
directory, so that whatever is killed comes back with what it had on the disk. (A killed process loses nothing that it
had written; for power cuts see tests/faults/power.py.)
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

import pymysql
from ansible_collections.openmrs.event_log.plugins.module_utils._debezium import Source, connector_config
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_signal_table import SignalTable
from ansible_collections.openmrs.event_log.plugins.module_utils._stack_config import (
    Stack,
    broker_properties,
    text,
    to_properties,
    worker_properties,
)
from pymysql.constants import CLIENT

from tests.helpers import worker_files
from tests.helpers.worker_rig import FORMAT_AND_RUN, HEAP, images
from tests.helpers.workers import GRANTS, UID, docker, wait_for

PREFIX = "eventlog-fault-"
BROKER, WORKER, DATABASE = (PREFIX + name for name in ("broker", "connect", "mysql"))
STACK = Stack(kafka_port=29192, controller_port=29193, connect_port=28183)
DATABASE_PORT = 23406
METRICS_PORT = 28405
BROKER_METRICS_PORT = 28404
CAPTURE = ("capture", "only-for-the-faults-9")
LOGIN = ("event-log", "only-for-the-faults-8")
UP_WITHIN = 150.0
TABLES = ("person", "patient")
SCHEMA = """
CREATE DATABASE openmrs;
CREATE TABLE openmrs.person (person_id int PRIMARY KEY, gender varchar(50), uuid char(38));
CREATE TABLE openmrs.patient (patient_id int PRIMARY KEY, creator int);
"""
SIGNALS = SignalTable.parse("event_log.debezium_signal")
MYSQL = (
    "[ -d /data/mysql/mysql ] || mysqld --no-defaults --initialize-insecure --user=root --datadir=/data/mysql;"
    f" exec mysqld --no-defaults --user=root --datadir=/data/mysql --bind-address=127.0.0.1 --port={DATABASE_PORT}"
    " --socket=/tmp/mysqld.sock --pid-file=/tmp/mysqld.pid --loose-mysqlx=0 --server-id=4712"
    " --performance-schema=OFF --innodb-log-file-size=16M --sync-binlog=1 --innodb-flush-log-at-trx-commit=1"
)
WORKER_OPTIONS = (
    "-Djava.security.auth.login.config=/etc/event-log/connect-jaas.conf"
    f" -javaagent:/opt/kafka/jmx/jmx_prometheus_javaagent.jar=127.0.0.1:{METRICS_PORT}:/opt/kafka/jmx/connect.yml"
)
BROKER_OPTIONS = (
    f"-javaagent:/opt/kafka/jmx/jmx_prometheus_javaagent.jar=127.0.0.1:{BROKER_METRICS_PORT}:/opt/kafka/jmx/broker.yml"
)
RUN_BROKER = (
    f"export KAFKA_OPTS={BROKER_OPTIONS};"  # not of the container, where tools run beside the broker
    f" [ -e /var/lib/kafka/data/log/meta.properties ] && exec kafka-class kafka.Kafka $0; {FORMAT_AND_RUN}"
)
# As roles/event_stack/templates/services/*.yaml.j2 have it.
HEALTH = ["--health-interval", "10s", "--health-timeout", "10s", "--health-start-period", "120s",
          "--health-retries", "4"]  # fmt: skip
Row = Dict[str, Any]


@dataclass(frozen=True)
class Event:
    """One record of a table's topic; ``value`` is None for a tombstone."""

    key: int
    value: Optional[Dict[str, Any]]

    @property
    def op(self) -> str:
        return str(self.value["op"]) if self.value else "tombstone"


@dataclass
class Site:
    """All of it, spoken to directly."""

    root: Path
    known: List[str] = field(default_factory=list)  # connectors that were made

    # processes

    def start_all(self) -> None:
        have = images()
        for name in ("broker", "database", "secrets", "etc"):
            (self.root / name).mkdir(parents=True)
        for name in ("broker", "secrets"):
            os.chown(self.root / name, UID, UID)
        self.root.chmod(0o755)
        self._write_files()
        docker("run", "--detach", "--name", BROKER, *self._contained("health-broker"),
               "--volume", f"{self.root / 'broker'}:/var/lib/kafka/data", "--env", f"KAFKA_HEAP_OPTS={HEAP}",
               "--env", f"KAFKA_PORT={STACK.kafka_port}",
               have["event log"], "bash", "-c", RUN_BROKER, "/etc/event-log/server.properties")  # fmt: skip
        self.make_database()
        docker("run", "--detach", "--name", WORKER, *self._contained("health-connect"),
               "--volume", f"{self.root / 'secrets'}:{worker_files.SECRETS}:ro", "--env", f"KAFKA_HEAP_OPTS={HEAP}",
               "--env", f"KAFKA_OPTS={WORKER_OPTIONS}", "--env", f"REST_PORT={STACK.connect_port}",
               "--env", f"REST_LOGIN_FILE={worker_files.SECRETS}/rest-login.properties",
               have["event log"], "kafka-class", "org.apache.kafka.connect.cli.ConnectDistributed",
               "/etc/event-log/connect-distributed.properties")  # fmt: skip
        self.await_worker()

    def _contained(self, healthy: str) -> List[str]:
        return ["--network", "host", "--user", f"{UID}:{UID}", "--read-only", "--tmpfs", "/tmp:exec,size=64m",
                *HEALTH, "--health-cmd", healthy,
                "--volume", f"{self.root / 'etc'}:/etc/event-log:ro",
                "--env", "KAFKA_LOG4J_OPTS=-Dlog4j2.configurationFile=/etc/event-log/log4j2.properties"]  # fmt: skip

    def _write_files(self) -> None:
        broker = broker_properties(STACK, {"offsets.topic.num.partitions": 1, "log.dirs": "/var/lib/kafka/data/log"})
        member = worker_files.Member(WORKER, STACK.connect_port, "4.3", True, STACK.connect_group)
        quick = {"scheduled.rebalance.max.delay.ms": 0, "offset.flush.interval.ms": 1000}
        files = worker_files.worker_files(member)
        files["server.properties"] = to_properties(broker)
        files["connect-distributed.properties"] = to_properties(worker_properties(STACK, quick))
        worker_files.write(self.root / "etc", files)
        secrets = {
            "rest-login.properties": "=".join(LOGIN) + "\n",
            "database.properties": f"password={CAPTURE[1]}\n",
            "broker.properties": worker_files.BROKER_LOGIN,
        }
        for name, content in secrets.items():
            path = self.root / "secrets" / name
            path.write_text(content, encoding="utf-8")
            os.chown(path, UID, UID)
            path.chmod(0o400)

    def make_database(self) -> None:
        """Make a database with nothing in it, the one that was there before forgotten: what a rebuild does."""
        docker("rm", "--force", DATABASE, check=False)
        shutil.rmtree(self.root / "database")
        (self.root / "database").mkdir()
        docker("run", "--detach", "--name", DATABASE, "--network", "host", "--user", "0:0",
               "--volume", f"{self.root / 'database'}:/data", "--entrypoint", "sh", images()["MySQL"],
               "-c", MYSQL)  # fmt: skip
        self.await_database()
        user = f"'{CAPTURE[0]}'@'%'"
        self.sql(f"{SCHEMA} CREATE USER {user} IDENTIFIED BY '{CAPTURE[1]}'; GRANT {GRANTS} ON *.* TO {user}")
        self.sql("; ".join(SIGNALS.statements))
        self.sql(f"GRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON {SIGNALS.quoted} TO {user}")

    def remove(self) -> None:
        left = docker("ps", "--all", "--filter", f"name=^{PREFIX}", "--format", "{{.Names}}").split()
        mine = [name for name in left if name in (BROKER, WORKER, DATABASE)]
        if mine:
            docker("rm", "--force", "--volumes", *mine)
        shutil.rmtree(self.root, ignore_errors=True)

    def await_database(self) -> None:
        wait_for("the database answers", lambda: self.sql("SELECT 1"), UP_WITHIN, DATABASE)

    def await_worker(self) -> None:
        wait_for("the worker answers", lambda: self.rest("GET", "/connectors")[0] == 200, UP_WITHIN, WORKER)

    # the worker

    @property
    def options(self) -> Dict[str, Any]:
        """The connection, as options of a module."""
        return {"url": f"http://127.0.0.1:{STACK.connect_port}", "url_username": LOGIN[0], "url_password": LOGIN[1]}

    def rest(self, method: str, path: str, body: Any = None) -> Tuple[int, Any]:
        login = base64.b64encode(":".join(LOGIN).encode()).decode()
        headers = {"Content-Type": "application/json", "Authorization": f"Basic {login}"}
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", STACK.connect_port, timeout=95)) as link:
            link.request(method, path, None if body is None else json.dumps(body), headers)
            answer = link.getresponse()
            got = answer.read().decode()
        return answer.status, json.loads(got) if got.startswith(("{", "[")) else got

    def config(self, name: str) -> Dict[str, str]:
        """The configuration that the collection makes where the guard watches, with a heartbeat each second."""
        source = Source(
            site=name, host="127.0.0.1", port=DATABASE_PORT, database="openmrs", user=CAPTURE[0], tables=TABLES,
            password_file=f"{worker_files.SECRETS}/database.properties", topic_prefix=name, heartbeat_ms=1000,
            bootstrap=STACK.bootstrap, signal_table=SIGNALS.name, guarded=True,
        )  # fmt: skip
        return {key: text(value) for key, value in connector_config(source).items()}

    def register(self, name: str, **others: str) -> None:
        """Register a connector, with other properties if wanted, and wait until its snapshot is over and it streams."""
        self.known.append(name)
        status, answer = self.rest("PUT", f"/connectors/{name}/config", {**self.config(name), **others})
        assert status in (200, 201), answer
        self.await_running(name)
        wait_for(f"{name} streams", lambda: self.streams(name), 90, WORKER)

    def streams(self, name: str) -> bool:
        offset = self.offset(name)
        return bool(offset) and not offset.get("snapshot")

    def offset(self, name: str) -> Dict[str, Any]:
        status, answer = self.rest("GET", f"/connectors/{name}/offsets")
        found = answer["offsets"] if status == 200 else []
        return dict(found[0]["offset"]) if found else {}

    def states(self, name: str) -> List[str]:
        status, answer = self.rest("GET", f"/connectors/{name}/status")
        return [answer["connector"]["state"], *(one["state"] for one in answer["tasks"])] if status == 200 else []

    def trace(self, name: str) -> str:
        """Why a task failed; empty as long as none has."""
        status, answer = self.rest("GET", f"/connectors/{name}/status")
        return " ".join(str(one.get("trace", "")) for one in answer["tasks"]) if status == 200 else ""

    def await_running(self, name: str) -> None:
        wait_for(f"{name} runs", lambda: self.states(name) == ["RUNNING", "RUNNING"], 90, WORKER)

    def await_failed(self, name: str) -> str:
        wait_for(f"{name} fails", lambda: "FAILED" in self.states(name), 120, WORKER)
        return self.trace(name)

    def forget(self) -> None:
        """Remove the connectors that tests have made, for the next one."""
        if docker("inspect", "--format", "{{.State.Running}}", WORKER).strip() != "true":
            docker("start", WORKER)  # a test that failed has left it down
        self.await_worker()
        for name in self.known:
            self.rest("DELETE", f"/connectors/{name}")
        self.known.clear()

    # the database and the topics

    def sql(self, statement: str) -> List[Tuple[Any, ...]]:
        """Run SQL as root; the rows of the last statement that has some."""
        link = pymysql.connect(
            host="127.0.0.1", port=DATABASE_PORT, user="root", password="", autocommit=True,
            client_flag=CLIENT.MULTI_STATEMENTS, connect_timeout=5, read_timeout=60,
        )  # fmt: skip
        rows: Tuple[Tuple[Any, ...], ...] = ()
        with link, link.cursor() as cursor:
            cursor.execute(statement)
            while True:
                rows = cursor.fetchall() or rows
                if not cursor.nextset():
                    return list(rows)

    def rows(self) -> Dict[int, Row]:
        """The table person as it is."""
        found = self.sql("SELECT person_id, gender, uuid FROM openmrs.person")
        return {key: {"person_id": key, "gender": gender, "uuid": uuid} for key, gender, uuid in found}

    def events(self, name: str, table: str = "person") -> List[Event]:
        """All events of a table, read to the topic's present end."""
        printed = docker(
            "exec", "--env", "KAFKA_HEAP_OPTS=", "--env", "KAFKA_LOG4J_OPTS=", BROKER, "kafka-class",
            "org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", STACK.bootstrap,
            "--topic", f"{name}.openmrs.{table}", "--from-beginning", "--timeout-ms", "3000",
            "--formatter-property", "print.key=true", "--formatter-property", "key.separator=\t",
        )  # fmt: skip
        pairs = [line.partition("\t") for line in printed.splitlines() if line.startswith("{")]
        return [Event(next(iter(json.loads(key).values())), json.loads(value)) for key, _, value in pairs]


def replayed(events: List[Event]) -> Dict[int, Row]:
    """The last state of each key, as a consumer has it."""
    state: Dict[int, Row] = {}
    for event in events:
        after = event.value["after"] if event.value else None
        if after is None:
            state.pop(event.key, None)
        else:
            state[event.key] = after
    return state


@contextlib.contextmanager
def fault_site() -> Iterator[Site]:
    """Yield a site that is up, and take it away. With EVENT_LOG_TEST_KEEP_RIG it stays up, for who writes tests."""
    made = Site(Path(tempfile.gettempdir()) / "eventlog-fault-source")
    keep = bool(os.environ.get("EVENT_LOG_TEST_KEEP_RIG"))
    running = docker("ps", "--format", "{{.Names}}").split()
    if not (keep and {BROKER, WORKER, DATABASE} <= set(running)):
        made.remove()
    try:
        if not made.root.exists():
            made.start_all()
        yield made
    finally:
        if not keep:
            made.remove()

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rig: real Connect workers of two release lines, a broker and a database, for the tests of the Connect modules.

On 127.0.0.1 only: broker 29092; two workers 4.3 of one group with a login on 28083 and 28084; a worker 3.9 without one
on 28085; MySQL 8.0 on 23306. Nothing outlives the containers. EVENT_LOG_TEST_KEEP_RIG=1 leaves the rig up and takes
over one that is up, for those who write tests: a start costs half a minute.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

import pymysql
from pymysql.constants import CLIENT

from tests.helpers.worker_files import KAFKA_PORT, LOGIN, SECRETS, WORKER_A, WORKER_B, WORKER_OLD, Member

BROKER, DATABASE = "eventlog-rig-broker", "eventlog-rig-mysql"
DATABASE_PORT = 23306
CAPTURE = ("capture", "only-for-the-rig-9")
ROOT_DIR = Path(tempfile.gettempdir()) / "eventlog-rig"
UID = 1001
UP_WITHIN = 120.0
SCHEMA = """
CREATE DATABASE openmrs;
CREATE TABLE openmrs.person (person_id int PRIMARY KEY, gender varchar(50), birthdate date, uuid char(38));
CREATE TABLE openmrs.patient (patient_id int PRIMARY KEY, creator int, date_created datetime);
CREATE TABLE openmrs.patient_identifier (patient_identifier_id int PRIMARY KEY, patient_id int, identifier varchar(50));
INSERT INTO openmrs.person VALUES (1, 'F', '1980-01-02', 'a'), (2, 'M', '1990-03-04', 'b'), (3, 'F', NULL, 'c');
INSERT INTO openmrs.patient VALUES (1, 1, '2020-01-01 10:00:00'), (2, 1, '2020-01-02 11:00:00');
INSERT INTO openmrs.patient_identifier VALUES (1, 1, '10-1'), (2, 2, '10-2');
"""
GRANTS = "SELECT, RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT"


class RigError(AssertionError):
    """A part of the rig does not do what it shall; the message holds its own log."""


def docker(*arguments: str, check: bool = True, timeout: float = 120, stdin: str | None = None) -> str:
    done = subprocess.run(
        ["docker", *arguments],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=timeout,
        input=stdin,
    )
    if check and done.returncode != 0:
        raise RigError(f"docker {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def wait_for(what: str, seen: Callable[[], Any], seconds: float = 60.0, logs_of: str = "", pause: float = 0.2) -> Any:
    """Ask until the answer is true. The failure carries the last answer and the container's own log."""
    deadline = time.monotonic() + seconds
    last: Any = None
    while time.monotonic() < deadline:
        try:
            last = seen()
            if last:
                return last
        except (OSError, http.client.HTTPException, pymysql.err.Error) as error:
            last = error
        time.sleep(pause)
    log = docker("logs", "--tail", "60", logs_of, check=False) if logs_of else ""
    raise RigError(f"{what}: not within {seconds:g} s; last seen: {last!r}\n{log}")


@dataclass(frozen=True)
class Worker:
    """One worker, spoken to directly."""

    member: Member

    @property
    def name(self) -> str:
        return self.member.name

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.member.port}"

    @property
    def options(self) -> dict[str, Any]:
        """The connection, as options of a module."""
        login = {"url_username": LOGIN[0], "url_password": LOGIN[1]} if self.member.login else {}
        return {"url": self.url, **login}

    def rest(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Send one request, without the collection's code; JSON both ways, None for an empty answer."""
        headers = {"Content-Type": "application/json"}
        if self.member.login:
            headers["Authorization"] = "Basic " + base64.b64encode(":".join(LOGIN).encode()).decode()
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.member.port, timeout=100)) as link:
            link.request(method, path, None if body is None else json.dumps(body), headers)
            answer = link.getresponse()
            text = answer.read().decode()
        return answer.status, json.loads(text) if text.startswith(("{", "[")) else (text or None)

    def get(self, path: str) -> Any:
        """Return the content of an answer that must be good; a rebalance is waited out."""
        return wait_for(f"GET {path} on {self.name}", lambda: _good(self.rest("GET", path)), 60, self.name)[0]

    def states(self, connector: str) -> list[str]:
        """Return the connector's state and those of its tasks; empty where there is none."""
        status, answer = self.rest("GET", f"/connectors/{connector}/status")
        if status != 200:
            return []
        return [answer["connector"]["state"], *(task["state"] for task in answer["tasks"])]

    def await_states(self, connector: str, *states: str, seconds: float = 60) -> None:
        what = f"{connector} is {states}"
        wait_for(what, lambda: self.states(connector) == list(states) or None, seconds, self.name)

    def delete(self, connector: str) -> None:
        """Remove a connector if it is there, and wait until it is gone."""

        def gone() -> bool:
            return self.rest("DELETE", f"/connectors/{connector}")[0] == 404

        wait_for(f"{connector} is gone", gone, 60, self.name)

    @property
    def ready(self) -> bool:
        return self.rest("GET", "/connectors")[0] == 200 and self.rest("GET", "/health")[0] == 200

    def log(self, since: str = "") -> str:
        return docker("logs", *(("--since", since) if since else ()), self.name)

    def now(self) -> str:
        """Return the moment from which on log() shows what comes."""
        return f"{time.time():.3f}"

    def kill(self) -> None:
        docker("kill", self.name)

    def start(self) -> None:
        docker("start", self.name)

    def await_ready(self, seconds: float = UP_WITHIN) -> None:
        wait_for(f"{self.name} answers", lambda: self.ready, seconds, self.name)


def _good(answer: tuple[int, Any]) -> list[Any] | None:
    return [answer[1]] if 200 <= answer[0] < 300 else None


@dataclass(frozen=True)
class Rig:
    """All of it."""

    root: Path
    a: Worker = field(default_factory=lambda: Worker(WORKER_A))
    b: Worker = field(default_factory=lambda: Worker(WORKER_B))
    old: Worker = field(default_factory=lambda: Worker(WORKER_OLD))

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{KAFKA_PORT}"

    @property
    def files(self) -> Path:
        """A directory that the workers have as /rig: what file connectors read and write."""
        return self.root / "files"

    def secret(self, name: str, content: str) -> str:
        """Write a file of secrets and return the path that references take. Never changed once it is there."""
        path = self.root / "secrets" / name
        path.write_text(content, encoding="utf-8")
        os.chown(path, UID, UID)
        path.chmod(0o400)
        return f"{SECRETS}/{name}"

    def debezium(self, name: str, **changed: Any) -> dict[str, Any]:
        """Return the configuration of a Debezium connector on the rig's database; "_" in a keyword stands for "."."""
        config = {
            "connector.class": "io.debezium.connector.mysql.MySqlConnector",
            "tasks.max": 1,
            "database.hostname": "127.0.0.1",
            "database.port": DATABASE_PORT,
            "database.user": CAPTURE[0],
            "database.password": f"${{file:{SECRETS}/database.properties:password}}",
            "database.server.id": 5000 + int(hashlib.sha256(name.encode()).hexdigest(), 16) % 100000,
            "driver.allowPublicKeyRetrieval": True,
            "topic.prefix": name,
            "database.include.list": "openmrs",
            "table.include.list": "openmrs.person,openmrs.patient",
            "schema.history.internal.kafka.bootstrap.servers": self.bootstrap,
            "schema.history.internal.kafka.topic": f"schema-changes.{name}",
            "topic.creation.default.partitions": 1,
            "topic.creation.default.replication.factor": 1,
            "heartbeat.interval.ms": 1000,
        }
        return {**config, **{key.replace("_", "."): value for key, value in changed.items()}}

    def source(self, name: str, **changed: Any) -> dict[str, Any]:
        """Return the configuration of a file source that reads NAME.txt, which is made, and writes to topic NAME."""
        path = self.files / f"{name}.txt"
        if not path.exists():
            path.write_text("one\n", encoding="utf-8")
        config = {
            "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
            "tasks.max": 1,
            "file": f"/rig/{path.name}",
            "topic": name,
            "topic.creation.default.partitions": 1,
            "topic.creation.default.replication.factor": 1,
        }
        return {**config, **{key.replace("_", "."): value for key, value in changed.items()}}

    def sink(self, name: str, topics: str, **changed: Any) -> dict[str, Any]:
        """Return the configuration of a file sink that writes NAME.out."""
        config = {
            "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
            "tasks.max": 1,
            "file": f"/rig/{name}.out",
            "topics": topics,
        }
        return {**config, **{key.replace("_", "."): value for key, value in changed.items()}}

    def sql(self, statement: str, user: str = "root", password: str = "") -> list[tuple[Any, ...]]:
        """Run SQL, as root if nothing else is said; the rows of the last statement."""
        link = pymysql.connect(
            host="127.0.0.1", port=DATABASE_PORT, user=user, password=password, autocommit=True,
            client_flag=CLIENT.MULTI_STATEMENTS, connect_timeout=5, read_timeout=60,
        )  # fmt: skip
        rows: tuple[tuple[Any, ...], ...] = ()
        with link, link.cursor() as cursor:
            cursor.execute(statement)
            while True:
                rows = cursor.fetchall() or rows
                if not cursor.nextset():
                    return list(rows)

    def foreign(self, worker: Worker, name: str) -> None:
        """Register a connector that no module is told about."""
        worker.delete(name)
        config = {key: str(value) for key, value in self.sink(name, "rig-nothing").items()}
        status, answer = worker.rest("POST", "/connectors", {"name": name, "config": config})
        assert status == 201, answer
        worker.await_states(name, "RUNNING", "RUNNING")

    def records_of(self, worker: Worker, connector: str) -> int:
        """Return how often a group's configuration topic names a connector as a key: configuration, wanted state."""
        log = f"/var/lib/kafka/data/log/{worker.member.group}-configs-0/*.log"
        keys = f"-e 'connector-{connector}' -e 'target-state-{connector}'"
        count = docker("exec", BROKER, "sh", "-c", f"cat {log} | grep -aoF {keys} | wc -l")
        return int(count)

    def log_of(self, topic: str) -> str:
        """Return the bytes of a topic's partition 0 as text, as they lie on the broker's disk."""
        return docker("exec", BROKER, "sh", "-c", f"cat '/var/lib/kafka/data/log/{topic}-0/'*.log | tr -d '\\000'")

    def kafka(self, main: str, *words: str, check: bool = True, stdin: str | None = None) -> str:
        """Run one of Kafka's own tools in the broker's container."""
        return docker(
            "exec", "-i", "--env", "KAFKA_HEAP_OPTS=", "--env", "KAFKA_LOG4J_OPTS=", BROKER, "kafka-class", main,
            "--bootstrap-server", self.bootstrap, *words, check=check, stdin=stdin,
        )  # fmt: skip

    def topics(self) -> set[str]:
        """Return the broker's topics, read off its disk: no JVM is started for that."""
        listed = docker("exec", BROKER, "ls", "/var/lib/kafka/data/log").split()
        return {name.rpartition("-")[0] for name in listed if name.rpartition("-")[2].isdigit()}

    def end_of(self, topic: str) -> int:
        """Return how many bytes partition 0 of a topic holds: the same as long as nobody writes."""
        sizes = docker("exec", BROKER, "sh", "-c", f"cat '/var/lib/kafka/data/log/{topic}-0/'*.log | wc -c")
        return int(sizes)

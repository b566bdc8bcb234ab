# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings the rig up and takes it away."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from pathlib import Path
from typing import Iterator

import pytest

from tests.helpers import kafka_tools, worker_files
from tests.helpers.worker_files import LOGIN, MEMBERS, SECRETS, Member
from tests.helpers.workers import (
    BROKER,
    CAPTURE,
    DATABASE,
    DATABASE_PORT,
    GRANTS,
    ROOT_DIR,
    SCHEMA,
    UID,
    UP_WITHIN,
    Rig,
    Worker,
    docker,
    wait_for,
)

HEAP = f"-Xmx384m {kafka_tools.SHORT}"
KEEP = "EVENT_LOG_TEST_KEEP_RIG"
LOCK = ROOT_DIR.with_suffix(".lock")
IMAGES = {
    "event log": ("EVENT_LOG_IMAGE", "openmrs-event-log"),
    "Connect 3.9": ("EVENT_LOG_TEST_CONNECT_IMAGE", "eventlog-test-connect:dev"),
    "MySQL": ("EVENT_LOG_TEST_MYSQL_IMAGE", "openmrs-sample-mysql:dev"),
}
FORMAT_AND_RUN = (
    "kafka-class kafka.tools.StorageTool format --cluster-id=" + worker_files.CLUSTER_ID + " --config $0"
    " && exec kafka-class kafka.Kafka $0"
)
MYSQL = (
    "mysqld --no-defaults --initialize-insecure --user=root --datadir=/data/mysql"
    " && exec mysqld --no-defaults --user=root --datadir=/data/mysql --bind-address=127.0.0.1 --port={port}"
    " --socket=/tmp/mysqld.sock --pid-file=/tmp/mysqld.pid --loose-mysqlx=0 --server-id=4711"
    " --performance-schema=OFF --innodb-log-file-size=16M"
)


def images() -> dict[str, str]:
    """Return the images by what they are, as this host has them; skip where there are none."""
    if shutil.which("docker") is None or os.geteuid() != 0:
        pytest.skip("needs Docker and root: the containers' directories belong to another user")
    found: dict[str, str] = {}
    for what, (variable, name) in IMAGES.items():
        listed = docker("images", "--format", "{{.Repository}}:{{.Tag}}", os.environ.get(variable, name)).split()
        if not listed:
            pytest.skip(f"no image of {what} on this host (./test.sh images builds it): {name}")
        found[what] = listed[0]
    return found


@contextlib.contextmanager
def rig() -> Iterator[Rig]:
    """Yield the rig, up; alone, or with others who keep it."""
    keep = bool(os.environ.get(KEEP))
    with LOCK.open("w") as lock:
        wait_for("another run's rig is gone", lambda: _locked(lock.fileno(), fcntl.LOCK_EX, keep), 900 if keep else 60)
        made = Rig(ROOT_DIR)
        mark = _mark()
        if not (keep and _up(mark)):
            remove()
            try:
                _start(made, mark)
            except BaseException:
                if not keep:
                    remove()
                raise
        if keep:
            fcntl.flock(lock, fcntl.LOCK_SH)
        try:
            yield made
        finally:
            if not keep:
                remove()


def _locked(descriptor: int, kind: int, keep: bool) -> bool:
    # Whoever keeps a rig shares it: nobody may build it anew under him, but all may look whether it is the one.
    if keep and _up(_mark()):
        kind = fcntl.LOCK_SH
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _mark() -> str:
    """Return what tells one rig from the next: images and settings."""
    settings = [repr(sorted(images().items())), SCHEMA, MYSQL, repr(worker_files.broker_files())]
    settings += [repr(worker_files.worker_files(member)) for member in MEMBERS]
    return hashlib.sha256("".join(settings).encode()).hexdigest()[:12]


def _up(mark: str) -> bool:
    running = docker("ps", "--filter", f"label=eventlog-rig={mark}", "--format", "{{.Names}}").split()
    complete = set(running) >= {BROKER, DATABASE, *(member.name for member in MEMBERS)}
    return complete and (ROOT_DIR / "complete").exists()


def remove() -> None:
    """Remove whatever this run or a killed one has left."""
    left = docker("ps", "--all", "--filter", "name=^eventlog-rig-", "--format", "{{.Names}}").split()
    if left:
        docker("rm", "--force", "--volumes", *left)
    shutil.rmtree(ROOT_DIR, ignore_errors=True)


def _start(made: Rig, mark: str) -> None:
    have = images()
    root = made.root
    for path in (root / "secrets", root / "files"):
        path.mkdir(parents=True)
    root.chmod(0o755)
    made.files.chmod(0o777)
    os.chown(root / "secrets", UID, UID)
    made.secret("rest-login.properties", "=".join(LOGIN) + "\n")
    made.secret("database.properties", f"password={CAPTURE[1]}\n")
    made.secret("broker.properties", worker_files.BROKER_LOGIN)
    worker_files.write(root / "etc" / "broker", worker_files.broker_files())
    label = ("--label", f"eventlog-rig={mark}")
    docker(
        "run", "--detach", "--name", BROKER, *label, *_contained(root / "etc" / "broker"),
        "--tmpfs", f"/var/lib/kafka/data:uid={UID},gid={UID},size=1g", "--env", f"KAFKA_HEAP_OPTS={HEAP}",
        "--env", "KAFKA_LOG4J_OPTS=-Dlog4j2.configurationFile=/etc/event-log/log4j2.properties",
        have["event log"], "bash", "-c", FORMAT_AND_RUN, "/etc/event-log/server.properties",
    )  # fmt: skip
    docker(
        "run", "--detach", "--name", DATABASE, *label, "--network", "host", "--user", "0:0", "--tmpfs", "/data:size=1g",
        "--entrypoint", "sh", have["MySQL"], "-c", MYSQL.format(port=DATABASE_PORT),
    )  # fmt: skip
    for member in MEMBERS:
        _start_worker(made, member, label)
    _prepare_database(made)
    for worker in (made.a, made.b, made.old):
        worker.await_ready()
    (root / "complete").touch()


@contextlib.contextmanager
def another(made: Rig, member: Member) -> Iterator[Worker]:
    """Yield one more worker, in a group of its own, for as long as a test needs it."""
    docker("rm", "--force", "--volumes", member.name, check=False)
    worker = Worker(member)
    try:
        _start_worker(made, member, ())
        worker.await_ready()
        yield worker
    finally:
        docker("rm", "--force", "--volumes", member.name)


def _contained(config: Path) -> list[str]:
    return [
        "--network", "host", "--user", f"{UID}:{UID}", "--read-only", "--tmpfs", "/tmp:exec,size=64m",
        "--volume", f"{config}:/etc/event-log:ro",
    ]  # fmt: skip


def _start_worker(made: Rig, member: Member, label: tuple[str, ...]) -> None:
    image = images()["Connect 3.9" if member.old else "event log"]
    config = made.root / "etc" / member.name
    worker_files.write(config, worker_files.worker_files(member))
    log = "log4j.configuration=file:/etc/event-log/log4j.properties"
    if not member.old:
        log = "log4j2.configurationFile=/etc/event-log/log4j2.properties"
    main = ["kafka-class", "org.apache.kafka.connect.cli.ConnectDistributed"]
    docker(
        "run", "--detach", "--name", member.name, *label, *_contained(config),
        "--volume", f"{made.root / 'secrets'}:{SECRETS}:ro", "--volume", f"{made.files}:/rig",
        "--env", f"KAFKA_HEAP_OPTS={HEAP}", "--env", f"KAFKA_LOG4J_OPTS=-D{log}",
        "--env", "KAFKA_OPTS=-Djava.security.auth.login.config=/etc/event-log/connect-jaas.conf",
        image, *(["connect-3.9"] if member.old else main), "/etc/event-log/connect-distributed.properties",
    )  # fmt: skip


def _prepare_database(made: Rig) -> None:
    wait_for("the database answers", lambda: made.sql("SELECT 1"), UP_WITHIN, DATABASE)
    user = f"'{CAPTURE[0]}'@'%'"
    made.sql(f"{SCHEMA} CREATE USER {user} IDENTIFIED BY '{CAPTURE[1]}'; GRANT {GRANTS} ON *.* TO {user}")

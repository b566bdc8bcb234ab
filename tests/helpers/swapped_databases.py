# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Database servers whose data directory can be copied, swapped and thrown away, as people do to real ones."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, List, Tuple

import pymysql
import pytest
from pymysql.constants import CLIENT

PASSWORD = "only-for-the-test"
CAPTURE = "event_log"


@dataclass(frozen=True)
class Flavour:
    """An image with a server, and how a data directory of it is made."""

    name: str
    image: str
    install: str
    grants: str


FLAVOURS = (
    Flavour(
        "mysql",
        os.environ.get("EVENT_LOG_TEST_MYSQL_IMAGE", "openmrs-sample-mysql:dev"),
        "mysqld --no-defaults --initialize-insecure --user=root --datadir=/data",
        "REPLICATION SLAVE, REPLICATION CLIENT, SELECT",
    ),
    Flavour(
        "mariadb",
        os.environ.get("EVENT_LOG_TEST_MARIADB_IMAGE", "event-log-test-mariadb:dev"),
        "mariadb-install-db --no-defaults --user=root --skip-test-db --auth-root-authentication-method=normal "
        "--datadir=/data",
        "REPLICATION SLAVE, BINLOG MONITOR, SELECT",
    ),
)


def _docker(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0 or not check, f"docker {' '.join(words)}: {done.stderr}"
    return done


class Server:
    """One server on a port of loopback; its data lie in a directory of this host."""

    def __init__(self, flavour: Flavour, root: Path) -> None:
        self.flavour, self.root = flavour, root
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.name = f"eventlog-fault-history-{flavour.name}-{os.getpid()}"
        self.data = root / "data"

    def install(self, into: Path) -> None:
        """Make a data directory with the accounts, and no history yet but that."""
        into.mkdir(parents=True)
        _docker(
            "run", "--rm", "--user", "0:0", "--volume", f"{into}:/data", "--entrypoint", "sh", self.flavour.image,
            "-c", f"{self.flavour.install} >/dev/null",
        )  # fmt: skip

    def start(self) -> None:
        options = (
            "--no-defaults --user=root --datadir=/data --bind-address=127.0.0.1 --socket=/tmp/s --pid-file=/tmp/p "
            f"--port={self.port} --log-bin=binlog --binlog-format=ROW --server-id=4711 --sync-binlog=1 "
            "--innodb-log-file-size=16M --loose-mysqlx=0 --performance-schema=OFF"
        )
        _docker("rm", "--force", self.name, check=False)
        _docker(
            "run", "--detach", "--name", self.name, "--network", "host", "--user", "0:0", "--volume",
            f"{self.data}:/data", "--entrypoint", "sh", self.flavour.image, "-c", f"exec mysqld {options}",
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                self.sql("SELECT 1")
                return
            except pymysql.err.OperationalError:
                time.sleep(0.1)
        pytest.fail(f"{self.name} does not answer: {_docker('logs', '--tail', '30', self.name, check=False).stderr}")

    def stop(self) -> None:
        _docker("stop", "--time", "60", self.name)

    def kill(self) -> None:
        _docker("kill", self.name)

    def remove(self) -> None:
        _docker("rm", "--force", "--volumes", self.name, check=False)

    def swap(self, data: Path) -> None:
        """Let the stopped server have a copy of another data directory."""
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.copytree(data, self.data)

    def _session(self) -> Any:
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user="root", password="", autocommit=True,
            client_flag=CLIENT.MULTI_STATEMENTS, connect_timeout=5, read_timeout=30,
        )  # fmt: skip

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Nothing is written while somebody takes a copy."""
        with self._session() as session, session.cursor() as cursor:
            cursor.execute("FLUSH TABLES WITH READ LOCK")
            yield

    def sql(self, statements: str) -> List[Tuple[Any, ...]]:
        with self._session() as session, session.cursor() as cursor:
            cursor.execute(statements)
            rows = list(cursor.fetchall())
            while cursor.nextset():
                rows = list(cursor.fetchall())
            return rows

    def dump(self) -> str:
        """Tables and rows as a backup by SQL has them; what a restoration writes is new history."""
        rows = self.sql("SELECT id, value FROM openmrs.obs ORDER BY id")
        values = ", ".join(f"({number}, '{value}')" for number, value in rows)
        return f"{SCHEMA} INSERT INTO openmrs.obs VALUES {values};"  # noqa: S608 - the test's own rows

    def write(self, number: int) -> None:
        """So many rows, a transaction each."""
        self.sql("".join(f"INSERT INTO openmrs.obs (value) VALUES ('row {one}');" for one in range(number)))  # noqa: S608

    def end(self) -> Tuple[str, int]:
        row = self.sql("SHOW MASTER STATUS")[0]
        return str(row[0]), int(row[1])


SCHEMA = """
CREATE DATABASE IF NOT EXISTS openmrs;
DROP TABLE IF EXISTS openmrs.obs;
CREATE TABLE openmrs.obs (id int AUTO_INCREMENT PRIMARY KEY, value varchar(50)) ENGINE=InnoDB;
"""


def accounts(flavour: Flavour) -> str:
    plugin = "WITH mysql_native_password " if flavour.name == "mysql" else ""
    return (
        f"CREATE USER {CAPTURE}@'%' IDENTIFIED {plugin}BY '{PASSWORD}'; GRANT {flavour.grants} ON *.* TO {CAPTURE}@'%';"
    )

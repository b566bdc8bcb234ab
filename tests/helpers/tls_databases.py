# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real databases with TLS for the rig's workers: MySQL with an authority that it makes itself, MariaDB with a site's.

On 127.0.0.1: MySQL 23316, MariaDB 23317. The capture account is refused without TLS.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator

import pytest

from tests.helpers.workers import CAPTURE, docker, wait_for

ZONE = {"name": "SYSTEM", "system": "UTC", "utc_offset_minutes": 0}
SCHEMA = """
CREATE DATABASE openmrs;
CREATE TABLE openmrs.person (person_id int PRIMARY KEY, gender varchar(50)) ENGINE=InnoDB;
INSERT INTO openmrs.person VALUES (1, 'F');
CREATE USER '{user}'@'%' IDENTIFIED BY '{password}' REQUIRE SSL;
GRANT SELECT, RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO '{user}'@'%';
"""
MYSQL = (
    "mysqld --no-defaults --initialize-insecure --user=root --datadir=/data/mysql && exec mysqld --no-defaults"
    " --user=root --datadir=/data/mysql --bind-address=127.0.0.1 --port=23316 --socket=/tmp/mysqld.sock"
    " --pid-file=/tmp/mysqld.pid --loose-mysqlx=0 --server-id=4712 --innodb-log-file-size=16M $0"
)
MARIADB = (
    "mkdir -p /run/mysqld && chown mysql /run/mysqld /data && mariadb-install-db --user=mysql --datadir=/data/mysql"
    " --skip-test-db >/dev/null && exec mariadbd --user=mysql --datadir=/data/mysql --bind-address=127.0.0.1"
    " --port=23317 --server-id=4713 --log-bin=binlog --binlog-format=ROW --binlog-legacy-event-pos=1 $0"
)


def authority(folder: Path, name: str) -> Path:
    """Make an authority; return its certificate. Its key lies beside it."""
    made = folder / f"{name}.pem"
    _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
             "-keyout", str(folder / f"{name}.key"), "-out", str(made))  # fmt: skip
    return made


def signed(folder: Path, ca: Path) -> Path:
    """Make a certificate for this host, signed by the authority; return the directory with it and its key."""
    made = folder / "server"
    made.mkdir()
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    _openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=database", "-keyout", str(made / "key.pem"),
             "-out", str(folder / "request"))  # fmt: skip
    _openssl("x509", "-req", "-in", str(folder / "request"), "-CA", str(ca), "-CAkey", str(ca.with_suffix(".key")),
             "-days", "2", "-set_serial", "2", "-extfile", str(folder / "names"),
             "-out", str(made / "cert.pem"))  # fmt: skip
    for path in (made, *made.iterdir()):
        path.chmod(0o755)
    return made


def _openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=60)


@dataclass(frozen=True)
class Database:
    """A running server, and the certificate of the authority that signed its own."""

    flavour: str
    ca: Path

    @property
    def name(self) -> str:
        return f"eventlog-db-tls-{self.flavour}"

    @property
    def port(self) -> int:
        return 23317 if self.flavour == "mariadb" else 23316

    @property
    def seen(self) -> Dict[str, Any]:
        """What a look at it hands over."""
        versions = ["TLSv1.2", "TLSv1.3"] if self.flavour == "mariadb" else ["TLSv1", "TLSv1.1", "TLSv1.2"]
        uuid = None if self.flavour == "mariadb" else self.sql("SELECT @@server_uuid")
        return {
            "flavour": self.flavour, "version": self.sql("SELECT VERSION()").split("-")[0], "server_uuid": uuid,
            "tls_offered": True, "tls_versions": versions, "time_zone": ZONE,
        }  # fmt: skip

    def sql(self, statements: str) -> str:
        """Run SQL as root inside the container; the bare rows."""
        client = ["mariadb"] if self.flavour == "mariadb" else ["mysql", "-S", "/tmp/mysqld.sock", "-uroot"]
        # MariaDB's client, which both images have, would ask for a certificate even over the socket.
        return docker("exec", "-i", self.name, *client, "--skip-ssl", "-N", "-B", "-e", statements).strip("\n")

    def clients(self) -> Dict[str, str]:
        """MySQL: what the sessions of the capture account do, and with which cipher."""
        rows = self.sql(
            "SELECT t.processlist_user, t.processlist_command, s.variable_value"
            " FROM performance_schema.status_by_thread s JOIN performance_schema.threads t USING (thread_id)"
            " WHERE s.variable_name = 'Ssl_cipher'"
        )
        sessions = [row.split("\t") for row in rows.splitlines()]
        return {command: cipher for user, command, cipher in sessions if user == CAPTURE[0]}


@contextlib.contextmanager
def database(flavour: str, folder: Path, tls: bool = True) -> Iterator[Database]:
    """Yield a server, ready to be captured; without TLS its account is accepted as it comes."""
    variable, default = ("EVENT_LOG_TEST_MARIADB_IMAGE", "event-log-test-mariadb:dev")
    if flavour == "mysql":
        variable, default = ("EVENT_LOG_TEST_MYSQL_IMAGE", "openmrs-sample-mysql:dev")
    image = os.environ.get(variable, default)
    if not docker("images", "--quiet", image).strip():
        pytest.skip(f"no image {image} on this host")
    made = Database(flavour, authority(folder, "hospital") if flavour == "mariadb" else folder / "made-by-mysql.pem")
    options = "--loose-skip-ssl"
    if tls:
        options = "--ssl-cert=/tls/cert.pem --ssl-key=/tls/key.pem" if flavour == "mariadb" else "--ssl=ON"
    docker("rm", "--force", "--volumes", made.name, check=False)
    docker(
        "create", "--name", made.name, "--network", "host", "--user", "0:0", "--tmpfs", "/data:size=1g",
        "--entrypoint", "sh", image, "-c", MARIADB if flavour == "mariadb" else MYSQL, options,
    )  # fmt: skip
    try:
        if flavour == "mariadb":
            docker("cp", str(signed(folder, made.ca)), f"{made.name}:/tls")
        docker("start", made.name)
        wait_for(f"{made.name} answers", lambda: _answers(made), 90, made.name)
        schema = SCHEMA.format(user=CAPTURE[0], password=CAPTURE[1])
        made.sql(schema if tls else schema.replace("REQUIRE SSL", ""))
        if flavour == "mysql":
            made.ca.write_text(docker("exec", made.name, "cat", "/data/mysql/ca.pem"))
        yield made
    finally:
        docker("rm", "--force", "--volumes", made.name)


def _answers(made: Database) -> bool:
    try:
        # Not the server that initialises: that one has no network.
        return made.sql("SELECT @@port") == str(made.port)
    except AssertionError:
        return False

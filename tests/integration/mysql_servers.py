# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real database servers for the tests of mysql_source_info and mysql_capture_account, each in a container on 127.0.0.1,
with nothing configured, and started once for both.

Images: `openmrs-sample-mysql:dev` (MySQL 8.0) and `event-log-test-mariadb:dev` (mariadb.Dockerfile); the full run takes
`event-log-test-mysql57:dev` and those of the databases' tests, too. The environment may name others.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass, replace
from typing import Any, Dict, List, Tuple

import pymysql
import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import Source, Wanted
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import Login
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_read import read_source
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_source import Assessment, assess
from pymysql.constants import CLIENT

PASSWORD = "only-for-the-test"
ADMIN = "keeper"
LOGIN_ONLY = ("ssl_mode", "password", "port", "ca_cert", "unix_socket")
PLACEHOLDER = "<password of the capture account>"
SCHEMA = """
CREATE DATABASE openmrs;
USE openmrs;
CREATE TABLE person (person_id int PRIMARY KEY, gender varchar(50)) ENGINE=InnoDB;
CREATE TABLE patient (patient_id int PRIMARY KEY) ENGINE=InnoDB;
CREATE TABLE concept_name_tag_map (a int, b int) ENGINE=InnoDB;
CREATE TABLE user_property (user_id int PRIMARY KEY, property_value longtext) ENGINE=InnoDB;
CREATE TABLE old_style (id int PRIMARY KEY) ENGINE=MyISAM;
CREATE VIEW living AS SELECT * FROM person;
"""


@dataclass(frozen=True)
class Flavour:
    """A server that can be had as an image, and how it is started there."""

    name: str
    image: str
    port: int
    drop_in: str
    start: str
    socket: str
    monitor: str = "REPLICATION CLIENT"
    flush: str = "RELOAD"
    long: bool = True
    tls: bool = True

    @property
    def known(self) -> Tuple[str, ...]:
        """What is said of this server whatever else is."""
        return ("version_untested",) if self.old else ()

    @property
    def mariadb(self) -> bool:
        return self.name.startswith("mariadb")

    @property
    def old(self) -> bool:
        """Has no roles."""
        return self.name == "mysql-5.7"


def _mysql(name: str, image: str, port: int, **more: Any) -> Flavour:
    """MySQL from its bare binaries, with nothing configured but where it lies and listens."""
    return Flavour(
        name,
        image,
        port,
        "/tmp/event-log.cnf",
        "d=/tmp/data; touch /tmp/event-log.cnf;"
        " [ -d $d/mysql ] || mysqld --no-defaults --initialize-insecure --user=root --datadir=$d;"
        " exec mysqld --defaults-file=/tmp/event-log.cnf --user=root --datadir=$d --bind-address=127.0.0.1"
        f" --port={port} --socket=/tmp/mysqld.sock --pid-file=/tmp/mysqld.pid --loose-mysqlx=0",
        "/tmp/mysqld.sock",
        **more,
    )


def _mariadb(name: str, image: str, port: int, **more: Any) -> Flavour:
    """MariaDB as Debian installs it."""
    return Flavour(
        name,
        image,
        port,
        "/etc/mysql/mariadb.conf.d/99-event-log.cnf",
        "mkdir -p /run/mysqld && chown mysql /run/mysqld;"
        " [ -d /var/lib/mysql/mysql ] || mariadb-install-db --user=mysql --skip-test-db >/dev/null;"
        f" exec mariadbd --user=mysql --bind-address=127.0.0.1 --port={port}",
        "/run/mysqld/mysqld.sock",
        "BINLOG MONITOR",
        **more,
    )


def _image(variable: str, usual: str) -> str:
    return os.environ.get(variable, usual)


FLAVOURS = [
    _mysql("mysql-8.0", _image("EVENT_LOG_TEST_MYSQL_IMAGE", "openmrs-sample-mysql:dev"), 13341, long=False),
    _mariadb("mariadb-11.8", _image("EVENT_LOG_TEST_MARIADB_IMAGE", "event-log-test-mariadb:dev"), 13342, long=False),
    _mysql("mysql-5.7", _image("EVENT_LOG_TEST_MYSQL57_IMAGE", "event-log-test-mysql57:dev"), 13343, tls=False),
    _mysql(
        "mysql-9.7",
        _image("EVENT_LOG_TEST_MYSQL97_IMAGE", "eventlog-test-database:mysql-9.7"),
        13344,
        flush="FLUSH_TABLES",
    ),
    _mariadb(
        "mariadb-10.11",
        _image("EVENT_LOG_TEST_MARIADB1011_IMAGE", "eventlog-test-database:mariadb-10.11"),
        13345,
        tls=False,
    ),
]


def _available(image: str) -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode == 0


AVAILABLE = [flavour for flavour in FLAVOURS if _available(flavour.image)]
CASES = [
    pytest.param(flavour, id=flavour.name, marks=[pytest.mark.full] if flavour.long else []) for flavour in AVAILABLE
]


class Server:
    """A running server: SQL as its administrator, and the look at it."""

    def __init__(self, flavour: Flavour) -> None:
        self.flavour = flavour
        self._ready = self._administered = False
        self.name = f"mysql-source-test-{flavour.name}-{os.getpid()}"
        self.wanted = Wanted("127.0.0.1", flavour.port, "event_log", "openmrs", ("person", "patient"))

    def start(self) -> None:
        _docker(
            "run", "--detach", "--name", self.name, "--network", "host", "--user", "0:0", "--entrypoint", "sh",
            self.flavour.image, "-c", self.flavour.start,
        )  # fmt: skip
        self.wait()
        self.execute(SCHEMA)
        self.execute(
            f"CREATE USER {ADMIN}@localhost IDENTIFIED BY '{PASSWORD}';"
            f" GRANT ALL PRIVILEGES ON *.* TO {ADMIN}@localhost WITH GRANT OPTION"
        )
        self._administered = True

    def remove(self) -> None:
        """Away with it and its data."""
        subprocess.run(["docker", "rm", "--force", "--volumes", self.name], capture_output=True, check=False)

    @property
    def socket(self) -> str:
        """The server's socket as this host sees it: through the root directory of its process."""
        pid = _docker("inspect", "--format", "{{.State.Pid}}", self.name).stdout.strip()
        return f"/proc/{pid}/root{self.flavour.socket}"

    def shell(self, command: str) -> str:
        """Run a command inside."""
        return _docker("exec", self.name, "sh", "-c", command).stdout

    def wait(self) -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                self.execute("SELECT 1")
                return
            except (AssertionError, pymysql.err.OperationalError):
                time.sleep(0.2)
        logs = _docker("logs", "--tail", "30", self.name)
        pytest.fail(f"{self.name} does not answer on {self.flavour.port}\n{logs.stdout}{logs.stderr}")

    def execute(self, sql: str) -> str:
        """Run SQL as the administrator: at first over MariaDB's socket, or as MySQL's root without a password."""
        if self.flavour.mariadb and not self._administered:
            done = subprocess.run(
                ["docker", "exec", "-i", self.name, "mariadb", "-N"],
                input=sql, capture_output=True, text=True, check=False, timeout=30,
            )  # fmt: skip
            assert done.returncode == 0, f"{done.stderr}\n{sql}"
            return done.stdout
        session = pymysql.connect(
            host="127.0.0.1", port=self.flavour.port, client_flag=CLIENT.MULTI_STATEMENTS, autocommit=True,
            user=ADMIN if self._administered else "root", password=PASSWORD if self._administered else "",
        )  # fmt: skip
        lines: List[str] = []
        with session, session.cursor() as cursor:
            cursor.execute(sql)
            while True:
                lines += ["\t".join(map(str, row)) for row in cursor.fetchall()]
                if not cursor.nextset():
                    return "\n".join(lines)

    def paste(self, judged: Assessment) -> None:
        """Do what the remedy says, as its reader would."""
        if judged.remedy.sql:
            self.execute(judged.remedy.sql.replace(PLACEHOLDER, PASSWORD))
        if judged.remedy.my_cnf:
            subprocess.run(
                ["docker", "exec", "-i", self.name, "sh", "-c", f"cat >> {self.flavour.drop_in}"],
                input=judged.remedy.my_cnf, text=True, check=True, timeout=30,
            )  # fmt: skip
            if "Needs a restart" in judged.remedy.my_cnf:
                _docker("restart", self.name)
                self.wait()

    def made_ready(self) -> Server:
        """The server after what two looks said to paste was pasted: the first can only see that nobody may log in."""
        if not self._ready:
            first = self.judge()
            assert [one.id for one in first.findings] == ["login_refused"]
            self.paste(first)
            second = self.judge()
            assert "login_refused" not in {one.id for one in second.findings}
            self.paste(second)
            self._ready = True
        return self

    def look(self, **changed: Any) -> Source:
        login = {name: changed.pop(name) for name in LOGIN_ONLY if name in changed}
        wanted = replace(self.wanted, **changed)
        known: Dict[str, Any] = {"port": wanted.port, "user": wanted.user, "password": PASSWORD}
        return read_source(Login("127.0.0.1", **{**known, **login}), wanted)

    def judge(self, **changed: Any) -> Assessment:
        source = self.look(**changed)
        wanted = replace(self.wanted, **{name: value for name, value in changed.items() if name not in LOGIN_ONLY})
        judged = assess(source, wanted)
        known = {one.id for one in judged.findings if one.id in self.flavour.known}
        assert known == set(self.flavour.known) or source.server is None
        return replace(judged, findings=tuple(one for one in judged.findings if one.id not in known))

    def ids(self, **changed: Any) -> Dict[str, str]:
        return {finding.id: finding.severity for finding in self.judge(**changed).findings}

    def state(self) -> str:
        """Everything that a look could have changed."""
        tables = "CHECKSUM TABLE openmrs.person, openmrs.patient, mysql.db;"
        return self.execute(f"SHOW GLOBAL VARIABLES; SHOW GRANTS FOR event_log@localhost; {tables}")


def _docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done


_STARTED: Dict[str, Server] = {}


def started(flavour: Flavour, config: pytest.Config) -> Server:
    """The running server of that flavour, which goes away with the test run."""
    if flavour.name not in _STARTED:
        server = Server(flavour)
        config.add_cleanup(server.remove)
        server.start()
        _STARTED[flavour.name] = server
    return _STARTED[flavour.name]

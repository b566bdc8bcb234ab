# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases that are unready or odd from their start: what is found is right, and the look changes nothing.

What can be had by a statement on a running server is in tests/integration/test_mysql_source.py: each grant missing,
wrong password, unknown table, view, table without primary key, empty database, versions.
"""

from __future__ import annotations

import contextlib
import re
import struct
import subprocess
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterator, List, Tuple

import pymysql
import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import Wanted
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import Login
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_read import read_source
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_source import Assessment, assess

from tests.helpers.server import Server, eventually

FIRST_PORT = 13390
PASSWORD = "only-for-the-test"
VOLATILE = re.compile(r"^(gtid_|innodb_buffer_pool_load|timestamp|last_|rand_seed|pseudo_|error_count|warning_count)")
LOGIN_ONLY = ("ssl_mode", "password")
SOUND = "--log-bin=bin --server-id=1 --binlog-format=ROW --sync-binlog=1 --binlog-expire-logs-seconds=2592000 "
SOUND_MARIADB = SOUND + "--binlog-legacy-event-pos=1 "
NO_PLAIN = "--require-secure-transport=ON"
ERROR, WARNING = "error", "warning"
BINLOG_OFF = {"binlog_off": ERROR, "function_creators": WARNING}
MARIADB_10_AS_INSTALLED = {**BINLOG_OFF, "binlog_format": ERROR, "sync_binlog": WARNING}
MARIADB_AS_INSTALLED = {**MARIADB_10_AS_INSTALLED, "binlog_legacy_event_pos": ERROR}


@dataclass(frozen=True)
class Case:
    """A server, the look at it, and all that must be found."""

    name: str
    server: str
    options: str
    expected: Dict[str, str]
    docker: Tuple[str, ...] = ()
    afterwards: str = ""  # SQL once the account is there
    look: Dict[str, Any] = field(default_factory=dict)
    holds: str = ""  # a command that runs in the container meanwhile
    replica: int = 0  # an id under which another reader registers meanwhile
    long: bool = False


TUNED_TO_DEATH = (
    "--server-id=0 --binlog-format=STATEMENT --binlog-row-image=MINIMAL --binlog-expire-logs-seconds=3600"
    " --sync-binlog=0 --innodb-flush-log-at-trx-commit=0 --binlog-ignore-db=openmrs"
)
TUNED_FINDINGS = {
    "server_id_zero": ERROR,
    "binlog_format": ERROR,
    "binlog_row_image": ERROR,
    "binlog_filter": ERROR,
    "expiry_short": WARNING,
    "sync_binlog": WARNING,
    "innodb_flush_log_at_trx_commit": WARNING,
}
CASES = [
    Case("binlog_off", "mysql-9.7", "--skip-log-bin", BINLOG_OFF),
    Case(
        "everything_tuned_the_wrong_way",
        "mysql-9.7",
        TUNED_TO_DEATH + " --binlog-row-value-options=PARTIAL_JSON",
        {**TUNED_FINDINGS, "binlog_row_value_options": ERROR},
    ),
    Case("another_database_only", "mysql-9.7", "--binlog-do-db=billing", {"binlog_filter": ERROR}, long=True),
    Case("tls_required_and_not_given", "mysql-9.7", NO_PLAIN, {"tls_required": ERROR}, look={"ssl_mode": "disabled"}),
    Case("tls_required_and_given", "mysql-9.7", NO_PLAIN, {}, long=True),
    Case("skip_networking", "mysql-9.7", "--skip-networking", {"server_unreachable": ERROR}),
    Case("offline_mode", "mysql-9.7", "", {"login_failed": ERROR}, afterwards="SET GLOBAL offline_mode = ON"),
    Case("read_only", "mysql-9.7", "", {}, afterwards="SET GLOBAL super_read_only = ON", long=True),
    Case(
        "all_connections_taken",
        "mysql-9.7",
        "--max-connections=1",
        {"server_busy": ERROR},
        # Again until it is let in: whoever asks whether it is there takes the only connection, too, for a moment.
        holds="for try in $(seq 100); do mysql -uevent_log -p"
        + PASSWORD
        + " -e 'SELECT SLEEP(60)' && exit; sleep 0.1; done",
    ),
    Case(
        "names_with_odd_characters",
        "mysql-9.7",
        "",
        {},
        afterwards="CREATE DATABASE `open-mrs é`; CREATE TABLE `open-mrs é`.`pätient#1` (`a b` int PRIMARY KEY);"
        " GRANT SELECT ON `open-mrs é`.* TO event_log@localhost",
        look={"database": "open-mrs é", "tables": ("pätient#1",)},
    ),
    Case(
        "a_replica_has_the_server_id",
        "mysql-9.7",
        "",
        {"server_id_clash": WARNING},
        look={"server_id": 184200},
        replica=184200,
    ),
    Case("as_installed", "mariadb-11.8", "", MARIADB_AS_INSTALLED),
    Case(
        "everything_tuned_the_wrong_way_mariadb",
        "mariadb-11.8",
        "--log-bin=bin --log-bin-compress=1 " + TUNED_TO_DEATH.replace("--server-id=0", "--server-id=1"),
        {
            **{key: value for key, value in TUNED_FINDINGS.items() if key != "server_id_zero"},
            "binlog_legacy_event_pos": ERROR,
            "log_bin_compress": ERROR,
        },
        long=True,
    ),
    Case("expiry_by_size", "mariadb-11.8", SOUND_MARIADB + "--max-binlog-total-size=100M", {"expiry_by_size": WARNING}),
    Case(
        "no_tls_but_asked_for",
        "mariadb-11.8",
        SOUND_MARIADB + "--skip-ssl",
        {"tls_failed": ERROR},
        look={"ssl_mode": "required"},
    ),
    Case(
        "binlog_directory_of_somebody_else",
        "mariadb-11.8",
        SOUND_MARIADB,
        {"binlog_directory": WARNING},
        look={"binlog_directory": "/etc/mysql"},
    ),
    Case(
        "disk_almost_full",
        "mariadb-11.8",
        SOUND_MARIADB.replace("--log-bin=bin", "--log-bin=/binlog/bin"),
        {"disk_nearly_full": ERROR},
        docker=("--tmpfs", "/binlog:mode=1777,size=60m"),
        look={"binlog_directory": "/binlog"},
    ),
    Case(
        "names_in_small_letters",
        "mariadb-11.8",
        SOUND_MARIADB + "--lower-case-table-names=1",
        {},
        look={"tables": ("Person", "note")},
        long=True,
    ),
    Case("as_installed_on_debian_12", "mariadb-10.11", "", MARIADB_10_AS_INSTALLED, long=True),
    Case("expiry_of_an_hour", "mariadb-10.11", SOUND.replace("2592000", "3600"), {"expiry_short": WARNING}, long=True),
]


class Odd:
    """One such server in a container, with an account that may do all that the connector does."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.port = FIRST_PORT + CASES.index(case)  # the next one starts while this one is looked at
        self.server = Server(f"eventlog-test-odd-{case.name.replace('_', '-')}")
        self.client = "mysql" if case.server.startswith("mysql") else "mariadb"
        self.monitor = "REPLICATION CLIENT" if self.client == "mysql" else "BINLOG MONITOR"

    def start(self) -> None:
        program = "mysqld" if self.client == "mysql" else "mariadbd"
        run = (
            "mkdir -p /run/mysqld; chown mysql /run/mysqld;"
            f" exec {program} --user=mysql --bind-address=127.0.0.1 --port={self.port} --loose-mysqlx=0"
            f" {self.case.options}"
        )
        self.remove()
        started = subprocess.run(
            ["docker", "run", "--detach", "--name", self.server.name, "--network", "host", *self.case.docker,
             "--entrypoint", "sh", f"eventlog-test-database:{self.case.server}", "-c", run],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert started.returncode == 0, started.stderr
        eventually(lambda: self.sql("SELECT 1"), 120, f"{self.case.name} answers", pause=0.3)
        self.sql(
            "SET SESSION sql_log_bin = 0; CREATE DATABASE openmrs; CREATE TABLE openmrs.person (id int PRIMARY KEY);"
            " CREATE TABLE openmrs.note (id int PRIMARY KEY);"
            f" CREATE USER event_log@localhost IDENTIFIED BY '{PASSWORD}';"
            f" GRANT RELOAD, SHOW DATABASES, REPLICATION SLAVE, {self.monitor} ON *.* TO event_log@localhost;"
            " GRANT SELECT ON openmrs.* TO event_log@localhost;" + self.case.afterwards
        )

    def remove(self) -> None:
        subprocess.run(["docker", "rm", "--force", "--volumes", self.server.name], capture_output=True, check=False)

    def sql(self, statements: str) -> str:
        words: Tuple[str, ...] = ("--skip-column-names", "--batch", "--default-character-set=utf8mb4")
        if self.client == "mariadb":
            words = (*words, "--disable-ssl-verify-server-cert")
        return self.server.exec(self.client, *words, stdin=statements)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """While the case's command runs in the container, or its other reader is registered."""
        if self.case.replica:
            with self.registered(self.case.replica):
                yield
            return
        if not self.case.holds:
            yield
            return
        argv = ["docker", "exec", self.server.name, "sh", "-c", self.case.holds]
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            account = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'event_log'"
            try:
                eventually(lambda: self.sql(account).strip() not in ("", "0"), 60, "the other one is there", pause=0.2)
                yield
            finally:
                self.remove()
                process.wait(timeout=30)

    @contextlib.contextmanager
    def registered(self, number: int) -> Iterator[None]:
        """Say what a replica says before it reads: COM_REGISTER_REPLICA with an id and three empty names."""
        session: Any = pymysql.connect(host="127.0.0.1", port=self.port, user="event_log", password=PASSWORD)
        with session:
            session._execute_command(0x15, struct.pack("<IBBBHII", number, 0, 0, 0, 3306, 0, 0))
            session._read_ok_packet()
            yield

    def state(self) -> List[str]:
        """Variables, accounts and tables."""
        lines = [line for line in self.sql("SHOW GLOBAL VARIABLES").splitlines() if not VOLATILE.match(line)]
        accounts = "SELECT * FROM mysql.user ORDER BY User, Host; SELECT * FROM mysql.db ORDER BY Db, User, Host;"
        return [*lines, self.sql(accounts), self.sql("CHECKSUM TABLE openmrs.person, openmrs.note")]

    def judge(self) -> Assessment:
        asked = dict(self.case.look)
        login = {name: asked.pop(name) for name in LOGIN_ONLY if name in asked}
        if "binlog_directory" in asked:
            inspect = ["docker", "inspect", "-f", "{{.State.Pid}}", self.server.name]
            pid = subprocess.run(inspect, capture_output=True, text=True, check=True).stdout.strip()
            asked["binlog_directory"] = f"/proc/{pid}/root{asked['binlog_directory']}"
        known = {"database": "openmrs", "tables": ("person", "note"), **asked}
        wanted = Wanted("127.0.0.1", self.port, "event_log", **known)
        return assess(
            read_source(Login("127.0.0.1", port=self.port, user="event_log", password=PASSWORD, **login), wanted),
            wanted,
        )


def test_there_are_twenty() -> None:
    assert len(CASES) >= 20
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.fixture(scope="module")
def starting() -> Iterator[Callable[[Case], Future[Odd]]]:
    """Starts a case's server in the background, once; whatever is left goes at the end."""
    begun: Dict[str, Future[Odd]] = {}

    def started(case: Case) -> Odd:
        odd = Odd(case)
        try:
            odd.start()
        except BaseException:
            odd.remove()
            raise
        return odd

    with ThreadPoolExecutor(1) as pool:

        def start(case: Case) -> Future[Odd]:
            if case.name not in begun:
                begun[case.name] = pool.submit(started, case)
            return begun[case.name]

        yield start
    for one in begun.values():
        if one.exception() is None:
            one.result().remove()


@pytest.fixture
def odd(request: pytest.FixtureRequest, starting: Callable[[Case], Future[Odd]], case: Case) -> Iterator[Odd]:
    """The case's server; that of the next case begins to start meanwhile."""
    functions = [item for item in request.session.items if isinstance(item, pytest.Function)]
    chosen: List[Any] = [item.callspec.params["case"] for item in functions if "odd" in item.fixturenames]
    mine = starting(case)
    for following in chosen[chosen.index(case) + 1 :][:1]:
        starting(following)
    found = mine.result()
    yield found
    found.remove()


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=case.name, marks=(pytest.mark.full,) if case.long else ()) for case in CASES],
)
def test_the_finding_is_right_and_nothing_was_changed(odd: Odd, case: Case) -> None:
    with odd.held():
        before = odd.state()
        judged = odd.judge()
        after = odd.state()
    assert {finding.id: finding.severity for finding in judged.findings} == case.expected, judged.findings
    assert after == before
    assert PASSWORD not in judged.remedy.sql

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between the database servers that OpenMRS runs on. Pure: text in, answers out.

Facts: MySQL reference manual (SHOW BINARY LOG STATUS since 8.2, SHOW MASTER STATUS gone in 8.4, SHOW REPLICAS since
8.0.22, FLUSH_TABLES since 8.0.23, binlog_expire_logs_seconds since 8.0.1) and MariaDB's documentation (passwords that
expire since 10.4.3, BINLOG MONITOR since 10.5.2, binlog_expire_logs_seconds since 10.6.1, binlog_legacy_event_pos since
11.4).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional

MYSQL = "mysql"
MARIADB = "mariadb"
OTHER = "other"

TESTED = "tested"
ACCEPTED = "accepted"  # Debezium reads it; here only versions before and after it were tried
UNTESTED = "untested"
REFUSED = "refused"

_NAMES = {MYSQL: "MySQL", MARIADB: "MariaDB"}
# Servers that speak the protocol and call themselves MySQL, but write no binlog that Debezium reads.
_STRANGERS = ("tidb", "singlestore", "memsql", "clickhouse", "doris", "vitess")


@dataclass(frozen=True)
class Server:
    """A server's flavour and version, as it introduced itself."""

    flavour: str
    version: tuple[int, int, int]
    text: str

    @property
    def name(self) -> str:
        """How to call it in a message."""
        return f"{_NAMES.get(self.flavour, self.text)} {self.number}"

    @property
    def number(self) -> str:
        """The bare version."""
        return ".".join(str(part) for part in self.version)

    @property
    def mariadb(self) -> bool:
        """Whether it is MariaDB; everything else is spoken to as MySQL."""
        return self.flavour == MARIADB

    @property
    def status_statement(self) -> str:
        """The statement that shows the current binlog position."""
        if not self.mariadb and self.version >= (8, 2, 0):
            return "SHOW BINARY LOG STATUS"
        return "SHOW MASTER STATUS"

    @property
    def replicas_statement(self) -> str:
        """The statement that lists the registered replicas."""
        if not self.mariadb and self.version >= (8, 0, 22):
            return "SHOW REPLICAS"
        return "SHOW SLAVE HOSTS"

    @property
    def monitor_privilege(self) -> str:
        """The privilege behind the status statement and SHOW BINARY LOGS."""
        return "BINLOG MONITOR" if self.mariadb and self.version >= (10, 5, 2) else "REPLICATION CLIENT"

    @property
    def flush_privilege(self) -> str:
        """The privilege behind FLUSH TABLES WITH READ LOCK; RELOAD would allow RESET too."""
        return "FLUSH_TABLES" if not self.mariadb and self.version >= (8, 0, 23) else "RELOAD"

    @property
    def expiry_in_seconds(self) -> bool:
        """Whether binlog_expire_logs_seconds exists."""
        return self.version >= ((10, 6, 1) if self.mariadb else (8, 0, 1))

    @property
    def passwords_expire(self) -> bool:
        """Whether an account's password can be kept from expiring."""
        return self.version >= ((10, 4, 3) if self.mariadb else (5, 7, 4))

    @property
    def has_roles(self) -> bool:
        """Whether CURRENT_ROLE() has to be asked and named to SHOW GRANTS: MariaDB shows the active role by itself."""
        return not self.mariadb and self.version >= (8, 0, 0)

    @property
    def drop_in(self) -> str:
        """Where Debian and Ubuntu read a settings file last."""
        if self.mariadb:
            return "/etc/mysql/mariadb.conf.d/99-event-log.cnf"
        return "/etc/mysql/mysql.conf.d/zz-event-log.cnf"


def parse_server(text: str) -> Optional[Server]:
    """The server behind VERSION() or the greeting; None when there is no version in it.

    MariaDB before 11 puts "5.5.5-" in front of its version in the greeting, for clients of old.
    """
    lowered = text.lower()
    plain = re.sub(r"^5\.5\.5-(?=\d)", "", text) if "mariadb" in lowered else text
    found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", plain)
    if not found:
        return None
    flavour = MARIADB if "mariadb" in lowered else MYSQL
    if any(stranger in lowered for stranger in _STRANGERS):
        flavour = OTHER
    return Server(flavour, (int(found.group(1)), int(found.group(2)), int(found.group(3) or 0)), plain)


@dataclass(frozen=True)
class Support:
    """How far a server can be trusted with the event log."""

    level: str
    reason: str = ""


_BETWEEN = Support(ACCEPTED, "Debezium reads it; tried were only versions before and after it")


def support_of(server: Server) -> Support:
    """What Debezium 3.6 and our own trials say about a version."""
    if server.flavour == OTHER:
        return Support(REFUSED, "it speaks MySQL's protocol but writes no binlog that Debezium reads")
    version = server.version[:2]
    return _mariadb_support(version) if server.mariadb else _mysql_support(version)


def _mysql_support(version: tuple[int, int]) -> Support:
    if version < (5, 7):
        return Support(
            REFUSED, "Debezium 3.6 does not support versions below 5.7; move the database to MySQL 8.0 or later"
        )
    if version == (5, 7):
        return Support(
            UNTESTED, "Debezium does not support 5.7; snapshot, streaming and DDL worked when tried on 5.7.22"
        )
    if version in ((8, 0), (9, 7)):
        return Support(TESTED)
    if (8, 4) <= version < (9, 7):
        return _BETWEEN
    return Support(UNTESTED, "only 8.0 and 9.7 were tried")


def _mariadb_support(version: tuple[int, int]) -> Support:
    if version < (10, 2):
        return Support(
            REFUSED, "MariaDB below 10.2 cannot be read by Debezium 3.6; move the database to 10.11 or later"
        )
    if version in ((10, 11), (11, 8)):
        return Support(TESTED)
    if (11, 4) <= version < (11, 8):
        return _BETWEEN
    return Support(UNTESTED, "only 10.11 and 11.8 were tried")

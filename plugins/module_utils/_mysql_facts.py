# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was wanted, what was seen and what was found: the words that reading, judging and remedy share. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping, Optional

from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_grants import Grants
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_server import Server

ERROR = "error"
WARNING = "warning"
INFO = "info"

# Kinds of a failed connection.
UNREACHABLE = "unreachable"
NOT_A_DATABASE = "not_a_database"
LOGIN = "login"
HOST_REFUSED = "host_refused"
ACCOUNT_UNUSABLE = "account_unusable"
PLUGIN = "plugin"
TLS = "tls"
TLS_REQUIRED = "tls_required"
BUSY = "busy"
LOST = "lost"
OTHER = "other"

# Answers of a server, by number (MySQL and MariaDB error reference).
ACCESS_DENIED_TO_DATABASE = 1044
UNKNOWN_DATABASE = 1049
TABLE_DENIED = (1142, 1143, 1044)
NO_SUCH_TABLE = (1146, 1049)
PRIVILEGE_NEEDED = (1227, 1045)
NO_BINLOG = 1381

DAY = 86400

# What Debezium's reader of the binary log can log in with.
READABLE_PLUGINS = ("mysql_native_password", "caching_sha2_password")


@dataclass(frozen=True)
class Wanted:
    """What the connector will be asked to do, and how strictly to look."""

    host: str
    port: int
    user: str
    database: str
    tables: tuple[str, ...] = ()
    unix_socket: str = ""
    server_id: int = 0
    allow_untested: bool = False
    message_limit: int = 1048576
    longest_outage_days: int = 14
    binlog_directory: str = ""
    check_access: bool = True

    @property
    def address(self) -> str:
        """The database server, for messages."""
        return self.unix_socket or f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Refusal:
    """A statement that the server refused, in its own words."""

    statement: str
    code: int
    message: str


@dataclass(frozen=True)
class Failure:
    """Why nobody could log in."""

    kind: str
    code: int
    message: str


@dataclass(frozen=True)
class Column:
    """A column as information_schema shows it. ``key``: whether it is in the key that Debezium gives the events."""

    name: str
    type: str
    key: bool = False


@dataclass(frozen=True)
class Table:
    """A table or view as information_schema shows it."""

    name: str
    kind: str = "BASE TABLE"
    engine: str = "InnoDB"
    primary_key: tuple[str, ...] = ()
    wide_columns: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()


@dataclass(frozen=True)
class BinlogFile:
    """A binlog file that is still there."""

    name: str
    size: int
    created: Optional[int] = None  # seconds since 1970; only looked up for some


@dataclass(frozen=True)
class Disk:
    """The disk that holds the binary log. `separate` is whether the tables lie on another one; None is unknown."""

    directory: str
    total: int
    free: int
    separate: Optional[bool] = None


@dataclass(frozen=True)
class Replica:
    """A replica as it registered itself."""

    server_id: int
    host: str = ""
    uuid: str = ""


@dataclass(frozen=True)
class TimeZone:
    """The clock behind DATETIME columns."""

    name: str
    system: str
    utc_offset_minutes: int


@dataclass(frozen=True)
class Source:
    """A database server as the capture account sees it. `refusals` is keyed by what was tried."""

    server: Optional[Server] = None
    failure: Optional[Failure] = None
    account: str = ""
    tls: str = ""
    tls_problem: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    time_zone: Optional[TimeZone] = None
    binlog_position: str = ""
    binlog_do_db: tuple[str, ...] = ()
    binlog_ignore_db: tuple[str, ...] = ()
    binlog_files: Optional[tuple[BinlogFile, ...]] = None
    databases: tuple[str, ...] = ()
    visible_tables: tuple[str, ...] = ()
    tables: Mapping[str, Table] = field(default_factory=dict)
    grants: Grants = field(default_factory=Grants)
    active_roles: str = ""
    replicas: Optional[tuple[Replica, ...]] = None
    refusals: Mapping[str, Refusal] = field(default_factory=dict)
    now: Optional[int] = None
    disk: Optional[Disk] = None
    disk_problem: str = ""
    plugin: str = ""
    tried: tuple[str, ...] = ()

    def number(self, variable: str) -> Optional[float]:
        """A variable as a number; None when the server does not have it. ON and OFF count as 1 and 0."""
        value = self.variables.get(variable)
        if value is None:
            return None
        try:
            return float(value)
        except ValueError:
            return {"ON": 1.0, "OFF": 0.0}.get(value.upper())

    def text(self, variable: str) -> Optional[str]:
        """A variable in capitals; None when the server does not have it."""
        value = self.variables.get(variable)
        return None if value is None else value.upper()

    @property
    def expiry_seconds(self) -> Optional[float]:
        """How long binlog files are kept, whatever the variable of that version is; 0 is for ever, None unknown.

        Where both variables exist the one in seconds counts unless it is 0 (MySQL 8.0); MariaDB keeps them equal.
        """
        if self.text("binlog_expire_logs_auto_purge") == "OFF":
            return 0.0
        seconds, days = self.number("binlog_expire_logs_seconds"), self.number("expire_logs_days")
        if seconds:
            return seconds
        return days * DAY if days is not None else seconds


@dataclass(frozen=True)
class Setting:
    """A server variable and the value it needs."""

    name: str
    value: str
    restart: bool = False


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong or worth knowing. `settings`, `grants` and `login` are what the remedy is made of."""

    id: str
    severity: str
    what: str
    why: str
    fix: str
    settings: tuple[Setting, ...] = ()
    global_grants: tuple[str, ...] = ()
    select: bool = False
    login: bool = False


def describe_finding(finding: Finding) -> dict[str, str]:
    """A finding as the module returns it."""
    return {
        "id": finding.id,
        "severity": finding.severity,
        "what": finding.what,
        "why": finding.why,
        "fix": finding.fix,
    }

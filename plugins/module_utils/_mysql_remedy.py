# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes what the owner of the database can paste: a settings file and SQL, for that flavour and version. Pure.

No password ever gets in: the SQL holds a placeholder.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterable, Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_expiry import days_in_the_way, expiry_days
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import (
    ERROR,
    WARNING,
    Finding,
    Setting,
    Source,
    Wanted,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_grants import pattern, quote
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_server import Server
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_settings import recommended

PLACEHOLDER = "<password of the capture account>"
_ONLY_IF_WORSE = ("log_bin", "server_id", "expire_logs_days", "binlog_expire_logs_seconds")
SECONDS = "binlog_expire_logs_seconds"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_GLOBAL_ORDER = (
    "RELOAD",
    "FLUSH_TABLES",
    "SHOW DATABASES",
    "REPLICATION SLAVE",
    "REPLICATION CLIENT",
    "BINLOG MONITOR",
)


@dataclass(frozen=True)
class Remedy:
    """Texts to paste; empty when there is nothing to do."""

    my_cnf: str = ""
    sql: str = ""


def remedy(source: Source, wanted: Wanted, findings: Iterable[Finding]) -> Remedy:
    """What would answer all errors and warnings at once."""
    server = source.server
    serious = [finding for finding in findings if finding.severity in (ERROR, WARNING)]
    login = any(finding.login for finding in serious)
    settings = _unique(setting for finding in serious for setting in finding.settings)
    unread = login and not source.variables
    if unread and server:
        settings = recommended(server, expiry_days(wanted))
    my_cnf = _my_cnf(server, settings, unread) if server else ""
    return Remedy(my_cnf, _sql(source, wanted, serious, () if unread else settings))


def _my_cnf(server: Server, settings: Sequence[Setting], unread: bool) -> str:
    if not settings:
        return ""
    # What is not known to be wrong is not touched: another log_bin starts a new series of files, another server_id
    # confuses replicas, and a shorter expiry removes files.
    doubtful = [setting for setting in settings if unread and setting.name in _ONLY_IF_WORSE]
    restart = [setting.name for setting in settings if setting.restart and setting not in doubtful]
    lines = [
        f"# Event log: settings for {server.name}.",
        f"# Add them to a file of its own that is read last, on Debian and Ubuntu {server.drop_in};",
        "# in a container, in its conf.d directory. Your own my.cnf stays as it is.",
    ]
    if restart:
        lines.append(f"# Needs a restart of the database: {', '.join(restart)}.")
    lines.append("[mysqld]")
    lines += [_line(setting) for setting in settings if setting not in doubtful]
    if doubtful:
        lines.append(
            "# Nobody could log in to see the present values. Without the #, only if log_bin is OFF, server_id is 0,"
        )
        lines.append("# or files are removed sooner than this:")
        lines += [f"#{_line(setting)}" for setting in doubtful]
    return "\n".join(lines) + "\n"


def _line(setting: Setting) -> str:
    return f"{setting.name} = {setting.value}".rstrip()


def _sql(source: Source, wanted: Wanted, findings: Sequence[Finding], settings: Sequence[Setting]) -> str:
    lines: list[str] = []
    if settings and not any(setting.restart for setting in settings):
        lines.append("-- At once, until the file above is read at the next start:")
        if days_in_the_way(source) and any(setting.name == SECONDS for setting in settings):
            lines.append("SET GLOBAL expire_logs_days = 0;")  # else the seconds are refused (error 3683 or 11079)
        lines += [f"SET GLOBAL {setting.name} = {_value(setting.value)};" for setting in settings]
    account = quote_account(source, wanted)
    privileges = {privilege for finding in findings for privilege in finding.global_grants}
    select = any(finding.select for finding in findings)
    if any(finding.login for finding in findings):
        lines.append(
            "-- Put the real password in place of the placeholder. An account of that name gets this password:"
        )
        lines.append("-- make sure that nothing else, such as OpenMRS itself, logs in with it.")
        lines.append(f"CREATE USER IF NOT EXISTS {account} IDENTIFIED BY {_text(PLACEHOLDER)};")
        lines.append(f"ALTER USER {account} IDENTIFIED BY {_text(PLACEHOLDER)};")
        if any(finding.id == "account_unusable" for finding in findings):
            lines.append(f"ALTER USER {account} ACCOUNT UNLOCK;")
            lines.append(f"ALTER USER {account} PASSWORD EXPIRE NEVER;")
        # Every server understands REPLICATION CLIENT; newer MariaDB calls it BINLOG MONITOR.
        monitor = source.server.monitor_privilege if source.server else "REPLICATION CLIENT"
        flush = source.server.flush_privilege if source.server else "RELOAD"
        privileges = {flush, "SHOW DATABASES", "REPLICATION SLAVE", monitor}
        select = True
    if privileges:
        ordered = sorted(privileges, key=_GLOBAL_ORDER.index)
        lines.append(f"GRANT {', '.join(ordered)} ON *.* TO {account};")
    if select:
        lines.append(f"GRANT SELECT ON {_database_pattern(source, wanted.database)}.* TO {account};")
    if not lines:
        return ""
    return "\n".join(["-- As an administrator of the database, for example with: sudo mysql", *lines]) + "\n"


def quote_account(source: Source, wanted: Wanted) -> str:
    """The account as the server knows it, else as its refusal named it, else for the host that the address suggests."""
    local = wanted.unix_socket or wanted.host in _LOOPBACK
    user, host = wanted.user, "localhost" if local else "%"
    if "@" in source.account:
        user, host = source.account.rsplit("@", 1)
    elif source.failure is not None:
        named = re.search(r"'[^']*'@'([^']+)'", source.failure.message) or re.search(
            r"[Hh]ost '([^']+)'", source.failure.message
        )
        host = named.group(1) if named else host
    return f"{_text(user)}@{_text(host)}"


def _database_pattern(source: Source, database: str) -> str:
    """In a grant `_` and `%` of a database's name are wildcards, unless the server has partial revokes switched on."""
    return quote(database if source.text("partial_revokes") == "ON" else pattern(database))


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _value(value: str) -> str:
    return value if value.isdigit() else _text(value)


def _unique(settings: Iterable[Setting]) -> tuple[Setting, ...]:
    found: dict[str, Setting] = {}
    for setting in settings:
        found.setdefault(setting.name, setting)
    return tuple(found.values())

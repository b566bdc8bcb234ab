# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges what the capture account may do and what the tables look like. Pure; every rule may answer with several.

Grants that Debezium 3.6 uses: SELECT and SHOW DATABASES for the first reading, RELOAD (MySQL 8.0.23 and later:
FLUSH_TABLES is enough) for its consistent start (FLUSH TABLES WITH READ LOCK), REPLICATION SLAVE to read the binlog,
and REPLICATION CLIENT (MariaDB: BINLOG MONITOR) for the status statements.
"""

from __future__ import annotations

import difflib
from typing import Iterable

from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import (
    ERROR,
    INFO,
    NO_BINLOG,
    NO_SUCH_TABLE,
    PRIVILEGE_NEEDED,
    READABLE_PLUGINS,
    TABLE_DENIED,
    UNKNOWN_DATABASE,
    WARNING,
    Finding,
    Source,
    Wanted,
)

GRANT = "Run the GRANT below."


def account(source: Source, wanted: Wanted) -> list[Finding]:
    """How the account logs in, and its privileges on the whole server."""
    found = _plugin(source, wanted)
    monitor = source.server.monitor_privilege if source.server else "REPLICATION CLIENT"
    for key in ("binlog_status", "binary_logs"):
        refusal = source.refusals.get(key)
        if refusal and refusal.code != NO_BINLOG:
            found.append(
                _grant(
                    "grant_replication_client",
                    monitor,
                    f"{refusal.statement} was refused: {refusal.message}.",
                    "The connector asks for the binary log's position and files at every start.",
                )
            )
            break
    return found + _binlog(source, wanted) + _flush(source, wanted) + _show_databases(source, wanted)


def _plugin(source: Source, wanted: Wanted) -> list[Finding]:
    if not wanted.check_access or source.plugin in ("", *READABLE_PLUGINS):
        return []
    return [unreadable_plugin(_account(source, wanted), source.plugin)]


def unreadable_plugin(account: str, plugin: str) -> Finding:
    """An account that can log in, but not where the binary log is read."""
    return Finding(
        "account_plugin",
        ERROR,
        f"{account} logs in by {plugin}.",
        f"Debezium's reader of the binary log knows {' and '.join(READABLE_PLUGINS)} only: the first reading of the "
        "tables works, and then nothing more comes.",
        "Drop the account and have it made anew, or give it one of these plugins (ALTER USER).",
    )


def _binlog(source: Source, wanted: Wanted) -> list[Finding]:
    """The binary log itself: its head was asked for, unless it is off."""
    why = "Without it the server does not send its binary log."
    refusal = source.refusals.get("binlog_dump")
    if refusal is None:
        if "binlog_dump" in source.tried or source.grants.allows("REPLICATION SLAVE"):
            return []
        what = f"{_account(source, wanted)} has no REPLICATION SLAVE."
        return [_grant("grant_replication_slave", "REPLICATION SLAVE", what, why)]
    if refusal.code in PRIVILEGE_NEEDED:
        what = f"{_account(source, wanted)} may not read the binary log: {refusal.message}."
        return [_grant("grant_replication_slave", "REPLICATION SLAVE", what, why)]
    if source.number("server_id") == 0:  # is found by itself
        return []
    return [
        Finding(
            "binlog_unreadable",
            ERROR,
            f"The server does not send its binary log: {refusal.message} (error {refusal.code}).",
            "The connector reads it in the same way.",
            "Look into the database's error log; a file may be missing or broken.",
        )
    ]


def _flush(source: Source, wanted: Wanted) -> list[Finding]:
    """Flushing one table that does not exist asks for the same privilege as flushing all of them, and does nothing."""
    refusal = source.refusals.get("flush")
    denied = refusal is not None and refusal.code in PRIVILEGE_NEEDED
    if not denied and ("flush" in source.tried or any(map(source.grants.allows, ("RELOAD", "FLUSH_TABLES")))):
        return []
    privilege = source.server.flush_privilege if source.server else "RELOAD"
    said = f"{refusal.statement} was refused: {refusal.message}" if refusal else f"it has no {privilege}"
    return [
        _grant(
            "grant_reload",
            privilege,
            f"{_account(source, wanted)} may not flush tables: {said}.",
            "The first reading of the tables starts with FLUSH TABLES WITH READ LOCK, for a moment.",
        )
    ]


def _show_databases(source: Source, wanted: Wanted) -> list[Finding]:
    if source.grants.allows("SHOW DATABASES"):
        return []
    refusal = source.refusals.get("show_databases")
    visible = not refusal and wanted.database in source.databases
    what = (
        f"SHOW DATABASES was refused: {refusal.message}."
        if refusal
        else f"{_account(source, wanted)} has no SHOW DATABASES."
    )
    why = "The connector finds its tables through the list of databases"
    return [
        Finding(
            "grant_show_databases",
            WARNING if visible else ERROR,
            what,
            why + (", which shows this one only for as long as SELECT is granted on it." if visible else "."),
            GRANT,
            global_grants=("SHOW DATABASES",),
        )
    ]


def database(source: Source, wanted: Wanted) -> list[Finding]:
    """The database itself: known, with tables in it, readable."""
    refusal = source.refusals.get("database")
    listed = wanted.database in source.databases
    if refusal and (refusal.code == UNKNOWN_DATABASE or (source.grants.allows("SHOW DATABASES") and not listed)):
        readable = source.grants.allows("SELECT", wanted.database)
        return [_unknown(source, wanted)] + ([] if readable else [_select(source, wanted, wanted.tables)])
    if refusal:
        return [_select(source, wanted, wanted.tables, exists=listed)]
    if not source.visible_tables:
        return [
            Finding(
                "database_empty",
                ERROR,
                f"Database {wanted.database} has no tables that {_account(source, wanted)} may see.",
                "There is nothing to capture.",
                "Install OpenMRS first, correct the database's name, or grant SELECT on it.",
                select=not source.grants.allows("SELECT", wanted.database),
            )
        ]
    return []


def tables(source: Source, wanted: Wanted) -> list[Finding]:
    """The configured tables: there, readable, and what they lack."""
    if "database" in source.refusals or not source.visible_tables:
        return []
    denied, missing, odd = [], [], []
    for name in wanted.tables:
        refusal = source.refusals.get("table:" + name)
        if refusal is None:
            continue
        if refusal.code in NO_SUCH_TABLE:
            missing.append(name)
        elif refusal.code in TABLE_DENIED:
            denied.append(name)
        else:
            odd.append(f"{name} ({refusal.message})")
    found = []
    if denied:
        found.append(_select(source, wanted, denied))
    if missing:
        found.append(_missing(source, wanted, missing))
    if odd:
        found.append(
            Finding(
                "table_unreadable",
                ERROR,
                f"Tables that cannot be read: {'; '.join(odd)}.",
                "The connector's first reading would stop there.",
                "Repair or unlock the table, or leave it out of the list.",
            )
        )
    return found + _shapes(source, wanted)


def _shapes(source: Source, wanted: Wanted) -> list[Finding]:
    present = [source.tables[name] for name in wanted.tables if name in source.tables]
    base = [table for table in present if table.kind == "BASE TABLE"]
    found = []
    views = [table.name for table in present if table.kind != "BASE TABLE"]
    if views:
        found.append(
            Finding(
                "table_is_view",
                ERROR,
                f"Not a table but a view: {', '.join(views)}.",
                "Views write nothing to the binary log, so no event would ever come.",
                "Capture the tables that the view is made of.",
            )
        )
    keyless = [table.name for table in base if not table.primary_key]
    if keyless:
        found.append(
            Finding(
                "table_without_primary_key",
                WARNING,
                f"Tables without a primary key: {', '.join(keyless)}.",
                "Their events have no key: order is not kept per row, copies cannot be told apart, and the tables "
                "cannot be read again piece by piece.",
                "Add a primary key, or do not rely on these tables' events.",
            )
        )
    engines = [f"{table.name} ({table.engine})" for table in base if table.engine.upper() != "INNODB"]
    if engines:
        found.append(
            Finding(
                "table_engine",
                WARNING,
                f"Tables that are not InnoDB: {', '.join(engines)}.",
                "The first reading sees them change while it reads, and a rolled back change stays.",
                "ALTER TABLE ... ENGINE=InnoDB, at a quiet hour.",
            )
        )
    wide = [f"{table.name}.{column}" for table in base for column in table.wide_columns]
    if wide:
        found.append(
            Finding(
                "wide_columns",
                INFO,
                f"Columns that can hold more than one message takes ({wanted.message_limit} bytes): {', '.join(wide)}.",
                "One such value stops the connector if the topic and the producer do not allow its size.",
                "Leave the columns out, or raise the message size of topic and producer together.",
            )
        )
    return found


def _missing(source: Source, wanted: Wanted, names: list[str]) -> Finding:
    hints = [_with_hint(name, source.visible_tables) for name in names]
    return Finding(
        "table_missing",
        ERROR,
        f"No such table in {wanted.database}: {', '.join(hints)}.",
        "The connector would run and never send an event of it.",
        "Correct the list of tables. Tables of an OpenMRS module appear when the module is installed.",
    )


def _unknown(source: Source, wanted: Wanted) -> Finding:
    system = ("information_schema", "performance_schema", "mysql", "sys")
    others = ", ".join([name for name in source.databases if name not in system][:10])
    instead = f"; it has {others}" if others else ""
    return Finding(
        "database_unknown",
        ERROR,
        f"There is no database {wanted.database} on {wanted.address}{instead}.",
        "There is nothing to capture.",
        "Correct the database's name. Upper and lower case count on Linux.",
    )


def _select(source: Source, wanted: Wanted, names: Iterable[str], exists: bool = True) -> Finding:
    listed = ", ".join(names)
    listed = f" ({listed})" if listed else ""
    doubt = "" if exists else " The database may also not exist: this account cannot tell."
    return Finding(
        "grant_select",
        ERROR,
        f"{_account(source, wanted)} may not read database {wanted.database}{listed}.{doubt}",
        "The connector reads each table once in full and its structure at every start.",
        GRANT,
        select=True,
    )


def _grant(finding: str, privilege: str, what: str, why: str) -> Finding:
    return Finding(finding, ERROR, what, why, GRANT, global_grants=(privilege,))


def _account(source: Source, wanted: Wanted) -> str:
    name = f"Account {source.account or wanted.user}"
    if source.grants.roles and not source.active_roles:
        return name + " (whose roles are not active at login: SET DEFAULT ROLE)"
    return name


def _with_hint(name: str, known: tuple[str, ...]) -> str:
    lowered = {other.lower(): other for other in known}
    near = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.75)
    return f"{name} (did you mean {lowered[near[0]]}?)" if near else name

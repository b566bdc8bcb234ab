# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a source database through the capture account, with the statements that Debezium will run.

Nothing is written and nothing is locked: instead of FLUSH TABLES WITH READ LOCK a table that does not exist is flushed,
which asks for the same privilege; of the binary log only the heads of the oldest and the newest file are read. A
statement that is refused becomes part of the facts.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Mapping, Optional, Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_columns import columns_of
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_disk import with_disk
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import (
    BinlogFile,
    Refusal,
    Replica,
    Source,
    Table,
    TimeZone,
    Wanted,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_grants import Grants, parse_grants, quote
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import (
    ConnectError,
    Connection,
    Login,
    StatementError,
    open_connection,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_server import parse_server

VARIABLES = (
    "bind_address",
    "binlog_encryption",
    "binlog_expire_logs_auto_purge",
    "binlog_expire_logs_seconds",
    "binlog_format",
    "binlog_legacy_event_pos",
    "binlog_row_image",
    "binlog_row_metadata",
    "binlog_row_value_options",
    "binlog_space_limit",
    "binlog_transaction_compression",
    "character_set_server",
    "datadir",
    "enforce_gtid_consistency",
    "expire_logs_days",
    "gtid_domain_id",
    "gtid_mode",
    "gtid_strict_mode",
    "innodb_flush_log_at_trx_commit",
    "interactive_timeout",
    "log_bin",
    "log_bin_basename",
    "log_bin_compress",
    "log_bin_trust_function_creators",
    "log_replica_updates",
    "log_slave_updates",
    "lower_case_table_names",
    "max_allowed_packet",
    "max_binlog_size",
    "max_binlog_total_size",
    "net_read_timeout",
    "net_write_timeout",
    "partial_revokes",
    "read_only",
    "require_secure_transport",
    "server_id",
    "server_uuid",
    "skip_name_resolve",
    "skip_networking",
    "sync_binlog",
    "system_time_zone",
    "time_zone",
    "tls_version",
    "version_comment",
    "wait_timeout",
)
# Nobody has a table of that name, so flushing it closes nothing and waits for nobody.
NO_TABLE = "event log: no such table"
# The head of a file is one packet; a server that is slower than this has other worries.
_HEAD_TIMEOUT = 5
_WIDE_TYPES = ("mediumtext", "longtext", "mediumblob", "longblob", "json")


@dataclass
class _Seen:
    """Answers as they come in; what is refused is kept aside."""

    connection: Connection
    refusals: dict[str, Refusal] = field(default_factory=dict)

    def rows(self, key: str, statement: str, values: Sequence[Any] = ()) -> Optional[list[dict[str, Any]]]:
        """The rows, or None when the server refused."""
        try:
            return self.connection.query(statement, values)
        except StatementError as error:
            self.refusals[key] = error.refusal
            return None


def read_source(login: Login, wanted: Wanted) -> Source:
    """Everything that can be seen of the database; never raises for what the server says or does not say."""
    try:
        connection = open_connection(login)
    except ConnectError as error:
        return Source(server=error.server, failure=error.failure)
    try:
        return _read(connection, login, wanted)
    except ConnectError as error:
        return Source(server=connection.server, failure=error.failure)
    finally:
        connection.close()


def _read(connection: Connection, login: Login, wanted: Wanted) -> Source:
    seen = _Seen(connection)
    # A table that somebody alters right now must not hold this up.
    seen.rows("lock_wait_timeout", "SET SESSION lock_wait_timeout = 10")
    identity = (seen.rows("identity", "SELECT VERSION() AS version, CURRENT_USER() AS account") or [{}])[0]
    server = parse_server(str(identity.get("version", ""))) or connection.server
    connection.server = server
    cipher = seen.rows("tls", "SHOW SESSION STATUS LIKE 'Ssl_cipher'")
    roles = _active_roles(seen) if server.has_roles else ""
    if wanted.check_access:
        target = f"{quote(wanted.database)}.{quote(NO_TABLE)}"
        seen.rows("flush", "FLUSH LOCAL TABLES " + target)
    clock = seen.rows("now", "SELECT UNIX_TIMESTAMP() AS now")
    source = Source(
        server=server,
        account=str(identity.get("account") or ""),
        tls=str(cipher[0].get("Value") or "") if cipher else "",
        tls_problem=connection.tls_problem,
        variables=_variables(seen),
        time_zone=_time_zone(seen),
        grants=_grants(seen, roles),
        active_roles=roles,
        replicas=_replicas(seen, server.replicas_statement),
        now=int(clock[0]["now"]) if clock else None,
        plugin="" if login.unix_socket else connection.plugin,
        tried=("flush",) if wanted.check_access and "flush" not in seen.refusals else (),
    )
    source = _tables(seen, _heads(seen, login, _binlog(seen, source)), wanted)
    return with_disk(source, wanted.binlog_directory)


def _variables(seen: _Seen) -> dict[str, str]:
    marks = ", ".join(["%s"] * len(VARIABLES))
    rows = seen.rows("variables", "SHOW GLOBAL VARIABLES WHERE Variable_name IN (" + marks + ")", VARIABLES)
    return {str(row["Variable_name"]).lower(): str(row["Value"]) for row in rows or ()}


def _time_zone(seen: _Seen) -> Optional[TimeZone]:
    rows = seen.rows(
        "time_zone",
        "SELECT @@global.time_zone AS name, @@global.system_time_zone AS system_name,"
        " TIMESTAMPDIFF(MINUTE, UTC_TIMESTAMP(), NOW()) AS utc_offset",
    )
    if not rows:
        return None
    return TimeZone(str(rows[0]["name"]), str(rows[0]["system_name"]), int(rows[0]["utc_offset"]))


def _active_roles(seen: _Seen) -> str:
    """MySQL's list of active roles, quoted as GRANT wants it; empty without any."""
    rows = seen.rows("roles", "SELECT CURRENT_ROLE() AS roles")
    roles = str(rows[0]["roles"] or "") if rows else ""
    return "" if roles.upper() == "NONE" else roles


def _grants(seen: _Seen, roles: str) -> Grants:
    using = " USING " + roles if roles else ""
    rows = seen.rows("grants", "SHOW GRANTS FOR CURRENT_USER()" + using if using else "SHOW GRANTS")
    return parse_grants(str(next(iter(row.values()))) for row in rows or ())


def _replicas(seen: _Seen, statement: str) -> Optional[tuple[Replica, ...]]:
    rows = seen.rows("replicas", statement)
    if rows is None:
        return None
    found = []
    for row in rows:
        lowered = {name.lower(): value for name, value in row.items()}
        uuid = lowered.get("replica_uuid") or lowered.get("slave_uuid") or ""
        found.append(Replica(int(lowered.get("server_id") or 0), str(lowered.get("host") or ""), str(uuid)))
    return tuple(found)


def _binlog(seen: _Seen, source: Source) -> Source:
    statement = source.server.status_statement if source.server else "SHOW MASTER STATUS"
    status = (seen.rows("binlog_status", statement) or [{}])[0]
    files = seen.rows("binary_logs", "SHOW BINARY LOGS")
    return replace(
        source,
        binlog_position=f"{status['File']}:{status['Position']}" if "File" in status else "",
        binlog_do_db=_names(status.get("Binlog_Do_DB")),
        binlog_ignore_db=_names(status.get("Binlog_Ignore_DB")),
        binlog_files=None
        if files is None
        else tuple(BinlogFile(str(row["Log_name"]), int(row["File_size"])) for row in files),
    )


def _heads(seen: _Seen, login: Login, source: Source) -> Source:
    """The times of the newest and the oldest file, each in a session of its own. The newest says what is allowed."""
    if source.text("log_bin") == "OFF":
        return source
    files = list(source.binlog_files or ())
    names = list(dict.fromkeys([files[-1].name, files[0].name] if files else [""]))
    created = {}
    tried = source.tried
    for name in names:
        try:
            created[name] = _created(login, name)
            tried = (*source.tried, "binlog_dump")
        except StatementError as error:
            if name == names[0]:  # an older one may have expired just now
                seen.refusals["binlog_dump"] = error.refusal
                break
        except ConnectError:
            break
    dated = tuple(replace(file, created=created.get(file.name)) for file in files)
    return replace(source, tried=tried, binlog_files=None if source.binlog_files is None else dated)


def _created(login: Login, name: str) -> Optional[int]:
    connection = open_connection(replace(login, read_timeout=_HEAD_TIMEOUT, connect_timeout=_HEAD_TIMEOUT))
    try:
        return connection.binlog_created(name)
    finally:
        connection.close()


def _names(listed: Any) -> tuple[str, ...]:
    return tuple(name.strip() for name in str(listed or "").split(",") if name.strip())


def _tables(seen: _Seen, source: Source, wanted: Wanted) -> Source:
    databases = seen.rows("show_databases", "SHOW DATABASES") or []
    source = replace(source, databases=tuple(str(row["Database"]) for row in databases))
    if seen.rows("database", "USE " + quote(wanted.database)) is None:
        return replace(source, refusals=seen.refusals)
    columns = _by_table(
        seen,
        "SELECT TABLE_NAME AS t, COLUMN_NAME AS c FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s"
        " AND (DATA_TYPE IN (%s, %s, %s, %s, %s) OR CHARACTER_OCTET_LENGTH > %s) ORDER BY ORDINAL_POSITION",
        (wanted.database, *_WIDE_TYPES, wanted.message_limit),
    )
    keys = _by_table(
        seen,
        "SELECT TABLE_NAME AS t, COLUMN_NAME AS c FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = %s"
        " AND INDEX_NAME = 'PRIMARY' ORDER BY SEQ_IN_INDEX",
        (wanted.database,),
    )
    rows = seen.rows(
        "tables",
        "SELECT TABLE_NAME AS t, TABLE_TYPE AS kind, ENGINE AS engine FROM information_schema.TABLES"
        " WHERE TABLE_SCHEMA = %s ORDER BY TABLE_NAME",
        (wanted.database,),
    )
    known = {str(row["t"]): row for row in rows or ()}
    every = columns_of(seen.rows, wanted, keys)
    found = {}
    for name in wanted.tables:
        target = f"{quote(wanted.database)}.{quote(name)}"
        if seen.rows("table:" + name, f"SELECT * FROM {target} LIMIT 0") is None:  # noqa: S608 (quoted names)
            continue
        stored = _stored_name(name, known)
        if stored:
            row = known[stored]
            key, wide = tuple(keys.get(stored, ())), tuple(columns.get(stored, ()))
            if row["kind"] == "BASE TABLE":
                seen.rows("table:" + name, "SHOW CREATE TABLE " + target)
            found[name] = Table(stored, str(row["kind"]), str(row["engine"] or ""), key, wide, every.get(stored, ()))
    return replace(source, visible_tables=tuple(known), tables=found, refusals=seen.refusals)


def _by_table(seen: _Seen, statement: str, values: Sequence[Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in seen.rows("columns", statement, values) or ():
        found.setdefault(str(row["t"]), []).append(str(row["c"]))
    return found


def _stored_name(name: str, known: Mapping[str, Any]) -> str:
    """The name as stored: servers that do not tell cases apart answer to any."""
    if name in known:
        return name
    return next((other for other in known if other.lower() == name.lower()), "")

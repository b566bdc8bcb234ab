# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The source database as a repair needs it: where its binary log is now, and how much would be read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Dict, List, Sequence, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._errors import StateError
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import (
    ConnectError,
    Connection,
    Login,
    StatementError,
    open_connection,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_signal_table import SignalTable
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_signals import SignalSource
from ansible_collections.openmrs.event_log.plugins.module_utils._source_repair import Database


@dataclass(frozen=True)
class Captured:
    """What is read of the database. ``signal_table`` is DATABASE.TABLE, empty where there is none."""

    database: str
    tables: Sequence[str]
    signal_table: str = ""


def look(login: Login, captured: Captured) -> Database:
    """Look at the database as the capture account."""
    try:
        connection = open_connection(login)
    except ConnectError as error:
        raise StateError(
            f"the database at {login.host}:{login.port} cannot be asked, nothing was changed: {error}"
        ) from None
    try:
        seen = _look(connection, captured)
        # What has no primary key cannot be read in parts.
        keyless = seen.signals and SignalSource(login, captured.database).keyless(captured.tables)
        return replace(seen, signals=False) if keyless else seen
    except ConnectError as error:
        raise StateError(f"the database broke off, nothing was changed: {error}") from None
    finally:
        connection.close()


def _look(connection: Connection, captured: Captured) -> Database:
    status = (_rows(connection, connection.server.status_statement) or [{}])[0]
    return Database(
        position=f"{status['File']}:{status['Position']}" if status.get("File") else "",
        files={str(row["Log_name"]): int(row["File_size"]) for row in _rows(connection, "SHOW BINARY LOGS")},
        rows=_guess(connection, captured),
        signals=bool(captured.signal_table) and _may_read(connection, captured.signal_table),
    )


def _guess(connection: Connection, captured: Captured) -> Dict[str, int]:
    rows = _rows(
        connection,
        "SELECT table_name AS name, table_rows AS rows_there FROM information_schema.tables WHERE table_schema = %s",
        (captured.database,),
    )
    wanted = {table.lower() for table in captured.tables}
    return {str(row["name"]): int(row["rows_there"] or 0) for row in rows if str(row["name"]).lower() in wanted}


def _rows(connection: Connection, statement: str, values: Tuple[Any, ...] = ()) -> List[Dict[str, Any]]:
    """Return nothing where the server refuses: with log_bin off it has no answer."""
    try:
        return connection.query(statement, values)
    except StatementError:
        return []


def _may_read(connection: Connection, name: str) -> bool:
    database, _, table = name.partition(".")
    try:
        connection.query(f"SELECT 1 FROM {SignalTable(database, table).quoted} LIMIT 1")  # noqa: S608 - a quoted name
    except StatementError:
        return False
    return True

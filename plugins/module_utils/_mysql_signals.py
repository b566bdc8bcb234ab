# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes signals for a connector into the source database, as the capture account."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Any, List, Mapping, Sequence, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import (
    ConnectError,
    Login,
    StatementError,
    open_connection,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_signal_table import SignalTable

KEYLESS = (
    "SELECT COUNT(*) AS keyed FROM information_schema.statistics "
    "WHERE table_schema = %s AND table_name = %s AND index_name = 'PRIMARY'"
)


# What may change columns. TRUNCATE and indexes do not.
_DDL = re.compile(r"(?i)\b(?:ALTER|CREATE|DROP|RENAME)\b[^;]*?\b(?:TABLE|DATABASE|SCHEMA)\b")


class SignalError(EventLogError):
    """The signal could not be written, and what to do about that."""


@dataclass(frozen=True)
class SignalSource:
    """The source database of one connector."""

    login: Login
    database: str

    def keyless(self, tables: Sequence[str]) -> List[str]:
        """Those of the tables that have no primary key, or are not there."""
        with _Session(self.login) as session:
            return [table for table in tables if not session.ask(KEYLESS, self.database, table)[0]["keyed"]]

    def signal(self, table: str, key: str, kind: str, data: str) -> Tuple[str, int]:
        """Write a signal; the position of the binary log behind it.

        The statement that makes the table comes first although it is there: it goes through the binary log, so that a
        connector that began before there was such a table learns what it looks like. Without it the signal would end
        the connector's task ("... whose schema isn't known to this connector"): seen with Debezium 3.6.
        """
        named = SignalTable.parse(table)
        with _Session(self.login) as session:
            session.ask(named.statements[1])
            session.write(named, key, kind, data)
            return session.position()

    def mark(self, table: str) -> Tuple[str, int]:
        """Write something that the connector sees, so that its offset moves; the position of the binary log before."""
        named = SignalTable.parse(table)
        with _Session(self.login) as session:
            session.ask(named.statements[1])
            before = session.position()
            data = '{"message": "The event log asks how far it is."}'
            session.write(named, str(uuid.uuid4()), "log", data)
            return before

    def schema_changes(self, file: str, position: int, tables: Sequence[str]) -> List[str]:
        """The statements behind a position of the binary log that may change what the tables look like."""
        found: List[str] = []
        with _Session(self.login) as session:
            files = [str(row["Log_name"]) for row in session.ask("SHOW BINARY LOGS")]
            for name in files[files.index(file) :] if file in files else files:
                start = f" FROM {int(position)}" if name == file else ""
                rows = session.ask(f"SHOW BINLOG EVENTS IN %s{start}", name)
                found += [str(row["Info"]) for row in rows if changes_schema(row, self.database, tables)]
        return found

    def tidy(self, table: str) -> None:
        """Remove what earlier snapshots have left: two rows for each part that was read."""
        named = SignalTable.parse(table)
        with _Session(self.login) as session:
            session.ask(named.statements[1])
            which = "type LIKE 'snapshot-window-%' OR type = 'log'"
            session.ask(f"DELETE FROM {named.quoted} WHERE {which}")  # noqa: S608 - a quoted name
            session.ask("COMMIT")


def changes_schema(event: Mapping[str, Any], database: str, tables: Sequence[str]) -> bool:
    """Whether an event of the binary log, as SHOW BINLOG EVENTS tells it, is a statement about one of the tables."""
    said = str(event.get("Info") or "")
    if not str(event.get("Event_type") or "").startswith("Query") or not _DDL.search(said):
        return False
    # The database alone is in every statement ("use `openmrs`; ..."), so it counts only where it is made or dropped.
    whole = rf"(?:DATABASE|SCHEMA)\s[^;]*{re.escape(database)}"
    names = "|".join(re.escape(table) for table in tables)
    return re.search(rf"(?i)(?<![\w$])(?:{names})(?![\w$])|{whole}", said) is not None


class _Session:
    """A connection whose failures are told in the module's own errors."""

    def __init__(self, login: Login) -> None:
        self._login = login

    def __enter__(self) -> _Session:
        try:
            self._connection = open_connection(self._login)
        except ConnectError as error:
            raise SignalError(
                f"{self._login.user} cannot log in to the database at {self._login.host}:{self._login.port}: {error}"
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def position(self) -> Tuple[str, int]:
        """The end of the binary log."""
        rows = self.ask(self._connection.server.status_statement)
        if not rows:
            raise SignalError("The database writes no binary log (log_bin is off)")
        return str(rows[0]["File"]), int(rows[0]["Position"])

    def write(self, table: SignalTable, key: str, kind: str, data: str) -> None:
        """Write one signal."""
        statement = f"INSERT INTO {table.quoted} (id, type, data) VALUES (%s, %s, %s)"  # noqa: S608 - a quoted name
        self.ask(statement, key, kind, data)
        self.ask("COMMIT")

    def ask(self, statement: str, *values: str) -> List[dict[str, Any]]:
        try:
            return self._connection.query(statement, values)
        except ConnectError as error:
            raise SignalError(f"The connection to the database broke off: {error}") from error
        except StatementError as error:
            raise SignalError(
                f"The database refused {statement!r} to {self._login.user}: {error.refusal.message} (error "
                f"{error.refusal.code}). The account needs SELECT, INSERT, DELETE and CREATE on the table of signals"
            ) from error

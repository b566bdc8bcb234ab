# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table in the source database through which a connector is asked for incremental snapshots.

Its columns are those that Debezium wants (3.6, "Sending signals to a Debezium connector"). It lies in a database of its
own, so that nothing is added to the one of OpenMRS, and neither its dump nor its restore touches it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_grants import quote
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import Connection, StatementError

COLUMNS = ("id", "type", "data")
_UNKNOWN = (1049, 1146)  # no such database, no such table
_DENIED = (1044, 1142)
_NAME = re.compile(r"[A-Za-z0-9_]{1,64}\.[A-Za-z0-9_]{1,64}")


class SignalTableError(EventLogError):
    """The table cannot be dealt with, and what to do about that."""


@dataclass(frozen=True)
class SignalTable:
    """Its name, in two parts."""

    database: str
    table: str

    @classmethod
    def parse(cls, name: str) -> SignalTable:
        """Take ``database.table``, in plain letters: the name stands in Debezium's configuration as well."""
        if not _NAME.fullmatch(name):
            raise SignalTableError(f"{name!r} is not database.table, in letters, digits and underscores.")
        return cls(*name.split("."))

    @property
    def name(self) -> str:
        return f"{self.database}.{self.table}"

    @property
    def quoted(self) -> str:
        return f"{quote(self.database)}.{quote(self.table)}"

    @property
    def statements(self) -> tuple[str, str]:
        """What makes it, where it is not there."""
        return (
            f"CREATE DATABASE IF NOT EXISTS {quote(self.database)}",
            f"CREATE TABLE IF NOT EXISTS {self.quoted} (id VARCHAR(64) NOT NULL PRIMARY KEY, "
            "type VARCHAR(32) NOT NULL, data VARCHAR(2048) NULL)",
        )


def columns_of(connection: Connection, table: SignalTable) -> Optional[list[str]]:
    """The names of its columns; None where there is no such table, or none that this account may see."""
    try:
        rows = connection.query(f"SHOW COLUMNS FROM {table.quoted}")
    except StatementError as error:
        if error.refusal.code in (*_UNKNOWN, *_DENIED):
            return None
        raise SignalTableError(f"{table.name} cannot be looked at: {error.refusal.message}") from error
    return [str(row["Field"]).lower() for row in rows]


def ensure(connection: Connection, table: SignalTable, present: bool, check: bool) -> dict[str, Any]:
    """Make the table, or take it away; what is there already is left as it is."""
    columns = columns_of(connection, table)
    if present and columns is not None and not set(COLUMNS) <= set(columns):
        raise SignalTableError(
            f"{table.name} is there, but has the columns {', '.join(columns)} and not {', '.join(COLUMNS)}: it is "
            "somebody else's. Choose another name (event_log_signal_table)."
        )
    changed = present != (columns is not None)
    done: list[str] = []
    if changed:
        # The database stays when the table goes: something else may be in it.
        done = list(table.statements) if present else [f"DROP TABLE {table.quoted}"]
    if not check:
        for statement in done:
            _run(connection, statement)
    before, after = ("present" if columns is not None else "absent"), ("present" if present else "absent")
    return {
        "changed": changed,
        "table": table.name,
        "present": columns is not None,
        "statements": done,
        "diff": {"before": {table.name: before}, "after": {table.name: after}},
    }


def _run(connection: Connection, statement: str) -> None:
    try:
        connection.query(statement)
    except StatementError as error:
        raise SignalTableError(
            f"The server refused {statement!r}: {error.refusal.message} (error {error.refusal.code}). Whoever runs it "
            "needs CREATE on that database. Without the table there are no incremental snapshots "
            "(event_log_signal_table: '' does without)."
        ) from error

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the columns of the captured tables, with what a choice about patients' data depends on."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Set, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import Column, Wanted

#: Takes the statement's name, the statement and its values; None when the server refused.
Rows = Callable[[str, str, Sequence[Any]], Optional[List[Dict[str, Any]]]]


def columns_of(rows: Rows, wanted: Wanted, keys: Mapping[str, Sequence[str]]) -> Dict[str, Tuple[Column, ...]]:
    """Return the columns by table as stored; ``keys`` are the primary keys.

    Without a primary key Debezium takes a unique one: all of them are meant then.
    """
    if not wanted.tables:
        return {}
    marks = ", ".join(["%s"] * len(wanted.tables))
    where = " WHERE TABLE_SCHEMA = %s AND TABLE_NAME IN (" + marks + ")"
    values = (wanted.database, *wanted.tables)
    unique: Dict[str, Set[str]] = {}
    indexes = "SELECT TABLE_NAME AS t, COLUMN_NAME AS c FROM information_schema.STATISTICS"
    for row in rows("columns", indexes + where + " AND NON_UNIQUE = 0", values) or ():
        unique.setdefault(str(row["t"]), set()).add(str(row["c"]))
    listed = "SELECT TABLE_NAME AS t, COLUMN_NAME AS c, DATA_TYPE AS kind FROM information_schema.COLUMNS"
    found: Dict[str, Tuple[Column, ...]] = {}
    for row in rows("columns", listed + where + " ORDER BY ORDINAL_POSITION", values) or ():
        table, name = str(row["t"]), str(row["c"])
        key = name in (keys.get(table) or list(unique.get(table, ())))
        found[table] = (*found.get(table, ()), Column(name, _text(row["kind"]).lower(), key))
    return found


def _text(value: Any) -> str:
    # MySQL 8.0 hands a longtext of its own views over as bytes.
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

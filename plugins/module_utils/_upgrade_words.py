# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an upgrade of OpenMRS has changed in the captured tables, in words. Pure."""

from __future__ import annotations

from typing import Any, List, Mapping

Columns = Mapping[str, Mapping[str, Any]]


def columns_changed(before: Mapping[str, Columns], now: Mapping[str, Columns]) -> List[str]:
    """Compare tables with their columns, as mysql_source_info tells them; nothing where nobody had looked before."""
    told: List[str] = []
    for table in sorted(before):
        if table not in now:
            told.append(f"{table} is gone: take it out of event_log_tables")
            continue
        was, are = before[table], now[table]
        told += [f"{table}.{column} is gone" for column in was if column not in are]
        told += [f"{table}.{column} is new ({are[column].get('type')})" for column in are if column not in was]
        told += [
            f"{table}.{column} was {was[column].get('type')} and is {are[column].get('type')}"
            for column in was
            if column in are and was[column].get("type") != are[column].get("type")
        ]
    return told

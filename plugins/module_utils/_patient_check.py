# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps a choice about patients' data from meaning what it says, before anything is changed. Pure.

``problems`` needs the inventory alone; ``column_problems`` what was seen of the database.
"""

from __future__ import annotations

import re
from typing import Any, Iterable, List, Mapping, Sequence, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils import _patient_data as data
from ansible_collections.openmrs.event_log.plugins.module_utils._name_lists import matches
from ansible_collections.openmrs.event_log.plugins.module_utils._patient_data import Policy
from ansible_collections.openmrs.event_log.plugins.module_utils._stack_config import Overrides

PROFILE, MASKED, CLEAR = "event_log_patient_data", "event_connector_masked_columns", "event_connector_clear_columns"
OVERRIDES, TABLES = "event_connector_overrides", "event_log_tables"

#: By table and column: the type as information_schema names it, and whether it is part of the events' key.
Columns = Mapping[str, Mapping[str, Mapping[str, Any]]]


def problems(policy: Policy, tables: Sequence[str], overrides: Overrides) -> List[str]:
    """What is wrong whatever the database holds, each with the variable, its value and the remedy."""
    if policy.profile not in data.PROFILES:
        return [f"{PROFILE} is {policy.profile}: set it to one of {', '.join(data.PROFILES)}."]
    return [*_list_problems(policy, tables), *_override_problems(policy, tables, overrides)]


def _list_problems(policy: Policy, tables: Sequence[str]) -> Iterable[str]:
    for variable, columns in ((MASKED, policy.masked), (CLEAR, policy.clear)):
        if columns and policy.profile != data.MASKED:
            yield (
                f"{variable} is {', '.join(columns)}, and {PROFILE} is {policy.profile}: the list refines the profile"
                f" masked and means nothing in another. Set {PROFILE} to masked, or remove {variable}."
            )
        for column in columns:
            if not re.fullmatch(r"[A-Za-z0-9_$]+\.[A-Za-z0-9_$]+", column):
                yield f"{variable} has {column!r}: write table.column, as in person_address.country."
            elif column.partition(".")[0] not in tables:
                yield (
                    f"{variable} has {column}, and the table {column.partition('.')[0]} is not captured. Correct the"
                    f" name, add the table to {TABLES} ({', '.join(tables)}), or remove it from the list."
                )
    for column in policy.clear:
        table, _, name = column.partition(".")
        if name.lower() in data.CREDENTIALS.get(table.lower(), ()):
            yield f"{CLEAR} has {column}: credentials are captured in no profile. Remove it from the list."
        if column in policy.masked:
            yield f"{MASKED} and {CLEAR} both have {column}. Remove it from one of them."


def _override_problems(policy: Policy, tables: Sequence[str], overrides: Overrides) -> Iterable[str]:
    wanted = {key: str(value) for key, value in overrides.items() if value is not None}
    beside = {data.EXCLUDE} if policy.profile == data.MASKED else set()
    for key in sorted(wanted):
        shapes = key.startswith("column.") or key == "datatype.propagate.source.type"
        if policy.profile != data.FULL and shapes and key not in beside:
            yield (
                f"{OVERRIDES} has {key}, and {PROFILE} is {policy.profile}, which decides about columns itself. Remove"
                f" the property; {MASKED} and {CLEAR} refine the profile masked."
            )
    asked = wanted.get(data.QUERY, "false").strip().lower() == "true"
    if asked and (policy.profile != data.FULL or set(tables) & set(data.CREDENTIALS)):
        why = f"{PROFILE} is {policy.profile}" if policy.profile != data.FULL else "the table users is captured"
        yield (
            f"{OVERRIDES} has {data.QUERY}, and {why}: events would quote the statements, with all that is hidden"
            " otherwise. Remove the property."
        )
    if data.INCLUDE in wanted and data.EXCLUDE in wanted:
        yield f"{OVERRIDES} has {data.INCLUDE} and {data.EXCLUDE}: Debezium takes one of the two. Remove the other."
    if policy.profile == data.FULL:
        named = data.names_credentials(wanted.get(data.INCLUDE, ""), "openmrs")
        if named:
            yield (
                f"{OVERRIDES} has {data.INCLUDE}, which captures {', '.join(named)}: credentials are captured in no"
                " profile. Narrow the expression, or name what is not wanted with column.exclude.list instead."
            )


def column_problems(
    policy: Policy, database: str, columns: Columns, overrides: Overrides
) -> Tuple[List[str], List[str]]:
    """Return what contradicts the tables as they are, and what is only worth a warning."""
    found: List[str] = []
    for variable, listed in ((MASKED, policy.masked), (CLEAR, policy.clear)):
        for column in listed:
            table, _, name = column.partition(".")
            known = columns.get(table)
            if known is not None and name.lower() not in {one.lower() for one in known}:
                found.append(
                    f"{variable} has {column}, and the table {table} of the database {database} has no such column. It"
                    f" has {', '.join(known)}. Correct the name, or remove it from the list."
                )
    strict = data.settings(Policy(data.MASKED) if policy.profile == data.FULL else policy, {})
    warnings: List[str] = []
    for table, known in columns.items():
        for name, about in known.items():
            whole = f"{database}.{table}.{name}"
            hidden = data.fate(strict, whole, str(about.get("type"))) != data.CLEAR
            if policy.profile == data.MASKED and not hidden and _unseen(policy, table, name, about):
                found.append(
                    f"{PROFILE} is masked, and {table}.{name} is of the type {about.get('type')}, which can hold text"
                    f" and cannot be emptied. Add {table}.{name} to {MASKED}, to leave it out, or to {CLEAR}, to"
                    " capture it as it is."
                )
            if hidden and _in_key(overrides, database, table, name, about):
                said, stop = _key_words(policy, table, name)
                (found if stop else warnings).append(said)
    return found, warnings


def _unseen(policy: Policy, table: str, name: str, about: Mapping[str, Any]) -> bool:
    """Whether the mask passes over the column although it may hold text, and nobody has said what to do with it."""
    harmless = str(about.get("type")) in data.PLAIN | data.CHARACTER
    said = f"{table}.{name}".lower() in {column.lower() for column in policy.clear}
    return not harmless and not said and table.lower() not in data.METADATA


def _in_key(overrides: Overrides, database: str, table: str, name: str, about: Mapping[str, Any]) -> bool:
    """Whether the column is in the events' key: named by the property, else part of the table's own key."""
    # database.table:column,column;database.table:column
    for entry in str(overrides.get(data.KEYS) or "").split(";"):
        tables, _, listed = entry.strip().rpartition(":")
        if tables and matches(tables, f"{database}.{table}"):
            return name.lower() in {column.strip().lower() for column in listed.split(",")}
    return bool(about.get("key"))


def _key_words(policy: Policy, table: str, name: str) -> Tuple[str, bool]:
    if policy.profile == data.FULL and name.lower() not in data.CREDENTIALS.get(table.lower(), ()):
        return (
            f"Events of {table} have {table}.{name} in their key, which may tell who it is. A key is in every message,"
            " in a consumer's log and in the web pages.",
            False,
        )
    return (
        f"{PROFILE} is {policy.profile}, and the key of {table}'s events has {table}.{name}, which is hidden in their"
        f" values: nothing can hide it in a key. Take {table} out of {TABLES}; or set message.key.columns in"
        f" {OVERRIDES} to columns that tell nothing; or, if it tells nothing itself, add it to {CLEAR} (in the profile"
        " masked).",
        True,
    )


def file_problems(config: Mapping[str, str], database: str) -> List[str]:
    """What in a connector's file would capture credentials; what else it captures is the file's own business."""
    names = [name.replace("\\", "") for name in config.get("database.include.list", database).split(",")]
    tables = config.get("table.include.list")
    captured = [
        name
        for name in dict.fromkeys(one.strip() for one in names)
        if tables is None or any(matches(tables, f"{name}.{table}") for table in data.CREDENTIALS)
    ]
    found: List[str] = []
    named = [column for name in captured for column in data.names_credentials(config.get(data.INCLUDE, ""), name)]
    if named:
        found.append(
            f"its {data.INCLUDE} captures {', '.join(dict.fromkeys(named))}: credentials are captured in no profile."
            " Narrow the expression, or name what is not wanted with column.exclude.list instead."
        )
    if captured and config.get(data.QUERY, "").strip().lower() == "true":
        found.append(
            f"its {data.QUERY} is true and it captures the table users: events would quote the statements, with the"
            " credentials in them. Remove the property, or the table."
        )
    return found

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows as SQL text: quoting, and INSERT statements of many rows in the order that foreign keys ask for."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Dict, Iterable, Iterator, List, Mapping, Tuple, Union

Value = Union[None, bool, int, float, str, date, datetime, time]
Row = Dict[str, Value]
TableRow = Tuple[str, Row]

#: Columns that the generator fills, table by table, parents before children. All others keep their defaults.
VOIDED = ("voided", "voided_by", "date_voided", "void_reason")
CREATED = ("creator", "date_created")
CHANGED = ("changed_by", "date_changed")
COLUMNS: Mapping[str, Tuple[str, ...]] = {
    "person": (
        *(
            "person_id",
            "gender",
            "birthdate",
            "birthdate_estimated",
            "birthtime",
            "dead",
            "death_date",
            "cause_of_death",
        ),
        *(*CREATED, *CHANGED, *VOIDED, "uuid"),
    ),
    "users": ("user_id", "system_id", "username", *CREATED, "person_id", "uuid"),
    "location": ("location_id", "name", "description", "country", "parent_location", *CREATED, "uuid"),
    "concept_class": ("concept_class_id", "name", *CREATED, "uuid"),
    "concept_datatype": ("concept_datatype_id", "name", "hl7_abbreviation", *CREATED, "uuid"),
    "concept": ("concept_id", "datatype_id", "class_id", "is_set", *CREATED, "uuid"),
    "concept_name": ("concept_name_id", "concept_id", "name", "locale", "locale_preferred", *CREATED, "uuid"),
    "encounter_type": ("encounter_type_id", "name", "description", *CREATED, "uuid"),
    "visit_type": ("visit_type_id", "name", "description", *CREATED, "uuid"),
    "patient_identifier_type": (
        *("patient_identifier_type_id", "name", "description", "check_digit", "required", "validator"),
        *(*CREATED, "uuid"),
    ),
    "person_name": (
        *("person_name_id", "preferred", "person_id", "given_name", "middle_name", "family_name", "family_name2"),
        *(*CREATED, *CHANGED, *VOIDED, "uuid"),
    ),
    "person_address": (
        *("person_address_id", "person_id", "preferred", "address1", "city_village", "county_district"),
        *("state_province", "country", *CREATED, *CHANGED, *VOIDED, "uuid"),
    ),
    "patient": ("patient_id", "allergy_status", *CREATED, *CHANGED, *VOIDED),
    "patient_identifier": (
        *("patient_identifier_id", "patient_id", "identifier", "identifier_type", "preferred", "location_id"),
        *(*CREATED, *CHANGED, *VOIDED, "uuid"),
    ),
    "visit": (
        *("visit_id", "patient_id", "visit_type_id", "date_started", "date_stopped", "location_id"),
        *(*CREATED, *CHANGED, *VOIDED, "uuid"),
    ),
    "encounter": (
        *("encounter_id", "encounter_type", "patient_id", "location_id", "encounter_datetime", "visit_id"),
        *(*CREATED, *CHANGED, *VOIDED, "uuid"),
    ),
    "obs": (
        *("obs_id", "person_id", "concept_id", "encounter_id", "obs_datetime", "location_id", "obs_group_id"),
        *("value_coded", "value_coded_name_id", "value_datetime", "value_numeric", "value_text", "value_complex"),
        *("comments", *CREATED, *VOIDED, "uuid", "previous_version", "status", "interpretation"),
    ),
}
NOT_NULL_FLAGS = frozenset(
    {"voided", "preferred", "dead", "birthdate_estimated", "is_set", "locale_preferred", "check_digit", "required"}
)
ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", "\0": "\\0", "\n": "\\n", "\r": "\\r", "\x1a": "\\Z"})


def literal(value: Value) -> str:
    """Write a value as MySQL and MariaDB read it in their default SQL mode."""
    if value is None:
        return "NULL"
    if isinstance(value, (bool, int, float)):
        return repr(int(value) if isinstance(value, bool) else value)
    return f"'{plain(value)}'"


def plain(value: Union[str, date, time]) -> str:
    """What stands between the quotes."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, str):
        return value.translate(ESCAPES)
    return value.isoformat()


def columns_of(table: str, row: Row) -> Tuple[str, ...]:
    """Return the table's columns; a row with another one is a mistake of the generator."""
    columns = COLUMNS[table]
    unknown = set(row) - set(columns)
    if unknown:
        raise ValueError(f"{table} has no column {', '.join(sorted(unknown))}")
    return columns


def values(table: str, row: Row) -> str:
    """Write one row in the order of the table's columns."""
    cells = (row.get(name, False if name in NOT_NULL_FLAGS else None) for name in columns_of(table, row))
    return f"({','.join(literal(cell) for cell in cells)})"


def insert(table: str, rows: Iterable[Row]) -> str:
    """Write one INSERT of several rows, without a semicolon."""
    text = ",\n".join(values(table, row) for row in rows)
    return f"INSERT INTO {table} ({','.join(COLUMNS[table])}) VALUES\n{text}"


def batches(rows: Iterable[TableRow], size: int = 2000) -> Iterator[str]:
    """Turn a stream of rows into transactions of about ``size`` rows, parents first. Holds no more than that.

    All that a row points at must come before it.
    """
    waiting: Dict[str, List[Row]] = {name: [] for name in COLUMNS}
    count = 0
    for table, row in rows:
        waiting[table].append(row)
        count += 1
        if count >= size:
            yield transaction(waiting)
            waiting, count = {name: [] for name in COLUMNS}, 0
    if count:
        yield transaction(waiting)


def transaction(waiting: Mapping[str, List[Row]]) -> str:
    inserts = "".join(f"{insert(table, rows)};\n" for table, rows in waiting.items() if rows)
    return f"START TRANSACTION;\n{inserts}COMMIT;\n"

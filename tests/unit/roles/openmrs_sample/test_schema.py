# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables as they are written, and the tables as they are described: names, counts, keys."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from ansible_collections.openmrs.event_log.roles.openmrs_sample.files.openmrs_sample import fill, sql

#: Columns that OpenMRS 2.8 has in its tables.
TWELVE = {
    "person": 19,
    "person_name": 20,
    "person_address": 36,
    "patient": 10,
    "patient_identifier": 16,
    "patient_identifier_type": 19,
    "visit": 16,
    "encounter": 16,
    "obs": 30,
    "concept": 17,
    "users": 19,
    "location": 36,
}


@dataclass(frozen=True)
class ForeignKey:
    table: str
    column: str
    parent: str
    parent_column: str


def tables() -> dict[str, str]:
    """The body of every CREATE TABLE, by name."""
    text = (fill.SCHEMA / "settings.sql").read_text(encoding="utf-8") + "".join(fill.schema())
    return dict(re.findall(r"CREATE TABLE (\w+) \((.*?)\n\) ENGINE=InnoDB;", text, re.DOTALL))


def columns(body: str) -> list[str]:
    return re.findall(
        r"(?:^|, )\s*([a-z]\w*) (?:int|varchar|char|text|mediumtext|tinyint|datetime|date|time|double)\b", body, re.M
    )


def foreign_keys() -> list[ForeignKey]:
    pattern = r"FOREIGN KEY \((\w+)\) REFERENCES (\w+) \((\w+)\)"
    return [ForeignKey(table, *found) for table, body in tables().items() for found in re.findall(pattern, body)]


@pytest.mark.parametrize("table", TWELVE)
def test_a_table_has_all_columns(table: str) -> None:
    assert len(columns(tables()[table])) == TWELVE[table]


@pytest.mark.parametrize("table", [name for name in TWELVE if name != "patient"])
def test_every_table_but_patient_has_a_uuid_and_counts_up(table: str) -> None:
    body = tables()[table]
    assert "uuid" in columns(body)
    assert re.search(rf"\b{table if table != 'users' else 'user'}_id int NOT NULL AUTO_INCREMENT PRIMARY KEY", body)


def test_a_patient_is_a_person() -> None:
    body = tables()["patient"]
    assert "uuid" not in columns(body)
    assert "AUTO_INCREMENT" not in body
    assert ForeignKey("patient", "patient_id", "person", "person_id") in foreign_keys()


def test_foreign_keys_point_at_primary_keys_that_exist() -> None:
    keys = foreign_keys()
    assert len(keys) > 60
    for key in keys:
        assert key.column in columns(tables()[key.table]), key
        assert re.search(rf"\b{key.parent_column} int NOT NULL (AUTO_INCREMENT )?PRIMARY KEY", tables()[key.parent]), (
            key
        )


def test_constraints_have_names_of_their_own() -> None:
    names = re.findall(r"CONSTRAINT (\w+)", "".join(tables().values()))
    assert len(names) == len(set(names)) == len(foreign_keys())


def test_the_generator_writes_columns_that_exist() -> None:
    for table, written in sql.COLUMNS.items():
        assert set(written) - set(columns(tables()[table])) == set(), table


def test_parents_are_written_before_their_children() -> None:
    order = list(sql.COLUMNS)
    circular = {("person", "users"), ("person", "concept")}
    for key in foreign_keys():
        if key.table != key.parent and (key.table, key.parent) not in circular and key.table in order:
            assert (
                key.parent == "users" or order.index(key.parent) < order.index(key.table) or key.parent == "concept"
            ), key

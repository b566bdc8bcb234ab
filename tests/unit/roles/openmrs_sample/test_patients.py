# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The made-up patients: the same for the same seed, true to OpenMRS's rules, and never held all at once."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from datetime import datetime
from typing import Any, Dict, List

import pytest
from ansible_collections.openmrs.event_log.roles.openmrs_sample.files.openmrs_sample import (
    patients,
    people,
    reference,
    sql,
)
from ansible_collections.openmrs.event_log.tests.unit.roles.openmrs_sample.test_schema import foreign_keys

PEOPLE = 120
VALUE_COLUMN = {
    reference.NUMERIC: "value_numeric",
    reference.CODED: "value_coded",
    reference.TEXT: "value_text",
    reference.DATE: "value_datetime",
    reference.COMPLEX: "value_complex",
}
Tables = Dict[str, List[Dict[str, Any]]]


def collected(rows: Any) -> Tables:
    found: Tables = {name: [] for name in sql.COLUMNS}
    for table, row in rows:
        found[table].append(row)
    return found


@pytest.fixture(scope="module")
def made() -> Tables:
    """All rows of a database, in the order in which they are written."""
    return collected([*reference.first_rows(), *patients.patients(PEOPLE, 1)])


def key_of(table: str) -> str:
    return {"users": "user_id"}.get(table, f"{table}_id")


def test_the_same_seed_makes_the_same_sql() -> None:
    first = list(sql.batches(patients.patients(20, 3)))
    assert first == list(sql.batches(patients.patients(20, 3)))
    assert first != list(sql.batches(patients.patients(20, 4)))


def test_more_patients_change_nothing_about_the_first() -> None:
    few = list(patients.patients(5, 3))
    more = patients.patients(9, 3)
    assert [next(more) for _ in few] == few
    assert next(more)[0] == "person"


def test_keys_are_unique(made: Tables) -> None:
    for table, rows in made.items():
        keys = Counter(row[key_of(table)] for row in rows)
        assert rows, table
        assert max(keys.values()) == 1, table


def test_uuids_are_there_and_unique(made: Tables) -> None:
    for table, rows in made.items():
        if table == "patient":
            assert not any("uuid" in row for row in rows)
            continue
        uuids = [row["uuid"] for row in rows]
        assert {len(each) for each in uuids} == {36}, table
        assert len(set(uuids)) == len(uuids), table


def test_what_is_pointed_at_was_written_before(made: Tables) -> None:
    checked = 0
    for key in foreign_keys():
        if key.table not in made or (key.table, key.column) == ("person", "creator"):
            continue
        known = {row[key.parent_column] for row in made.get(key.parent, [])}
        for row in made[key.table]:
            if row.get(key.column) is not None:
                assert row[key.column] in known, (key, row)
                checked += 1
    assert checked > 100_000


def test_within_obs_groups_and_former_versions_have_lower_numbers(made: Tables) -> None:
    """Both the stream and a purge rely on it."""
    pointing = [row for row in made["obs"] if row.get("obs_group_id") or row.get("previous_version")]
    assert len(pointing) > 1000
    for row in pointing:
        assert all(row.get(name) is None or row[name] < row["obs_id"] for name in ("obs_group_id", "previous_version"))


def test_a_patient_is_a_person_and_has_a_name_an_address_and_an_identifier(made: Tables) -> None:
    numbers = [row["patient_id"] for row in made["patient"]]
    assert len(numbers) == PEOPLE
    for table, column in (("person", "person_id"), ("person_name", "person_id"), ("person_address", "person_id")):
        assert set(numbers) <= {row[column] for row in made[table]}, table
    assert set(numbers) == {row["patient_id"] for row in made["patient_identifier"]}
    assert set(numbers) == {row["patient_id"] for row in made["encounter"]}


def test_an_answer_is_in_the_one_column_of_its_datatype(made: Tables) -> None:
    seen: Counter[int] = Counter()
    for row in made["obs"]:
        concept = reference.CONCEPTS[row["concept_id"]]
        filled = [name for name in VALUE_COLUMN.values() if row.get(name) is not None]
        if concept is reference.VITALS:
            assert filled == []
            continue
        assert filled == [VALUE_COLUMN[concept.datatype]], row
        assert concept.datatype != reference.CODED or row["value_coded"] in concept.answers
        seen[concept.datatype] += 1
    assert set(seen) == set(VALUE_COLUMN)
    assert min(seen.values()) > 100


def test_void_rows_say_who_when_and_why(made: Tables) -> None:
    for table, rows in made.items():
        for row in rows:
            marks = [row.get(name) is not None for name in ("voided_by", "date_voided", "void_reason")]
            assert marks == [bool(row.get("voided"))] * 3, (table, row)


def test_of_the_observations_five_to_ten_percent_are_void(made: Tables) -> None:
    share = sum(bool(row.get("voided")) for row in made["obs"]) / len(made["obs"])
    assert 0.05 <= share <= 0.10


def test_an_edited_observation_is_void_and_named_by_its_next_version(made: Tables) -> None:
    by_id = {row["obs_id"]: row for row in made["obs"]}
    mistaken = {row["patient_id"] for row in made["patient"] if row.get("voided")}
    edits = [row for row in made["obs"] if row.get("previous_version")]
    assert len(edits) > 300
    for new in edits:
        old = by_id[new["previous_version"]]
        assert old["voided"]
        assert not new.get("voided")
        same = ("person_id", "concept_id", "encounter_id", "obs_datetime", "obs_group_id")
        assert [new[name] for name in same] == [old[name] for name in same]
    replaced = {row["previous_version"] for row in edits}
    assert replaced == {row["obs_id"] for row in made["obs"] if row.get("voided") and row["person_id"] not in mistaken}


def test_obs_have_no_marks_of_change(made: Tables) -> None:
    assert not any("changed_by" in row or "date_changed" in row for row in made["obs"])


def test_a_patient_entered_by_mistake_is_void_with_everything(made: Tables) -> None:
    mistaken = {row["patient_id"] for row in made["patient"] if row.get("voided")}
    assert 0 < len(mistaken) < PEOPLE / 10
    for table, column in (("encounter", "patient_id"), ("obs", "person_id"), ("patient_identifier", "patient_id")):
        assert all(row.get("voided") for row in made[table] if row[column] in mistaken), table


def test_names_hold_characters_of_four_bytes(made: Tables) -> None:
    names = "".join(str(row["given_name"]) for row in made["person_name"])
    assert any(len(each.encode()) == 4 for each in names)
    assert any("'" in str(row["family_name"]) for row in made["person_name"])


def test_nothing_is_younger_than_the_day_the_data_were_taken(made: Tables) -> None:
    moments = [
        value
        for rows in made.values()
        for row in rows
        for name, value in row.items()
        if isinstance(value, datetime) and name != "value_datetime"
    ]
    assert max(moments) <= patients.TODAY


@pytest.mark.parametrize(("number", "digit"), [(1, 8), (100, 8), (7992739871, 3)])
def test_check_digit_is_luhns(number: int, digit: int) -> None:
    assert people.check_digit(number) == digit


def peak_of(count: int) -> int:
    tracemalloc.start()
    try:
        for _piece in sql.batches(patients.patients(count, 1), 500):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_ten_times_the_patients_take_no_more_memory() -> None:
    few, many = peak_of(6), peak_of(60)
    assert many < few * 1.5 + 200_000, (few, many)


def test_a_batch_holds_no_more_rows_than_asked_for() -> None:
    for piece in sql.batches(patients.patients(10, 1), 100):
        assert piece.startswith("START TRANSACTION;\n")
        assert piece.endswith("COMMIT;\n")
        assert piece.count("\n(") <= 100

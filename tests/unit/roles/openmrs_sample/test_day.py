# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S311 - made-up data
"""A clinic's day: what each transaction does, in which order, and what is counted."""

from __future__ import annotations

import re
from datetime import datetime
from random import Random

import pytest
from ansible_collections.openmrs.event_log.roles.openmrs_sample.files.openmrs_sample import day, load
from ansible_collections.openmrs.event_log.tests.unit.roles.openmrs_sample.test_schema import foreign_keys

NOW = datetime(2026, 11, 24, 12, 0, 0)


def new_day(seed: int = 1, start: int = 100, stride: int = 1, **mix: int) -> day.Day:
    numbers = dict.fromkeys(load.TABLES, start)
    return day.Day(Random(seed), day.StridedIds(**numbers, stride=stride), day.Known(), mix or dict(day.MIX))


def test_the_same_seed_makes_the_same_day() -> None:
    one, other, third = new_day(5), new_day(5), new_day(6)
    first = [one.next(NOW).sql for _ in range(200)]
    assert first == [other.next(NOW).sql for _ in range(200)]
    assert first != [third.next(NOW).sql for _ in range(200)]


def test_all_kinds_come_about_as_often_as_asked_for() -> None:
    clinic = new_day()
    kinds = [clinic.next(NOW).kind for _ in range(2000)]
    assert kinds[0] == day.NEW_PATIENT, "nothing is there to be edited yet"
    for kind, share in day.MIX.items():
        assert kinds.count(kind) == pytest.approx(share * 20, rel=0.35), kind


def test_a_new_patient_is_written_parents_first() -> None:
    transaction = new_day(new_patient=1).next(NOW)
    tables = [write.table for write in transaction.writes]
    assert tables[0] == "person"
    assert (
        tables.index("patient") < tables.index("patient_identifier") < tables.index("encounter") < tables.index("obs")
    )
    assert {write.verb for write in transaction.writes} == {"insert"}


def test_an_edited_name_says_by_whom_and_when() -> None:
    clinic = new_day(new_patient=1)
    clinic.next(NOW)
    transaction = clinic.edit_name(NOW)
    assert transaction is not None
    (write,) = transaction.writes
    assert re.match(
        r"UPDATE person_name SET given_name = .*changed_by = [34], date_changed = '2026-11-24 12:00:00' WHERE",
        write.sql,
    )


def test_an_edited_observation_is_one_insert_and_one_update_of_the_former() -> None:
    clinic = new_day(new_patient=1)
    clinic.next(NOW)
    former = {row["obs_id"] for row in clinic.known.obs}
    transaction = clinic.edit_obs(NOW)
    assert transaction is not None
    assert [write.verb for write in transaction.writes] == ["insert", "update"]
    found = re.search(r"WHERE obs_id = (\d+) AND voided = 0", transaction.writes[1].sql)
    assert found is not None
    old = int(found[1])
    assert old in former
    assert f",{old},'AMENDED'," in transaction.writes[0].sql
    assert old not in {row["obs_id"] for row in clinic.known.obs}, "a void observation must not be edited again"


def test_a_purge_deletes_children_before_parents_and_forgets_the_patient() -> None:
    clinic = new_day(new_patient=1)
    for _ in range(3):
        clinic.next(NOW)
    before = set(clinic.known.patients)
    transaction = clinic.purge(NOW)
    assert transaction is not None
    order = [write.table for write in transaction.writes]
    for key in foreign_keys():
        if key.table in order and key.parent in order and key.table != key.parent:
            assert order.index(key.table) < order.index(key.parent), key
    (gone,) = before - set(clinic.known.patients)
    assert all(f"_id = {gone}" in write.sql for write in transaction.writes)
    assert transaction.writes[0].sql.endswith("ORDER BY obs_id DESC")
    assert gone not in {row["person_id"] for row in clinic.known.obs}
    assert gone not in {name[2] for name in clinic.known.names}


def test_every_table_that_points_at_a_patient_is_purged() -> None:
    purged = {table for table, _column, _order in day.PURGE_ORDER}
    for key in foreign_keys():
        if key.parent in ("patient", "person", "encounter", "visit") and key.table != "users":
            assert key.table in purged, key


def test_the_last_patient_is_never_purged() -> None:
    clinic = new_day(purge=1)
    kinds = [clinic.next(NOW).kind for _ in range(50)]
    assert kinds.count(day.PURGE) > 10
    assert clinic.known.patients


def test_workers_never_take_the_same_number() -> None:
    ids = [day.StridedIds(**dict.fromkeys(load.TABLES, 100 + number), stride=3) for number in range(3)]
    taken = [each.take("obs") for _ in range(20) for each in ids]
    assert sorted(taken) == list(range(100, 160))


def test_what_is_remembered_is_bounded() -> None:
    clinic = new_day(new_patient=1)
    clinic.most_known = 10
    for _ in range(40):
        clinic.next(NOW)
    assert len(clinic.known.patients) == 10


def test_the_report_counts_what_the_database_says() -> None:
    writes = (day.Write("obs", "insert", "x"), day.Write("obs", "update", "y"))
    report = load.Report()
    report.add(day.Transaction(day.EDIT_OBS, writes), ["1", "0"])
    report.add(day.Transaction(day.EDIT_OBS, writes), ["1", "1"])
    assert report.as_json(2.0, False) == {
        "commits": 2,
        "seconds": 2.0,
        "commits_per_second": 1.0,
        "interrupted": False,
        "deadlocks": 0,
        "kinds": {"edit_obs": 2},
        "tables": {"obs": {"insert": 2, "update": 1}},
    }


def test_a_transaction_with_a_missing_answer_is_not_counted() -> None:
    writes = (day.Write("obs", "insert", "x"), day.Write("obs", "update", "y"))
    three = [day.Transaction(day.EDIT_OBS, writes) for _ in range(3)]
    report = load.Report()
    assert report.add_all(three, ["1", "1", "1"]) == three[1:]
    assert report.kinds == {day.EDIT_OBS: 1}
    assert report.add_all(three[1:], ["1", "1", "1", "1"]) == []
    assert report.tables["obs"] == {"insert": 3, "update": 3}


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (load.Order(0, 1), ["--rate is 0", "more than 0"]),
        (load.Order(1, -1), ["--seconds is -1"]),
        (load.Order(1, 1, count=0), ["--count is 0"]),
        (load.Order(1, 1, workers=99), ["--workers is 99", "1 to 32"]),
        (load.Order(1, 1, mix={"edit_nmae": 1}), ["--mix is", "edit_nmae", "edit_name"]),
        (load.Order(1, 1, mix={"edit_name": 0}), ["--mix is"]),
    ],
)
def test_a_bad_order_is_refused_by_name_value_and_remedy(order: load.Order, words: list[str]) -> None:
    (problem,) = order.problems()
    assert [word for word in words if word not in problem] == []


def test_a_sound_order_has_no_problems() -> None:
    assert load.Order(50, 60).problems() == []

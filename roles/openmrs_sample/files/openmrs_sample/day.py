# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S608 - made-up data; every value in a statement is a number or quoted by literal()
"""What a clinic's day does to the database, as transactions: pure functions from what is known to SQL."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Callable, Dict, List, Mapping, Optional, Tuple

from . import patients, people, reference
from .patients import Ids, Story
from .sql import COLUMNS, Row, insert, literal

NEW_PATIENT, EDIT_NAME, EDIT_OBS, PURGE = "new_patient", "edit_name", "edit_obs", "purge"
#: Shares of the kinds. Purges are rare at a clinic; here they are frequent enough to be seen.
MIX: Mapping[str, int] = {NEW_PATIENT: 15, EDIT_NAME: 35, EDIT_OBS: 45, PURGE: 5}
#: Children before parents; within obs the newest first, for groups and former versions have lower numbers.
PURGE_ORDER = (
    *(("obs", "person_id", " ORDER BY obs_id DESC"), ("encounter", "patient_id", ""), ("visit", "patient_id", "")),
    *(("patient_identifier", "patient_id", ""), ("patient", "patient_id", "")),
    *(("person_address", "person_id", ""), ("person_name", "person_id", ""), ("person", "person_id", "")),
)


@dataclass(frozen=True)
class Write:
    """One statement: what it does to which table. How many rows it touched is asked of the database."""

    table: str
    verb: str  # insert, update or delete
    sql: str


@dataclass(frozen=True)
class Transaction:
    kind: str
    writes: Tuple[Write, ...]

    @property
    def sql(self) -> str:
        """All statements, each with the question how many rows it touched."""
        counted = ("".join((write.sql, ";\nSELECT ROW_COUNT();\n")) for write in self.writes)
        return f"START TRANSACTION;\n{''.join(counted)}COMMIT;"


@dataclass
class Known:
    """What one worker may write to. Persons are dealt out among workers, so that none waits for another's lock."""

    names: List[Tuple[int, str, int]] = field(default_factory=list)  # person_name_id, gender, person_id
    obs: List[Row] = field(default_factory=list)
    patients: List[int] = field(default_factory=list)

    def forget(self, person_id: int) -> None:
        self.patients.remove(person_id)
        self.names = [each for each in self.names if each[2] != person_id]
        self.obs = [each for each in self.obs if each["person_id"] != person_id]


@dataclass
class Day:
    """One worker's day: a stream of transactions, the same for the same seed and the same database."""

    rng: Random
    ids: StridedIds
    known: Known
    mix: Mapping[str, int]
    most_known: int = 1000

    def next(self, now: datetime) -> Transaction:
        """Choose a kind by its share; one that nothing is left for gives way to a new patient."""
        kind = self.rng.choices(list(self.mix), weights=list(self.mix.values()))[0]
        makers: Dict[str, Callable[[datetime], Optional[Transaction]]] = {
            NEW_PATIENT: self.new_patient,
            EDIT_NAME: self.edit_name,
            EDIT_OBS: self.edit_obs,
            PURGE: self.purge,
        }
        return makers[kind](now) or self.new_patient(now)

    def new_patient(self, now: datetime) -> Transaction:
        story = Story(self.rng, self.ids, now, now + timedelta(seconds=1), self.rng.choice(reference.CLERKS))
        rows: Dict[str, List[Row]] = {}
        for table, row in [*patients.registration(story), *patients.history(story, 1)]:
            rows.setdefault(table, []).append(row)
        self.remember(story, rows)
        ordered = (name for name in COLUMNS if name in rows)
        return Transaction(NEW_PATIENT, tuple(Write(name, "insert", insert(name, rows[name])) for name in ordered))

    def remember(self, story: Story, rows: Mapping[str, List[Row]]) -> None:
        if len(self.known.patients) >= self.most_known:
            return
        self.known.patients.append(story.person_id)
        live = [row for row in rows["person_name"] if not row.get("voided")]
        self.known.names += [(int(str(row["person_name_id"])), story.gender, story.person_id) for row in live]
        leaves = [row for row in rows["obs"] if row["concept_id"] != reference.VITALS.concept_id]
        self.known.obs += [row for row in leaves if not row.get("voided")]

    def edit_name(self, now: datetime) -> Optional[Transaction]:
        if not self.known.names:
            return None
        number, gender, _person = self.rng.choice(self.known.names)
        columns = people.person_name(self.rng, gender).columns
        changes = {**columns, "changed_by": self.rng.choice(reference.CLERKS), "date_changed": now}
        words = ", ".join(f"{name} = {literal(value)}" for name, value in changes.items())
        sql = f"UPDATE person_name SET {words} WHERE person_name_id = {number}"
        return Transaction(EDIT_NAME, (Write("person_name", "update", sql),))

    def edit_obs(self, now: datetime) -> Optional[Transaction]:
        """A new row that names the old one, and the old one void."""
        if not self.known.obs:
            return None
        place = self.rng.randrange(len(self.known.obs))
        old = self.known.obs[place]
        new = patients.next_version(self.rng, old, self.ids.take("obs"), now)
        self.known.obs[place] = new
        marks = ", ".join(f"{name} = {literal(value)}" for name, value in patients.voided(now, "Corrected").items())
        void = f"UPDATE obs SET {marks} WHERE obs_id = {old['obs_id']} AND voided = 0"
        return Transaction(EDIT_OBS, (Write("obs", "insert", insert("obs", [new])), Write("obs", "update", void)))

    def purge(self, now: datetime) -> Optional[Transaction]:
        """Remove a whole patient, children before parents. The last one stays: an empty clinic teaches nothing."""
        if len(self.known.patients) < 2:
            return None
        person_id = self.rng.choice(self.known.patients)
        self.known.forget(person_id)
        return Transaction(
            PURGE,
            tuple(
                Write(table, "delete", f"DELETE FROM {table} WHERE {column} = {person_id}{order}")
                for table, column, order in PURGE_ORDER
            ),
        )


@dataclass
class StridedIds(Ids):
    """Numbers of one worker among several: every ``stride``-th."""

    stride: int = 1

    def take(self, table: str) -> int:
        number: int = getattr(self, table)
        setattr(self, table, number + self.stride)
        return number

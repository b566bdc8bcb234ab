# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S311 - made-up data, the same for the same seed
"""Made-up patients, one after the other: what a clinic writes about one, in the order in which it is written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from random import Random
from typing import Dict, Iterator, Optional

from . import people, reference
from .sql import Row, TableRow, Value

#: The day on which the data were "taken": nothing is later, so that a seed gives the same rows on every day.
TODAY = datetime(2026, 6, 30, 17, 0, 0)
SECONDS_A_YEAR = 365 * 24 * 3600

RENAMED, SECOND_NAME, SECOND_NUMBER, DEAD, MISTAKEN, EDITED = 0.15, 0.15, 0.4, 0.03, 0.015, 0.06
NOTES = (
    "Reports less cough; appetite good.",
    'Says: "the fever comes at night".\nAdvised to come back with the child\'s card.',
    "Dose unchanged. Adhérence 95 %, pas d'effets secondaires.",
    "ታካሚው በጥሩ ሁኔታ ላይ ነው። 🙂",
    "C:\\scans\\old path in the paper file",
)


@dataclass
class Ids:
    """The next number of every table, the patient's being the person's."""

    person: int = reference.FIRST_PATIENT
    person_name: int = reference.FIRST_PATIENT
    person_address: int = 1
    patient_identifier: int = 1
    visit: int = 1
    encounter: int = 1
    obs: int = 1

    def take(self, table: str) -> int:
        number: int = getattr(self, table)
        setattr(self, table, number + 1)
        return number


@dataclass
class Story:
    """One patient's rows in the making."""

    rng: Random
    ids: Ids
    registered: datetime
    latest: datetime
    clerk: int
    mistaken: bool = False
    person_id: int = 0
    gender: str = "F"

    def later(self, since: datetime) -> datetime:
        """A moment after ``since``, on the clinic's side of the latest."""
        span = max(1, int((self.latest - since).total_seconds()))
        return since + timedelta(seconds=self.rng.randint(1, span))

    def marks(self, created: datetime) -> Dict[str, Value]:
        """Who wrote the row and when; if the whole patient was a mistake, that it is void."""
        row: Dict[str, Value] = {"creator": self.clerk, "date_created": created}
        return {**row, **voided(self.latest, "Entered by mistake")} if self.mistaken else row

    def uuid(self) -> str:
        return people.random_uuid(self.rng)


def voided(when: datetime, reason: str) -> Dict[str, Value]:
    return {"voided": True, "voided_by": reference.ADMIN, "date_voided": when, "void_reason": reason}


def patients(count: int, seed: int, ids: Optional[Ids] = None) -> Iterator[TableRow]:
    """All rows of ``count`` patients. Each depends on the seed and its own number only."""
    ids = ids or Ids()
    for number in range(count):
        rng = Random(f"{seed}:{number}")
        registered = TODAY - timedelta(seconds=rng.randint(30 * 24 * 3600, 10 * SECONDS_A_YEAR))
        registered = registered.replace(microsecond=0)
        yield from patient(rng, ids, registered, TODAY - timedelta(days=1))


def patient(rng: Random, ids: Ids, registered: datetime, latest: datetime) -> Iterator[TableRow]:
    """One patient's rows, parents first."""
    story = Story(rng, ids, registered, latest, rng.choice(reference.CLERKS), rng.random() < MISTAKEN)
    yield from registration(story)
    yield from history(story, rng.randint(5, 20))


def registration(story: Story) -> Iterator[TableRow]:
    """Person, name, address, patient, identifiers: what the registration desk writes."""
    rng, marks = story.rng, story.marks(story.registered)
    story.person_id, story.gender = story.ids.take("person"), rng.choice("FM")
    yield "person", _person(story, marks)
    yield from _names(story, marks)
    village, district, province, country = people.place(rng)
    address: Row = {
        "person_address_id": story.ids.take("person_address"),
        "person_id": story.person_id,
        "preferred": True,
    }
    where: Row = {"city_village": village, "county_district": district, "state_province": province, "country": country}
    house = f"House {rng.randint(1, 400)}" if rng.random() < 0.5 else None
    yield "person_address", {**address, **where, "address1": house, "uuid": story.uuid(), **marks}
    yield "patient", {"patient_id": story.person_id, "allergy_status": "Unknown", **marks}
    numbers = [(1, people.openmrs_number(story.person_id))]
    if rng.random() < SECOND_NUMBER:
        numbers.append((2, f"MRS/{rng.randint(1000, 99999)}/{story.registered:%y}"))
    for identifier_type, identifier in numbers:
        row: Row = {"patient_identifier_id": story.ids.take("patient_identifier"), "patient_id": story.person_id}
        what: Row = {"identifier": identifier, "identifier_type": identifier_type, "preferred": identifier_type == 1}
        yield "patient_identifier", {**row, **what, "location_id": 4, "uuid": story.uuid(), **marks}


def _person(story: Story, marks: Dict[str, Value]) -> Row:
    rng = story.rng
    born = story.registered - timedelta(seconds=rng.randint(0, 90 * SECONDS_A_YEAR))
    dead = rng.random() < DEAD
    row: Row = {
        "person_id": story.person_id,
        "gender": story.gender,
        "birthdate": born.date(),
        "birthdate_estimated": rng.random() < 0.3,
        "birthtime": time(rng.randint(0, 23), rng.randint(0, 59)) if rng.random() < 0.05 else None,
        "uuid": story.uuid(),
        **marks,
    }
    if dead:
        died = story.later(story.registered)
        row.update(dead=True, death_date=died, cause_of_death=33, changed_by=story.clerk, date_changed=died)
    return row


def _names(story: Story, marks: Dict[str, Value]) -> Iterator[TableRow]:
    """One name or two; an edited one carries who changed it, one that was replaced is void."""
    rng = story.rng
    first: Row = {
        "person_name_id": story.ids.take("person_name"),
        "person_id": story.person_id,
        "uuid": story.uuid(),
        **marks,
    }
    first.update(people.person_name(rng, story.gender).columns)
    if rng.random() < RENAMED:
        first.update(changed_by=story.clerk, date_changed=story.later(story.registered))
    second = rng.random() < SECOND_NAME
    replaced = second and rng.random() < 0.5
    if replaced and not story.mistaken:
        first.update(voided(story.later(story.registered), "Name corrected"))
    yield "person_name", {**first, "preferred": not replaced}
    if second:
        row: Row = {
            "person_name_id": story.ids.take("person_name"),
            "person_id": story.person_id,
            "preferred": replaced,
        }
        yield "person_name", {**row, **people.person_name(rng, story.gender).columns, "uuid": story.uuid(), **marks}


def history(story: Story, encounters: int) -> Iterator[TableRow]:
    """Visits with one encounter or two, each with its observations."""
    rng, moment, visit_id = story.rng, story.registered, 0
    for number in range(encounters):
        if number % 2 == 0:
            span = max(3600, int((story.latest - moment).total_seconds()) // (encounters - number + 1))
            moment = min(moment + timedelta(seconds=rng.randint(1800, max(1801, span))), story.latest)
            visit_id = story.ids.take("visit")
            row: Row = {"visit_id": visit_id, "patient_id": story.person_id, "visit_type_id": rng.choice((1, 1, 1, 2))}
            times: Row = {"date_started": moment, "date_stopped": moment + timedelta(hours=rng.randint(1, 8))}
            yield (
                "visit",
                {**row, **times, "location_id": rng.choice((2, 3)), "uuid": story.uuid(), **story.marks(moment)},
            )
        yield from encounter(story, visit_id, moment + timedelta(minutes=20 * (number % 2)))


def encounter(story: Story, visit_id: int, moment: datetime) -> Iterator[TableRow]:
    rng, encounter_id = story.rng, story.ids.take("encounter")
    row: Row = {"encounter_id": encounter_id, "encounter_type": rng.randint(1, 4), "patient_id": story.person_id}
    place: Row = {"location_id": rng.choice((2, 3)), "encounter_datetime": moment, "visit_id": visit_id}
    yield "encounter", {**row, **place, "uuid": story.uuid(), **story.marks(moment)}
    yield from observations(story, encounter_id, moment, rng.randint(5, 20))


def observations(story: Story, encounter_id: int, moment: datetime, count: int) -> Iterator[TableRow]:
    """A group of vital signs and single answers, ``count`` in all; some are edited: void, with a newer version."""
    rng = story.rng
    group = blank_obs(story, encounter_id, moment, reference.VITALS)
    yield "obs", group
    for number in range(count - 1):
        in_group = number < len(reference.IN_VITALS)
        concept = reference.IN_VITALS[number] if in_group else rng.choice(reference.QUESTIONS)
        row = blank_obs(story, encounter_id, moment, concept)
        row.update(answer(rng, concept, moment), obs_group_id=group["obs_id"] if in_group else None)
        if rng.random() < EDITED and not story.mistaken:
            edited = moment + timedelta(minutes=rng.randint(1, 600))
            yield "obs", {**row, **voided(edited, "Corrected")}
            yield "obs", next_version(rng, row, story.ids.take("obs"), edited)
        else:
            yield "obs", row


def blank_obs(story: Story, encounter_id: int, moment: datetime, concept: reference.Concept) -> Row:
    return {
        "obs_id": story.ids.take("obs"),
        "person_id": story.person_id,
        "concept_id": concept.concept_id,
        "encounter_id": encounter_id,
        "obs_datetime": moment,
        "location_id": 3,
        "status": "FINAL",
        "uuid": story.uuid(),
        **story.marks(moment),
    }


def next_version(rng: Random, row: Row, obs_id: int, moment: datetime) -> Row:
    """What OpenMRS writes for an edit: the old values are another row's, which this one names."""
    concept = reference.CONCEPTS[int(str(row["concept_id"]))]
    new = {**row, **answer(rng, concept, moment), "uuid": people.random_uuid(rng), "date_created": moment}
    return {**new, "obs_id": obs_id, "previous_version": row["obs_id"], "status": "AMENDED"}


def answer(rng: Random, concept: reference.Concept, moment: datetime) -> Row:
    """Exactly one value column, the one that the concept's datatype asks for."""
    if concept.datatype == reference.NUMERIC:
        number = rng.uniform(concept.low, concept.high)
        value = float(round(number)) if concept.whole else round(number, 1)
        return {"value_numeric": value, "interpretation": "NORMAL" if rng.random() < 0.1 else None}
    if concept.datatype == reference.CODED:
        chosen = rng.choice(concept.answers)
        return {"value_coded": chosen, "value_coded_name_id": reference.name_id(chosen)}
    if concept.datatype == reference.TEXT:
        return {"value_text": rng.choice(NOTES)}
    if concept.datatype == reference.DATE:
        return {"value_datetime": (moment + timedelta(days=rng.randint(7, 180))).replace(hour=0, minute=0, second=0)}
    return {"value_complex": f"xray-{rng.randint(1, 10**6)}.jpg|complex_obs/xray-{rng.randint(1, 10**6)}.jpg"}

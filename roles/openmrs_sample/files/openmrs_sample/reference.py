# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every OpenMRS database begins with: the first users, places, types, and a small dictionary of concepts."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Iterator, Tuple

from .sql import Row, TableRow

INSTALLED = datetime(2015, 1, 5, 8, 0, 0)
NAMESPACE = uuid.UUID("6f0d3d9e-4d1c-5c38-9d0e-0a51a7c3e001")
ADMIN = 1
CLERKS = (3, 4)  # users who register and write down; 1 is admin, 2 the daemon
FIRST_PATIENT = 4  # persons 1 to 3 are staff

DATATYPES = (
    *((1, "Numeric", "NM"), (2, "Coded", "CWE"), (3, "Text", "ST"), (4, "N/A", "ZZ"), (5, "Document", "RP")),
    *((6, "Date", "DT"), (7, "Time", "TM"), (8, "Datetime", "TS"), (10, "Boolean", "BIT"), (11, "Rule", "ZZ")),
    *((12, "Structured Numeric", "SN"), (13, "Complex", "ED")),
)
NUMERIC, CODED, TEXT, NOT_APPLICABLE, DATE, COMPLEX = 1, 2, 3, 4, 6, 13
CLASSES = (
    *(
        "Test",
        "Procedure",
        "Drug",
        "Diagnosis",
        "Finding",
        "Anatomy",
        "Question",
        "LabSet",
        "MedSet",
        "ConvSet",
        "Misc",
    ),
    *("Symptom", "Symptom/Finding", "Specimen", "Misc Order", "Frequency"),
)
LOCATIONS = (
    (1, "Unknown Location", None, None),
    (2, "District Hospital", "Kenya", None),
    (3, "Outpatient Clinic", "Kenya", 2),
    (4, "Registration Desk", "Kenya", 2),
    (5, "Centre de Santé de Mirebalais", "Haiti", None),
)
IDENTIFIER_TYPES = (
    (1, "OpenMRS Identification Number", "Unique number used in OpenMRS", True),
    (2, "Old Identification Number", "Number of the paper file", False),
)
ENCOUNTER_TYPES = ("Registration", "Consultation", "Laboratory", "Return visit")
VISIT_TYPES = ("Facility Visit", "Home Visit")


@dataclass(frozen=True)
class Concept:
    """A question or an answer. A number's ``low`` and ``high`` are what is written down, not what is healthy."""

    concept_id: int
    name: str
    datatype: int
    concept_class: int = 7
    answers: Tuple[int, ...] = ()
    low: float = 0
    high: float = 0
    whole: bool = False


VITALS = Concept(5, "Vital signs", NOT_APPLICABLE, 10)
IN_VITALS = (
    Concept(10, "Weight (kg)", NUMERIC, low=2.5, high=110),
    Concept(11, "Height (cm)", NUMERIC, low=45, high=195),
    Concept(12, "Temperature (C)", NUMERIC, low=35.1, high=40.9),
    Concept(13, "Systolic blood pressure", NUMERIC, low=80, high=190, whole=True),
    Concept(14, "Pulse", NUMERIC, low=45, high=160, whole=True),
)
QUESTIONS = (
    Concept(15, "CD4 count", NUMERIC, 1, low=5, high=1500, whole=True),
    Concept(20, "HIV test result", CODED, 1, answers=(30, 31, 32)),
    Concept(21, "Malaria smear", CODED, 1, answers=(30, 31)),
    Concept(22, "Reason for visit", CODED, answers=(33, 34, 35)),
    Concept(23, "Clinical note", TEXT),
    Concept(24, "Return visit date", DATE),
    Concept(25, "Chest X-ray", COMPLEX, 1),
)
ANSWERS = (
    Concept(1, "True", NOT_APPLICABLE, 11),
    Concept(2, "False", NOT_APPLICABLE, 11),
    Concept(30, "Positive", NOT_APPLICABLE, 11),
    Concept(31, "Negative", NOT_APPLICABLE, 11),
    Concept(32, "Indeterminate", NOT_APPLICABLE, 11),
    Concept(33, "Fever", NOT_APPLICABLE, 12),
    Concept(34, "Antenatal care", NOT_APPLICABLE, 11),
    Concept(35, "Follow-up", NOT_APPLICABLE, 11),
)
CONCEPTS = {each.concept_id: each for each in (*ANSWERS, VITALS, *IN_VITALS, *QUESTIONS)}
STAFF = ((1, "Super", "User"), (2, "Wanjiku", "Kamau"), (3, "Marie", "Étienne"))


def name_id(concept_id: int) -> int:
    """The one name of a concept."""
    return concept_id + 1000


def fixed_uuid(*words: object) -> str:
    """The same for the same words, in every database."""
    return str(uuid.uuid5(NAMESPACE, "/".join(map(str, words))))


def dictionary_uuid(concept_id: int) -> str:
    """36 characters, digits followed by A's, as the CIEL dictionary has them."""
    return f"{160000 + concept_id}".ljust(36, "A")


def first_rows() -> Iterator[TableRow]:
    """All rows that are not a patient's. Staff have no creator: users point at persons, and these at users."""
    made: Row = {"creator": ADMIN, "date_created": INSTALLED}
    unmade: Row = {"creator": None, "date_created": INSTALLED}
    yield "person", {"person_id": 1, "gender": "M", "uuid": fixed_uuid("person", 1), **unmade}
    for user_id, name in ((1, "admin"), (2, "daemon")):
        row: Row = {"user_id": user_id, "system_id": name, "username": name, "person_id": 1}
        yield "users", {**row, "uuid": fixed_uuid("users", user_id), **made}
    for person_id, given, family in STAFF:
        if person_id > 1:
            yield "person", {"person_id": person_id, "gender": "F", "uuid": fixed_uuid("person", person_id), **unmade}
        row = {"person_name_id": person_id, "person_id": person_id, "preferred": True}
        named: Row = {"given_name": given, "family_name": family, "uuid": fixed_uuid("person_name", person_id)}
        yield "person_name", {**row, **named, **made}
    for user_id in CLERKS:
        row = {"user_id": user_id, "system_id": f"{user_id}-{user_id * 2}", "username": f"clerk{user_id - 2}"}
        yield "users", {**row, "person_id": user_id - 1, "uuid": fixed_uuid("users", user_id), **made}
    yield from _types()
    yield from _concepts()


def _types() -> Iterator[TableRow]:
    made: Row = {"creator": ADMIN, "date_created": INSTALLED}
    for location_id, name, country, parent in LOCATIONS:
        row: Row = {"location_id": location_id, "name": name, "country": country, "parent_location": parent}
        yield "location", {**row, "uuid": fixed_uuid("location", location_id), **made}
    for type_id, name, description, checked in IDENTIFIER_TYPES:
        row = {"patient_identifier_type_id": type_id, "name": name, "description": description}
        rules: Row = {
            "check_digit": checked,
            "validator": "org.openmrs.patient.impl.LuhnIdentifierValidator" if checked else None,
        }
        yield "patient_identifier_type", {**row, **rules, "uuid": fixed_uuid("identifier_type", type_id), **made}
    for number, name in enumerate(ENCOUNTER_TYPES, 1):
        row = {"encounter_type_id": number, "name": name, "description": f"{name} of a patient"}
        yield "encounter_type", {**row, "uuid": fixed_uuid("encounter_type", number), **made}
    for number, name in enumerate(VISIT_TYPES, 1):
        row = {"visit_type_id": number, "name": name, "description": f"Patient seen: {name.lower()}"}
        yield "visit_type", {**row, "uuid": fixed_uuid("visit_type", number), **made}


def _concepts() -> Iterator[TableRow]:
    made: Row = {"creator": ADMIN, "date_created": INSTALLED}
    for number, name, short in DATATYPES:
        row: Row = {"concept_datatype_id": number, "name": name, "hl7_abbreviation": short}
        yield "concept_datatype", {**row, "uuid": fixed_uuid("concept_datatype", number), **made}
    for number, name in enumerate(CLASSES, 1):
        yield "concept_class", {"concept_class_id": number, "name": name, "uuid": fixed_uuid("class", number), **made}
    for concept in CONCEPTS.values():
        row = {
            "concept_id": concept.concept_id,
            "datatype_id": concept.datatype,
            "class_id": concept.concept_class,
        }
        yield "concept", {**row, "is_set": concept is VITALS, "uuid": dictionary_uuid(concept.concept_id), **made}
        named: Row = {
            "concept_name_id": name_id(concept.concept_id),
            "concept_id": concept.concept_id,
            "name": concept.name,
        }
        marks: Row = {"locale": "en", "locale_preferred": True, "uuid": fixed_uuid("concept_name", concept.concept_id)}
        yield "concept_name", {**named, **marks, **made}

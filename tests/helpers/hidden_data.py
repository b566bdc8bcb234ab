# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S608 - made-up rows for a database of the tests' own
"""A second connector on a test server that hides patients' data: its variables, what is written, and the hunt."""

from __future__ import annotations

import uuid
from typing import Any

from ansible_collections.openmrs.event_log.plugins.module_utils._patient_data import CHARACTER, CODED, METADATA

from tests.helpers.hunt import NoHuntError, Prey, name
from tests.helpers.playbooks import site_variables
from tests.helpers.server import Server

CONNECTOR, MYSQL = "openmrs.event_log.connector", "openmrs.event_log.mysql"
PURGE = "openmrs.event_log.purge_clear_events"
TABLES = ("person", "person_name", "person_address", "patient_identifier", "obs", "users", "encounter_type")
LOG = "/var/lib/event-log/kafka/data/log"
FORMS = "/run/hidden-forms"
ARRIVAL = 90  # seconds; a few are usual
WRITTEN = uuid.uuid4().hex[:10]
#: What the tests write themselves, each of them text that somebody might type.
TYPED = [f"{word} {WRITTEN}" for word in ("Uwimana", "Kigali road", "A-4711", "coughs at night", "later", "a reason")]


def home(prefix: str) -> str:
    """A home of its own: facts about a connector are one file."""
    return f"/opt/event-log-{prefix}"


def variables(server: Server, profile: str, prefix: str, **more: Any) -> dict[str, Any]:
    image = server.sh("docker inspect -f '{{.Config.Image}}' event-log-connect").strip()
    return {
        **site_variables(),
        "event_log_image": image,
        "event_log_patient_data": profile,
        "event_log_tables": list(TABLES),
        "event_log_topic_prefix": prefix,
        "event_log_server_id": 1_234_567_000 + len(prefix),
        "event_connector_name": prefix,
        "event_connector_home": home(prefix),
        # What is compressed cannot be searched as it lies on the disk.
        "event_connector_overrides": {"producer.override.compression.type": "none"},
        **more,
    }


def columns(server: Server) -> list[tuple[str, str, str]]:
    listed = ", ".join(f"'{table}'" for table in TABLES)
    rows = server.sql(
        "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS"
        f" WHERE TABLE_SCHEMA = 'openmrs' AND TABLE_NAME IN ({listed})"
    )
    return [(table, column, kind) for table, column, kind in (row.split("\t") for row in rows.splitlines())]


def texts(server: Server) -> dict[str, str]:
    """Every text of the sample that is to be hidden, and where it stands."""
    found: dict[str, str] = {}
    for table, column, kind in columns(server):
        if kind in CHARACTER and column != "uuid" and table not in METADATA and column not in CODED.get(table, ()):
            for text in server.sql(f"SELECT DISTINCT {column} FROM {table} WHERE {column} > ''").splitlines():
                found.setdefault(text, f"{table}.{column}")
    return found


def prey(server: Server) -> list[Prey]:
    """As it may be written in an event. What is short, or a word of the tables' structure, would be found by chance."""
    structure = "".join(server.sql(f"SHOW CREATE TABLE {table}") for table in TABLES).lower()
    found = []
    for text, where in {**texts(server), **dict.fromkeys(TYPED, "typed by the test")}.items():
        if "\\" in text or text.lower() in structure:
            continue
        try:
            found.append(name(where, text))
        except NoHuntError:
            continue
    return found


def hunt(server: Server, hunted: list[Prey], *patterns: str) -> tuple[int, list[tuple[str, str]]]:
    """How many bytes there are, and in which topics which of it was found."""
    forms = sorted({text for one in hunted for _, text in one.forms})
    files = " ".join(patterns)
    server.sh(f"umask 077; cat > {FORMS}", stdin="".join(f"{text}\n" for text in forms))
    try:
        size = int(server.sh(f"cat {files} | wc -c"))
        lines = server.sh(f"LC_ALL=C grep -aoFH -f {FORMS} {files} | sort -u | head -n 50").splitlines()
    finally:
        server.sh(f"rm -f {FORMS}")
    return size, [(path.split("/")[-2], match) for path, _, match in (line.partition(":") for line in lines)]


def written(person: int, column: str) -> str:
    """Text in every table, by inserts, updates, a delete, and in a column that a DDL adds."""
    name_, road, number, note, later, reason = TYPED
    who = "creator, date_created, uuid) VALUES"
    by = f"1, NOW(), '{uuid.uuid4()}')"
    return (
        f"INSERT INTO person (person_id, gender, {who} ({person}, 'F', {by};"
        f" INSERT INTO person_name (person_id, given_name, family_name, {who} ({person}, '{name_}', '{name_}', {by};"
        f" UPDATE person_name SET family_name = '{later}' WHERE person_id = {person};"
        f" INSERT INTO person_address (person_id, address1, latitude, {who} ({person}, '{road}', '{WRITTEN}.1', {by};"
        f" INSERT INTO users (system_id, username, password, person_id, {who}"
        f" ('{later}', '{later}', '{later}', {person}, {by};"
        " INSERT INTO patient_identifier"
        " (patient_id, identifier, identifier_type, location_id, creator, date_created, uuid)"
        f" SELECT patient_id, '{number}', identifier_type, location_id, 1, NOW(), UUID()"
        " FROM patient_identifier LIMIT 1;"
        " INSERT INTO obs (person_id, concept_id, obs_datetime, value_text, comments, creator, date_created, uuid)"
        f" SELECT person_id, concept_id, obs_datetime, '{note}', '{note}', 1, NOW(), UUID() FROM obs LIMIT 1;"
        f" ALTER TABLE person ADD COLUMN {column} text NULL;"
        f" UPDATE person SET {column} = '{later}', void_reason = '{reason}' WHERE person_id = {person};"
        f" DELETE FROM person_name WHERE person_id = {person};"
        f" UPDATE person SET dead = 1 WHERE person_id = {person}"
    )


def unwritten(server: Server, person: int, column: str = "") -> None:
    """Leave the sample as it was, for the tests after these."""
    _, _, number, note, later, _ = TYPED
    if column and column in server.sql("SHOW CREATE TABLE person"):
        server.sql(f"ALTER TABLE person DROP COLUMN {column}")
    server.sql(
        f"DELETE FROM users WHERE username = '{later}'; DELETE FROM obs WHERE comments = '{note}';"
        f" DELETE FROM patient_identifier WHERE identifier = '{number}';"
        f" DELETE FROM person_address WHERE person_id = {person}; DELETE FROM person_name WHERE person_id = {person};"
        f" DELETE FROM person WHERE person_id = {person}"
    )


def removed(server: Server, prefix: str) -> None:
    server.request("DELETE", f"/connectors/{prefix}")
    server.sh(f"rm -rf {home(prefix)}")

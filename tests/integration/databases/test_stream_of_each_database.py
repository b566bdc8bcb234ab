# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Database by capability: each case's name is a cell of the table, and what it asks is what must arrive."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, List, Tuple

import pytest

from tests.helpers.databases import STACK, databases, digest
from tests.helpers.written import LARGE, LARGE_BY_DEFAULT, MEGABYTE, Written

DATABASES = {database.name: database for database in databases()}


def ops(events: List[Any]) -> List[Any]:
    return [event and event["op"] for event in events]


def rows_that_were_there(seen: Written) -> None:
    first = seen.events("person_id", 1)[0]
    assert (first["op"], first["before"]) == ("r", None)
    assert first["after"]["gender"] == "F"
    assert first["source"]["snapshot"] != "false"
    assert first["source"]["connector"] == seen.database.flavour


def insert(seen: Written) -> None:
    event = seen.events("person_id", seen.first)[0]
    assert (event["op"], event["before"]) == ("c", None)
    after = event["after"]
    # As docs/consuming.md says: days since 1970, the wall clock as if it were UTC.
    assert (after["gender"], after["birthdate"], after["date_created"]) == ("F", 5172, 1_714_979_289_000)
    source = event["source"]
    assert (source["name"], source["db"], source["table"]) == (seen.database.prefix, "openmrs", "person")
    assert source["snapshot"] == "false"
    assert source["file"]
    assert source["pos"] > 0


def update(seen: Written) -> None:
    made, changed = seen.events("person_id", seen.first)[:2]
    assert changed["op"] == "u"
    assert changed["before"] == made["after"]
    assert changed["after"] == {**made["after"], "gender": "M"}


def delete(seen: Written) -> None:
    events = seen.events("person_id", seen.first)
    assert ops(events) == ["c", "u", "d", None]
    assert events[2]["after"] is None
    assert events[2]["before"] == events[1]["after"]


def ddl(seen: Written) -> None:
    (event,) = seen.events("person_id", seen.first + 1)
    assert event["after"][seen.column] == "after the DDL"
    assert seen.column not in seen.events("person_id", seen.first)[0]["after"]


def utf8mb4(seen: Written) -> None:
    (event,) = seen.events("person_name_id", seen.first)
    assert (event["after"]["given_name"], event["after"]["family_name"]) == ("ከበደ 漢字", "😀 Ñandú Ж")


def zero_dates(seen: Written) -> None:
    """A column that may be null gets null, one that may not gets the beginning of 1970: there is no other value."""
    (event,) = seen.events("person_id", seen.first + 2)
    assert (event["after"]["birthdate"], event["after"]["date_created"]) == (None, 0)


def text_near_the_limit(seen: Written) -> None:
    (event,) = seen.events("note_id", seen.first)
    assert event["after"]["value_text"] == digest(seen.text)
    assert len(seen.text) > 4_000_000


def foreign_key_cascade(seen: Written) -> None:
    assert ops(seen.events("person_id", seen.first + 3)) == ["c", "d", None]
    of_children = ["c", "d", None] if seen.database.cascades_are_logged else ["c"]
    for number in (seen.first, seen.first + 1):
        assert ops(seen.events("person_attribute_id", number)) == of_children
    assert seen.database.one(f"SELECT COUNT(*) FROM openmrs.person_attribute WHERE person_id = {seen.first + 3}") == "0"  # noqa: S608


def transaction_of_50_mb(seen: Written) -> None:
    events = [seen.events("obs_id", seen.first + number) for number in range(LARGE)]
    assert [len(found) for found in events] == [1] * LARGE
    for number, (event,) in enumerate(events):
        assert event["after"]["value_text"] == digest(chr(65 + number % 26) * MEGABYTE)
    # One transaction lies in one file of the binary log.
    assert len({event["source"]["file"] for (event,) in events}) == 1


def nothing_twice(seen: Written) -> None:
    """What was counted is all there is: no event came again, and none that nobody expected."""
    own = range(seen.first, seen.first + 100)
    keys = {"person_id": "person", "person_name_id": "person_name", "person_attribute_id": "person_attribute"}
    found = dict.fromkeys(keys.values(), 0)
    for key, _value in seen.messages:
        ((name, number),) = key.items()
        if name in keys and number in own:
            found[keys[name]] += 1
    assert found == {table: seen.expected()[table] for table in found}


CAPABILITIES: Dict[str, Callable[[Written], None]] = {
    check.__name__: check
    for check in (
        rows_that_were_there,
        insert,
        update,
        delete,
        ddl,
        utf8mb4,
        zero_dates,
        text_near_the_limit,
        foreign_key_cascade,
        transaction_of_50_mb,
        nothing_twice,
    )
}


def cells() -> List[Any]:
    """The table; what only a full run can show is marked so."""
    found = []
    for database in DATABASES:
        for capability in CAPABILITIES:
            long = capability == "transaction_of_50_mb" and database not in LARGE_BY_DEFAULT
            marks: Tuple[Any, ...] = (pytest.mark.full,) if long else ()
            found.append(pytest.param(database, capability, id=f"{database}-{capability}", marks=marks))
    return found


@pytest.mark.parametrize(("database", "capability"), cells())
def test_events(streamed: Dict[str, Written], database: str, capability: str) -> None:
    CAPABILITIES[capability](streamed[database])


@pytest.mark.parametrize("database", DATABASES)
def test_encryption(streamed: Dict[str, Written], database: str) -> None:
    """Through TLS over the network; on the server itself as its version can."""
    seen = DATABASES[database]
    assert streamed[database].messages
    status, answer = STACK.request("GET", f"/connectors/{seen.connector}/config")
    assert status == 200, answer
    mode = answer["database.ssl.mode"]
    if not seen.native:
        assert answer["database.hostname"] == "127.0.0.1"
        return
    # MariaDB's connector knows no fallback; MySQL's does, so there the server is asked.
    assert mode in ("preferred", "trust", "verify-ca"), json.dumps(answer, indent=1)
    if seen.flavour == "mysql":
        ciphers = seen.sql(
            "SELECT s.VARIABLE_VALUE FROM performance_schema.status_by_thread s"
            " JOIN performance_schema.threads t USING (THREAD_ID) WHERE s.VARIABLE_NAME = 'Ssl_cipher'"
            " AND t.PROCESSLIST_USER = 'event_log' AND t.PROCESSLIST_COMMAND LIKE 'Binlog Dump%'"
        ).split("\n")
        assert ciphers[:-1], "no reader of the binary log"
        assert all(ciphers[:-1])
    else:
        assert mode != "preferred"
        assert int(seen.one("SHOW GLOBAL STATUS LIKE 'Ssl_finished_accepts'").split()[1]) > 0

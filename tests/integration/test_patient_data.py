# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S311 - made-up rows
"""A second connector that hides patients' data: nothing of the sample's text is in any byte of its topics."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.helpers.hidden_data import (
    ARRIVAL,
    CONNECTOR,
    LOG,
    TABLES,
    hunt,
    prey,
    removed,
    unwritten,
    variables,
    written,
)
from tests.helpers.hunt import name
from tests.helpers.playbooks import Outcome, play
from tests.helpers.server import Server, eventually


@dataclass(frozen=True)
class Hidden:
    """A connector that has hidden from the beginning, with what was written while it streamed."""

    profile: str
    prefix: str
    first: Outcome
    second: Outcome
    person: int

    @property
    def patterns(self) -> list[str]:
        return [f"{LOG}/{self.prefix}.openmrs.*/*.log", f"{LOG}/schema-changes.{self.prefix}-0/*.log"]


# The part `secure` switches a server to masked in every run; here each byte of the topics is looked at.
@pytest.fixture(scope="module", params=[pytest.param(name, marks=pytest.mark.full) for name in ("masked", "minimal")])
def hidden(
    request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hidden]:
    """A snapshot; then inserts, updates, a delete, and a column of text that a DDL adds."""
    profile = str(request.param)
    prefix = f"{profile}-{uuid.uuid4().hex[:6]}"
    directory = tmp_path_factory.mktemp(profile)
    wanted = variables(server, profile, prefix)
    person = random.randrange(1_000_000, 2_000_000_000)
    column = f"note_{prefix.replace('-', '_')}"
    try:
        first, second = (play(directory, server, wanted, playbook=CONNECTOR) for _ in range(2))
        server.sql(written(person, column))
        found: list[Any] = []

        def arrived() -> bool:
            events = server.consume(f"{prefix}.openmrs.person", 5)
            found[:] = [value for key, value in events if key == {"person_id": person}]
            return len(found) == 3

        eventually(arrived, ARRIVAL, f"three events of person {person}")
        yield Hidden(profile, prefix, first, second, person)
    finally:
        removed(server, prefix)
        unwritten(server, person, column)


def test_it_is_registered_and_a_second_run_changes_nothing(hidden: Hidden) -> None:
    assert hidden.first.code == 0, hidden.first.output[-3000:]
    assert hidden.second.code == 0, hidden.second.output[-3000:]
    assert hidden.second.changed == []
    # It is new, so there is nothing from before.
    assert "still hold" not in hidden.first.output + hidden.second.output


def test_nothing_of_the_samples_text_is_in_any_byte_of_its_topics(server: Server, hidden: Hidden) -> None:
    hunted = prey(server)
    labels = {one.label for one in hunted}
    # Of every kind, and enough of it.
    assert {"person_name.family_name", "patient_identifier.identifier", "typed by the test"} <= labels
    assert len(hunted) > 50
    size, found = hunt(server, hunted, *hidden.patterns)
    assert size > 10_000
    assert found == []


def test_the_hunt_would_find_it(server: Server, hidden: Hidden) -> None:
    """What stays clear is found in the same bytes by the same search."""
    uuids = server.sql("SELECT uuid FROM person ORDER BY person_id LIMIT 5").splitlines()
    _, found = hunt(server, [name("uuid", text) for text in uuids], *hidden.patterns)
    assert {form for _, form in found} >= set(uuids)


def test_every_row_is_there_with_its_links(server: Server, hidden: Hidden) -> None:
    rows = {int(row) for row in server.sql("SELECT person_name_id FROM person_name").splitlines()}
    events = server.consume(f"{hidden.prefix}.openmrs.person_name")
    snapshot = {key["person_name_id"]: value["after"] for key, value in events if value and value["op"] == "r"}
    assert rows <= set(snapshot)
    for after in snapshot.values():
        assert after["person_id"] > 0
        assert after["uuid"]
        assert after.get("family_name", "") == ""
    assert ("family_name" in next(iter(snapshot.values()))) == (hidden.profile == "masked")


def test_keys_are_numbers_of_rows_and_nothing_else(server: Server, hidden: Hidden) -> None:
    for table in TABLES:
        for key, _ in server.consume(f"{hidden.prefix}.openmrs.{table}", 5):
            assert list(key) == [f"{table.removesuffix('s') if table == 'users' else table}_id"]
            assert isinstance(next(iter(key.values())), int)


def test_what_the_profile_leaves_clear_is_clear(server: Server, hidden: Hidden) -> None:
    events = [
        value
        for key, value in server.consume(f"{hidden.prefix}.openmrs.person", 5)
        if key["person_id"] == hidden.person
    ]
    insert, update, last = events
    assert (insert["op"], update["op"], last["op"]) == ("c", "u", "u")
    assert (insert["after"].get("gender"), last["after"].get("dead")) == (
        ("F", 1) if hidden.profile == "masked" else (None, None)
    )
    types = [value["after"] for _, value in server.consume(f"{hidden.prefix}.openmrs.encounter_type", 5)]
    assert all(bool(one.get("name")) == (hidden.profile == "masked") for one in types)


def test_credentials_have_no_field(server: Server, hidden: Hidden) -> None:
    for _, value in server.consume(f"{hidden.prefix}.openmrs.users", 5):
        assert {"password", "salt", "secret_question", "secret_answer", "activation_key"} & set(value["after"]) == set()

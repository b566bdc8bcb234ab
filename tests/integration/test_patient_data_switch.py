# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S311, S608 - made-up rows for a database of the tests' own
"""A connector that begins to hide patients' data: topics with clear events are told, and purged when asked for."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.hidden_data import (
    ARRIVAL,
    CONNECTOR,
    MYSQL,
    PURGE,
    TABLES,
    TYPED,
    home,
    removed,
    unwritten,
    variables,
)
from tests.helpers.playbooks import Outcome, play
from tests.helpers.server import Server, eventually

# Minutes: the part `secure` has a switch and a purge in every run.
pytestmark = pytest.mark.full


@dataclass(frozen=True)
class Switched:
    """A connector that captured everything, and then hid."""

    prefix: str
    wanted: dict[str, Any]
    directory: Path
    runs: tuple[Outcome, ...]  # full, the switch in check mode, the switch, and once more

    def topics(self) -> set[str]:
        return {f"{self.prefix}.openmrs.{table}" for table in TABLES}


@pytest.fixture(scope="module")
def switched(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Switched]:
    prefix = f"switched-{uuid.uuid4().hex[:6]}"
    directory = tmp_path_factory.mktemp("switched")
    wanted = variables(server, "masked", prefix)
    full = {**wanted, "event_log_patient_data": "full"}
    try:
        first = play(directory, server, full, playbook=CONNECTOR)
        eventually(lambda: server.consume(f"{prefix}.openmrs.users", 5), ARRIVAL, "the snapshot")
        checked = play(directory, server, wanted, "--check", playbook=CONNECTOR)
        runs = [play(directory, server, wanted, playbook=CONNECTOR) for _ in range(2)]
        # The purge reads the host's own settings there.
        server.sh(f"cp /opt/event-log/config/event-log.json {home(prefix)}/config/")
        yield Switched(prefix, wanted, directory, (first, checked, *runs))
    finally:
        removed(server, prefix)


def test_a_switch_names_the_topics_that_hold_clear_events_until_they_are_gone(switched: Switched) -> None:
    full, checked, masked, again = switched.runs
    assert [run.code for run in switched.runs] == [0, 0, 0, 0], masked.output[-3000:]
    assert "still hold" not in full.output
    for run in (checked, masked, again):
        assert [topic for topic in switched.topics() if f"{topic} (partition 0)" not in run.output] == []
        assert "purge_clear_events" in run.output
    assert checked.changed == masked.changed
    assert again.changed == []


def test_a_purge_says_what_it_would_do_does_it_when_asked_and_once(server: Server, switched: Switched) -> None:
    site = switched.wanted["event_log_site"]

    def purge(*words: str) -> Outcome:
        return play(switched.directory, server, switched.wanted, *words, playbook=PURGE)

    person = f"{switched.prefix}.openmrs.person_name"
    before = len(server.consume(person, 5))
    assert before > 0
    looked = purge()
    refused = purge("-e", "event_log_purge=elsewhere")
    checked = purge("--check", "-e", f"event_log_purge={site}")
    assert (looked.code, looked.changed, refused.code) == (0, [], 2)
    assert "event_log_purge is elsewhere" in refused.messages
    assert len(server.consume(person, 5)) == before
    done = purge("-e", f"event_log_purge={site}")
    assert done.code == 0, done.output[-3000:]
    assert done.changed == checked.changed != []
    # What came after the switch may be there, of other tests too: it is masked. Of the snapshot there is nothing.
    rows = [row for _, value in server.consume(person, 5) if value for row in (value["before"], value["after"]) if row]
    assert {row["family_name"] for row in rows} <= {""}
    again = purge("-e", f"event_log_purge={site}")
    assert (again.code, again.changed) == (0, [])
    told = play(switched.directory, server, switched.wanted, playbook=CONNECTOR)
    assert (told.code, told.changed) == (0, [])
    assert "still hold" not in told.output


def test_events_after_the_switch_stay_and_are_masked(server: Server, switched: Switched) -> None:
    person = random.randrange(1_000_000, 2_000_000_000)
    server.sql(
        "INSERT INTO person (person_id, void_reason, creator, date_created, uuid)"
        f" VALUES ({person}, '{TYPED[-1]}', 1, NOW(), '{uuid.uuid4()}')"
    )

    def arrived() -> list[Any]:
        events = server.consume(f"{switched.prefix}.openmrs.person", 5)
        return [value for key, value in events if key == {"person_id": person}]

    try:
        (event,) = eventually(arrived, ARRIVAL, f"person {person}")
    finally:
        unwritten(server, person)
    assert event["after"]["void_reason"] == ""


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            {"event_connector_masked_columns": ["person.brithdate"]},
            ["event_connector_masked_columns has person.brithdate", "birthdate", "Correct the name"],
        ),
        (
            {"event_connector_masked_columns": ["person.person_id"]},
            ["the key of person's events has person.person_id", "event_log_tables"],
        ),
    ],
)
def test_what_does_not_fit_the_tables_is_refused_by_the_look_at_the_database(
    server: Server, tmp_path: Path, more: dict[str, Any], words: list[str]
) -> None:
    refused = play(tmp_path, server, variables(server, "masked", "refused", **more), playbook=MYSQL)
    assert refused.code == 2
    assert [word for word in words if word not in refused.messages] == []
    assert refused.changed == []

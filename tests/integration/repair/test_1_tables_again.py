# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S608 - made-up rows for a database of the tests' own
"""The playbook snapshot_tables, run against a server whose database somebody writes into."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest

from tests.helpers.same_rows import events_of, rows_of, times_read
from tests.helpers.sample_writes import going
from tests.helpers.server import eventually
from tests.integration.repair.conftest import CONNECTOR, Repair, told

PLAYBOOK = "snapshot_tables"
ASK = "Ask the connector for it"
AGAIN = ("person_name", "patient_identifier")
ROWS = 40_000  # of a table whose reading takes longer than a few runs of a playbook
CHUNK = {"incremental.snapshot.chunk.size": "20"}


def test_without_a_table_of_signals_it_says_what_makes_one(repair: Repair) -> None:
    if repair.refused is None:
        pytest.skip("the server was there before, with its table of signals")
    assert repair.refused.code != 0
    assert repair.refused.changed == []
    (failure,) = repair.refused.run.failures
    for words in ("CREATE TABLE event_log.debezium_signal", "GRANT SELECT, INSERT", "run site.yml once"):
        assert words in failure.message


def test_tables_are_read_again_while_somebody_writes(repair: Repair, tmp_path: Path) -> None:
    before, signals = events_of(repair.server, AGAIN), repair.signals()
    words = ("-e", f"tables={','.join(AGAIN)}", "-e", "state=finished")
    foretold = repair.done(tmp_path / "check", PLAYBOOK, "--check", *words)
    assert foretold.changed == repair.tasks(ASK)
    assert f"Every row of {', '.join(AGAIN)} comes once more as an event (op r)" in told(foretold)
    assert repair.signals() == signals
    load = going(repair.server)
    done = repair.done(tmp_path / "run", PLAYBOOK, *words)
    load.more(3)
    assert done.changed == foretold.changed
    assert f"{CONNECTOR}: no table is being read again." in told(done)
    rows = rows_of(repair.server, AGAIN)
    after = events_of(repair.server, AGAIN)
    for table in AGAIN:
        again = times_read(after, table) - times_read(before, table)
        assert dict(again) == dict.fromkeys(rows[table], 1)
    assert load.wait() > 3
    repair.assert_same(*AGAIN, "person")


def test_without_tables_it_only_says_how_far_it_is(repair: Repair, tmp_path: Path) -> None:
    asked = repair.done(tmp_path, PLAYBOOK)
    assert asked.changed == []
    assert f"{CONNECTOR}: no table is being read again." in told(asked)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"tables": "person,nowhere"}, ["tables", "nowhere", "event_log_tables", "add_tables"]),
        pytest.param({"tables": "visit"}, ["tables", "visit", "event_log_tables"], marks=pytest.mark.full),
        pytest.param({"tables": "openmrs.person"}, ["tables", "openmrs.person", "without"], marks=pytest.mark.full),
        pytest.param({"tables": "person", "state": "begun"}, ["state", "begun", "finished"], marks=pytest.mark.full),
    ],
    ids=lambda value: "-".join(value.values()).replace(",", "-") if isinstance(value, dict) else "",
)
def test_what_cannot_be_read_again_is_refused(
    repair: Repair, tmp_path: Path, words: dict[str, str], said: list[str]
) -> None:
    signals = repair.signals()
    given = [word for name, value in words.items() for word in ("-e", f"{name}={value}")]
    message = repair.refuses(tmp_path, PLAYBOOK, *given)
    assert [one for one in said if one not in message] == [], message
    assert repair.signals() == signals


@pytest.mark.full
@pytest.mark.parametrize("state", ["stopped", "paused"])
def test_a_connector_that_stands_still_is_told_to_run_first(repair: Repair, tmp_path: Path, state: str) -> None:
    verb = {"stopped": "stop", "paused": "pause"}[state]
    repair.server.request("PUT", f"/connectors/{CONNECTOR}/{verb}")
    try:
        eventually(lambda: repair.states()[0] == state.upper(), 60, f"the connector is {state}")
        message = repair.refuses(tmp_path, PLAYBOOK, "-e", "tables=person")
        assert state.upper() in message
        assert "playbook connectors" in message
    finally:
        repair.server.request("PUT", f"/connectors/{CONNECTOR}/resume")
        repair.await_running()


@pytest.mark.full
def test_a_hold_is_respected(repair: Repair, tmp_path: Path) -> None:
    repair.server.sh("echo 'the disk is being changed' > /opt/event-log/hold")
    try:
        assert "the disk is being changed" in repair.refuses(tmp_path, PLAYBOOK, "-e", "tables=person")
    finally:
        repair.server.sh("rm /opt/event-log/hold")


@pytest.fixture
def long_table(repair: Repair) -> Iterator[str]:
    """A captured table that is read for minutes, for it is large and read in small parts."""
    first, table = 500_000_000, "person_address"
    person = repair.server.sql("SELECT MIN(person_id) FROM openmrs.person").strip()
    repair.server.sql(
        "SET SESSION cte_max_recursion_depth = 1000000;"
        " INSERT INTO openmrs.person_address (person_address_id, person_id, creator, date_created, uuid)"
        f" WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})"
        f" SELECT {first} + i, {person}, 1, NOW(), UUID() FROM n"
    )
    former = repair.config()
    repair.server.request("PUT", f"/connectors/{CONNECTOR}/config", {**former, **CHUNK})
    try:
        repair.await_running()
        yield table
    finally:
        repair.server.request("PUT", f"/connectors/{CONNECTOR}/config", former)
        repair.await_running()
        repair.server.sql(f"DELETE FROM openmrs.person_address WHERE person_address_id >= {first}")


@pytest.mark.full
def test_what_is_being_read_is_not_asked_for_again_and_can_be_stopped(
    repair: Repair, tmp_path: Path, long_table: str
) -> None:
    words = ("-e", f"tables={long_table}")
    begun = repair.done(tmp_path / "begin", PLAYBOOK, *words)
    assert begun.changed == repair.tasks(ASK)
    assert f"reading again openmrs.{long_table}" in told(begun)
    signals = repair.signals()
    again = repair.done(tmp_path / "again", PLAYBOOK, *words)
    assert f"reading again openmrs.{long_table}" in again.output, "it was over before anybody could ask again"
    assert (again.changed, repair.signals()) == ([], signals)
    foretold = repair.done(tmp_path / "check", PLAYBOOK, "--check", *words, "-e", "state=stopped")
    stopped = repair.done(tmp_path / "stop", PLAYBOOK, *words, "-e", "state=stopped")
    assert stopped.changed == foretold.changed == repair.tasks(ASK)
    assert "no table is being read again." in told(stopped)
    nothing = repair.done(tmp_path / "nothing", PLAYBOOK, "-e", "state=stopped")
    assert nothing.changed == []
    # Stopped is not lost: asked for anew, every row comes.
    before = events_of(repair.server, [long_table])
    repair.done(tmp_path / "anew", PLAYBOOK, *words, "-e", "state=finished", event_connector_wait_timeout=600)
    events = repair.assert_same(long_table)
    again_read = times_read(events, long_table) - times_read(before, long_table)
    assert set(again_read) == set(rows_of(repair.server, [long_table])[long_table])

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S608 - made-up rows for a database of the tests' own
"""The playbooks openmrs_upgrade_begin and openmrs_upgrade_end around statements that change captured tables."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Iterator, List

import pytest

from tests.helpers.same_rows import Event, events_of, key_of
from tests.helpers.server import eventually
from tests.integration.repair.conftest import CONNECTOR, Repair, told

BEGIN, END = "openmrs_upgrade_begin", "openmrs_upgrade_end"
KEPT = "/opt/event-log/config/openmrs-upgrade.json"
BEGUN = ("Stop the connector", "Remember what the tables are like")
ENDED = ("Start the connector", "Forget the upgrade")
#: What an upgrade does: a column comes, one is renamed, one gets another type, a table is made, others change too.
UPGRADE = """
ALTER TABLE person ADD COLUMN upgrade_note varchar(20) NULL AFTER gender;
{insert_first};
ALTER TABLE person_name CHANGE COLUMN prefix upgrade_prefix varchar(50) NULL;
ALTER TABLE person_address MODIFY COLUMN address1 text NULL;
CREATE TABLE upgrade_module (id int PRIMARY KEY, note varchar(20));
INSERT INTO upgrade_module VALUES (1, 'a');
ALTER TABLE obs ADD COLUMN upgrade_note varchar(20) NULL;
UPDATE person SET upgrade_note = 'after' WHERE person_id = {first};
UPDATE person_name SET upgrade_prefix = 'Dr' ORDER BY person_name_id LIMIT 3;
{insert_second};
"""
DOWNGRADE = """
ALTER TABLE person DROP COLUMN upgrade_note;
ALTER TABLE person_name CHANGE COLUMN upgrade_prefix prefix varchar(50) NULL;
ALTER TABLE person_address MODIFY COLUMN address1 varchar(255) NULL;
DROP TABLE upgrade_module;
ALTER TABLE obs DROP COLUMN upgrade_note;
"""
NEW = ("upgrade_note", "upgrade_prefix")


def insert(person: int) -> str:
    return (
        f"INSERT INTO person (person_id, gender, creator, date_created, uuid) VALUES ({person}, 'F', 1, NOW(), UUID())"
    )


def of(events: List[Event], person: int) -> List[Event]:
    return [event for event in events if event.key == key_of({"person_id": person})]


@pytest.fixture
def ended(repair: Repair, tmp_path: Path) -> Iterator[None]:
    """Whatever a test leaves, the next one finds a connector that runs."""
    yield
    if repair.server.sh(f"ls {KEPT} 2>/dev/null || true"):
        repair.done(tmp_path / "leave", END)


def test_an_upgrade_is_read_to_its_end(repair: Repair, tmp_path: Path, ended: None) -> None:
    before, first, second = (random.randrange(600_000_000, 700_000_000) for _ in range(3))  # noqa: S311
    config = repair.config()
    foretold = repair.done(tmp_path / "begin-check", BEGIN, "--check")
    assert foretold.changed == repair.tasks(*BEGUN)
    assert (repair.states(), repair.server.sh(f"ls {KEPT} 2>/dev/null || true")) == (["RUNNING", "RUNNING"], "")
    repair.server.sql(insert(before))
    begun = repair.done(tmp_path / "begin", BEGIN)
    assert begun.changed == foretold.changed
    assert repair.states() == ["STOPPED"]
    assert of(events_of(repair.server, ["person"]), before), "stopped before everything was read"
    again = repair.done(tmp_path / "begin-again", BEGIN)
    assert again.changed == []
    assert "An upgrade was begun already, at " in told(again)

    given = {"first": first, "insert_first": insert(first), "insert_second": insert(second)}
    repair.server.sql(UPGRADE.format(**given))
    assert of(events_of(repair.server, ["person"]), first) == []
    foretold = repair.done(tmp_path / "end-check", END, "--check")
    assert foretold.changed == repair.tasks(*ENDED)
    assert repair.states() == ["STOPPED"]
    done = repair.done(tmp_path / "end", END)
    assert done.changed == foretold.changed
    for words in (
        "person.upgrade_note is new (varchar)",
        "person_name.prefix is gone",
        "person_name.upgrade_prefix is new (varchar)",
        "person_address.address1 was varchar and is text",
    ):
        assert words in told(done)
    # Read when the playbook says so, without any further waiting.
    events = events_of(repair.server, ["person"])
    assert [event.row["upgrade_note"] for event in of(events, first)] == [None, "after"]
    assert [event.op for event in of(events, second)] == ["c"]
    assert repair.states() == ["RUNNING", "RUNNING"]
    assert repair.config() == config
    repair.assert_same("person", "person_name", "person_address", new=NEW)
    over = repair.done(tmp_path / "end-again", END)
    assert over.changed == []
    assert "No upgrade was begun here (openmrs_upgrade_begin): nothing to do." in told(over)
    repair.server.sql(DOWNGRADE)


@pytest.mark.full
def test_hundreds_of_statements_are_read(repair: Repair, tmp_path: Path, ended: None) -> None:
    person = random.randrange(700_000_000, 800_000_000)  # noqa: S311
    repair.done(tmp_path / "begin", BEGIN)
    statements = [f"ALTER TABLE person ADD COLUMN c{number} int NULL" for number in range(20)]
    statements += [f"ALTER TABLE obs ADD COLUMN c{number} int NULL" for number in range(150)]
    statements += [f"CREATE TABLE module_{number} (id int PRIMARY KEY)" for number in range(150)]
    statements += [insert(person), f"UPDATE person SET c19 = 7 WHERE person_id = {person}"]
    repair.server.sql(";\n".join(statements))
    try:
        done = repair.done(tmp_path / "end", END)
        assert "person.c19 is new (int)" in told(done)
        assert [event.row["c19"] for event in of(events_of(repair.server, ["person"]), person)] == [None, 7]
        repair.assert_same("person", new=tuple(f"c{number}" for number in range(20)))
    finally:
        back = [
            f"ALTER TABLE {table} DROP COLUMN c{n}"
            for table, most in (("person", 20), ("obs", 150))
            for n in range(most)
        ]
        back += [f"DROP TABLE module_{number}" for number in range(150)]
        repair.server.sql(";\n".join(back))


@pytest.mark.full
def test_an_upgrade_whose_binary_log_is_gone_is_ended_by_a_repair(repair: Repair, tmp_path: Path, ended: None) -> None:
    """As docs/snapshots.md says of a connector that fails for good."""
    person = random.randrange(800_000_000, 900_000_000)  # noqa: S311
    config = repair.config()
    repair.done(tmp_path / "begin", BEGIN)
    repair.server.sql(f"{insert(person)}; FLUSH BINARY LOGS")
    repair.purge()
    failed = repair.play(tmp_path / "end", END)
    assert failed.code != 0
    assert "repair_binlog_gap" in failed.messages
    assert "run openmrs_upgrade_end again" in failed.messages
    repair.done(tmp_path / "repair", "repair_binlog_gap", "-e", f"event_log_repair={repair.site}")
    repair.done(tmp_path / "end-again", END)
    assert repair.config() == config
    eventually(lambda: of(events_of(repair.server, ["person"]), person), 60, "the row of the gap")
    assert CONNECTOR in told(repair.done(tmp_path / "far", "snapshot_tables"))

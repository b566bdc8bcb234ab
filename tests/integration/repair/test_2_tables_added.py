# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook add_tables, run against a server whose database somebody writes into: into the new tables too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.busy import busy
from tests.helpers.sample_writes import going
from tests.integration.repair.conftest import CONNECTOR, Repair, told

PLAYBOOK = "add_tables"
ADD = "Add the tables"
USUAL = ["person", "patient", "patient_identifier", "patient_identifier_type", "person_name", "person_address"]
NEW = ["visit_type", "encounter"]
TYPES = "SELECT COUNT(*) FROM openmrs.visit_type"
MORE_TYPES = (
    "INSERT INTO openmrs.visit_type (name, creator, date_created, uuid) VALUES ('round $n', 1, NOW(), UUID());"
    " UPDATE openmrs.visit_type SET description = 'seen' WHERE name = 'round $n';"
)


def test_what_cannot_be_added_is_refused(repair: Repair, tmp_path: Path) -> None:
    before = repair.config()
    message = repair.refuses(tmp_path, PLAYBOOK, event_log_tables=[*USUAL, "nowhere"])
    for words in ("event_log_tables", "nowhere", "no such table in openmrs", "take"):
        assert words in message
    assert repair.config() == before
    assert repair.states() == ["RUNNING", "RUNNING"]


@pytest.mark.full
def test_a_run_of_the_site_stops_at_tables_that_are_merely_listed(repair: Repair, tmp_path: Path) -> None:
    before = repair.config()
    outcome = repair.play(tmp_path, "site", "--tags", "connector", event_log_tables=USUAL + NEW)
    assert outcome.code != 0
    assert "event_log_tables names visit_type, encounter" in outcome.messages
    assert "add_tables" in outcome.messages
    assert repair.config() == before


def test_tables_are_added_while_somebody_writes_into_them(repair: Repair, tmp_path: Path) -> None:
    before = repair.config()
    foretold = repair.done(tmp_path / "check", PLAYBOOK, "--check", event_log_tables=USUAL + NEW)
    assert foretold.changed == repair.tasks(ADD)
    assert f"{CONNECTOR}: would add visit_type, encounter." in told(foretold)
    assert repair.config() == before
    load = going(repair.server)
    with busy(repair.server, MORE_TYPES, TYPES):
        done = repair.done(tmp_path / "run", PLAYBOOK, event_log_tables=USUAL + NEW)
        load.more(3)
    assert done.changed == foretold.changed
    assert f"{CONNECTOR}: added visit_type, encounter." in told(done)
    repair.variables["event_log_tables"] = USUAL + NEW
    after = repair.config()
    assert {key for key in {**before, **after} if before.get(key) != after.get(key)} == {"table.include.list"}
    assert load.wait() > 3
    repair.assert_same(*USUAL, *NEW)


def test_a_second_run_adds_nothing_and_says_so(repair: Repair, tmp_path: Path) -> None:
    if "event_log_tables" not in repair.variables:
        pytest.skip("needs the test before it")
    again = repair.done(tmp_path, PLAYBOOK)
    assert again.changed == []
    assert f"{CONNECTOR}: nothing to do, it captures all of event_log_tables." in told(again)


@pytest.mark.full
def test_after_that_a_run_of_the_site_changes_nothing(repair: Repair, tmp_path: Path) -> None:
    if "event_log_tables" not in repair.variables:
        pytest.skip("needs the tests before it")
    assert repair.done(tmp_path, "site", "--tags", "connector").changed == []

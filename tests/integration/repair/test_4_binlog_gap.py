# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S608 - made-up rows for a database of the tests' own
"""The playbook repair_binlog_gap after the database has deleted what was not read yet."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Dict, Iterator, List

import pytest

from tests.helpers.playbooks import Outcome
from tests.helpers.same_rows import Event, key_of
from tests.helpers.sample_writes import going
from tests.helpers.server import eventually
from tests.integration.repair.conftest import CONNECTOR, Repair, told

PLAYBOOK = "repair_binlog_gap"
REPAIRED = "Look what is to be repaired, or repair it"
NOTHING = "Nothing is to be repaired"


def write_into_the_gap(repair: Repair, first: int) -> None:
    """One row comes, one changes, one goes; and then nobody can read about it any more."""
    repair.server.sql(
        f"{repair.insert(first + 2)}; UPDATE person SET gender = 'M' WHERE person_id = {first};"
        f" DELETE FROM person WHERE person_id = {first + 1}; FLUSH BINARY LOGS"
    )
    repair.purge()
    repair.ghosts.setdefault("person", set()).add(key_of({"person_id": first + 1}))


def failed(repair: Repair) -> None:
    """The connector stood still for too long and runs again: it fails."""
    first = repair.two_people()
    repair.stop()
    write_into_the_gap(repair, first)
    repair.server.request("PUT", f"/connectors/{CONNECTOR}/resume")
    eventually(lambda: "FAILED" in repair.states(), 90, "the connector fails")


def held(repair: Repair) -> None:
    """The whole event log was off for too long: the guard does not start the worker."""
    first = repair.two_people()
    repair.await_remembered()
    repair.server.sh("systemctl stop event-log")
    write_into_the_gap(repair, first)
    repair.server.sh("systemctl start event-log")
    eventually(lambda: repair.memory().get("hold", {}).get("id") == "binlog_purged", 60, "the guard holds the worker")
    assert repair.worker_state() != "running"


def assert_repaired(repair: Repair, fill: str) -> List[Event]:
    gaps = repair.memory()["gaps"]
    gap = gaps[-1]
    assert gap["repaired"].endswith(fill)
    assert gap["from"] < gap["to"]
    assert [one["repaired"] for one in gaps if not one["repaired"]] == []
    assert repair.memory().get("hold", {}) == {}
    eventually(lambda: repair.states() == ["RUNNING", "RUNNING"], 60, "it runs")
    assert repair.server.sh("systemctl is-active event-log-guard").strip() == "active"
    return repair.assert_same("person", "patient", "person_name")


@pytest.fixture
def mended(repair: Repair, tmp_path: Path) -> Iterator[None]:
    """Whatever a test leaves, the next one finds a connector that runs."""
    yield
    left = (
        repair.play(
            tmp_path / "leave", PLAYBOOK, "-e", f"event_log_repair={repair.site}", "-e", "event_log_repair_anyway=true"
        )
        if not repair.runs()
        else None
    )
    assert left is None or left.code == 0, left.output[-3000:]


def test_where_nothing_is_wrong_nothing_is_repaired(repair: Repair, tmp_path: Path) -> None:
    outcome = repair.done(tmp_path, PLAYBOOK, "-e", f"event_log_repair={repair.site}")
    assert outcome.changed == []
    assert f"{NOTHING}: connector {CONNECTOR} is RUNNING" in told(outcome)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            {"event_log_repair": "test-clinic", "event_log_repair_fill": "some"},
            ["event_log_repair_fill", "some", "auto, full, incremental or nothing"],
        ),
        pytest.param(
            {"event_log_repair": "elsewhere"}, ["event_log_repair", "elsewhere", "test-clinic"], marks=pytest.mark.full
        ),
        pytest.param(
            {"event_log_repair": "test-clinic", "event_log_repair_anyway": "perhaps"},
            ["event_log_repair_anyway", "perhaps", "true or false"],
            marks=pytest.mark.full,
        ),
    ],
    ids=["fill", "site", "anyway"],
)
def test_what_cannot_be_meant_is_refused(
    repair: Repair, tmp_path: Path, words: Dict[str, str], said: List[str]
) -> None:
    given = [word for name, value in words.items() for word in ("-e", f"{name}={value}")]
    message = repair.refuses(tmp_path, PLAYBOOK, *given)
    assert [one for one in said if one not in message] == [], message


def test_a_failed_connector_begins_at_the_present(repair: Repair, tmp_path: Path, mended: None) -> None:
    config = repair.config()
    failed(repair)
    look = repair.done(tmp_path / "look", PLAYBOOK)
    assert look.changed == []
    # MariaDB is asked by its GTID, and the connector fails with the database's own words.
    mariadb = "mariadb" in repair.config()["connector.class"]
    for words in (
        "is in no file of the binary log" if mariadb else "no longer available on the server",
        "an incremental snapshot of the captured tables, beside the stream",
        "Rows that were deleted in the gap bring no event.",
        f"Nothing was changed. To do it, say -e event_log_repair={repair.site}.",
    ):
        assert words in told(look)
    named = ("-e", f"event_log_repair={repair.site}")
    foretold = repair.done(tmp_path / "check", PLAYBOOK, "--check", *named)
    assert foretold.changed == repair.tasks(REPAIRED)
    assert "FAILED" in repair.states()
    load = going(repair.server)
    done = repair.done(tmp_path / "run", PLAYBOOK, *named)
    load.more(3)
    assert done.changed == foretold.changed
    again = repair.done(tmp_path / "again", PLAYBOOK, *named)
    assert again.changed == []
    assert NOTHING in told(again)
    assert load.wait() > 3
    assert_repaired(repair, "an incremental snapshot of the captured tables, beside the stream")
    assert repair.config() == config


@pytest.mark.full
@pytest.mark.parametrize("fill", ["incremental", "full"])
def test_a_worker_that_is_held_is_started_by_the_repair(
    repair: Repair, tmp_path: Path, mended: None, fill: str
) -> None:
    config = repair.config()
    held(repair)
    assert "repair_binlog_gap" in repair.server.sh("event-log status || true")
    refused = repair.play(tmp_path / "site", "site", "--tags", "connector")
    assert refused.code != 0
    assert "repair_binlog_gap" in refused.messages
    other = repair.refuses(tmp_path / "other", "repair_restored_source", "-e", f"event_log_repair={repair.site}")
    assert "That is what the playbook repair_binlog_gap is for, and nothing was changed" in other
    words = ("-e", f"event_log_repair={repair.site}", "-e", f"event_log_repair_fill={fill}")
    foretold = repair.done(tmp_path / "check", PLAYBOOK, "--check", *words)
    assert repair.worker_state() != "running"
    done = repair.done(tmp_path / "run", PLAYBOOK, *words)
    assert done.changed == foretold.changed == repair.tasks(REPAIRED)
    assert repair.done(tmp_path / "again", PLAYBOOK, *words).changed == []
    assert_repaired(repair, "of the captured tables" + (", beside the stream" if fill == "incremental" else ""))
    assert repair.config() == config
    assert repair.done(tmp_path / "site-again", "site", "--tags", "connector").changed == []


@pytest.mark.full
def test_without_a_snapshot_a_gap_is_only_recorded(repair: Repair, tmp_path: Path, mended: None) -> None:
    failed(repair)
    reading = [event for event in repair.events("person") if event.op == "r"]
    words = ("-e", f"event_log_repair={repair.site}", "-e", "event_log_repair_fill=nothing")
    repair.done(tmp_path / "run", PLAYBOOK, *words)
    person = repair.two_people()
    assert [event for event in repair.events("person") if event.op == "r"] == reading
    assert repair.memory()["gaps"][-1]["repaired"].endswith("not read again")
    assert [event.op for event in repair.events("person") if event.key == key_of({"person_id": person})] == ["c"]
    # So that later comparisons hold: what was in the gap comes by a snapshot after all.
    repair.done(tmp_path / "fill", "snapshot_tables", "-e", "tables=person", "-e", "state=finished")
    repair.assert_same("person")


@pytest.mark.full
@pytest.mark.parametrize("after", ["record_gap", "forget_history"])
def test_what_is_cut_off_is_finished_by_the_next_run(repair: Repair, tmp_path: Path, mended: None, after: str) -> None:
    """The worker is killed in the midst of it, as by a power cut."""
    failed(repair)
    words = ("-e", f"event_log_repair={repair.site}")
    begun = {
        "record_gap": lambda: any(not gap["repaired"] for gap in repair.memory().get("gaps", [])),
        "forget_history": lambda: CONNECTOR not in repair.memory().get("history", {}),
    }[after]
    outcomes: List[Outcome] = []
    run = threading.Thread(target=lambda: outcomes.append(repair.play(tmp_path / "cut", PLAYBOOK, *words)))
    run.start()
    eventually(begun, 90, f"{after} is done", pause=0.1)
    repair.server.sh("docker kill event-log-connect")
    run.join(600)
    (cut,) = outcomes
    assert cut.code != 0, cut.output[-3000:]
    assert "the same playbook goes on from here" in cut.messages
    look = repair.done(tmp_path / "look", PLAYBOOK)
    assert "a repair was begun and not finished" in told(look)
    repair.done(tmp_path / "run", PLAYBOOK, *words)
    assert_repaired(repair, "beside the stream")

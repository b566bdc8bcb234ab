# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guard writes down of whole tables that are being read, with a worker and a database that are made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List

import pytest
from event_guard import database, flow, reading
from event_guard.look import Look, Watched
from event_log import progress, settings, stack, worker

WORKER = stack.Container(
    "event-log-connect", "running", "healthy", 0, 0, False, "no", "i", "sha256:1", {}, {}, {},
)  # fmt: skip
READS = flow.Flow(connected=None, snapshot=True, written=100.0)
WIRED = flow.Wiring("openmrs", tables="openmrs.obs,openmrs.person")
CAPTURE = database.Capture("c1", "openmrs", "127.0.0.1", 3306, "capture", "/none")


@pytest.fixture
def site(tmp_path: Path) -> settings.Settings:
    return settings.Settings(
        home=Path("/opt/event-log"), image="i", bootstrap="127.0.0.1:9092", data_dir=Path("/d"), project="event-log",
        uid=1, gid=1, database="openmrs", progress_dir=tmp_path,
    )  # fmt: skip


class Database:
    """A session that estimates."""

    asked: List[str] = []

    def __init__(self, _capture: database.Capture) -> None:
        pass

    def rows_of(self, tables: str) -> Dict[str, int]:
        Database.asked.append(tables)
        return {"openmrs.obs": 900, "openmrs.person": 100}

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _database(monkeypatch: pytest.MonkeyPatch) -> None:
    Database.asked = []
    monkeypatch.setattr(database, "capture_of", lambda _settings: CAPTURE)
    monkeypatch.setattr(database, "Session", Database)


def seen(found: flow.Flow, name: str = "c1", signals: bool = False) -> Look:
    one = worker.Connector(name, "source", "RUNNING", ("RUNNING",), "", "openmrs", signals)
    return Look("", WORKER, True, (Watched(one, WIRED, found),))


def told(site: settings.Settings) -> Dict[str, Any]:
    found = progress.works(site.progress_dir, 0.0)
    return {name: (work.done, work.total, work.unit) for name, work in found.items()}


def test_a_first_reading_counts_what_kafka_took_of_what_the_database_estimates(
    site: settings.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_EVERY", 0.0)
    readings = reading.Readings()
    readings.note(site, seen(READS))
    readings.note(site, seen(replace(READS, written=400.0)))
    assert told(site) == {"first-reading-c1": (400, 1000, "rows")}
    assert Database.asked == ["openmrs.obs,openmrs.person"], "the database is asked once"
    readings.note(site, seen(replace(READS, snapshot=False, written=1010.0)))
    assert told(site) == {}


def test_a_task_that_begins_anew_is_counted_from_its_beginning(site: settings.Settings) -> None:
    readings = reading.Readings()
    readings.note(site, seen(replace(READS, written=900.0)))
    readings.note(site, seen(replace(READS, written=3.0)))
    assert told(site) == {"first-reading-c1": (3, 1000, "rows")}


def test_another_connector_of_which_no_database_is_known_is_told_without_a_total(site: settings.Settings) -> None:
    reading.Readings().note(site, seen(READS, name="other"))
    assert told(site) == {"first-reading-other": (100, 0, "rows")}


def test_a_database_that_does_not_answer_keeps_nothing_from_being_told(
    site: settings.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_capture: database.Capture) -> None:
        raise database.DatabaseError("no")

    monkeypatch.setattr(database, "Session", refuse)
    reading.Readings().note(site, seen(READS))
    assert told(site) == {"first-reading-c1": (100, 0, "rows")}


def test_a_table_that_is_read_again_is_told_by_its_keys(
    site: settings.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def key(number: int) -> str:
        """As Java serialises an array with one Integer."""
        return (b"java.lang.Integer" + b"xp\x00\x00\x00\x01" + number.to_bytes(4, "big")).hex()

    offset = {
        "incremental_snapshot_collections": '[{"incremental_snapshot_collections_id": "openmrs.obs"}]',
        "incremental_snapshot_primary_key": key(250),
        "incremental_snapshot_maximum_key": key(1000),
    }
    asked: List[str] = []

    def request(_there: stack.Container, path: str) -> Any:
        asked.append(path)
        return {"offsets": [{"offset": offset}]}

    monkeypatch.setattr(worker, "request", request)
    readings = reading.Readings()
    readings.note(site, seen(READS, signals=True))
    assert told(site) == {"reading-again-c1": (250, 1000, "keys")}
    assert asked == ["/connectors/c1/offsets"]
    assert Database.asked == []


def test_where_nothing_is_read_nobody_is_asked(site: settings.Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "request", lambda *_: pytest.fail("the worker was asked"))
    reading.Readings().note(site, seen(replace(READS, snapshot=False), signals=True))
    assert told(site) == {}
    assert Database.asked == []

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard writes down what the days have brought: rarely, whole, and for good."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
from event_guard import days
from event_guard.memory import Memory
from event_guard.settings import Guard
from event_log import topics
from event_log.growth import Room
from event_log.kafka_log import PartitionSummary
from event_log.settings import Settings
from event_log.topics import TopicSummary

NOW = 1_800_000_000.0


class Site:
    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.guard = Guard(directory=folder)
        self.ends = {"o.person": 100, "__offsets": 9, "schema-changes.o": 5}
        self.looks = 0
        monkeypatch.setattr(days, "room_of", lambda _directory: Room(60, 100))
        monkeypatch.setattr(topics, "summarise", self.summaries)

    def summaries(self, _settings: Settings) -> list[TopicSummary]:
        self.looks += 1
        return [
            TopicSummary(name, name.startswith("__"), (PartitionSummary(0, 0, end, 10, None, None, False),))
            for name, end in self.ends.items()
        ]

    def step(self, now: float) -> list[dict[str, Any]]:
        memory = Memory.load(self.guard.directory)
        settings = cast(Settings, type("Chosen", (), {"data_dir": self.guard.directory}))
        days.step(settings, self.guard, memory, now)
        memory.save()
        found: list[dict[str, Any]] = json.loads((self.guard.directory / "days.json").read_text())["days"]
        return found


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(tmp_path, monkeypatch)


def test_it_looks_four_times_an_hour_and_counts_rows_alone(site: Site) -> None:
    (first,) = site.step(NOW)
    assert (first["used"], first["size"], first["topics"]) == (40, 100, {"o.person": [100, 100, 10]})
    site.ends["o.person"] = 130
    site.step(NOW + 899)
    assert site.looks == 1
    (same,) = site.step(NOW + 900)
    assert same["topics"] == {"o.person": [100, 130, 10]}


def test_a_clock_that_was_set_back_does_not_keep_it_from_looking(site: Site) -> None:
    site.step(NOW)
    found = site.step(NOW - 40 * 86400)
    assert site.looks == 2
    assert len(found) == 2


def test_a_file_that_cannot_be_read_begins_anew(site: Site) -> None:
    (site.guard.directory / "days.json").write_text('{"version": 1, "da')
    assert len(site.step(NOW)) == 1

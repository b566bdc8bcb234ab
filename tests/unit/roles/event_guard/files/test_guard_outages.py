# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Outages are remembered as the heartbeats tell them, and nothing else counts as one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, cast

import pytest
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.kafka_batches import Made, write_segment
from event_guard import clock, outages
from event_guard.memory import Memory
from event_guard.settings import Guard
from event_log.settings import Settings

T = 1_800_000_000
HOUR = 3600
LONG_UP = T - 400 * 86400  # when the host was started


def after(known: Dict[str, Any], beats: List[int], now: int, booted: int = LONG_UP) -> Dict[str, Any]:
    return outages.seen(known, beats, now, booted)


def test_where_heartbeats_go_on_there_is_none() -> None:
    known: Dict[str, Any] = {}
    for now in range(T, T + 5 * HOUR, 60):
        known = after(known, list(range(max(T, now - HOUR), now, 10)), now)
    assert known["list"] == []
    assert T + 5 * HOUR - known["alive"] <= 400


def test_it_is_written_down_rarely() -> None:
    known = after({}, [T], T)
    assert after(known, [T, T + 60], T + 60) == known
    assert after(known, [T, T + 300], T + 301) != known
    nothing = after({}, [], T)
    assert after(nothing, [], T + 60) == nothing


def test_a_power_cut_is_as_long_as_the_heartbeats_on_the_disk_tell() -> None:
    known = {"alive": T, "looked": T, "list": []}
    beats = [T - 60, T, T + 100, T + 100 + 9 * HOUR]
    found = after(known, beats, T + 110 + 9 * HOUR, booted=T + 9 * HOUR)
    assert found["list"] == [[T + 100, T + 100 + 9 * HOUR]]
    assert found["alive"] == beats[-1]


def test_a_power_cut_counts_also_where_the_heartbeats_from_before_are_gone() -> None:
    known = {"alive": T, "looked": T, "list": []}
    assert after(known, [T + 9 * HOUR], T + 9 * HOUR, booted=T + 8 * HOUR)["list"] == [[T, T + 9 * HOUR]]


def test_a_database_that_was_away_while_the_guard_looked_on() -> None:
    known = {"alive": T, "looked": T, "list": []}
    for now in range(T + 60, T + 30 * HOUR, 60):
        known = after(known, [T] if now < T + HOUR else [], now)
    assert (known["alive"], known["list"]) == (T, [])
    found = after(known, [T + 30 * HOUR], T + 30 * HOUR)
    assert found["list"] == [[T, T + 30 * HOUR]]


def test_a_guard_that_was_away_alone_is_no_outage() -> None:
    known = {"alive": T, "looked": T, "list": []}
    assert after(known, list(range(T + 4 * HOUR, T + 5 * HOUR, 10)), T + 5 * HOUR)["list"] == []


def test_what_a_wrong_clock_left_is_forgotten() -> None:
    known = {"alive": T + 9 * HOUR, "looked": T + 9 * HOUR, "list": [[T, T + 9 * HOUR], [T - 5000, T - 1000]]}
    found = after(known, [T - 10, T + 9 * HOUR], T)
    assert (found["alive"], found["list"]) == (T - 10, [[T - 5000, T - 1000]])


def test_the_longest_stay_and_the_old_ones_go() -> None:
    old = [T - 500 * 86400, T - 401 * 86400]
    many = [[T - 86400 * day, T - 86400 * day + 1000 + day] for day in range(2, 40)]
    found = after({"alive": T - 700, "looked": T - 10, "list": [old, *many]}, [T - 700, T], T)
    assert len(found["list"]) == outages.MOST
    assert old not in found["list"]
    assert many[-1] in found["list"]


@pytest.mark.parametrize("listed", [None, 3, [[1]], [["a", "b"]], [[5, 1]], {}])
def test_what_is_remembered_may_be_anything(listed: Any) -> None:
    assert after({"alive": "x", "list": listed}, [T], T) == {"alive": T, "looked": T, "list": []}


def test_it_reads_the_heartbeats_of_the_site_and_each_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = cast(Settings, type("Chosen", (), {"data_dir": tmp_path, "topic_prefix": "o"}))
    mine = tmp_path / "__debezium-heartbeat.o-0"
    write_segment(tmp_path / "__debezium-heartbeat.other-0", 0, [Made(0, last_ms=(T + 50_000) * 1000)])
    batches = [Made(number, last_ms=(T + when) * 1000) for number, when in enumerate((0, 10, 5000, 5010))]
    write_segment(mine, 0, batches[:2])
    monkeypatch.setattr(outages, "_TURN", {})
    monkeypatch.setattr(outages, "up_for", lambda: 1e8)
    monkeypatch.setattr(clock, "problem", lambda *_given: "")
    guard, memory = Guard(directory=tmp_path / "guard"), Memory.load(tmp_path / "guard")
    outages.step(settings, guard, memory, T + 15)
    assert memory.get("outages")["alive"] == T + 10
    write_segment(mine, 0, batches)
    outages.step(settings, guard, memory, T + 40)
    assert memory.get("outages")["list"] == [], "once a minute is enough"
    outages.step(settings, guard, memory, T + 5020)
    assert memory.get("outages")["list"] == [[T + 10, T + 5000]]
    assert outages.beats(settings) == [T, T + 10, T + 5000, T + 5010]


def test_by_a_wrong_clock_nothing_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "_TURN", {})
    monkeypatch.setattr(clock, "problem", lambda *_given: "1970")
    memory = Memory.load(tmp_path)
    outages.step(cast(Settings, None), Guard(directory=tmp_path), memory, T)
    assert not memory.changed

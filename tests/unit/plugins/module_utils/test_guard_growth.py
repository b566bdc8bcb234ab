# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Levels of a disk that fills, its forecast, and what may go."""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _guard_growth as growth
from ansible_collections.openmrs.event_log.plugins.module_utils._guard_growth import Limits, Room, Segment
from hypothesis import given
from hypothesis import strategies as st

LIMITS = Limits()
GB = 10**9
DAY = 86400


@pytest.mark.parametrize(
    ("percent", "before", "after"),
    [
        (10.0, "ok", "ok"),
        (9.9, "ok", "low"),
        (4.9, "ok", "stop"),
        (2.9, "ok", "last"),
        (11.9, "low", "low"),
        (12.0, "low", "ok"),
        (6.9, "stop", "stop"),
        (7.0, "stop", "low"),
        (4.9, "last", "last"),
        (5.0, "last", "stop"),
        (30.0, "last", "ok"),
        (50.0, "nonsense", "ok"),
    ],
)
def test_level_is_worse_at_once_and_better_with_room_to_spare(percent: float, before: str, after: str) -> None:
    assert growth.level(percent, LIMITS, before) == after


@given(st.floats(0, 100), st.sampled_from(growth.LEVELS))
def test_level_is_settled_after_one_look_and_never_better_than_what_is_free(percent: float, before: str) -> None:
    found = growth.level(percent, LIMITS, before)
    assert growth.level(percent, LIMITS, found) == found
    assert growth.LEVELS.index(found) >= growth.LEVELS.index(growth.level(percent, LIMITS))


def test_samples_come_once_an_hour_and_are_bounded() -> None:
    samples: List[Tuple[int, int]] = []
    for now in range(0, 20 * DAY, 600):
        samples = growth.record(samples, now, now)
    assert len(samples) == growth.MOST_SAMPLES
    assert {later[0] - earlier[0] for earlier, later in zip(samples, samples[1:])} == {3600}


def test_samples_of_a_clock_that_was_ahead_are_forgotten() -> None:
    assert growth.record([(100, 1), (10**9, 2)], 5000, 3) == [(100, 1), (5000, 3)]


@pytest.mark.parametrize("stored", [None, "x", {}, [[1]], [["a", 2]], [[1, 2, 3]], [None]])
def test_what_is_no_sample_is_left_out(stored: object) -> None:
    assert growth.samples_of(stored) == []


def _watched(days: float, per_day: int, start: int = 50 * GB) -> List[Tuple[int, int]]:
    return [(hour * 3600, start + hour * per_day // 24) for hour in range(int(days * 24) + 1)]


def test_forecast_says_in_how_many_days_the_limit_is_reached() -> None:
    found = growth.forecast(_watched(10, GB), 10 * DAY, Room(free=40 * GB, size=100 * GB), 10)
    assert found is not None
    assert found.seconds == 10 * DAY
    assert found.per_day == pytest.approx(GB, rel=0.01)
    assert found.days == pytest.approx(30, rel=0.01)


def test_one_import_does_not_turn_the_forecast() -> None:
    samples = [(when, used + (20 * GB if when > 5 * DAY else 0)) for when, used in _watched(10, GB)]
    found = growth.forecast(samples, 10 * DAY, Room(free=20 * GB, size=100 * GB), 10)
    assert found is not None
    assert found.per_day < 4 * GB  # the mean would say 3 GB too, but over one day it would say 21


def test_forecast_needs_a_day_and_a_disk_that_fills() -> None:
    room = Room(free=50 * GB, size=100 * GB)
    assert growth.forecast(_watched(0.9, GB), int(0.9 * DAY), room, 10) is None
    assert growth.forecast([], DAY, room, 10) is None
    shrinks = growth.forecast(_watched(5, -GB), 5 * DAY, Room(free=55 * GB, size=100 * GB), 10)
    assert shrinks is not None
    assert shrinks.days is None


def test_forecast_of_a_disk_beyond_the_limit_is_today() -> None:
    found = growth.forecast(_watched(5, GB), 5 * DAY, Room(free=5 * GB, size=60 * GB), 10)
    assert found is not None
    assert found.days == 0


def test_reserve_is_one_percent_and_bounded_unless_the_site_says() -> None:
    assert growth.reserve_bytes(Room(0, 20 * GB), 0) == GB // 5
    assert growth.reserve_bytes(Room(0, 2000 * GB), 0) == 512 * 1024**2
    assert growth.reserve_bytes(Room(0, 2000 * GB), 7) == 7 * 1024**2


def test_what_is_missing_for_a_share() -> None:
    assert Room(4 * GB, 100 * GB).missing(10) == 6 * GB
    assert Room(40 * GB, 100 * GB).missing(10) == 0


@pytest.mark.parametrize(
    ("places", "required", "read"),
    [
        ([], (), {}),
        ([("a", "t", 0, 7), ("b", "t", 0, 3)], (), {("t", 0): 3}),
        ([("a", "t", 0, 7), ("b", "t", 0, None)], (), {("t", 0): 0}),
        ([("a", "t", 0, 7), ("b", "u", 0, 3)], ("b",), {("u", 0): 3}),
        ([("a", "t", 0, 7)], ("never-came",), {}),
    ],
)
def test_only_what_every_group_has_read_counts(
    places: List[Tuple[str, str, int, Optional[int]]], required: Tuple[str, ...], read: Dict[Tuple[str, int], int]
) -> None:
    assert growth.read_by_all(places, required) == read


SEGMENTS = [
    Segment("t", 0, 0, 10, 100, 1),
    Segment("t", 0, 10, 20, 100, 5),
    Segment("u", 0, 0, 10, 100, 3),
    Segment("u", 0, 10, 20, 100, 4),
]


def test_the_oldest_go_first_and_no_more_than_is_wanted() -> None:
    everything = {("t", 0): 20, ("u", 0): 20}
    found = growth.plan_drop(SEGMENTS, everything, 150)
    assert (found.offsets, found.size, found.from_ms, found.topics) == (
        {("t", 0): 10, ("u", 0): 10},
        200,
        1,
        ("t", "u"),
    )
    assert growth.plan_drop(SEGMENTS, everything, 0).offsets == {}
    assert growth.plan_drop(SEGMENTS, everything, 10**9).offsets == {("t", 0): 20, ("u", 0): 20}


def test_what_is_not_read_stays_and_so_does_all_behind_it() -> None:
    found = growth.plan_drop(SEGMENTS, {("t", 0): 9, ("u", 0): 19}, 10**9)
    assert found.offsets == {("u", 0): 10}


@given(
    st.dictionaries(st.sampled_from([("t", 0), ("u", 0)]), st.integers(0, 25)),
    st.integers(0, 1000),
)
def test_nothing_unread_ever_goes(up_to: Dict[Tuple[str, int], int], wanted: int) -> None:
    found = growth.plan_drop(SEGMENTS, up_to, wanted)
    assert all(offset <= up_to.get(place, 0) for place, offset in found.offsets.items())

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is counted as the events of a day, across new topics, nights, and clocks that go wrong."""

from __future__ import annotations

import json
from typing import Any, List

import pytest
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log import days
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log.days import Day, Topic

DISK = (50, 100)


def ends(**numbers: int) -> dict[str, tuple[int, int]]:
    return {f"o.{name}": (end, end * 10) for name, end in numbers.items()}


def told(known: List[Day]) -> dict[str, dict[str, int]]:
    return {one.day: {name: topic.events for name, topic in one.topics.items()} for one in known}


def test_the_first_day_counts_from_its_first_look_and_a_new_topic_from_its_first_event() -> None:
    known = days.record([], "2026-03-01", DISK, ends(person=1000))
    known = days.record(known, "2026-03-01", DISK, ends(person=1030, obs=7))
    assert told(known) == {"2026-03-01": {"o.person": 30, "o.obs": 7}}


def test_what_came_between_two_looks_counts_as_of_the_later_day() -> None:
    known = days.record([], "2026-03-01", DISK, ends(person=10))
    known = days.record(known, "2026-03-04", (60, 100), ends(person=25, obs=3))
    known = days.record(known, "2026-03-04", (61, 100), ends(person=26, obs=4))
    assert told(known)["2026-03-04"] == {"o.person": 16, "o.obs": 4}
    assert (known[-1].used, known[-1].size, known[-1].events) == (61, 100, 20)
    assert known[-1].topics["o.obs"].size == 40


def test_a_topic_that_was_made_anew_has_no_negative_events() -> None:
    known = days.record([], "2026-03-01", DISK, ends(person=5000))
    known = days.record(known, "2026-03-02", DISK, ends(person=12))
    assert told(known)["2026-03-02"] == {"o.person": 12}


def test_a_clock_that_was_set_back_takes_no_day_away() -> None:
    known = days.record([], "2026-03-01", DISK, ends(person=10))
    known = days.record(known, "2026-03-02", DISK, ends(person=20))
    known = days.record(known, "2025-03-02", DISK, ends(person=25))
    known = days.record(known, "2026-03-02", DISK, ends(person=30))
    assert [one.day for one in known] == ["2025-03-02", "2026-03-01", "2026-03-02"]
    assert told(known)["2026-03-02"] == {"o.person": 20}


def test_days_and_topics_are_bounded_and_the_largest_topics_stay() -> None:
    known: List[Day] = []
    many = {f"o.t{number}": (1, number) for number in range(days.MOST_TOPICS + 5)}
    for number in range(days.MOST_DAYS + 3):
        known = days.record(known, f"{2020 + number // 300}-{number % 300:03d}", DISK, many if number > 400 else {})
    assert len(known) == days.MOST_DAYS
    assert known[0].day == "2020-003"
    assert len(known[-1].topics) == days.MOST_TOPICS
    assert "o.t0" not in known[-1].topics


def test_what_is_written_is_read_again() -> None:
    known = [Day("2026-03-01", 5, 9, {"o.person": Topic(1, 4, 70)})]
    assert days.of_data(json.loads(json.dumps(days.as_data(known)))) == known


@pytest.mark.parametrize(
    "data",
    [None, [], {}, {"version": 2, "days": []}, {"version": 1, "days": 3}]
    + [{"version": 1, "days": [one]} for one in (3, {}, {"day": "x", "used": 1, "size": 1, "topics": {"a": [1]}})],
)
def test_what_cannot_be_read_is_no_day(data: Any) -> None:
    assert days.of_data(data) == []

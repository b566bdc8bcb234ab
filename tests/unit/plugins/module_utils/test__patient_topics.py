# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which topics still hold clear events after a switch, also when a run was cut off in between."""

from __future__ import annotations

import json
from typing import Any, Dict, Optional

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _patient_topics as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._patient_data import Policy
from hypothesis import given
from hypothesis import strategies as st

PREFIX = "openmrs.openmrs"
MASKED = Policy("masked")


def listing(**topics: Any) -> str:
    """What the host command says: start and end by table, and a topic of somebody else."""
    told = [
        {"topic": f"{PREFIX}.{name}", "partitions": [{"partition": 0, "start_offset": start, "end_offset": end}]}
        for name, (start, end) in topics.items()
    ]
    other = {"topic": "openmrs.openmrs2.person", "partitions": [{"partition": 0, "start_offset": 0, "end_offset": 9}]}
    return json.dumps({"topics": [*told, other]})


def remembered(policy: Optional[Policy] = None) -> str:
    facts: Dict[str, Any] = {"address": "x"}
    if policy:
        facts["patient_data"] = subject.facts(policy)
    return json.dumps(facts)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (Policy(), Policy(), False),
        (Policy(), MASKED, True),
        (Policy(), Policy("minimal"), True),
        (MASKED, Policy("minimal"), True),
        (MASKED, Policy(), False),
        (Policy("minimal"), MASKED, False),
        (MASKED, Policy("masked", ["a.b"]), True),
        (Policy("masked", ["a.b"]), MASKED, False),
        (Policy("masked", (), ["a.b"]), MASKED, True),
        (MASKED, Policy("masked", (), ["a.b"]), False),
    ],
)
def test_it_is_a_switch_when_something_is_hidden_that_was_clear(old: Policy, new: Policy, expected: bool) -> None:
    assert subject.tightened(old, new) is expected
    assert bool(subject.switched(new, remembered(old), listing(person=(0, 5)), PREFIX)) is expected


def test_a_run_says_the_same_as_the_one_before_it_wrote_down() -> None:
    policy = Policy("masked", ["b.c", "a.b"], ["x.y"])
    assert subject.before(json.dumps({"patient_data": subject.facts(policy)})) == Policy(
        "masked", ("a.b", "b.c"), ("x.y",)
    )


def test_the_switch_is_settled_by_the_ends_after_it() -> None:
    kept = subject.switched(MASKED, remembered(), listing(person=(0, 5)), PREFIX)
    assert subject.held(kept, listing(person=(0, 5)), PREFIX) == []
    now = listing(person=(0, 7), obs=(2, 4))
    settled = subject.settled(kept, now, PREFIX)
    assert subject.settled(settled, now, PREFIX) == ""
    assert subject.held(settled, now, PREFIX) == [
        subject.Held(f"{PREFIX}.person", 0, 0, 7),
        subject.Held(f"{PREFIX}.obs", 0, 2, 4),
    ]


def test_events_after_the_switch_are_not_meant_and_retention_or_a_purge_ends_it() -> None:
    kept = subject.settled(
        subject.switched(MASKED, remembered(), listing(person=(0, 5)), PREFIX), listing(person=(0, 5)), PREFIX
    )
    assert subject.held(kept, listing(person=(4, 900)), PREFIX) == [subject.Held(f"{PREFIX}.person", 0, 4, 5)]
    assert subject.held(kept, listing(person=(5, 900)), PREFIX) == []
    assert subject.held(kept, listing(person=(5, 900), visit=(0, 3)), PREFIX) == []


def test_a_new_site_has_nothing_from_before() -> None:
    assert subject.switched(MASKED, "", listing(), PREFIX) == ""
    assert subject.switched(MASKED, "", "", PREFIX) == ""


def test_of_a_new_site_with_older_data_only_the_older_topics_are_meant() -> None:
    kept = subject.switched(MASKED, "", listing(person=(0, 5)), PREFIX)
    now = listing(person=(0, 8), obs=(0, 3))
    assert subject.held(subject.settled(kept, now, PREFIX), now, PREFIX) == [subject.Held(f"{PREFIX}.person", 0, 0, 8)]


def test_a_site_whose_topics_could_not_be_read_before_is_settled_by_what_is_there_after() -> None:
    kept = subject.switched(MASKED, remembered(), "", PREFIX)
    now = listing(person=(0, 8))
    assert subject.held(subject.settled(kept, now, PREFIX), now, PREFIX) == [subject.Held(f"{PREFIX}.person", 0, 0, 8)]


def test_kafkas_command_gets_the_offsets() -> None:
    made = json.loads(subject.offsets_file([subject.Held("t", 0, 2, 9)]))
    assert made == {"version": 1, "partitions": [{"topic": "t", "partition": 0, "offset": 9}]}


@given(st.text(), st.text(), st.text())
def test_any_text_is_survived(one: str, two: str, three: str) -> None:
    kept = subject.switched(MASKED, one, two, PREFIX)
    assert subject.held(subject.settled(kept or three, two, PREFIX) or three, two, PREFIX) == []


def test_files_are_those_that_begin_before_the_end_and_the_last_one_is_written() -> None:
    held = [subject.Held("a", 0, 0, 15), subject.Held("b", 0, 0, 15), subject.Held("c", 0, 0, 5)]
    names = {"a": (0, 10, 15), "b": (0, 10), "other": (0,)}
    paths = [f"./{topic}-0/{base:020}.log" for topic, bases in names.items() for base in bases]
    left, written = subject.files_left(
        held, [*paths, "./a-0/leader-epoch-checkpoint", "./a-0/00000000000000000000.index"]
    )
    assert left == [f"{topic}-0/{base:020}.log" for topic, base in (("a", 0), ("a", 10), ("b", 0), ("b", 10))]
    assert written == ["b-0/00000000000000000010.log"]

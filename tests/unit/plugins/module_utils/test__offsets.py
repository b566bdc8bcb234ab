# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be done to offsets: every kind of difference, every kind of bad input, and what holds for all of them."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional, Sequence, Tuple

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _offsets as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import InputError
from ansible_collections.openmrs.event_log.plugins.module_utils._offsets import Entry, plan_offsets
from hypothesis import given, settings
from hypothesis import strategies as st

A, B, C = {"p": "a"}, {"p": "b"}, {"p": "c"}
ONE, TWO = {"pos": 1}, {"pos": 2}


def entries(*pairs: Tuple[Any, Any]) -> List[Entry]:
    return [Entry(partition, offset) for partition, offset in pairs]


def pairs(given: Sequence[Entry]) -> List[Tuple[Any, Any]]:
    return [(entry.partition, entry.offset) for entry in given]


@pytest.mark.parametrize(
    ("current", "desired", "changes", "after"),
    [
        # nothing to do
        ([(A, ONE)], [(A, ONE)], [], [(A, ONE)]),
        ([(A, ONE), (B, TWO)], [(B, TWO)], [], [(A, ONE), (B, TWO)]),
        ([(A, {"x": 1, "y": 2})], [(A, {"y": 2, "x": 1})], [], [(A, {"x": 1, "y": 2})]),
        ([({"x": 1, "y": 2}, ONE)], [({"y": 2, "x": 1}, ONE)], [], [({"x": 1, "y": 2}, ONE)]),
        ([], [(A, None)], [], []),
        ([(B, ONE)], [(A, None)], [], [(B, ONE)]),
        ([(A, None)], [(A, None)], [], []),
        ([(A, {})], [(A, {})], [], [(A, {})]),
        ([(A, {"pos": 1, "gtids": None})], [(A, {"pos": 1, "gtids": None})], [], [(A, {"pos": 1, "gtids": None})]),
        ([({}, ONE)], [({}, ONE)], [], [({}, ONE)]),
        # changes
        ([(A, ONE)], [(A, TWO)], [(A, TWO)], [(A, TWO)]),
        ([(A, ONE), (B, ONE)], [(B, TWO)], [(B, TWO)], [(A, ONE), (B, TWO)]),
        ([(A, ONE), (B, ONE)], [(A, ONE), (B, TWO)], [(B, TWO)], [(A, ONE), (B, TWO)]),
        ([(A, ONE)], [(B, ONE)], [(B, ONE)], [(A, ONE), (B, ONE)]),
        ([], [(B, ONE), (A, ONE)], [(B, ONE), (A, ONE)], [(A, ONE), (B, ONE)]),
        ([(A, ONE)], [(A, None)], [(A, None)], []),
        ([(A, ONE), (B, ONE)], [(A, None), (B, TWO)], [(A, None), (B, TWO)], [(B, TWO)]),
        ([(A, None)], [(A, ONE)], [(A, ONE)], [(A, ONE)]),
        ([(A, ONE)], [(A, {})], [(A, {})], [(A, {})]),
        ([(A, {"pos": 1, "gtids": None})], [(A, ONE)], [(A, ONE)], [(A, ONE)]),
        # what JSON tells apart
        ([(A, {"pos": 1})], [(A, {"pos": 1.0})], [(A, {"pos": 1.0})], [(A, {"pos": 1.0})]),
        ([(A, {"pos": 1})], [(A, {"pos": "1"})], [(A, {"pos": "1"})], [(A, {"pos": "1"})]),
        ([(A, {"pos": 1})], [(A, {"pos": True})], [(A, {"pos": True})], [(A, {"pos": True})]),
        ([(A, {"pos": 0})], [(A, {"pos": False})], [(A, {"pos": False})], [(A, {"pos": False})]),
        ([(A, {"pos": None})], [(A, {"pos": "null"})], [(A, {"pos": "null"})], [(A, {"pos": "null"})]),
        ([(A, {"pos": "ä"})], [(A, {"pos": "a"})], [(A, {"pos": "a"})], [(A, {"pos": "a"})]),
        ([(A, {"pos": 2**63})], [(A, {"pos": 2**63 - 1})], [(A, {"pos": 2**63 - 1})], [(A, {"pos": 2**63 - 1})]),
        ([({"p": 1}, ONE)], [({"p": "1"}, ONE)], [({"p": "1"}, ONE)], [({"p": "1"}, ONE), ({"p": 1}, ONE)]),
        ([({"p": 1}, ONE)], [({"p": True}, None)], [], [({"p": 1}, ONE)]),
    ],
)  # fmt: skip
def test_altered(current: Any, desired: Any, changes: Any, after: Any) -> None:
    plan = plan_offsets(entries(*current), entries(*desired))
    assert plan.kind == ("alter" if changes else None)
    assert json.dumps(pairs(plan.changes)) == json.dumps(changes)
    assert json.dumps(pairs(plan.after)) == json.dumps(after)


@pytest.mark.parametrize(
    ("current", "kind"), [([], None), ([(A, None)], None), ([(A, ONE)], "reset"), ([(A, {}), (B, ONE)], "reset")]
)
def test_reset(current: Any, kind: Optional[str]) -> None:
    plan = plan_offsets(entries(*current), None)
    assert (plan.kind, plan.changes, plan.after) == (kind, (), ())


def test_the_order_that_a_worker_answers_in_is_no_difference() -> None:
    one, other = entries((A, ONE), (B, TWO), (C, ONE)), entries((C, ONE), (A, ONE), (B, TWO))
    assert plan_offsets(one, []).before == plan_offsets(other, []).before
    assert plan_offsets(one, other).kind is None


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from(["1", "true", "1.0", "null"]),
)
FLAT = st.dictionaries(st.sampled_from("abc"), SCALARS, max_size=3)
KEPT = st.lists(st.tuples(FLAT, FLAT), max_size=5)
WANTED = st.lists(st.tuples(FLAT, st.one_of(st.none(), FLAT)), max_size=5)


def distinct(given: List[Tuple[Any, Any]]) -> List[Entry]:
    return list({entry.key: entry for entry in entries(*given)}.values())


def applied(current: List[Entry], changes: Sequence[Entry]) -> List[Entry]:
    """What a worker keeps, by way of JSON."""
    kept = {entry.key: entry for entry in [*current, *changes]}
    texts = [json.dumps(entry.shown()) for entry in kept.values() if entry.offset is not None]
    return [Entry(**json.loads(text)) for text in reversed(texts)]


@settings(deadline=None, max_examples=300)
@given(KEPT, WANTED)
def test_the_plan_after_the_plan_is_empty_and_foretold(kept: Any, wanted: Any) -> None:
    current, desired = distinct(kept), distinct(wanted)
    plan = plan_offsets(current, desired)
    then = applied(current, plan.changes)
    assert [entry.shown() for entry in subject.in_order(then)] == [entry.shown() for entry in plan.after]
    assert plan_offsets(then, desired).kind is None
    named = {entry.key for entry in desired}
    untouched = [entry for entry in plan.before if entry.key not in named]
    assert untouched == [entry for entry in plan.after if entry.key not in named], "a partition that was not named"
    assert plan_offsets(plan.after, None).kind == ("reset" if plan.after else None)


# input


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        (None, "state altered needs at least one partition"),
        ([], "state altered needs at least one partition"),
        ([{"partition": None, "offset": ONE}], "offsets[0].partition: null is not a partition"),
        ([{"partition": {"a": {"b": 1}}, "offset": ONE}], "offsets[0].partition.a: a dictionary is not a value"),
        ([{"partition": {"a": [1]}, "offset": ONE}], "offsets[0].partition.a: a list is not a value"),
        ([{"partition": "a", "offset": ONE}], "offsets[0].partition: not a dictionary"),
        ([{"partition": A, "offset": {"pos": {}}}], "offsets[0].offset.pos: a dictionary is not a value"),
        ([{"partition": A, "offset": {"pos": []}}], "offsets[0].offset.pos: a list is not a value"),
        ([{"partition": A, "offset": {"pos": float("inf")}}], "offsets[0].offset.pos: inf is not a number"),
        ([{"partition": A, "offset": ONE}, {"partition": dict(A), "offset": TWO}],
         'offsets[1].partition: the same as offsets[0].partition, {"p": "a"}'),
    ],
)  # fmt: skip
def test_bad_input(given_: Any, told: str) -> None:
    with pytest.raises(InputError) as caught:
        subject.read_desired("altered", given_)
    assert told in str(caught.value)


def test_everything_wrong_is_told_at_once() -> None:
    bad: List[Dict[str, Any]] = [
        {"partition": {"a": []}, "offset": {"b": {}, "c": []}},
        {"partition": B, "offset": None},
        {"partition": B, "offset": ONE},
    ]
    with pytest.raises(InputError) as caught:
        subject.read_desired("altered", bad)
    for told in ("offsets[0].partition.a", "offsets[0].offset.b", "offsets[0].offset.c", "offsets[2].partition"):
        assert str(caught.value).count(told) == 1


def test_reset_takes_no_offsets() -> None:
    assert subject.read_desired("reset", None) is None
    assert subject.read_desired("reset", []) is None
    with pytest.raises(InputError, match="state reset removes all"):
        subject.read_desired("reset", [{"partition": A, "offset": ONE}])


def test_numbers_of_sinks_may_be_texts() -> None:
    texts = entries(({"kafka_topic": "5", "kafka_partition": "0"}, {"kafka_offset": "12"}))
    numbers = entries(({"kafka_topic": "5", "kafka_partition": 0}, {"kafka_offset": 12}))
    assert list(subject.as_kept("sink", tuple(texts))) == numbers
    assert list(subject.as_kept("source", tuple(texts))) == texts
    assert list(subject.as_kept(None, tuple(texts))) == texts


@pytest.mark.parametrize("text", ["", "x", "-1", "1.0", " 1", "²"])
def test_what_is_no_number_is_left_to_the_worker_to_refuse(text: str) -> None:
    odd = tuple(entries(({"kafka_partition": text}, None), ({"other": "1"}, {"kafka_offset": text})))
    assert subject.as_kept("sink", odd) == odd


@pytest.mark.parametrize(
    ("current", "desired", "told"),
    [
        ([(A, {"pos": 5})], [(A, {"pos": "7"})], 'offsets[0].offset.pos: "7" where the connector keeps 5'),
        ([(A, {"pos": "5"})], [(A, {"pos": 7})], 'offsets[0].offset.pos: 7 where the connector keeps "5"'),
        ([(A, {"snapshot": True})], [(A, {"snapshot": "false"})], 'offsets[0].offset.snapshot: "false" where'),
        ([({"p": 1}, ONE)], [({"p": "1"}, ONE)], 'offsets[0].partition: {"p": "1"} is not the connector\'s {"p": 1}'),
        ([({"p": "1"}, ONE)], [({"p": 1}, ONE)], 'offsets[0].partition: {"p": 1} is not the connector\'s {"p": "1"}'),
    ],
)
def test_texts_in_the_place_of_numbers_are_refused(current: Any, desired: Any, told: str) -> None:
    (complaint,) = subject.mistaken(entries(*current), entries(*desired))
    assert complaint.startswith(told)


@pytest.mark.parametrize(
    ("kept", "wanted"),
    [
        ({"file": "binlog.000001"}, {"file": "binlog.000002"}),
        ({"file": "binlog.000001"}, {"file": 2}),
        ({"pos": 5}, {"pos": 5.5}), ({"pos": 5}, {"pos": None}), ({"pos": None}, {"pos": "5"}), ({}, {"pos": "5"}),
        ({"pos": 5}, {"pos": "end"}), ({"pos": 5}, {}), ({"pos": 5}, None), ({"pos": "5"}, {"pos": "6"}),
    ],
)  # fmt: skip
def test_other_differences_are_no_mistakes(kept: Any, wanted: Any) -> None:
    assert subject.mistaken(entries((A, kept)), entries((A, wanted), (B, wanted))) == []


MYSQL = {"connector.class": "io.debezium.connector.mysql.MySqlConnector", "topic.prefix": "openmrs"}
PLACE = {"file": "binlog.000003", "pos": 157}


@pytest.mark.parametrize(
    ("config", "partition", "offset", "told"),
    [
        (MYSQL, {"server": "openmrs"}, PLACE, None),
        (MYSQL, {"server": "openmrs"}, None, None),
        (MYSQL, {"server": "of long ago"}, None, None),
        (MYSQL, {"server": "openmsr"}, PLACE, 'is unknown; this connector reads {"server": "openmrs"} only'),
        (MYSQL, {"server": "openmrs", "database": "d"}, PLACE, "is unknown"),
        (MYSQL, {"server": "openmrs"}, {"file": "binlog.000003"}, "Debezium needs file, a text, and pos, a whole"),
        (MYSQL, {"server": "openmrs"}, {"file": "f", "pos": "157"}, "Debezium needs file"),
        (MYSQL, {"server": "openmrs"}, {"file": "f", "pos": True}, "Debezium needs file"),
        ({**MYSQL, "connector.class": "io.debezium.connector.mariadb.MariaDbConnector"}, {"s": 1}, PLACE, "is unknown"),
        ({**MYSQL, "connector.class": "MySqlConnector"}, {"s": 1}, PLACE, "is unknown"),
        ({**MYSQL, "connector.class": "MySql"}, {"s": 1}, PLACE, "is unknown"),
        ({**MYSQL, "connector.class": "MariaDbConnector"}, {"s": 1}, PLACE, "is unknown"),
        ({**MYSQL, "connector.class": "MariaDb"}, {"s": 1}, PLACE, "is unknown"),
        ({**MYSQL, "connector.class": "SqlServer"}, {"s": 1}, {}, None),
        ({**MYSQL, "connector.class": "io.debezium.connector.sqlserver.SqlServerConnector"}, {"s": 1}, {}, None),
        ({**MYSQL, "topic.prefix": "${env:PREFIX}"}, {"server": "x"}, {}, None),
        ({"connector.class": MYSQL["connector.class"]}, {"server": "x"}, {}, None),
        ({}, {"server": "x"}, {}, None),
    ],
)  # fmt: skip
def test_what_debezium_would_never_read(config: Dict[str, str], partition: Any, offset: Any, told: str) -> None:
    complaints = subject.unread_by_debezium(config, entries((partition, offset)))
    assert len(complaints) == (0 if told is None else 1)
    assert told is None or told in complaints[0]

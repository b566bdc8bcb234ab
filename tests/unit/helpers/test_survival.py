# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The helper that says whether everything outlived something says so only when it did."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from tests.helpers.survival import Picture, Record, differences, parse_ends, parse_records

KEY = '{"person_id":7}'


def event(offset: int, op: str = "c") -> Record:
    return Record(f"Partition:0 Offset:{offset}", KEY, f'{{"op":"{op}"}}')


BEFORE = Picture(
    "g", Counter([event(0, "r"), event(1)]), {"t": 2, "u": 5}, "abc", {"tasks.max": "1"}, ("binlog.000003", 500)
)


def test_more_of_everything_is_no_difference() -> None:
    more = replace(
        BEFORE,
        records=BEFORE.records + Counter([event(2)]),
        ends={"t": 3, "u": 5, "v": 1},
        position=("binlog.000004", 4),
    )
    assert differences(BEFORE, BEFORE) == []
    assert differences(BEFORE, more) == []


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"cluster": "xyz"}, "the cluster was abc and is xyz"),
        ({"registration": {"tasks.max": "2"}}, "differs in ['tasks.max']"),
        ({"registration": {}}, "differs in ['tasks.max']"),
        ({"position": ("binlog.000003", 499)}, "the stored position was"),
        ({"ends": {"t": 1, "u": 5}}, "t had 2 events and has 1"),
        ({"ends": {"t": 2}}, "u had 5 events and has 0"),
        ({"records": Counter([event(0, "r")])}, "1 of 2 events are gone"),
        ({"records": Counter([event(0, "r"), event(2)])}, "1 of 2 events are gone"),
        ({"records": BEFORE.records + Counter([event(2, "r")])}, "1 rows were read by a second snapshot"),
    ],
)
def test_whatever_is_lost_or_begun_again_is_told(changed: Any, word: str) -> None:
    (told,) = differences(BEFORE, replace(BEFORE, **changed))
    assert word in told


def test_the_consumers_lines_are_read() -> None:
    text = f'Partition:0\tOffset:4\t{KEY}\t{{"op":"c"}}\nPartition:0\tOffset:5\t{KEY}\tnull\nProcessed a total of 2\n'
    (first, tombstone) = parse_records(text)
    assert (first.place, first.operation, first.is_of(7), first.is_of(8)) == ("Partition:0 Offset:4", "c", True, False)
    assert (tombstone.value, tombstone.operation) == ("null", "")


def test_the_ends_of_partitions_are_added_up() -> None:
    assert parse_ends("t:0:2\nt:1:3\nempty:0:0\nweird\nx:0:\n") == {"t": 5, "empty": 0}

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One history or another: what is compared, and what each difference is called."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Dict, Optional

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _guard_history as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._guard_history import (
    Event,
    Position,
    Remembered,
    Seen,
    compare,
)

BEGUN = 1_780_000_000
EVENT = Event(Position("binlog.000007", 900), BEGUN + 50, 4711, 979, 33, "0123456789abcdef")
KNOWN = Remembered(
    offset=Position("binlog.000007", 1200),
    newest=Position("binlog.000008", 400),
    event=EVENT,
    created={"binlog.000006": BEGUN - 9000, "binlog.000007": BEGUN, "binlog.000008": BEGUN + 100},
    server_uuid="a",
    time=BEGUN + 200,
)
SEEN = Seen(
    files={"binlog.000006": 5000, "binlog.000007": 1300, "binlog.000008": 700, "binlog.000009": 157},
    created=dict(KNOWN.created),
    event=EVENT,
    server_uuid="a",
)


def without(*files: str, **changed: Any) -> Seen:
    kept = {name: size for name, size in SEEN.files.items() if name not in files}
    created = {name: when for name, when in SEEN.created.items() if name in kept}
    return replace(SEEN, files=kept, created=created, **changed)


def difference(seen: Seen, known: Remembered = KNOWN) -> str:
    found = compare(known, seen)
    return found.id if found else ""


def test_a_history_that_went_on_is_the_same() -> None:
    assert compare(KNOWN, SEEN) is None


def test_nothing_remembered_differs_from_nothing() -> None:
    assert compare(Remembered(), SEEN) is None


def test_a_position_at_the_very_end_of_its_file_is_fine() -> None:
    assert difference(replace(SEEN, files={**SEEN.files, "binlog.000008": 400, "binlog.000007": 1200})) == ""


def test_a_uuid_alone_proves_nothing_for_people_give_copies_new_ones() -> None:
    assert difference(replace(SEEN, server_uuid="b")) == ""


@pytest.mark.parametrize("file", ["binlog.000006", "binlog.000007", "binlog.000008"])
def test_a_file_that_was_begun_at_another_time_is_of_another_history(file: str) -> None:
    found = compare(KNOWN, replace(SEEN, created={**SEEN.created, file: BEGUN + 7777}))
    assert found is not None
    assert found.id == subject.OTHER
    assert file in found.what
    assert "repair_restored_source" in found.remedy


@pytest.mark.parametrize("file", ["binlog.000007", "binlog.000008"])
def test_a_file_that_ends_before_what_was_seen_has_gone_back(file: str) -> None:
    found = compare(KNOWN, replace(SEEN, files={**SEEN.files, file: 399}))
    assert found is not None
    assert found.id == subject.OLDER
    assert "399" in found.what
    assert "repair_restored_source" in found.remedy


def test_the_file_that_was_being_written_is_gone() -> None:
    assert difference(without("binlog.000008", "binlog.000009")) == subject.OLDER


def test_an_event_that_reaches_over_the_newest_position_is_of_another_history() -> None:
    assert difference(replace(SEEN, newest_begins=False)) == subject.OLDER


@pytest.mark.parametrize(
    "changed", [{"time": 5}, {"server_id": 1}, {"end": 980}, {"kind": 2}, {"digest": "fedcba9876543210"}]
)
def test_another_event_at_the_remembered_place(changed: Dict[str, Any]) -> None:
    assert difference(replace(SEEN, event=replace(EVENT, **changed))) == subject.OTHER


def test_no_event_at_the_remembered_place() -> None:
    assert difference(replace(SEEN, event=None)) == subject.OTHER


def test_an_event_whose_file_was_purged_after_the_worker_had_done_with_it_proves_nothing() -> None:
    known = replace(KNOWN, offset=Position("binlog.000008", 300))
    assert difference(without("binlog.000006", "binlog.000007", event=None), known) == ""


def test_a_purged_file_is_a_gap_that_names_what_is_left() -> None:
    found = compare(KNOWN, without("binlog.000006", "binlog.000007", event=None))
    assert found is not None
    assert found.id == subject.PURGED
    assert "binlog.000007" in found.what
    assert "binlog.000008" in found.what
    assert "repair_binlog_gap" in found.remedy


def test_everything_that_was_known_may_be_purged_after_a_long_time_off() -> None:
    assert difference(without("binlog.000006", "binlog.000007", "binlog.000008", event=None)) == subject.PURGED


def test_a_file_that_is_listed_and_cannot_be_read_is_gone_too() -> None:
    created: Dict[str, Optional[int]] = {**SEEN.created, "binlog.000006": None, "binlog.000007": None}
    assert difference(replace(SEEN, created=created, event=None)) == subject.PURGED


@pytest.mark.parametrize(
    "files",
    [
        {"binlog.000001": 900},
        {"binlog.000001": 90000, "binlog.000009": 90000},
        {"mysql-bin.000009": 90000},
        {"binlog.000006": 5000, "binlog.000008": 9000},
    ],
)
def test_missing_files_that_no_purge_explains(files: Dict[str, int]) -> None:
    assert difference(Seen(files)) == subject.OTHER


def test_missing_files_of_another_server() -> None:
    seen = without("binlog.000006", "binlog.000007", "binlog.000008", server_uuid="b")
    assert difference(seen) == subject.OTHER


def test_without_a_binary_log_nothing_can_be_read() -> None:
    assert difference(Seen({})) == subject.OFF


def test_numbers_of_files_are_numbers() -> None:
    later = replace(KNOWN, offset=Position("binlog.999999", 500), newest=None, event=None, created={})
    assert difference(Seen({"binlog.1000000": 900}), later) == subject.PURGED


# what is remembered


def test_what_is_remembered_survives_the_file() -> None:
    assert subject.from_data(json.loads(json.dumps(KNOWN.as_data()))) == KNOWN
    assert subject.from_data(json.loads(json.dumps(Remembered().as_data()))) == Remembered()


@pytest.mark.parametrize(
    "data", [None, [], "x", {"offset": {"file": "a"}}, {"event": {"at": 1}}, {"created": {"a": "b"}}]
)
def test_what_is_no_memory_is_none(data: Any) -> None:
    assert subject.from_data(data) is None


def test_the_newest_position_never_goes_back_and_trails_by_a_look() -> None:
    fresh = subject.renewed(KNOWN, SEEN.files, None, Position("binlog.000008", 700), BEGUN + 210)
    assert fresh.newest == Position("binlog.000008", 700)
    assert subject.renewed(fresh, SEEN.files, None, Position("binlog.000008", 500), 0).newest == fresh.newest
    assert fresh.offset == KNOWN.offset


def test_what_the_worker_has_read_is_on_the_disk_of_the_database() -> None:
    read = Position("binlog.000009", 100)
    fresh = subject.renewed(KNOWN, SEEN.files, read, None, BEGUN + 210)
    assert (fresh.offset, fresh.newest) == (read, read)


def test_files_that_are_not_needed_any_more_are_forgotten() -> None:
    fresh = subject.renewed(KNOWN, {"binlog.000008": 700}, Position("binlog.000008", 300), None, 0)
    assert set(fresh.created) == {"binlog.000008"}
    assert fresh.event is None


@pytest.mark.parametrize(
    ("offset", "place"),
    [
        ({"file": "a.1", "pos": 4, "gtids": "x"}, Position("a.1", 4)),
        ({"file": "a.1", "pos": "4"}, None),
        ({"file": "a.1", "pos": True}, None),
        ({"lsn": 4}, None),
        (None, None),
    ],
)
def test_the_place_in_an_offset(offset: Any, place: Optional[Position]) -> None:
    assert subject.position_of(offset) == place


class Memory:
    def __init__(self, history: Dict[str, Any]) -> None:
        self.keys = {"history": history}

    def get(self, key: str) -> Any:
        return self.keys[key]

    def put(self, key: str, value: Any) -> None:
        self.keys[key] = value


def test_a_repair_forgets_one_connector() -> None:
    memory = Memory({"openmrs": KNOWN.as_data(), "lab": {}})
    assert subject.remembered_of(memory, "openmrs") == KNOWN
    subject.forget(memory, "openmrs")
    assert memory.keys["history"] == {"lab": {}}

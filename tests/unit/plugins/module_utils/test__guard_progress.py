# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far long work is: what is written, what is read, and how long the rest takes."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _guard_progress as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._guard_progress import Record, Work
from hypothesis import given
from hypothesis import strategies as st

WORK = Work("backup", "", 300, 1000, "bytes", since=100.0, updated=160.0)
counts = st.integers(0, 10**13)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def record(tmp_path: Path, clock: Clock) -> Record:
    return Record("backup", tmp_path / "progress", clock)


@pytest.mark.parametrize(
    ("work", "seconds"),
    [
        (WORK, 140),  # 300 in a minute, 700 are left
        (replace(WORK, first=200), 420),  # 100 in a minute: what was there before is no speed
        (replace(WORK, updated=104.0), None),  # too early
        (replace(WORK, updated=90.0), None),  # by a clock that was set back
        (replace(WORK, done=0), None),
        (replace(WORK, total=0), None),
        (replace(WORK, done=1000), None),
        (replace(WORK, done=2000, about=True), None),  # more than was estimated
    ],
)
def test_the_rest_takes_as_long_as_what_was_done(work: Work, seconds: float | None) -> None:
    left = work.seconds_left()
    assert left == (None if seconds is None else pytest.approx(seconds))


@given(counts, counts, counts, st.floats(0, 1e9), st.floats(0, 1e9))
def test_whatever_is_written_is_told(done: int, total: int, first: int, since: float, updated: float) -> None:
    work = Work("backup", "", done, total, "rows", since, updated, first=first)
    left = work.seconds_left()
    assert left is None or left > 0
    assert work.percent is None or 0 <= work.percent <= 99
    told = subject.as_data(work)
    assert (told["done"], told["total"], told["percent"]) == (done, total, work.percent)


def test_a_record_is_there_while_the_work_lasts(record: Record, tmp_path: Path, clock: Clock) -> None:
    record.begin("backup", "", 1000, pid=os.getpid())
    clock.now += 10
    record.moved(250)
    (found,) = subject.works(tmp_path / "progress", clock.now).values()
    assert (found.done, found.total, found.unit, found.since, found.updated) == (250, 1000, "bytes", 1000.0, 1010.0)
    assert found.seconds_left() == pytest.approx(30)
    record.end()
    assert subject.works(tmp_path / "progress", clock.now) == {}
    assert not (tmp_path / "progress").exists()


def test_one_that_ends_leaves_the_others(record: Record, tmp_path: Path, clock: Clock) -> None:
    other = Record("image", tmp_path / "progress", clock)
    record.begin("backup", "", 1000)
    other.begin("image", "i:1", 1000)
    record.end()
    assert list(subject.works(tmp_path / "progress", clock.now)) == ["image"]
    other.end()
    other.end()
    record.begin("backup", "", 1000)
    assert list(subject.works(tmp_path / "progress", clock.now)) == ["backup"]


def test_a_record_is_written_once_a_second(record: Record, tmp_path: Path, clock: Clock) -> None:
    record.begin("backup", "", 1000)
    for step in range(1, 10):
        clock.now += 0.05
        record.moved(step)
    assert subject.works(tmp_path / "progress", clock.now)["backup"].done == 0
    clock.now += 1
    record.moved(10)
    assert subject.works(tmp_path / "progress", clock.now)["backup"].done == 10


def test_work_that_does_not_move_keeps_the_time_of_its_last_step(record: Record, tmp_path: Path, clock: Clock) -> None:
    record.begin("backup", "", 1000)
    clock.now += 10
    record.moved(250)
    clock.now += 300
    record.moved(250)
    (found,) = subject.works(tmp_path / "progress", clock.now).values()
    assert found.updated == 1010.0


def test_what_cannot_be_written_keeps_nobody_from_working(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    record = Record("backup", tmp_path / "file" / "progress")
    record.begin("backup", "", 1000)
    record.moved(10)
    record.end()
    assert subject.works(tmp_path / "file" / "progress", 0.0) == {}


def test_work_whose_process_has_ended_is_not_told(record: Record, tmp_path: Path, clock: Clock) -> None:
    gone = 2**22 - 1  # the largest that Linux gives
    record.begin("backup", "", 1000, pid=gone)
    assert not Path(f"/proc/{gone}").exists()
    assert subject.works(tmp_path / "progress", clock.now) == {}


def test_a_file_that_grows_says_itself_how_far_it_is(record: Record, tmp_path: Path, clock: Clock) -> None:
    copy = tmp_path / "image.tar"
    record.begin("image", "i:1", 1000, file=str(copy), first=100)
    assert subject.works(tmp_path / "progress", clock.now) == {}, "nothing has come yet"
    copy.write_bytes(b"x" * 400)
    os.utime(copy, (1060, 1060))
    (found,) = subject.works(tmp_path / "progress", clock.now).values()
    assert (found.done, found.updated, found.seconds_left()) == (400, 1060.0, pytest.approx(120))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kind": "x"}', "\0", json.dumps({"kind": 1, "done": "many"})])
def test_what_is_no_record_is_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "backup.json").write_text(text)
    assert subject.works(tmp_path, 0.0) == {}


def test_a_record_that_nobody_touched_for_hours_is_forgotten(record: Record, tmp_path: Path, clock: Clock) -> None:
    record.begin("backup", "", 1000)
    assert subject.works(tmp_path / "progress", clock.now + 6 * 3600 - 1)
    assert subject.works(tmp_path / "progress", clock.now + 6 * 3600 + 1) == {}

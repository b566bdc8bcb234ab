# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kafka_log.py reads from segments that the test builds."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log import kafka_log
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.kafka_batches import Made, write_segment
from hypothesis import given
from hypothesis import strategies as st


def test_header_of_a_batch_is_read_field_by_field() -> None:
    raw = Made(base=41, count=3, first_ms=1_700_000_000_123, last_ms=1_700_000_000_999, payload=10).encode()
    batch = kafka_log.parse_header(raw, position=7)
    assert batch == kafka_log.Batch(41, 43, 7, len(raw), 1_700_000_000_123, 1_700_000_000_999, control=False)


@pytest.mark.parametrize("size", [0, 1, 60])
def test_less_than_a_header_is_no_batch(size: int) -> None:
    assert kafka_log.parse_header(Made(base=0).encode()[:size], 0) is None


@pytest.mark.parametrize("made", [Made(base=0, magic=1), Made(base=-4), Made(base=0, last_delta=-1)])
def test_insane_header_is_no_batch(made: Made) -> None:
    assert kafka_log.parse_header(made.encode(), 0) is None


def test_zeros_after_a_power_cut_are_no_batch() -> None:
    assert kafka_log.parse_header(bytes(200), 0) is None


def test_log_append_time_and_delete_horizon_make_the_base_timestamp_meaningless() -> None:
    for made in (Made(0, first_ms=5, last_ms=9, append_time=True), Made(0, first_ms=5, last_ms=9, delete_horizon=True)):
        batch = kafka_log.parse_header(made.encode(), 0)
        assert batch is not None
        assert batch.first_timestamp == 9


def test_missing_timestamp_is_none() -> None:
    batch = kafka_log.parse_header(Made(0, first_ms=-1, last_ms=-1).encode(), 0)
    assert batch is not None
    assert (batch.first_timestamp, batch.last_timestamp) == (None, None)


def test_partition_over_several_segments(tmp_path: Path) -> None:
    write_segment(tmp_path, 10, [Made(10, 5, first_ms=100, last_ms=150)])
    write_segment(tmp_path, 15, [Made(15, 5, first_ms=200, last_ms=250)])
    write_segment(tmp_path, 20, [Made(20, 2, first_ms=300, last_ms=310), Made(22, 3, first_ms=320, last_ms=390)])
    summary = kafka_log.summarise_partition(tmp_path, 4)
    assert (summary.partition, summary.start_offset, summary.end_offset, summary.events) == (4, 10, 25, 15)
    assert (summary.oldest_ms, summary.newest_ms, summary.broken_tail) == (100, 390, False)
    assert summary.bytes >= sum(path.stat().st_size for path in tmp_path.glob("*.log"))


def test_empty_directory_has_no_events(tmp_path: Path) -> None:
    summary = kafka_log.summarise_partition(tmp_path)
    assert (summary.events, summary.oldest_ms, summary.newest_ms) == (0, None, None)


def test_segment_that_was_just_begun_takes_its_end_from_its_name_and_its_time_from_the_one_before(
    tmp_path: Path,
) -> None:
    write_segment(tmp_path, 0, [Made(0, 8, first_ms=100, last_ms=170)])
    write_segment(tmp_path, 8, [])
    summary = kafka_log.summarise_partition(tmp_path)
    assert (summary.start_offset, summary.end_offset, summary.newest_ms) == (0, 8, 170)


def test_all_events_expired_leaves_none_though_the_offset_is_high(tmp_path: Path) -> None:
    write_segment(tmp_path, 5000, [])
    summary = kafka_log.summarise_partition(tmp_path)
    assert (summary.start_offset, summary.end_offset, summary.events) == (5000, 5000, 0)


@pytest.mark.parametrize("tail", [b"\x00" * 300, b"garbage" * 30, Made(2, payload=500).encode()[:-1]])
def test_truncated_tail_ends_at_the_last_whole_batch_and_is_reported(tmp_path: Path, tail: bytes) -> None:
    write_segment(tmp_path, 0, [Made(0, 2, first_ms=7, last_ms=8)], tail=tail)
    summary = kafka_log.summarise_partition(tmp_path)
    assert (summary.end_offset, summary.newest_ms, summary.broken_tail) == (2, 8, True)


def test_batch_that_goes_back_in_offsets_is_not_believed(tmp_path: Path) -> None:
    write_segment(tmp_path, 0, [Made(0, 5), Made(3, 5)])
    summary = kafka_log.summarise_partition(tmp_path)
    assert (summary.end_offset, summary.broken_tail) == (5, True)


def test_control_batches_count_as_offsets_but_are_not_the_time_of_an_event(tmp_path: Path) -> None:
    write_segment(
        tmp_path,
        0,
        [
            Made(0, 1, first_ms=1, last_ms=1, control=True),
            Made(1, 3, first_ms=50, last_ms=60),
            Made(4, 1, first_ms=99, last_ms=99, control=True),
        ],
    )
    summary = kafka_log.summarise_partition(tmp_path)
    assert (summary.events, summary.oldest_ms, summary.newest_ms) == (5, 50, 60)


def test_only_control_batches_after_the_index_entry_still_finds_the_newest_event(tmp_path: Path) -> None:
    batches = [Made(0, 1, last_ms=70), Made(1, control=True, last_ms=80), Made(2, control=True, last_ms=90)]
    write_segment(tmp_path, 0, batches, index_of=[1], index_zeros=800)
    summary = kafka_log.summarise_partition(tmp_path)
    assert (summary.end_offset, summary.newest_ms) == (3, 70)


def test_checkpointed_start_offset_hides_records_deleted_by_request(tmp_path: Path) -> None:
    write_segment(tmp_path, 0, [Made(0, 5, first_ms=10, last_ms=14), Made(5, 5, first_ms=20, last_ms=24)])
    summary = kafka_log.summarise_partition(tmp_path, start_offset=5)
    assert (summary.start_offset, summary.events, summary.oldest_ms) == (5, 5, 20)


def test_checkpoint_older_than_the_first_segment_is_overruled_by_it(tmp_path: Path) -> None:
    write_segment(tmp_path, 100, [Made(100, 5)])
    assert kafka_log.summarise_partition(tmp_path, start_offset=40).start_offset == 100


def test_checkpoint_file_is_parsed_and_its_absence_is_no_fault(tmp_path: Path) -> None:
    assert kafka_log.start_offsets(tmp_path) == []
    (tmp_path / "log-start-offset-checkpoint").write_text("0\n2\na.b 0 17\nc 3 5\nbroken line\n")
    assert kafka_log.start_offsets(tmp_path) == [("a.b", 0, 17), ("c", 3, 5)]


def test_files_of_deleted_segments_do_not_count_as_segments(tmp_path: Path) -> None:
    write_segment(tmp_path, 9, [Made(9, 2)])
    (tmp_path / "00000000000000000000.log.deleted").write_bytes(Made(0, 9).encode())
    assert kafka_log.summarise_partition(tmp_path).start_offset == 9


def test_index_saves_hopping_over_the_whole_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = [Made(number, last_ms=number) for number in range(500)]
    write_segment(tmp_path, 0, batches, index_of=range(10, 500, 10), index_zeros=10_000)
    seen = []
    real = kafka_log.batch_at

    def counting(log: io.BufferedReader, position: int, size: int) -> object:
        seen.append(position)
        return real(log, position, size)

    monkeypatch.setattr(kafka_log, "batch_at", counting)
    summary = kafka_log.summarise_partition(tmp_path)
    assert (summary.end_offset, summary.newest_ms) == (500, 499)
    assert len(seen) < 20


def test_index_entries_beyond_the_log_are_stepped_over(tmp_path: Path) -> None:
    log = write_segment(tmp_path, 0, [Made(number) for number in range(20)], index_of=[5, 10])
    index = log.with_suffix(".index")
    index.write_bytes(index.read_bytes() + struct.pack(">ii", 19, log.stat().st_size + 4096) + bytes(80))
    with log.open("rb") as opened, index.open("rb") as entries:
        hint = kafka_log.hint_from_index(entries, index.stat().st_size, opened, log.stat().st_size, 0)
    assert hint == 10 * len(Made(0).encode())
    assert kafka_log.summarise_partition(tmp_path).end_offset == 20


def test_index_of_another_log_is_not_believed(tmp_path: Path) -> None:
    log = write_segment(tmp_path, 0, [Made(number) for number in range(20)])
    log.with_suffix(".index").write_bytes(struct.pack(">ii", 3, 13) + struct.pack(">ii", 4, 999))
    assert kafka_log.summarise_partition(tmp_path).end_offset == 20


@given(
    counts=st.lists(st.integers(1, 50), min_size=1, max_size=60),
    every=st.integers(1, 9),
    zeros=st.integers(0, 40),
    cut=st.integers(0, 100),
)
def test_end_is_the_same_with_and_without_index(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], every: int, zeros: int, cut: int
) -> None:
    directory = tmp_path_factory.mktemp("log")
    base, made = 1000, []
    for count in counts:
        made.append(Made(base, count, last_ms=base))
        base += count
    log = write_segment(directory, 1000, made, index_of=range(1, len(made), every), index_zeros=zeros * 8)
    log.write_bytes(log.read_bytes()[: max(len(log.read_bytes()) - cut, 0)])
    with_index = kafka_log.summarise_partition(directory)
    log.with_suffix(".index").unlink()
    without = kafka_log.summarise_partition(directory)
    assert (with_index.end_offset, with_index.newest_ms) == (without.end_offset, without.newest_ms)
    if cut == 0:
        assert without.end_offset == base


def test_segment_that_vanishes_while_we_look_makes_it_look_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_segment(tmp_path, 0, [Made(0, 5)])
    write_segment(tmp_path, 5, [Made(5, 5)])
    real, calls = kafka_log.segments, []

    def listing(directory: Path) -> list[Path]:
        listed = real(directory)
        calls.append(len(listed))
        if len(calls) == 1:
            listed[0].unlink()
        return listed

    monkeypatch.setattr(kafka_log, "segments", listing)
    summary = kafka_log.summarise_partition(tmp_path)
    assert (summary.start_offset, summary.end_offset, calls) == (5, 10, [2, 1])


def test_preallocated_index_is_not_counted_as_used_disk(tmp_path: Path) -> None:
    write_segment(tmp_path, 0, [Made(0)])
    with (tmp_path / "00000000000000000000.index").open("wb") as index:
        index.truncate(10 * 1024 * 1024)
    assert kafka_log.disk_usage(tmp_path) < 1024 * 1024


def test_deleted_stray_and_future_directories_are_left_out(tmp_path: Path) -> None:
    uuid = "0123456789abcdef0123456789abcdef"
    for name in ("a.b-c-0", "a.b-c-11", f"x-0.{uuid}-delete", f"x-1.{uuid}-stray", f"x-2.{uuid}-future", "lost+found"):
        (tmp_path / name).mkdir()
    (tmp_path / "a-file-0").write_text("")
    assert [(topic, number) for topic, number, _ in kafka_log.partitions(tmp_path)] == [("a.b-c", 0), ("a.b-c", 11)]

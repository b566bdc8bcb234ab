# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a broker's log directory says about its topics, without the broker.

Only batch headers are read, never a record. Layout of a batch (magic 2, stable since KIP-98, Kafka 0.11):
baseOffset i64, batchLength i32 (bytes after this field), partitionLeaderEpoch i32, magic i8, crc u32,
attributes i16 (3: log append time, 5: control batch, 6: delete horizon in place of the base timestamp),
lastOffsetDelta i32, baseTimestamp i64, maxTimestamp i64, producerId i64, producerEpoch i16, baseSequence i32,
recordsCount i32; all big-endian. See https://kafka.apache.org/documentation/#recordbatch

A segment is ``<base offset, 20 digits>.log``; its ``.index`` holds pairs of i32 (offset less base, position), and is
preallocated with zeros while it is written. The log may grow, roll and lose segments while it is read here.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Iterator, List, Optional, Tuple

_HEADER = struct.Struct(">qiibIhiqqqhii")
_INDEX_ENTRY = struct.Struct(">ii")
_LENGTH_AFTER = 12  # baseOffset and batchLength themselves do not count as batchLength
_MIN_LENGTH = _HEADER.size - _LENGTH_AFTER
_SEGMENT = re.compile(r"\d{20}\.log\Z")
_PARTITION = re.compile(r"(?P<topic>[a-zA-Z0-9._-]+)-(?P<partition>\d+)\Z")
_START_CHECKPOINT = "log-start-offset-checkpoint"
_ATTEMPTS = 4  # a segment can be deleted between listing and opening


@dataclass(frozen=True)
class Batch:
    """The header of one record batch."""

    base_offset: int
    last_offset: int
    position: int
    size: int
    first_timestamp: Optional[int]
    last_timestamp: Optional[int]
    control: bool


@dataclass(frozen=True)
class PartitionSummary:
    """One partition of a topic as it lies on disk."""

    partition: int
    start_offset: int
    end_offset: int
    bytes: int
    oldest_ms: Optional[int]
    newest_ms: Optional[int]
    broken_tail: bool = False

    @property
    def events(self) -> int:
        return self.end_offset - self.start_offset


def parse_header(raw: bytes, position: int) -> Optional[Batch]:
    """The batch that starts with these bytes; None when they are not a whole, sane header."""
    if len(raw) < _HEADER.size:
        return None
    (base, length, _epoch, magic, _crc, attributes, delta, first, last, _pid, _pepoch, _seq, _count) = _HEADER.unpack(
        raw[: _HEADER.size]
    )
    if magic != 2 or length < _MIN_LENGTH or base < 0 or delta < 0:
        return None
    # With log append time every record has the batch's last timestamp; with a delete horizon the base is not a time.
    oldest = last if attributes & 0b1001000 else first
    return Batch(
        base_offset=base,
        last_offset=base + delta,
        position=position,
        size=_LENGTH_AFTER + length,
        first_timestamp=oldest if oldest >= 0 else None,
        last_timestamp=last if last >= 0 else None,
        control=bool(attributes & 0b100000),
    )


def batch_at(log: BinaryIO, position: int, size: int) -> Optional[Batch]:
    """The batch at this position, if all of it lies within the first ``size`` bytes of the file."""
    log.seek(position)
    batch = parse_header(log.read(_HEADER.size), position)
    if batch is None or position + batch.size > size:
        return None
    return batch


def hop(log: BinaryIO, size: int, position: int = 0) -> Iterator[Batch]:
    """Batches one after the other; ends at the end of the file or at the first bytes that are no whole batch."""
    floor = -1
    while position < size:
        batch = batch_at(log, position, size)
        if batch is None or batch.base_offset < floor:
            return
        yield batch
        position += batch.size
        floor = batch.last_offset + 1


def _index_entry(index: BinaryIO, number: int) -> Tuple[int, int]:
    index.seek(number * _INDEX_ENTRY.size)
    raw = index.read(_INDEX_ENTRY.size)
    return _INDEX_ENTRY.unpack(raw) if len(raw) == _INDEX_ENTRY.size else (0, 0)


def hint_from_index(index: BinaryIO, index_size: int, log: BinaryIO, log_size: int, base: int) -> int:
    """A position of the log from which few batches are left: the last index entry that the log confirms, else 0."""
    low, high = 0, index_size // _INDEX_ENTRY.size  # entries before low are written, from high on they are zeros
    while low < high:
        middle = (low + high) // 2
        if _index_entry(index, middle)[0] > 0:
            low = middle + 1
        else:
            high = middle
    for number in range(low - 1, max(low - 9, -1), -1):
        relative, position = _index_entry(index, number)
        batch = batch_at(log, position, log_size) if 0 <= position < log_size else None
        if batch is not None and base <= batch.base_offset <= base + relative:
            return position
    return 0


def segments(directory: Path) -> List[Path]:
    """The files of a partition, the oldest first."""
    return sorted(path for path in directory.iterdir() if _SEGMENT.match(path.name))


def _first_event(segments: List[Path], start: int) -> Optional[int]:
    """Time of the first batch of events at or after the start offset (control batches are not events)."""
    for segment in segments:
        with segment.open("rb") as log:
            for batch in hop(log, segment.stat().st_size):
                if batch.last_offset >= start and not batch.control:
                    return batch.first_timestamp
    return None


def written_at(directory: Path, offset: int) -> Optional[int]:
    """When the event at this offset was written, or the next one that there is; None where there is none."""
    found = segments(directory)
    first = max((number for number, one in enumerate(found) if int(one.stem) <= offset), default=0)
    return _first_event(found[first:], offset)


def _end_of(segment: Path) -> Tuple[int, Optional[int], bool]:
    """(offset after the last batch, time of the last event, bytes left over) of one segment."""
    base = int(segment.stem)
    with segment.open("rb") as log:
        size = log.seek(0, 2)
        start = 0
        index_path = segment.with_suffix(".index")
        if index_path.exists():
            with index_path.open("rb") as index:
                start = hint_from_index(index, index.seek(0, 2), log, size, base)
        for begin in dict.fromkeys((start, 0)):  # control batches only after the hint: look at the whole segment
            end, newest, reached = base, None, begin
            for batch in hop(log, size, begin):
                end, reached = batch.last_offset + 1, batch.position + batch.size
                if not batch.control:
                    newest = batch.last_timestamp
            if newest is not None:
                break
        return end, newest, reached < size


def disk_usage(directory: Path) -> int:
    """Bytes that the files take: indexes are preallocated and sparse, so their length would tell too much."""
    total = 0
    for path in directory.iterdir():
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        total += status.st_size if path.suffix == ".log" else min(status.st_size, status.st_blocks * 512)
    return total


def summarise_partition(directory: Path, partition: int = 0, start_offset: int = 0) -> PartitionSummary:
    """Look at one partition; ``start_offset`` is the broker's checkpoint, where records were deleted by request."""
    for attempt in range(_ATTEMPTS):
        try:
            return _summarise(directory, partition, start_offset)
        except FileNotFoundError:
            # A segment went while we looked (retention); the directory itself gone is the caller's matter.
            if attempt == _ATTEMPTS - 1 or not directory.is_dir():
                raise
    raise AssertionError("unreachable")


def _summarise(directory: Path, partition: int, start_offset: int) -> PartitionSummary:
    found = segments(directory)
    if not found:
        return PartitionSummary(partition, start_offset, start_offset, disk_usage(directory), None, None)
    end, newest, broken = _end_of(found[-1])
    for earlier in reversed(found[:-1]):  # a segment that was just begun is empty
        if newest is not None:
            break
        newest = _end_of(earlier)[1]
    start = min(max(int(found[0].stem), start_offset), end)
    oldest = _first_event(found, start) if end > start else None
    return PartitionSummary(
        partition=partition,
        start_offset=start,
        end_offset=end,
        bytes=disk_usage(directory),
        oldest_ms=oldest,
        newest_ms=newest if end > start else None,
        broken_tail=broken,
    )


def partitions(data_dir: Path) -> List[Tuple[str, int, Path]]:
    """(topic, partition, directory), sorted; directories of deleted, stray and moving partitions are left out."""
    found = []
    for path in data_dir.iterdir():
        match = _PARTITION.match(path.name)
        if match and path.is_dir():
            found.append((match.group("topic"), int(match.group("partition")), path))
    return sorted(found)


def parse_start_offsets(text: str) -> List[Tuple[str, int, int]]:
    """(topic, partition, offset) of the broker's ``log-start-offset-checkpoint``: version, count, then the lines."""
    entries = []
    for line in text.splitlines()[2:]:
        fields = line.split()
        if len(fields) == 3 and fields[1].isdigit() and fields[2].isdigit():
            entries.append((fields[0], int(fields[1]), int(fields[2])))
    return entries


def start_offsets(data_dir: Path) -> List[Tuple[str, int, int]]:
    """The checkpoint of this log directory; empty when there is none."""
    try:
        return parse_start_offsets((data_dir / _START_CHECKPOINT).read_text(encoding="ascii", errors="replace"))
    except FileNotFoundError:
        return []

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads Kafka's log files off a disk: how far a topic reaches, and the records that are not compressed.

Format: Apache Kafka documentation, "Message format", record batch of magic 2.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator, Optional, Tuple

HEADER = struct.Struct(">qiibIhiqqqhii")
MAGIC = 2


@dataclass(frozen=True)
class Batch:
    """One batch as it lies in a segment file."""

    first: int
    last: int
    start: int  # of its records, in bytes of the file
    end: int
    count: int
    compressed: bool


@dataclass
class Reader:
    """Walks the segments of one partition. It remembers how far: a log only grows, so a later copy goes on there."""

    seen: dict[str, Tuple[int, int]] = field(default_factory=dict)  # segment -> bytes walked, next offset

    def end(self, partition: Path) -> int:
        """The offset after the newest record that is whole on this disk; 0 where there is none."""
        reached = 0
        for segment in sorted(partition.glob("*.log")):
            start, reached = self.seen.get(segment.name, (0, int(segment.stem)))
            if segment.stat().st_size < start:  # an earlier cut than those before
                start, reached = 0, int(segment.stem)
            for batch in batches(segment, start):
                start, reached = batch.end, batch.last + 1
            self.seen[segment.name] = (start, reached)
        return reached


def first_offset(partition: Path) -> int:
    """The offset of the first record that retention has left; 0 where there is nothing."""
    return min((int(segment.stem) for segment in partition.glob("*.log")), default=0)


def batches(segment: Path, start: int = 0) -> Iterator[Batch]:
    """The whole batches from a byte on; what a cut left half written ends it."""
    size = segment.stat().st_size
    with segment.open("rb") as stream:
        while start + HEADER.size <= size:
            stream.seek(start)
            base, length, _, magic, _, attributes, delta, *_, count = HEADER.unpack(stream.read(HEADER.size))
            end = start + 12 + length
            if magic != MAGIC or length <= 0 or end > size:
                return
            yield Batch(base, base + delta, start + HEADER.size, end, count, bool(attributes & 7))
            start = end


def records(partition: Path) -> Iterator[Tuple[Optional[bytes], Optional[bytes]]]:
    """Key and value of every record of a partition whose producer does not compress."""
    # Compaction gives a new segment its name in two steps; a cut between them leaves the first one's.
    for segment in sorted([*partition.glob("*.log"), *partition.glob("*.log.swap")]):
        content = segment.read_bytes()
        for batch in batches(segment):
            if not batch.compressed:
                yield from _records(content[batch.start : batch.end], batch.count)


def _records(data: bytes, count: int) -> Iterator[Tuple[Optional[bytes], Optional[bytes]]]:
    at = 0
    for _ in range(count):
        length, at = _varint(data, at)
        following = at + length
        at += 1  # attributes
        _, at = _varint(data, at)  # time
        _, at = _varint(data, at)  # offset
        key, at = _bytes(data, at)
        value, at = _bytes(data, at)
        yield key, value
        at = following


def _bytes(data: bytes, at: int) -> Tuple[Optional[bytes], int]:
    length, at = _varint(data, at)
    return (None, at) if length < 0 else (data[at : at + length], at + length)


def _varint(data: bytes, at: int) -> Tuple[int, int]:
    """A zigzag number of variable length, and where the next begins."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at
        shift += 7

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Segments of a Kafka log, built by hand for the tests."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, List, Optional, Sequence, Tuple


@dataclass(frozen=True)
class Made:
    """A batch to be written: its offsets, its times, and what its attributes say."""

    base: int
    count: int = 1
    first_ms: int = 1_000
    last_ms: int = 1_000
    control: bool = False
    append_time: bool = False
    delete_horizon: bool = False
    payload: int = 40
    magic: int = 2
    last_delta: Optional[int] = None

    def encode(self) -> bytes:
        attributes = (self.append_time << 3) | (self.control << 5) | (self.delete_horizon << 6)
        delta = self.count - 1 if self.last_delta is None else self.last_delta
        after_crc = struct.pack(
            ">hiqqqhii", attributes, delta, self.first_ms, self.last_ms, -1, -1, -1, self.count
        ) + bytes(self.payload)
        rest = struct.pack(">ibI", 0, self.magic, 0) + after_crc
        return struct.pack(">qi", self.base, len(rest)) + rest


def write_segment(
    directory: Path,
    base: int,
    batches: Sequence[Made],
    *,
    tail: bytes = b"",
    index_of: Optional[Iterable[int]] = None,
    index_zeros: int = 0,
) -> Path:
    """A segment, with an index of the batches named, followed by zeros as in one that is being written."""
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / f"{base:020d}.log"
    positions: List[Tuple[int, int]] = []
    data = b""
    for batch in batches:
        positions.append((batch.base + batch.count - 1 - base, len(data)))
        data += batch.encode()
    log.write_bytes(data + tail)
    if index_of is not None:
        entries = b"".join(struct.pack(">ii", *positions[number]) for number in index_of)
        log.with_suffix(".index").write_bytes(entries + bytes(index_zeros))
    return log

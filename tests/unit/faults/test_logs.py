# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log files of Kafka, made by hand: whole batches count, what a cut left half written does not."""

from __future__ import annotations

from pathlib import Path

from tests.faults.logs import HEADER, Reader, records


def varint(number: int) -> bytes:
    number = number * 2 if number >= 0 else -number * 2 - 1
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*made, number])


def record(offset: int, key: bytes, value: bytes | None) -> bytes:
    body = b"\0" + varint(0) + varint(offset) + varint(len(key)) + key
    body += varint(-1) if value is None else varint(len(value)) + value
    body += varint(0)
    return varint(len(body)) + body


def batch(first: int, *pairs: tuple[bytes, bytes | None], compressed: bool = False) -> bytes:
    body = b"".join(record(number, *pair) for number, pair in enumerate(pairs))
    length = HEADER.size - 12 + len(body)
    last = len(pairs) - 1
    return HEADER.pack(first, length, 0, 2, 0, 4 if compressed else 0, last, 0, 0, 0, 0, 0, len(pairs)) + body


ONE, TWO = batch(0, (b"a", b"x" * 300), (b"b", None)), batch(2, (b"c", b"3"))


def test_records_are_read_with_their_tombstones(tmp_path: Path) -> None:
    (tmp_path / f"{0:020}.log").write_bytes(ONE + TWO)
    assert list(records(tmp_path)) == [(b"a", b"x" * 300), (b"b", None), (b"c", b"3")]


def test_what_is_compressed_is_counted_and_not_read(tmp_path: Path) -> None:
    (tmp_path / f"{5:020}.log").write_bytes(batch(5, (b"a", b"1"), compressed=True))
    assert list(records(tmp_path)) == []
    assert Reader().end(tmp_path) == 6


def test_the_end_is_that_of_the_last_whole_batch(tmp_path: Path) -> None:
    segment = tmp_path / f"{0:020}.log"
    for end in (len(ONE) + 5, len(ONE) + len(TWO) - 1):
        segment.write_bytes((ONE + TWO)[:end])
        assert Reader().end(tmp_path) == 2
    # Space that was given to the file, and never written.
    segment.write_bytes(ONE + b"\0" * 4096)
    assert Reader().end(tmp_path) == 2


def test_a_reader_goes_on_where_it_was_and_begins_anew_in_a_shorter_file(tmp_path: Path) -> None:
    reader, segment = Reader(), tmp_path / f"{0:020}.log"
    for content, end in ((ONE, 2), (ONE + TWO, 3), (ONE, 2)):
        segment.write_bytes(content)
        assert reader.end(tmp_path) == end


def test_an_empty_last_segment_says_where_it_begins(tmp_path: Path) -> None:
    (tmp_path / f"{0:020}.log").write_bytes(ONE + TWO)
    (tmp_path / f"{3:020}.log").write_bytes(b"")
    assert Reader().end(tmp_path) == 3
    assert Reader().end(tmp_path / "nowhere") == 0

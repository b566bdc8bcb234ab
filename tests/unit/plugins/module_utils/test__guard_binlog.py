# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading events of the binary log: what is asked for, which packets bear a time, and what is no event."""

from __future__ import annotations

import struct
from typing import Any, List, Optional

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _guard_binlog as subject


def event(kind: int, when: int, end: int = 0, flags: int = 0, body: bytes = b"body") -> bytes:
    return b"\0" + struct.pack("<IBIIIH", when, kind, 4711, 19 + len(body), end, flags) + body


class Packet:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def get_all_data(self) -> bytes:
        return self._data

    def is_eof_packet(self) -> bool:
        return self._data[:1] == b"\xfe"


class Driver:
    """Plays the part of PyMySQL's connection."""

    def __init__(self, *packets: bytes) -> None:
        self.commands: List[Any] = []
        self._packets = list(packets)

    def cursor(self) -> Driver:
        return self

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_exception: Any) -> None:
        return None

    def execute(self, statement: str) -> None:
        self.commands.append(statement)

    def _execute_command(self, command: int, argument: bytes) -> None:
        self.commands.append((command, argument))

    def _read_packet(self) -> Packet:
        return Packet(self._packets.pop(0))


def test_the_reader_is_nobody_and_does_not_wait() -> None:
    start, flags, reader = struct.unpack_from("<IHI", subject.request("bin.000007"))
    assert (start, flags, reader) == (4, 1, 0)
    assert subject.request("bin.000007").endswith(b"bin.000007")


def test_the_time_is_that_of_the_format_description_after_the_rotation() -> None:
    driver = Driver(event(subject.ROTATE, 0), event(subject.FORMAT_DESCRIPTION, 1_700_000_000), event(2, 5))
    assert subject.file_created(driver, "bin.000007") == 1_700_000_000
    assert driver.commands[-1] == (0x12, subject.request("bin.000007"))
    assert "@master_binlog_checksum" in driver.commands[0]
    assert driver.commands[1] == "SET @mariadb_slave_capability = 4"


def test_a_file_that_ends_early_has_no_time() -> None:
    assert subject.file_created(Driver(event(subject.ROTATE, 0), b"\xfe\0\0\0\0"), "a") is None


def test_no_more_than_a_few_events_are_read() -> None:
    driver = Driver(*[event(2, 5)] * 20)
    assert subject.file_created(driver, "a") is None
    assert len(driver._packets) == 15


@pytest.mark.parametrize(
    ("packet", "when"),
    [
        (event(15, 7), 7),
        (event(15, 0), None),
        (event(4, 7), None),
        (b"\0\1", None),
        (b"", None),
        (b"\xfe" + event(15, 7)[1:], None),
    ],
)
def test_times_of_packets(packet: bytes, when: Optional[int]) -> None:
    assert subject.time_of(packet) == when


EOF = b"\xfe\0\0\0\0"
BEFORE = (event(subject.ROTATE, 0, flags=0x20), event(subject.FORMAT_DESCRIPTION, 7))


def test_the_event_at_a_position_is_the_one_after_what_tells_of_the_file() -> None:
    driver = Driver(*BEFORE, event(33, 1_700_000_000, end=523))
    found = subject.event_at(driver, "bin.000007", 500)
    assert found is not None
    assert {**found, "digest": len(found["digest"])} == {
        "time": 1_700_000_000, "server_id": 4711, "end": 523, "kind": 33, "digest": 16,
    }  # fmt: skip
    assert struct.unpack_from("<IHI", driver.commands[-1][1]) == (500, 1, 0)


def test_an_event_is_known_by_its_content_but_not_by_its_flags() -> None:
    def digest(**changed: Any) -> str:
        found = subject.event_at(Driver(*BEFORE, event(33, 5, **{"end": 523, **changed})), "bin.000007", 500)
        return str((found or {})["digest"])

    assert digest() == digest(flags=8)
    assert digest() != digest(body=b"BODY")


def test_a_checksum_may_have_been_taken_off_on_the_way() -> None:
    assert subject.described(event(33, 5, end=527), 500)["end"] == 527


def test_at_the_end_of_the_file_there_is_no_event_yet() -> None:
    assert subject.event_at(Driver(*BEFORE, EOF), "bin.000007", 500) is None


@pytest.mark.parametrize(
    "data", [event(33, 5, end=9000), event(33, 5, end=522), event(33, 5, end=528), b"\0\1\2", event(33, 5, end=500)]
)
def test_what_does_not_fit_its_place_is_no_event(data: bytes) -> None:
    assert subject.event_at(Driver(*BEFORE, data), "bin.000007", 500) == {}


def test_a_rotation_of_the_log_itself_is_an_event() -> None:
    assert (subject.event_at(Driver(*BEFORE, event(subject.ROTATE, 5, end=523)), "bin.000007", 500) or {})["kind"] == 4


def test_descriptions_without_end_are_no_event() -> None:
    assert subject.event_at(Driver(*[BEFORE[1]] * 9), "bin.000007", 500) == {}

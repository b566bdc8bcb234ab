# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the head of a binary log file: what is asked for, and which packets bear a time."""

from __future__ import annotations

import struct
from typing import Any, List, Optional

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_dump as subject


def event(kind: int, when: int) -> bytes:
    return b"\0" + struct.pack("<IBIIIH", when, kind, 1, 100, 0, 0) + b"body"


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

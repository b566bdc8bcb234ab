# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the head of a binary log file over the wire, the way mysqlbinlog does: as server id 0 and without waiting.

A reader with id 0 registers nowhere and throws nobody out; the server sends what the file holds and stops at its end.
Only the first event of the file is taken, the format description, which bears the time of the file's creation. This
is the one place that uses parts of PyMySQL which it does not promise to keep (the same since 0.9).

Sources: MySQL's and MariaDB's protocol documentation (COM_BINLOG_DUMP, header of binlog events).
"""

from __future__ import annotations

import struct
from typing import Any, Optional

COM_BINLOG_DUMP = 0x12
NON_BLOCK = 1
NOBODY = 0
START = 4
FORMAT_DESCRIPTION = 15
ROTATE = 4
# A rotation that only names the file comes first; more than a few events would be something unknown.
_MOST_EVENTS = 5
_HEADER = struct.Struct("<xIB")
# Servers refuse readers that do not say what they understand: checksums, and MariaDB's own events.
_PREPARATIONS = (
    "SET @master_binlog_checksum = 'NONE', @source_binlog_checksum = 'NONE'",
    "SET @mariadb_slave_capability = 4",
)


def request(file: str) -> bytes:
    """The command's argument: where to begin, how, as whom, and in which file."""
    return struct.pack("<IHI", START, NON_BLOCK, NOBODY) + file.encode()


def time_of(packet: bytes) -> Optional[int]:
    """The time in a format description; None for any other event."""
    if len(packet) < _HEADER.size or packet[0] != 0:
        return None
    when, kind = _HEADER.unpack_from(packet)
    return int(when) if kind == FORMAT_DESCRIPTION and when else None


def file_created(driver: Any, file: str) -> Optional[int]:
    """When the file was begun, in seconds since 1970; None when the server sent something else."""
    with driver.cursor() as cursor:
        for preparation in _PREPARATIONS:
            cursor.execute(preparation)
    driver._execute_command(COM_BINLOG_DUMP, request(file))
    for _event in range(_MOST_EVENTS):
        packet = driver._read_packet()  # raises what the server refuses with
        when = time_of(packet.get_all_data())
        if when is not None or packet.is_eof_packet():
            return when
    return None

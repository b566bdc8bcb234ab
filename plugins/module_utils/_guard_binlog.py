# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads single events of the binary log over the wire, the way mysqlbinlog does: as server id 0 and without waiting.

A reader with id 0 registers nowhere and throws nobody out; the server sends what the file holds and stops at its end.
Either the first event of a file is taken, the format description, which bears the time of the file's creation, or the
one at a position. This is the one place that uses parts of PyMySQL which it does not promise to keep (the same since
0.9).

Sources: MySQL's and MariaDB's protocol documentation (COM_BINLOG_DUMP, header of binlog events).
Imports the standard library only: the guard runs this very file on the host.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Any, Dict, Optional

COM_BINLOG_DUMP = 0x12
NON_BLOCK = 1
NOBODY = 0
START = 4
FORMAT_DESCRIPTION = 15
ROTATE = 4
# A rotation that only names the file comes first; more than a few events would be something unknown.
_MOST_EVENTS = 5
# Behind the byte that says all is well: time, kind, server id, length, end position, flags.
_HEADER = struct.Struct("<xIBIIIH")
_CHECKSUM = 4
_ARTIFICIAL = 0x20
#: The server refuses to send from there: no event begins at the position, or the file ends before it, or is not there.
REFUSED = 1236
# Servers refuse readers that do not say what they understand: checksums, and MariaDB's own events.
_PREPARATIONS = (
    "SET @master_binlog_checksum = 'NONE', @source_binlog_checksum = 'NONE'",
    "SET @mariadb_slave_capability = 4",
)


def request(file: str, pos: int = START) -> bytes:
    """The command's argument: where to begin, how, as whom, and in which file."""
    return struct.pack("<IHI", pos, NON_BLOCK, NOBODY) + file.encode()


def time_of(packet: bytes) -> Optional[int]:
    """The time in a format description; None for any other event."""
    if len(packet) < _HEADER.size or packet[0] != 0:
        return None
    when, kind = _HEADER.unpack_from(packet)[:2]
    return int(when) if kind == FORMAT_DESCRIPTION and when else None


def file_created(driver: Any, file: str) -> Optional[int]:
    """When the file was begun, in seconds since 1970; None when the server sent something else."""
    _ask(driver, file, START)
    for _event in range(_MOST_EVENTS):
        packet = driver._read_packet()  # raises what the server refuses with
        when = time_of(packet.get_all_data())
        if when is not None or packet.is_eof_packet():
            return when
    return None


def event_at(driver: Any, file: str, pos: int) -> Optional[Dict[str, Any]]:
    """The event that begins at a position; empty where none begins, None where the file ends.

    The driver's error REFUSED means as much as empty. The session is of no use afterwards.
    """
    _ask(driver, file, pos)
    for _event in range(_MOST_EVENTS):
        packet = driver._read_packet()
        data = packet.get_all_data()
        if packet.is_eof_packet():
            return None
        if not _tells_of_the_file(data, pos):
            return described(data, pos)
    return {}


def _ask(driver: Any, file: str, pos: int) -> None:
    with driver.cursor() as cursor:
        for preparation in _PREPARATIONS:
            cursor.execute(preparation)
    driver._execute_command(COM_BINLOG_DUMP, request(file, pos))


def _tells_of_the_file(data: bytes, pos: int) -> bool:
    """Whether the server put this event before the one that was asked for: the file's name and its description."""
    if len(data) < _HEADER.size:
        return False
    when, kind, _server_id, _length, _end, flags = _HEADER.unpack_from(data)
    return bool((kind == ROTATE and (when == 0 or flags & _ARTIFICIAL)) or (kind == FORMAT_DESCRIPTION and pos > START))


def described(data: bytes, pos: int) -> Dict[str, Any]:
    """What to remember of an event; empty when it does not fit where it was read, for then it is none.

    MariaDB may write an end position of 0 inside of transactions (binlog_legacy_event_pos). Flags are left out of the
    digest: servers change them on the way.
    """
    if len(data) < _HEADER.size:
        return {}
    when, kind, server_id, _length, end, _flags = _HEADER.unpack_from(data)
    # The checksum may have been taken off on the way.
    if end and not 0 <= end - pos - (len(data) - 1) <= _CHECKSUM:
        return {}
    return {
        "time": int(when),
        "server_id": int(server_id),
        "end": int(end),
        "kind": int(kind),
        "digest": hashlib.sha256(data[_HEADER.size :]).hexdigest()[:16],
    }

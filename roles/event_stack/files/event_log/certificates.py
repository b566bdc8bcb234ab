# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Until when the certificates are good that the event log trusts. Read from their own bytes, without openssl."""

from __future__ import annotations

import contextlib
import struct
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Iterator, List, Optional, Sequence, Tuple

from . import truststore

_SEQUENCE, _VERSION, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18
AUTHORITY, TRUSTSTORE, DATABASE = "authority", "truststore", "database"
_TRUSTED = 2  # an entry of a JKS file that is a certificate


@dataclass(frozen=True)
class Certificate:
    """What it is for, where it was found, and when it ends, in seconds since 1970."""

    what: str
    where: str
    until: int
    verified: bool = True  # whether the connector goes by it


def not_after(der: bytes) -> Optional[int]:
    """When a certificate ends (RFC 5280, 4.1); None for what is none."""
    try:
        whole = next(_parts(der))
        signed = next(_parts(whole[1]))
        fields = [part for part in _parts(signed[1]) if part[0] != _VERSION]
        kind, content = list(_parts(fields[3][1]))[1]  # serial number, algorithm, issuer, validity
        return _time(kind, content.decode("ascii"))
    except (IndexError, StopIteration, ValueError):
        return None


def _parts(data: bytes) -> Iterator[Tuple[int, bytes]]:
    """Tag and content of what stands one behind the other in DER."""
    place = 0
    while place < len(data):
        tag, length, place = data[place], data[place + 1], place + 2
        if length >= 0x80:
            size = length & 0x7F
            length, place = int.from_bytes(data[place : place + size], "big"), place + size
        if place + length > len(data):
            raise ValueError("cut off")
        yield tag, data[place : place + length]
        place += length


def _time(kind: int, text: str) -> int:
    if kind == _UTC_TIME:  # of two digits those below 50 are of this century
        text = ("20" if int(text[:2]) < 50 else "19") + text
    elif kind != _GENERALIZED_TIME:
        raise ValueError("no time")
    return int(datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc).timestamp())


def of_jks(data: bytes) -> List[bytes]:
    """The certificates in a truststore as ``_truststore`` writes it."""
    found = []
    with contextlib.suppress(struct.error, IndexError):
        (count,) = struct.unpack_from(">I", data, 8)
        place = 12
        for _entry in range(count):
            (kind,) = struct.unpack_from(">I", data, place)
            place = _behind(data, place + 4) + 8  # the name, and when it came in
            if kind != _TRUSTED:
                break
            place = _behind(data, place)  # X.509
            (size,) = struct.unpack_from(">I", data, place)
            found.append(data[place + 4 : place + 4 + size])
            place += 4 + size
    return found


def _behind(data: bytes, place: int) -> int:
    (size,) = struct.unpack_from(">H", data, place)
    return int(place + 2 + size)


def authority(path: Path) -> Optional[Certificate]:
    """The file of an authority that the site names."""
    try:
        return _of(AUTHORITY, path, truststore.certificates(path.read_bytes()))
    except (OSError, ValueError):
        return None


def trusted(directory: Path) -> Optional[Certificate]:
    """The newest truststore in a directory: what the connector trusts."""
    try:
        newest = max(directory.glob("*.jks"), key=lambda one: one.stat().st_mtime, default=None)
        return None if newest is None else _of(TRUSTSTORE, newest, of_jks(newest.read_bytes()))
    except OSError:
        return None


def _of(what: str, path: Path, ders: Sequence[bytes]) -> Optional[Certificate]:
    """Of several authorities the one that is good for longest: an old one beside its successor does no harm."""
    ends = [end for end in map(not_after, ders) if end is not None]
    return Certificate(what, str(path), max(ends)) if ends else None

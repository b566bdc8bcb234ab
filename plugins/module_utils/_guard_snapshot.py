# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far an incremental snapshot is, read from the offset that the connector stores. Pure.

Debezium 3.6 keeps it in the offset, so that a power cut costs one chunk: the tables that are left as JSON, and the key
of the last row of the last chunk and of the table's last row as Java's own serialisation of an array, in hexadecimal.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Mapping, Optional, Tuple

_TABLES = "incremental_snapshot_collections"
_LAST, _END = "incremental_snapshot_primary_key", "incremental_snapshot_maximum_key"
# Class names in the serialised array, each with the bytes of its value, which come last.
_NUMBERS = ((b"java.lang.Integer", 4), (b"java.lang.Long", 8))
_ONE_ELEMENT = b"xp\x00\x00\x00\x01"
_FILE = re.compile(r"(.*)\.(\d+)")


@dataclass(frozen=True)
class Progress:
    """The tables that are left, the one that is read now first; keys only where they are one number."""

    tables: Tuple[str, ...]
    last: Optional[int] = None
    end: Optional[int] = None

    @property
    def percent(self) -> Optional[int]:
        """How much of the first table's keys is behind; not of its rows, for keys have gaps."""
        if self.last is None or not self.end or self.end < self.last:
            return None
        return max(0, 100 * self.last // self.end)

    @property
    def sentence(self) -> str:
        """What a person is told."""
        done = "begun" if self.end is None else f"{self.percent or 0} % (key {self.last or 0} of {self.end})"
        rest = f"; then {', '.join(self.tables[1:])}" if self.tables[1:] else ""
        return f"reading again {self.tables[0]}: {done}{rest}"


def progress(offset: Optional[Mapping[str, Any]]) -> Optional[Progress]:
    """How far it is; None where none is running."""
    try:
        listed = json.loads(str((offset or {}).get(_TABLES) or "[]"))
        tables = tuple(str(one["incremental_snapshot_collections_id"]) for one in listed)
    except (ValueError, TypeError, KeyError):
        return None
    if not tables or offset is None:
        return None
    return Progress(tables, number(offset.get(_LAST)), number(offset.get(_END)))


def number(serialised: Any) -> Optional[int]:
    """The number in a serialised array with one; None for other keys."""
    try:
        raw = bytes.fromhex(str(serialised))
    except ValueError:
        return None
    for name, length in _NUMBERS:
        if name in raw and _ONE_ELEMENT in raw:
            return int.from_bytes(raw[-length:], "big", signed=True)
    return None


def reached(offset: Optional[Mapping[str, Any]], file: str, position: int) -> bool:
    """Whether a stored offset is at a position of the binary log, or behind it."""
    here, there = _FILE.fullmatch(str((offset or {}).get("file") or "")), _FILE.fullmatch(file)
    if not offset or not here or not there:
        return False
    # A binary log of another name is another history: that is never behind.
    if here.group(1) != there.group(1):
        return False
    return (int(here.group(2)), int(offset.get("pos") or 0)) >= (int(there.group(2)), position)

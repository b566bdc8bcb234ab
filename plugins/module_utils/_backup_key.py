# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of age, judged by their shape: what may encrypt a backup, and what opens one. Nothing here shows a private key.

Bech32 (BIP 173) carries a checksum, so that a mistyped key is found before anything is encrypted to nobody.
The forms are those of https://age-encryption.org/v1: age1… is public, AGE-SECRET-KEY-1… private.
"""

from __future__ import annotations

import re
from typing import Any, List, Sequence, Tuple

VARIABLE = "event_log_backup_recipient"
REMEDY = (
    "On your own computer, never on the server, run `age-keygen -o event-log-backup.key` (package age). It prints a "
    "public key, age1…: that is what event_log_backup_recipient takes. Keep event-log-backup.key in two places that "
    "the server cannot reach: without it nobody can open a backup"
)
_CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_PRIVATE = re.compile(r"AGE-SECRET-KEY-[A-Z0-9-]*", re.IGNORECASE)
_LENGTH = 62  # 32 bytes in Bech32, with "age1" and six digits of checksum


def _polymod(values: Sequence[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATOR):
            check ^= generator if (top >> bit) & 1 else 0
    return check


def is_bech32(text: str, prefix: str) -> bool:
    """Return whether this is Bech32 of that prefix, with the right checksum."""
    data = text[len(prefix) + 1 :]
    if not text.startswith(f"{prefix}1") or len(data) < 7 or any(char not in _CHARSET for char in data):
        return False
    expanded = [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix]
    return _polymod(expanded + [_CHARSET.index(char) for char in data]) == 1


def recipients(value: Any) -> Tuple[str, ...]:
    """The public keys of the variable, one or a list, each once."""
    listed = [value] if isinstance(value, str) else list(value or [])
    return tuple(dict.fromkeys(str(one).strip() for one in listed if str(one).strip()))


def problems(value: Any) -> List[str]:
    """Say why backups cannot be encrypted to this; empty when they can. What is no public key is never shown."""
    if value is not None and not isinstance(value, (str, list, tuple)):
        return [f"{VARIABLE} is neither a key nor a list of keys. {REMEDY}."]
    given = recipients(value)
    if not given:
        return [
            f"{VARIABLE} is not set, and a backup holds patients' data and passwords: it is encrypted or not made. "
            f"{REMEDY}."
        ]
    found = [_problem(one, number) for number, one in enumerate(given, 1)]
    return [words for words in found if words]


def _problem(one: str, number: int) -> str:
    place = f"{VARIABLE}, key {number},"
    if _PRIVATE.search(one):
        return (
            f"{place} is a PRIVATE key, which is not shown here. It opens the backups and must not be in an inventory "
            f"or on a server: take it out, and as it has been there, make a new pair. {REMEDY}."
        )
    if len(one.split()) > 1:
        return f"{place} has several words: give one public key, age1…, or a list of them. {REMEDY}."
    if not one.startswith("age1"):
        other = "it does not begin with age1. Keys of SSH or GnuPG are not taken"
        return f"{place} is no public key of age: {other}. {REMEDY}."
    if len(one) == _LENGTH and is_bech32(one, "age"):
        return ""
    if len(one) > _LENGTH:
        other = f"has {len(one)} characters, and {_LENGTH} are taken: keys of plugins and hardware are not"
        return f"{place} ({one[:12]}…) {other}. {REMEDY}."
    again = "Copy it again from the line `public key:` of the key's file"
    return f"{place} ({one[:12]}…) was cut or mistyped: its checksum is wrong. {again}."


def identity_problem(text: str) -> str:
    """Say why a file cannot open a backup, without showing any of it; empty when it may."""
    lines = [line.strip() for line in text.splitlines()]
    kept = [line for line in lines if line and not line.startswith("#")]
    if any("BEGIN AGE ENCRYPTED FILE" in line or line.startswith("age-encryption.org/") for line in kept):
        return (
            "is itself encrypted with a passphrase, which nobody can type here: decrypt it into memory first, say "
            "`age --decrypt -o /dev/shm/key FILE`, and remove it afterwards"
        )
    if not kept:
        return "is empty"
    if all(line.startswith("age1") for line in kept):
        return "is a public key. What opens a backup is the private one, the file that age-keygen has written"
    if not all(is_bech32(line.lower(), "age-secret-key-") for line in kept):
        return "is no private key of age: each line is a comment or begins with AGE-SECRET-KEY-1, whole and unchanged"
    return ""


def scrub(words: str) -> str:
    """A program's words without any private key."""
    return _PRIVATE.sub("AGE-SECRET-KEY-…", words)

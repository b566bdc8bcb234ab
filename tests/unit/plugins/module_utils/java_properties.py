# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small reader of Java properties, written from the description of java.util.Properties: the judge of the writer."""

from __future__ import annotations

import re
from typing import Dict, Iterator, Tuple

BLANK = " \t\f"
NAMED = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def read(text: str) -> Dict[str, str]:
    """The properties of a text. Bytes of a file are to be decoded as ISO 8859-1 before, as Java does it."""
    return dict(split(line) for line in logical_lines(text))


def logical_lines(text: str) -> Iterator[str]:
    """Lines that are neither blank nor comments; an odd number of backslashes at the end goes on with the next."""
    rest = iter(re.split(r"\r\n|\n|\r", text))
    for natural in rest:
        line = natural.lstrip(BLANK)
        if not line or line[0] in "#!":
            continue
        while (len(line) - len(line.rstrip("\\"))) % 2:
            line = line[:-1] + next(rest, "").lstrip(BLANK)
        yield line


def split(line: str) -> Tuple[str, str]:
    """The key ends at the first =, : or blank that no backslash precedes."""
    end = 0
    while end < len(line) and line[end] not in "=:" + BLANK:
        end += 2 if line[end] == "\\" else 1
    value = line[end:].lstrip(BLANK)
    if value[:1] in ("=", ":") and value:
        value = value[1:].lstrip(BLANK)
    return unescape(line[:end]), unescape(value)


def unescape(raw: str) -> str:
    def one(match: re.Match[str]) -> str:
        return chr(int(match[1], 16)) if match[1] else NAMED.get(match[2], match[2])

    plain = re.sub(r"\\(?:u([0-9A-Fa-f]{4})|(.))", one, raw, flags=re.DOTALL)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16")

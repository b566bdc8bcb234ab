# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hunt for texts that must be nowhere: the forms in which they may be written, and what of them stands in a text.

prey = [secret("capture password", value), *names(rows, everyday)]
forms = Forms(prey)
assert forms.found("output of the run", text) == []
assert places.hunt(server, forms) == []     # tests/helpers/places.py: everything on a server

What is found is told by the prey's label, never by the text itself.
"""

from __future__ import annotations

import base64
import html
import json
import re
import urllib.parse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

SHORTEST = {"secret": 8, "name": 5}
MOST_ALIKE = 5  # different characters that a secret has at least
# What stands on every server without being a secret. A hunt for it would find it everywhere.
EVERYDAY = frozenset(
    (
        "event-log",
        "event-log-connect",
        "event-log-command",
        "event_log",
        "openmrs",
        "openmrs-connector",
        "password",
        "changeit",
        "PLAINTEXT",
        "SASL_PLAINTEXT",
        "SCRAM-SHA-512",
        "warehouse",
        "127.0.0.1",
        "localhost",
    )
)


class NoHuntError(ValueError):
    """This text would be found where it is not, or cannot be told from anything else."""


@dataclass(frozen=True)
class Prey:
    """One text, what it is, and every way in which it may be written."""

    label: str
    forms: tuple[tuple[str, str], ...] = field(repr=False)  # how it is written, and the text


@dataclass(frozen=True)
class Find:
    """What was found, in which writing, and where."""

    where: str
    label: str
    writing: str

    def __str__(self) -> str:
        return f"{self.where}: {self.label} ({self.writing})"

    __repr__ = __str__


def secret(label: str, text: str, everyday: Iterable[str] = EVERYDAY) -> Prey:
    """A password, a key, a salt."""
    _refuse(label, text, "secret", everyday)
    return Prey(label, _unique([("plain", text), *base64_forms(text), *escaped(text)]))


def name(label: str, text: str, everyday: Iterable[str] = EVERYDAY) -> Prey:
    """A name, an identifier or another text of a patient."""
    _refuse(label, text, "name", everyday)
    return Prey(label, _unique([("plain", text), *base64_forms(text), *json_forms(text)]))


def binary(label: str, content: bytes) -> Prey:
    """A key that is no text: as hexadecimal digits, as base64, and the longest piece of it that one line can hold."""
    if len(set(content)) < MOST_ALIKE:
        raise NoHuntError(f"{label}: {len(set(content))} different bytes")
    forms = [("hex", content.hex()), ("HEX", content.hex().upper()), *_shifted(content)]
    piece = max(re.split(rb"[\x00\n\r]", content), key=len)
    if len(piece) >= SHORTEST["secret"]:
        forms.append(("bytes", piece.decode("utf-8", "surrogateescape")))
    return Prey(label, _unique(forms))


def _refuse(label: str, text: str, kind: str, everyday: Iterable[str]) -> None:
    if len(text.encode()) < SHORTEST[kind]:
        raise NoHuntError(f"{label}: {len(text)} characters are too few for a hunt")
    if len(set(text)) < (MOST_ALIKE if kind == "secret" else 3):
        raise NoHuntError(f"{label}: {len(set(text))} different characters are too few for a hunt")
    if text in everyday:
        raise NoHuntError(f"{label}: an everyday word")
    if "\n" in text or "\0" in text:
        raise NoHuntError(f"{label}: more than one line; hunt for its lines")


def base64_forms(text: str) -> list[tuple[str, str]]:
    return _shifted(text.encode("utf-8", "surrogateescape"))


def _shifted(content: bytes) -> list[tuple[str, str]]:
    """The characters of base64 that are sure, wherever in another text this one begins."""
    found = []
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + content).decode()
        begin = -(-shift * 8 // 6)
        end = (shift + len(content)) * 8 // 6
        sure = encoded[begin:end]
        found.append((f"base64, begun at {shift}", sure))
        found.append((f"base64 for URLs, begun at {shift}", sure.translate(str.maketrans("+/", "-_"))))
    return found


def json_forms(text: str) -> list[tuple[str, str]]:
    ascii_only = json.dumps(text)[1:-1]
    return [
        ("JSON", ascii_only),
        ("JSON, \\u in capitals", re.sub(r"\\u([0-9a-f]{4})", lambda m: "\\u" + m[1].upper(), ascii_only)),
        ("JSON as UTF-8", json.dumps(text, ensure_ascii=False)[1:-1]),
        ("JSON in JSON", json.dumps(ascii_only)[1:-1]),
    ]


def escaped(text: str) -> Iterator[tuple[str, str]]:
    """As URLs, JSON, properties, YAML, shells and web pages write it."""
    quoted = urllib.parse.quote(text, safe="")
    yield "URL", quoted
    yield "URL in small letters", re.sub(r"%[0-9A-F]{2}", lambda m: m[0].lower(), quoted)
    yield "URL of a form", urllib.parse.quote_plus(text)
    yield from json_forms(text)
    yield "JSON with its slashes escaped", json.dumps(text)[1:-1].replace("/", "\\/")
    yield "properties", re.sub(r"([=:#!\\])", r"\\\1", text)
    yield "properties, the necessary", text.replace("\\", "\\\\")
    yield "in quotes of JAAS", text.replace("\\", "\\\\").replace('"', '\\"')
    yield "in quotes of YAML", text.replace("'", "''")
    yield "in quotes of a shell", text.replace("'", "'\\''")
    yield "in quotes of Python's shlex", text.replace("'", "'\"'\"'")
    yield "in quotes of Python", repr(text)[1:-1]
    yield "HTML", html.escape(text)


def _unique(forms: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Each text once, under its first name, and none that has become too short to be sure of."""
    seen: dict[str, str] = {}
    for writing, text in forms:
        if len(text) >= 6:
            seen.setdefault(text, writing)
    return tuple((writing, text) for text, writing in seen.items())


class Forms:
    """All forms of all prey, and whose they are."""

    def __init__(self, prey: Iterable[Prey]) -> None:
        self.prey = tuple(prey)
        if not self.prey:
            raise NoHuntError("nothing to hunt for")
        self.whose: dict[str, tuple[str, str]] = {}
        for one in self.prey:
            for writing, text in one.forms:
                self.whose.setdefault(text, (one.label, writing))

    @property
    def lines(self) -> str:
        """For `grep -F -f`."""
        return "".join(f"{text}\n" for text in self.whose)

    def found(self, where: str, text: str) -> list[Find]:
        """What of them stands in this text."""
        if not text:
            raise NoHuntError(f"{where}: an empty text proves nothing")
        return sorted({Find(where, *whose) for form, whose in self.whose.items() if form in text}, key=str)

    def told(self, where: str, match: str) -> Find:
        """A line of `grep -o`, which takes the longest of those that begin at one place."""
        return Find(where, *self.whose.get(match, ("?", "a form that nobody asked for")))


def pick(rows: Iterable[tuple[str, str]], everyday: Iterable[str], number: int = 20) -> list[Prey]:
    """So many names to hunt for, of (what it is, text), in turn of each kind, without words that stand elsewhere."""
    common = {*EVERYDAY, *everyday}
    kinds: dict[str, list[Prey]] = {}
    taken: set[str] = set()
    for kind, text in rows:
        if text in taken:
            continue
        taken.add(text)
        try:
            found = name(f"{kind} {len(kinds.get(kind, [])) + 1}", text, common)
        except NoHuntError:
            continue
        kinds.setdefault(kind, []).append(found)
    picked: list[Prey] = []
    while any(kinds.values()) and len(picked) < number:
        for waiting in kinds.values():
            if waiting and len(picked) < number:
                picked.append(waiting.pop(0))
    if len(picked) < number:
        raise NoHuntError(f"{len(picked)} names of {number}")
    return picked

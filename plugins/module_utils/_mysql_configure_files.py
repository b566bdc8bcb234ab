# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a database server's settings files in the server's own order, with the place of every setting. Pure but for the
reader that is handed in.

Facts: MySQL's and MariaDB's manuals on option files. Files of a directory are read by name, only those that end in
.cnf; the last setting wins; dashes and underscores are the same; ``skip-``, ``disable-``, ``enable-`` and ``loose-``
are prefixes.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import Iterable, Mapping, Optional, Protocol, Sequence

COMMAND_LINE = "the command line"
DEEPEST = 10

_SUFFIXES = {letter: 1024**power for power, letter in enumerate("KMGTPE", 1)}
_TRUE, _FALSE = ("ON", "TRUE", "YES", "1"), ("OFF", "FALSE", "NO", "0")


class Reader(Protocol):
    """Where the files are."""

    def read(self, path: str) -> Optional[str]:
        """The text of a file; None when there is none."""

    def names(self, directory: str) -> Sequence[str]:
        """The names in a directory; none when there is no such directory."""


@dataclass(frozen=True)
class Line:
    """A line that sets something, where it stands, and in which group."""

    text: str
    group: str
    file: str
    number: int


@dataclass(frozen=True)
class Layout:
    """All lines in the order in which the server reads them, and the directories that it includes."""

    lines: tuple[Line, ...] = ()
    directories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """A setting and where it comes from. `value` is None for an option without one; `negated` is skip- or disable-."""

    name: str
    value: Optional[str]
    place: str
    file: str = ""
    negated: bool = False

    @property
    def shown(self) -> str:
        """As a variable of the server would show it."""
        if self.negated:
            return "OFF"
        return "ON" if self.value is None else self.value


@dataclass(frozen=True)
class Overlay:
    """A reader that sees one file as it would be; None for its text means that the file is not there."""

    below: Reader
    path: str
    text: Optional[str]

    def read(self, path: str) -> Optional[str]:
        return self.text if path == self.path else self.below.read(path)

    def names(self, directory: str) -> Sequence[str]:
        found = list(self.below.names(directory))
        folder, name = posixpath.split(self.path)
        if posixpath.normpath(directory) != folder:
            return found
        return [other for other in found if other != name] + ([name] if self.text is not None else [])


def read_files(files: Iterable[str], reader: Reader) -> Layout:
    """Follow the server through its files and what they include."""
    lines: list[Line] = []
    directories: list[str] = []
    for path in files:
        _follow(posixpath.normpath(path), reader, lines, directories, 0)
    return Layout(tuple(lines), tuple(dict.fromkeys(directories)))


def _follow(path: str, reader: Reader, lines: list[Line], directories: list[str], depth: int) -> None:
    text = reader.read(path)
    if text is None or depth > DEEPEST:
        return
    group = ""
    for number, raw in enumerate(text.splitlines(), 1):
        stripped = raw.strip()
        if not stripped or stripped[0] in "#;":
            continue
        included = re.match(r"!(include|includedir)\s+(.+)$", stripped)
        if included:
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), included.group(2).strip()))
            if included.group(1) == "include":
                _follow(target, reader, lines, directories, depth + 1)
                continue
            directories.append(target)
            for name in sorted(reader.names(target)):
                if name.endswith(".cnf"):
                    _follow(posixpath.join(target, name), reader, lines, directories, depth + 1)
            continue
        named = re.match(r"\[([^\]]+)\]", stripped)
        if named:
            group = named.group(1).strip()
        elif group:
            lines.append(Line(stripped, group, path, number))


def entries(layout: Layout, groups: Iterable[str], arguments: Iterable[str] = ()) -> list[Entry]:
    """The settings of the groups that the server reads, then those of its command line."""
    wanted = set(groups)
    found = [
        parsed
        for line in layout.lines
        if line.group in wanted
        for parsed in [parse_option(line.text, f"{line.file} line {line.number}", line.file)]
        if parsed
    ]
    for argument in arguments:
        if argument.startswith("--") and len(argument) > 2:
            parsed = parse_option(argument[2:], COMMAND_LINE)
            found += [parsed] if parsed else []
    return found


def parse_option(text: str, place: str, file: str = "") -> Optional[Entry]:
    """One line of a settings file, or one argument without its dashes."""
    matched = re.match(r"([A-Za-z0-9_.-]+)\s*(?:=\s*(.*))?$", text)
    if not matched:
        return None
    name, negated = re.sub("-", "_", matched.group(1)).lower(), False
    name = re.sub(r"^(loose|maximum)_", "", name)
    value = None if matched.group(2) is None else unquoted(matched.group(2))
    negation = re.match(r"(skip|disable)_(.+)$", name)
    if negation:
        name, negated = negation.group(2), (value or "1").upper() not in _FALSE
    elif name.startswith("enable_"):
        name = name[len("enable_") :]
    return Entry(name, value, place, file, negated)


def unquoted(value: str) -> str:
    """A value without its quotes, or without the comment behind it."""
    value = value.strip()
    if value[:1] in ("'", '"') and value.find(value[0], 1) > 0:
        return value[1 : value.find(value[0], 1)]
    return re.split(r"\s#", value)[0].strip()


def last(found: Iterable[Entry]) -> dict[str, Entry]:
    """For each setting the entry that wins."""
    return {entry.name: entry for entry in found}


def flattened(layout: Layout, groups: Iterable[str]) -> str:
    """All that the server reads, as one file of one group, for the server's own check."""
    wanted = set(groups)
    return "\n".join(["[mysqld]", *(line.text for line in layout.lines if line.group in wanted)]) + "\n"


def default_files(help_text: str) -> tuple[list[str], list[str]]:
    """The files and the groups that a server says it reads, in the words of its --help --verbose."""
    files = re.search(r"Default options are read from the following files in the given order:\n(.+)", help_text)
    groups = re.search(r"The following groups are read: (.+)", help_text)
    return files.group(1).split() if files else [], groups.group(1).split() if groups else []


def defaults(help_text: str) -> dict[str, str]:
    """The values of all variables in --help --verbose, by name as SHOW VARIABLES has it."""
    table = re.split(r"^-+ -+$", help_text, flags=re.MULTILINE)[-1]
    found = {}
    for line in table.splitlines():
        matched = re.match(r"([a-z][a-z0-9-]+)\s+(\S.*)?$", line)
        if matched:
            value = (matched.group(2) or "").strip()
            # Of a switch, the help says TRUE where SHOW VARIABLES says ON.
            value = {"(No default value)": "", "FALSE": "OFF", "TRUE": "ON"}.get(value, value)
            found[matched.group(1).replace("-", "_")] = value
    return found


def reading_order(files: Sequence[str], arguments: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """The files that this process reads, after the options that change that."""
    options = dict(argument[2:].partition("=")[::2] for argument in arguments if argument.startswith("--"))
    if "no-defaults" in options:
        return []
    if "defaults-file" in options:
        return [options["defaults-file"]]
    ordered = list(files)
    extra = options.get("defaults-extra-file")
    own = [name for name in ordered if name.startswith("~/")]
    ordered = [name for name in ordered if not name.startswith("~/")]
    homes = [environment[name] + "/my.cnf" for name in ("MARIADB_HOME", "MYSQL_HOME") if environment.get(name)]
    home = environment.get("HOME")
    own = [posixpath.join(home, name[2:]) for name in own] if home else []
    return list(dict.fromkeys([*ordered, *homes[:1], *([extra] if extra else []), *own]))


def group_names(groups: Sequence[str], arguments: Sequence[str]) -> list[str]:
    """The groups that this process reads, with the suffix that its command line may add."""
    suffixes = [text.partition("=")[2] for text in arguments if text.startswith("--defaults-group-suffix=")]
    return [*groups, *(group + suffix for suffix in suffixes for group in groups)]


def same_value(one: str, other: str) -> bool:
    """Whether two values mean the same to the server."""
    return _plain(one) == _plain(other)


def number(value: str) -> str:
    """A size with its suffix spelt out, as SQL wants it; anything else as it is."""
    sized = re.match(r"(\d+)([KMGTPE])$", value.strip().upper())
    return str(int(sized.group(1)) * _SUFFIXES[sized.group(2)]) if sized else value


def _plain(value: str) -> str:
    upper = number(value.strip().upper())
    if re.match(r"-?\d+(\.\d*)?$", upper):
        whole, _dot, rest = upper.partition(".")
        return f"{int(whole)}.{rest.rstrip('0')}".rstrip(".")
    return "1" if upper in _TRUE else "0" if upper in _FALSE else upper

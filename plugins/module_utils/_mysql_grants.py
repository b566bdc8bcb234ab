# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the answer of SHOW GRANTS. Pure.

Only for privileges that cannot be tried without harm (RELOAD would lock every table, REPLICATION SLAVE would start a
dump); SELECT and the status statements are tried on the server instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterable, Optional

_TOKEN = re.compile(r"""`(?:[^`]|``)*`|'(?:[^'\\]|''|\\.)*'|"(?:[^"\\]|""|\\.)*"|[(),.@*]|[^\s`'"(),.@*]+""")
_QUOTES = "`'\""
_ROUTINES = ("FUNCTION", "PROCEDURE", "PACKAGE", "BODY")
_GRANT_OPTION = re.compile(r"\bWITH\b[^'`\"]*\bGRANT OPTION\b[^'`\"]*$", re.IGNORECASE)
ALL = "ALL PRIVILEGES"
# The newer spellings say the same; servers print one or the other.
_SYNONYMS = {
    "ALL": ALL,
    "REPLICATION REPLICA": "REPLICATION SLAVE",
    "REPLICATION CLIENT": "BINLOG MONITOR",
    "DELETE VERSIONING ROWS": "DELETE HISTORY",
}


@dataclass(frozen=True)
class Grant:
    """One privilege line: what, on which database (a LIKE pattern) and table; `*` is all of them."""

    privileges: frozenset[str]
    database: str
    table: str
    revoked: bool = False

    def covers(self, database: str, table: str) -> bool:
        """Whether it speaks about that table; table `*` asks for the whole database, database `*` for the server."""
        if self.database == "*":
            return True
        if self.table != "*":  # on tables the name is taken literally
            return self.database == database and self.table == table
        return database != "*" and like(self.database, database)


@dataclass(frozen=True)
class Grants:
    """Everything that SHOW GRANTS said."""

    entries: tuple[Grant, ...] = ()
    roles: tuple[str, ...] = ()

    def allows(self, privilege: str, database: str = "*", table: str = "*") -> bool:
        """Whether the privilege is held on that table, database, or (without any) on the whole server."""
        wanted = _SYNONYMS.get(privilege, privilege)
        hits = [
            entry
            for entry in self.entries
            if (wanted in entry.privileges or ALL in entry.privileges) and entry.covers(database, table)
        ]
        revoked = any(entry.revoked and entry.database != "*" for entry in hits)
        return any(not entry.revoked for entry in hits) and not revoked

    @staticmethod
    def same(privilege: str) -> str:
        """The one name of a privilege that servers spell in two ways."""
        return _SYNONYMS.get(privilege, privilege)


def pattern(database: str) -> str:
    """A database's name as a grant wants it, where `_` and `%` are wildcards unless a backslash stands before them."""
    return re.sub(r"([_%\\])", r"\\\1", database)


def quote(name: str) -> str:
    """A name as an identifier."""
    return f"`{name.replace('`', '``')}`"


def like(pattern: str, name: str) -> bool:
    """MySQL's pattern for database names in grants: `%`, `_`, and a backslash that takes their meaning away."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    regex = "".join(
        re.escape(part[1]) if len(part) == 2 else {"%": ".*", "_": "."}.get(part, re.escape(part)) for part in parts
    )
    return re.fullmatch(regex, name, re.DOTALL) is not None


def parse_grants(lines: Iterable[str]) -> Grants:
    """The grants in the lines of SHOW GRANTS; lines of no interest (PROXY, routines, default roles) are left out."""
    entries: list[Grant] = []
    roles: list[str] = []
    for line in lines:
        tokens = _TOKEN.findall(line)
        if not tokens or tokens[0].upper() not in ("GRANT", "REVOKE"):
            continue
        head, rest = _split(tokens[1:])
        if rest is None:
            roles += [_plain(token) for token in _role_names(head)]
            continue
        target = _target(rest)
        privileges = _privileges(head)
        if _GRANT_OPTION.search(line):
            privileges.append("GRANT OPTION")
        if target and privileges:
            entries.append(Grant(frozenset(privileges), target[0], target[1], tokens[0].upper() == "REVOKE"))
    return Grants(tuple(entries), tuple(roles))


def _split(tokens: list[str]) -> tuple[list[str], Optional[list[str]]]:
    """What is before ON and what is after; no ON before TO or FROM is a grant of roles."""
    depth = 0
    for index, token in enumerate(tokens):
        depth += {"(": 1, ")": -1}.get(token, 0)
        if depth == 0 and token.upper() == "ON":
            return tokens[:index], tokens[index + 1 :]
        if depth == 0 and token.upper() in ("TO", "FROM"):
            return tokens[:index], None
    return tokens, None


def _privileges(tokens: list[str]) -> list[str]:
    """Names of whole privileges; one that is narrowed to columns does not count, as whole rows are read."""
    found: list[str] = []
    words: list[str] = []
    depth = 0
    columns = False
    for part in [*tokens, ","]:
        if part == "(":
            depth, columns = depth + 1, True
        elif part == ")":
            depth -= 1
        elif part == "," and depth == 0:
            name = " ".join(words).upper()
            if name and not columns and name != "PROXY":
                found.append(_SYNONYMS.get(name, name))
            words, columns = [], False
        elif depth == 0:
            words.append(part)
    return found


def _target(tokens: list[str]) -> Optional[tuple[str, str]]:
    if tokens and tokens[0].upper() == "TABLE":
        tokens = tokens[1:]
    if len(tokens) < 3 or tokens[0].upper() in _ROUTINES or tokens[1] != ".":
        return None
    return _plain(tokens[0]), _plain(tokens[2])


def _role_names(tokens: list[str]) -> list[str]:
    """The names in `r1`@`%`,`r2`@`%`: each first token, and each after a comma."""
    return [name for index, name in enumerate(tokens) if name != "," and (index == 0 or tokens[index - 1] == ",")]


def _plain(token: str) -> str:
    if len(token) >= 2 and token[0] in _QUOTES and token[-1] == token[0]:
        return token[1:-1].replace(token[0] * 2, token[0])
    return token

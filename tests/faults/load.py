# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S608, S311 - made-up rows for a database of the tests' own, the same for the same seed
"""A write load whose every change follows from a seed: what the topics must hold is computed, not remembered.

One writer commits transaction after transaction and writes the transaction's number into the table ``progress`` with
it. So a database that comes back from a power cut says by itself how much of the load it holds.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Iterator, Tuple

STEADY, BURSTS, QUIET = "steady", ("burst_a", "burst_b"), "quiet"
LARGE = "large"  # a table that is only there to be read: its snapshot takes long enough to cut the power in it
TABLES = (STEADY, *BURSTS, QUIET)
DATABASE = "openmrs"
BEFORE = 300  # transactions that are there when the connector is registered
TEXT = 120

CREATE, UPDATE, DELETE = "c", "u", "d"


@dataclass(frozen=True)
class Change:
    """One row's change; ``rev`` counts a row's changes from 0 and stands in the row."""

    table: str
    row: int
    rev: int
    op: str

    def sql(self, text: str) -> str:
        name = f"{DATABASE}.{self.table}"
        if self.op == CREATE:
            return f"INSERT INTO {name} (id, rev, text) VALUES ({self.row}, {self.rev}, '{text}')"
        if self.op == UPDATE:
            return f"UPDATE {name} SET rev = {self.rev}, text = '{text}' WHERE id = {self.row}"
        return f"DELETE FROM {name} WHERE id = {self.row}"


@dataclass(frozen=True)
class Transaction:
    number: int
    changes: Tuple[Change, ...] = ()
    ddl: str = ""
    text: str = ""

    def statements(self) -> list[str]:
        done = f"UPDATE {DATABASE}.progress SET n = {self.number}"
        if self.ddl:
            return [self.ddl, done]
        return ["START TRANSACTION", *(change.sql(self.text) for change in self.changes), done, "COMMIT"]


@dataclass
class Load:
    """Iterate it to get the transactions, for ever. ``rows`` is the state after those taken so far."""

    seed: int
    ddl_every: int = 400
    large: int = 0  # rows of the large table, which is there where this is not 0
    rows: dict[str, dict[int, int]] = field(init=False)

    def __post_init__(self) -> None:
        self.rows = {table: {} for table in TABLES}
        if self.large:
            self.rows[LARGE] = dict.fromkeys(range(self.large), 0)

    def anew(self) -> Load:
        """The same load from its beginning."""
        return Load(self.seed, self.ddl_every, self.large)

    @property
    def tables(self) -> tuple[str, ...]:
        return tuple(self.rows)

    def schema(self) -> list[str]:
        columns = "id int PRIMARY KEY, rev int NOT NULL, text varchar(400)"
        made = [f"CREATE TABLE {DATABASE}.{table} ({columns})" for table in self.tables]
        return [
            f"CREATE DATABASE {DATABASE}",
            *made,
            f"CREATE TABLE {DATABASE}.progress (n int NOT NULL)",
            f"INSERT INTO {DATABASE}.progress VALUES (-1)",
            *(self._large() if self.large else ()),
        ]

    def _large(self) -> list[str]:
        numbers = f"WITH RECURSIVE n AS (SELECT 0 AS i UNION ALL SELECT i + 1 FROM n WHERE i < {self.large - 1})"
        return [
            f"SET SESSION cte_max_recursion_depth = {self.large}",
            f"INSERT INTO {DATABASE}.{LARGE} (id, rev, text) {numbers} SELECT i, 0, SHA2(i, 512) FROM n",
        ]

    def __iter__(self) -> Iterator[Transaction]:
        chance = random.Random(self.seed)
        number = burst = 0
        table = BURSTS[0]
        while True:
            if self.ddl_every and number % self.ddl_every == self.ddl_every - 1:
                changed = f"{DATABASE}.{chance.choice(BURSTS)}"
                yield Transaction(number, ddl=f"ALTER TABLE {changed} ADD COLUMN added_{number} int NULL")
                # The table's next event needs the new schema soon.
                number, burst, table = number + 1, 2, changed.partition(".")[2]
                continue
            changes = self._steady(number, chance)
            if not burst and chance.random() < 0.01:
                burst, table = chance.randrange(5, 40), chance.choice(BURSTS)
            if burst:
                burst -= 1
                changes += [self._create(table, 10 * number + extra) for extra in range(5)]
            if chance.random() < 0.002:
                changes.append(self._create(QUIET, number))
            yield Transaction(number, tuple(changes), text=f"{chance.getrandbits(4 * TEXT):0{TEXT}x}")
            number += 1

    def until(self, number: int, after: int = -1) -> list[Change]:
        """Every change after one transaction, up to and with another; ``rows`` is then what the database must hold."""
        found: list[Change] = []
        if number >= 0:
            for transaction in self:
                found += transaction.changes if transaction.number > after else ()
                if transaction.number == number:
                    break
        return found

    def _create(self, table: str, row: int) -> Change:
        self.rows[table][row] = 0
        return Change(table, row, 0, CREATE)

    def _steady(self, number: int, chance: random.Random) -> list[Change]:
        rows = self.rows[STEADY]
        changes = [self._create(STEADY, number)]
        old = chance.randrange(max(0, number - 3000), number + 1)
        if old in rows and old != number:
            if chance.random() < 0.4:
                changes.append(Change(STEADY, old, rows.pop(old), DELETE))
            else:
                rows[old] += 1
                changes.append(Change(STEADY, old, rows[old], UPDATE))
        return changes

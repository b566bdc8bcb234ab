# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S608 - made-up rows for databases of the tests' own
"""A database that somebody goes on writing into, and whether every row's events have arrived."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, Dict, List

from tests.helpers.server import Server, eventually

UNIT = "test-writes"
PAUSE = 0.05  # seconds between transactions
# Each transaction inserts a row and changes it: two events, or none. What a shutdown cuts off is not there afterwards.
LOOP = """
n={first}
while :; do
  echo "START TRANSACTION;"
  echo "INSERT INTO {table} (person_id, gender, {columns}date_created) VALUES ($n, 'F', {values}NOW());"
  echo "UPDATE {table} SET gender = 'M' WHERE person_id = $n; COMMIT;"
  n=$((n + 1))
  sleep {pause}
done | {client}
"""


@dataclass(frozen=True)
class Source:
    """The database of a server: how its administrator asks it, and the topic of its table `person`."""

    server: Server
    client: str
    columns: str = ""  # that this database wants beside, and their values
    values: str = ""
    topic: str = "openmrs.openmrs.person"
    pause: float = PAUSE

    def sql(self, statement: str) -> str:
        return self.server.sh(self.client, stdin=statement)


@dataclass
class Writes:
    """Rows numbered from `first` on, written until it is stopped or the server goes down."""

    source: Source
    first: int = field(default_factory=lambda: random.randrange(1_000, 20_000) * 100_000)  # noqa: S311

    def __enter__(self) -> Writes:
        source = self.source
        script = LOOP.format(
            first=self.first, table="openmrs.person", columns=source.columns, values=source.values, pause=source.pause,
            client=source.client,
        )  # fmt: skip
        source.server.sh("cat > /run/test-writes", stdin=script)
        source.server.sh(f"systemd-run --quiet --collect --unit={UNIT} bash /run/test-writes")
        self.more(1)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.source.server.sh(f"systemctl stop {UNIT} 2>/dev/null || true")

    @property
    def rows(self) -> List[int]:
        where = f"person_id >= {self.first} AND person_id < {self.first + 100_000} AND gender = 'M'"
        return [int(n) for n in self.source.sql(f"SELECT person_id FROM openmrs.person WHERE {where};").split()[1:]]

    def more(self, number: int, seconds: float = 60) -> None:
        """Wait until that many rows have been written from now on."""
        before = len(self.rows)
        eventually(lambda: len(self.rows) >= before + number, seconds, f"{number} more rows are written", pause=0.3)

    def missing(self) -> Dict[str, List[int]]:
        """The rows whose insert or update has not arrived. A row may have arrived more than once."""
        seen: Dict[int, List[str]] = {}
        for key, value in self.source.server.consume(self.source.topic, seconds=4):
            if isinstance(key, dict) and isinstance(value, dict):
                seen.setdefault(key["person_id"], []).append(value["op"])
        rows = self.rows
        self.twice = sum(len(seen.get(n, [])) > 2 for n in rows)
        return {
            "insert": [n for n in rows if not {"c", "r"} & set(seen.get(n, []))],
            # A snapshot has the row as it is already.
            "update": [n for n in rows if not {"u", "r"} & set(seen.get(n, []))],
        }

    twice: int = 0

    def wait(self, seconds: float = 120) -> int:
        """Wait until every row's events are there, each at least once. Returns the number of rows."""
        self.stop()
        rows = self.rows
        assert rows, "nothing was written"
        eventually(lambda: _Whole(self.missing()), seconds, "every event of every row", pause=1)
        return len(rows)


class _Whole(Dict[str, Any]):
    """True when nothing is missing; else it shows what is."""

    def __bool__(self) -> bool:
        return not any(self.values())

    def __repr__(self) -> str:
        return str({kind: f"{len(rows)} missing, from {rows[:3]}" for kind, rows in self.items() if rows})

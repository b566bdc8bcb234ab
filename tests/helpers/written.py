# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S608 - made-up rows for databases of the tests' own
"""What the tests write into each database of the scenario, and what must arrive of it."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field
from typing import Any, Dict, List, Tuple

from tests.helpers.databases import LIMIT, Database, consume

MEGABYTE = 1024 * 1024
LARGE = 50  # megabytes of one transaction, a row each
SMALL = ("person", "person_name", "person_attribute")
#: The databases into which a default run writes the large transaction; a full run takes all.
LARGE_BY_DEFAULT = ("mysql-9.7",)


@dataclass
class Written:
    """What was written into one database, and what arrived."""

    database: Database
    first: int  # the rows' numbers begin here; no other run has them
    text: str  # near the limit of a message, or of what the server takes
    large: bool
    messages: List[Tuple[Any, Any]] = field(default_factory=list)
    arrived: Dict[str, int] = field(default_factory=dict)

    @property
    def column(self) -> str:
        return f"added_{self.first}"

    def events(self, key: str, number: int) -> List[Any]:
        """The values of one row's messages, oldest first; a tombstone is None."""
        return [value for name, value in self.messages if name == {key: number}]

    def expected(self) -> Dict[str, int]:
        """How many messages each table's topic gets."""
        deleted = 2 * 2 if self.database.cascades_are_logged else 0
        return {
            # insert, update, delete and tombstone · after the DDL · zero dates · deleted parent
            "person": 4 + 1 + 1 + 3,
            "person_name": 1,
            "person_attribute": 2 + deleted,
            "note": 1,
            "obs": LARGE if self.large else 0,
        }

    def statements(self) -> str:
        n = self.first
        now = "'2024-05-06 07:08:09'"
        large = " UNION ALL ".join(f"SELECT {number} AS n" for number in range(LARGE))
        return f"""
        USE openmrs;
        INSERT INTO person (person_id, gender, birthdate, date_created) VALUES ({n}, 'F', '1984-02-29', {now});
        UPDATE person SET gender = 'M' WHERE person_id = {n};
        DELETE FROM person WHERE person_id = {n};
        INSERT INTO person_name VALUES ({n}, 1, 'ከበደ 漢字', '😀 Ñandú Ж');
        ALTER TABLE person ADD COLUMN {self.column} varchar(20) NULL;
        INSERT INTO person (person_id, date_created, {self.column}) VALUES ({n + 1}, {now}, 'after the DDL');
        SET SESSION sql_mode = 'ALLOW_INVALID_DATES';
        INSERT INTO person (person_id, birthdate, date_created) VALUES ({n + 2}, '0000-00-00', '0000-00-00 00:00:00');
        INSERT INTO person (person_id, date_created) VALUES ({n + 3}, {now});
        INSERT INTO person_attribute VALUES ({n}, {n + 3}, 'one'), ({n + 1}, {n + 3}, 'two');
        DELETE FROM person WHERE person_id = {n + 3};
        INSERT INTO note VALUES ({n}, REPEAT('{self.text[0]}', {len(self.text)}));
        START TRANSACTION;
        {
            f"INSERT INTO obs SELECT {n} + n, 1, REPEAT(CHAR(65 + n % 26), {MEGABYTE}) FROM ({large}) rows_;"
            if self.large
            else ""
        }
        COMMIT;
        """

    def read(self) -> None:
        topics = [self.database.topic(table) for table in (*SMALL, "note", *(["obs"] if self.large else []))]
        self.messages = consume(topics, sum(self.arrived.get(topic, 0) for topic in topics))


def written(database: Database) -> Written:
    packet = int(database.one("SELECT @@global.max_allowed_packet"))
    room = min(LIMIT - 4096, packet - 4096)
    large = bool(os.environ.get("EVENT_LOG_TEST_FULL")) or database.name in LARGE_BY_DEFAULT
    return Written(database, random.randrange(1000, 20_000_000) * 100, "x" * room, large)  # noqa: S311

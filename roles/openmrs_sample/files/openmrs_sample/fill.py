# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data in the database: what is there, and filling it once."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Mapping, Optional

from . import patients, reference
from .client import Client, SampleError
from .sql import batches, literal

SCHEMA = Path(__file__).resolve().parent / "schema"
#: Kept where OpenMRS keeps its own settings: that the filling began, and how it ended.
PROPERTY = "sample.data"
ABSENT, LOADING, FILLED, FOREIGN = "absent", "loading", "filled", "foreign"


@dataclass(frozen=True)
class State:
    """What is in the database. ``foreign``: tables that this program did not make."""

    state: str
    patients: int = 0
    seed: Optional[int] = None


def schema(legacy: bool = False) -> Iterator[str]:
    """All tables but the settings. They point at one another in circles, hence the keys are not checked meanwhile."""
    yield "SET foreign_key_checks = 0;\n"
    yield (SCHEMA / "reference.sql").read_text(encoding="utf-8")
    yield (SCHEMA / "clinical.sql").read_text(encoding="utf-8")
    yield "SET foreign_key_checks = 1;\n"
    if legacy:
        yield (SCHEMA / "legacy.sql").read_text(encoding="utf-8")


def data(count: int, seed: int) -> Iterator[str]:
    """All rows as transactions, one after the other."""
    return itertools.chain(
        ["SET unique_checks = 0, foreign_key_checks = 0;\n"],
        batches(reference.first_rows()),
        batches(patients.patients(count, seed)),
    )


def note(words: Mapping[str, object]) -> str:
    """Remember how far the filling has come."""
    value = literal(json.dumps(words, sort_keys=True))
    marks = f"'How the sample data were made', {literal(reference.fixed_uuid(PROPERTY))}"
    return f"REPLACE INTO global_property VALUES ({literal(PROPERTY)}, {value}, {marks});\n"  # noqa: S608


def look(client: Client) -> State:
    """Ask what is in the database."""
    name = literal(client.database)
    tables = [
        row[0]
        for row in client.ask(
            f"SELECT table_name FROM information_schema.tables WHERE table_schema = {name}",  # noqa: S608
            database="",
        )
    ]
    found = []
    if "global_property" in tables:
        question = f"SELECT property_value FROM global_property WHERE property = {literal(PROPERTY)}"  # noqa: S608
        found = client.ask(question)
    if not found:
        return State(FOREIGN if set(tables) - {"global_property"} else ABSENT)
    words = json.loads(found[0][0].replace("\\\\", "\\"))
    return State(FILLED if words.get("done") else LOADING, int(words["patients"]), int(words["seed"]))


def fill(client: Client, count: int, seed: int, legacy: bool = False, check: bool = False) -> bool:
    """Make tables and patients in an empty database; say whether there was something to do.

    What an interrupted filling has left is dropped first: nobody was told yet that it is there.
    """
    found = look(client)
    if found.state in (FILLED, FOREIGN):
        return False
    if check:
        return True
    if "`" in client.database:
        raise SampleError(f"the name of the database, {client.database}, has a backquote in it")
    begin = f"CREATE DATABASE `{client.database}` CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;\n"
    client.ask(f"DROP DATABASE IF EXISTS `{client.database}`;\n{begin}", database="")
    words = {"patients": count, "seed": seed}
    # The note comes with the first table, so that a half-made schema is known for what it is.
    client.pour([(SCHEMA / "settings.sql").read_text(encoding="utf-8"), note(words)])
    client.pour(itertools.chain(schema(legacy), data(count, seed), [note({**words, "done": True})]))
    return True

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S608 - names of tables of the tests' own
"""Whether topics, replayed to their last state, hold the rows of their tables: each row, with the values of now."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any, Collection, Dict, List, Mapping, Set

from tests.helpers.server import Server, eventually

DATABASE, PREFIX = "openmrs", "openmrs"
#: Types whose values look the same in a row and in an event.
PLAIN = ("tinyint", "smallint", "int", "char", "varchar", "text", "mediumtext")
Key = str  # the event's key, as JSON in the order of names
Rows = Dict[Key, Dict[str, Any]]


@dataclass(frozen=True)
class Event:
    """An event of a table's topic; tombstones are left out."""

    table: str
    key: Key
    op: str
    row: Mapping[str, Any]  # as it is after it; as it was, for one that was deleted


def key_of(names: Mapping[str, Any]) -> Key:
    return json.dumps(names, sort_keys=True, ensure_ascii=False)


def rows_of(server: Server, tables: Collection[str]) -> Dict[str, Rows]:
    """The rows of tables as the database has them, by key."""
    listed = ", ".join(f"'{table}'" for table in tables)
    types = ", ".join(f"'{one}'" for one in PLAIN)
    columns: Dict[str, List[str]] = {table: [] for table in tables}
    keys: Dict[str, List[str]] = {table: [] for table in tables}
    for line in server.sql(
        "SELECT table_name, column_name, column_key FROM information_schema.columns"
        f" WHERE table_schema = '{DATABASE}' AND table_name IN ({listed}) AND data_type IN ({types})"
    ).splitlines():
        table, column, key = line.split("\t")
        columns[table].append(column)
        if key == "PRI":
            keys[table].append(column)
    found: Dict[str, Rows] = {}
    for table in tables:
        assert keys[table], f"{table} is not there, or has no key that can be compared"
        pairs = ", ".join(f"'{column}', `{column}`" for column in columns[table])
        lines = server.sql(f"SELECT JSON_OBJECT({pairs}) FROM {DATABASE}.{table}").splitlines()
        # The client writes each backslash twice.
        rows = [json.loads(line.replace("\\\\", "\\")) for line in lines]
        found[table] = {key_of({name: row[name] for name in keys[table]}): row for row in rows}
    return found


def events_of(server: Server, tables: Collection[str], seconds: float = 4) -> List[Event]:
    """All events of the tables' topics; those of one table in their order."""
    topics = rf"{PREFIX}\.{DATABASE}\.({'|'.join(tables)})"
    text = server.kafka(
        "org.apache.kafka.tools.consumer.ConsoleConsumer",
        "--include", topics, "--from-beginning", "--timeout-ms", str(int(seconds * 1000)),
        "--formatter-property", "print.key=true", "--formatter-property", "key.separator=\t",
        check=False,
    )  # fmt: skip
    found = []
    for line in text.splitlines():
        key, tab, value = line.partition("\t")
        if not tab or value == "null":
            continue
        event = json.loads(value)
        row = event["before"] if event["op"] == "d" else event["after"]
        found.append(Event(event["source"]["table"], key_of(json.loads(key)), event["op"], row))
    return found


def times_read(events: List[Event], table: str) -> Counter[Key]:
    """How often each row of a table came from a snapshot."""
    return Counter(event.key for event in events if event.table == table and event.op == "r")


def differences(
    events: List[Event],
    rows: Mapping[str, Rows],
    ghosts: Mapping[str, Collection[Key]] = {},
    new: Collection[str] = (),
) -> List[str]:
    """What is in a table and not so in its topic, and the other way round, in words.

    ``ghosts`` are rows whose deletion can bring no event; each must be in the topic, or the test knows less than it
    thinks. A column of ``new`` may be missing in events from before there was such a column.
    """
    last: Dict[str, Dict[Key, Mapping[str, Any]]] = {table: {} for table in rows}
    for event in events:
        if event.table in last and event.op == "d":
            last[event.table].pop(event.key, None)
        elif event.table in last:
            last[event.table][event.key] = event.row
    found = []
    for table, there in rows.items():
        expected: Set[Key] = set(there) | set(ghosts.get(table, ()))
        for key in sorted(expected - set(last[table])):
            found.append(f"{table} {key}: no event of it is left")
        for key in sorted(set(last[table]) - expected):
            found.append(f"{table} {key}: events, but no row")
        for key in sorted(set(there) & set(last[table])):
            known = last[table][key]
            wrong = {
                name: (known.get(name, "no such column"), value)
                for name, value in there[key].items()
                if known.get(name, value if name in new else object()) != value
            }
            if wrong:
                found.append(f"{table} {key}: event and row differ in {wrong}")
    return found


class _Same(List[str]):
    """True when there is no difference; else it shows the first ones."""

    def __bool__(self) -> bool:
        return len(self) == 0

    def __repr__(self) -> str:
        return f"{len(self)} differences, such as {list(self[:3])}"


def assert_same(
    server: Server,
    tables: Collection[str],
    ghosts: Mapping[str, Collection[Key]] = {},
    new: Collection[str] = (),
    seconds: float = 60,
) -> List[Event]:
    """Wait until every row of the tables is in its topic as it is now, while nobody writes. Returns all events."""
    rows = rows_of(server, tables)
    assert all(rows.values()), (
        f"a table without rows shows nothing: { {name: len(there) for name, there in rows.items()} }"
    )
    events: List[Event] = []

    def same() -> _Same:
        events[:] = events_of(server, tables)
        return _Same(differences(events, rows, ghosts, new))

    eventually(same, seconds, f"the topics of {', '.join(tables)} hold their tables' rows", pause=1)
    return events

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configurations of Debezium 1.x in today's words. Only as data: no file is changed.

Names and meanings: Debezium's release notes, "Breaking changes" of 2.0 (names), 2.6 and 2.7 (modes of the snapshot);
the white and black lists were renamed in 1.3 and removed in 2.0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._debezium import CLASSES, ORDERED_HISTORY
from ansible_collections.openmrs.event_log.plugins.module_utils._redact import Secrets

HISTORY = "schema.history.internal"

#: The first expression that matches a whole name says what it is called now.
NAMES = tuple(
    (re.compile(old), new)
    for old, new in (
        (r"database\.server\.name", "topic.prefix"),
        (r"database\.history", HISTORY),
        (r"database\.history\.store\.only\.monitored\.tables\.ddl", f"{HISTORY}.store.only.captured.tables.ddl"),
        (r"database\.history\.(.+)", rf"{HISTORY}.\1"),
        (r"(database|schema|table|column|collection|field)\.whitelist", r"\1.include.list"),
        (r"(database|schema|table|column|collection|field)\.blacklist", r"\1.exclude.list"),
        (r"heartbeat\.topics\.prefix", "topic.heartbeat.prefix"),
        (r"event\.deserialization\.failure\.handling\.mode", "event.processing.failure.handling.mode"),
        # What Debezium only hands on to the JDBC driver: Debezium's own names have no capitals.
        (r"database\.([a-z]+[A-Z][A-Za-z0-9]*)", r"driver.\1"),
    )
)
VALUES: Mapping[str, Mapping[str, str]] = {
    "snapshot.mode": {"schema_only": "no_data", "schema_only_recovery": "recovery"},
    HISTORY: {
        "io.debezium.relational.history.KafkaDatabaseHistory": ORDERED_HISTORY,
        "io.debezium.relational.history.FileDatabaseHistory": "io.debezium.storage.file.history.FileSchemaHistory",
        "io.debezium.relational.history.MemoryDatabaseHistory": "io.debezium.relational.history.MemorySchemaHistory",
    },
}
#: What has no successor, and what to do instead.
REFUSED: Mapping[Tuple[str, str], str] = {
    ("snapshot.mode", "never"): (
        "Debezium has no such mode any more. Write no_data, to read the tables' structure now and their changes from"
        " now on, or initial, to read all their rows first."
    ),
}


@dataclass(frozen=True)
class Translated:
    """A configuration in today's words, what was called otherwise in it, and what keeps it from being used."""

    config: Mapping[str, str]
    changes: Tuple[str, ...] = ()
    problems: Tuple[str, ...] = ()


def flavour(connector_class: str) -> str:
    """Return which of Debezium's connectors for MySQL and MariaDB it is, by whatever name Connect knows it; else ""."""
    for name, full in CLASSES.items():
        simple = full.rpartition(".")[2]
        if connector_class in (full, simple, simple[: -len("Connector")]):
            return name
    return ""


def is_debezium(connector_class: str) -> bool:
    return connector_class.startswith("io.debezium.") or bool(flavour(connector_class))


def translate(config: Mapping[str, str]) -> Translated:
    """Return the configuration of a connector in today's words; one that is not Debezium's stays as it is."""
    if not is_debezium(config.get("connector.class", "")):
        return Translated(config)
    found: Dict[str, str] = {}
    came_from: Dict[str, str] = {}
    changes: List[str] = []
    problems: List[str] = []
    # What has today's name goes first, so that it keeps its place whatever else is in the file.
    for old in sorted(config, key=lambda key: _new_name(key) is not None):
        new = _new_name(old) or old
        value, said = _new_value(new, config[old])
        changes += [f"{old} → {new}"] if new != old else []
        changes += [said] if said else []
        if new in found and found[new] != value:
            shown = [Secrets().value_shown(new, one) for one in (found[new], value)]
            problems.append(
                f"{came_from[new]} is {shown[0]} and {old} is {shown[1]}, and both mean {new}. Keep the one that is"
                " right."
            )
        refusal = REFUSED.get((new, value.strip().lower()))
        problems += [f"{old} is {value}. {refusal}"] if refusal else []
        if new not in found:
            found[new], came_from[new] = value, old
    return Translated(found, tuple(changes), tuple(problems))


def _new_name(key: str) -> Optional[str]:
    for pattern, new in NAMES:
        match = pattern.fullmatch(key)
        if match:
            return match.expand(new)
    return None


def _new_value(key: str, value: str) -> Tuple[str, str]:
    """Return what a value is called now, and the change in words where there is one."""
    known = VALUES.get(key, {})
    new = known.get(value.strip(), known.get(value.strip().lower()))
    return (value, "") if new is None else (new, f"{key} {value} → {new}")

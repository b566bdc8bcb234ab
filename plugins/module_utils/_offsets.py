# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Offsets of a connector, and what has to be done to them. Pure: nothing of Ansible.

Facts, from KIP-875 and Kafka's sources: a source's partitions and offsets are flat maps of the connector's own, kept
as JSON with their types, so that ``1``, ``1.0``, ``"1"`` and ``true`` are four values; a null offset removes a
partition. A sink's are ``kafka_topic``, ``kafka_partition`` and ``kafka_offset``; there the worker reads texts of
digits as numbers.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._errors import InputError

ALTER, RESET = "alter", "reset"
# Debezium's family, by its packages and by the short names that Connect takes for a class.
_PACKAGES = ("io.debezium.connector.mysql.", "io.debezium.connector.mariadb.")
_SHORT_NAMES = frozenset({"MySqlConnector", "MySql", "MariaDbConnector", "MariaDb"})


@dataclass(frozen=True)
class Entry:
    """One partition with its offset; None is no offset."""

    partition: Any
    offset: Optional[Mapping[str, Any]]

    @property
    def key(self) -> str:
        """Return a text that two partitions share only if Connect takes them for the same."""
        return canonical(self.partition)

    def shown(self) -> Dict[str, Any]:
        return {"partition": self.partition, "offset": self.offset}


Entries = Tuple[Entry, ...]


@dataclass(frozen=True)
class OffsetsPlan:
    """What to write: nothing, ``alter`` with these changes, or ``reset``; and how it is before and after."""

    kind: Optional[str]
    changes: Entries
    before: Entries
    after: Entries


def canonical(value: Any) -> str:
    """Return JSON that differs where Connect would keep different values, and in nothing else."""
    return json.dumps(value, sort_keys=True)


def in_order(entries: Sequence[Entry]) -> Entries:
    """Return entries that hold an offset, in an order of their own: workers have none."""
    return tuple(sorted((entry for entry in entries if entry.offset is not None), key=lambda entry: entry.key))


def plan_offsets(current: Sequence[Entry], desired: Optional[Sequence[Entry]]) -> OffsetsPlan:
    """Return what has to be written. Only named partitions are changed; None as desired means a reset."""
    before = in_order(current)
    if desired is None:
        return OffsetsPlan(RESET if before else None, (), before, ())
    known = {entry.key: entry for entry in before}
    changes = tuple(
        entry
        for entry in desired
        if canonical(entry.offset) != canonical(known[entry.key].offset if entry.key in known else None)
    )
    after = in_order(list({**known, **{entry.key: entry for entry in changes}}.values()))
    return OffsetsPlan(ALTER if changes else None, changes, before, after)


# what the user gave


def read_desired(state: str, given: Optional[Sequence[Mapping[str, Any]]]) -> Optional[Entries]:
    """Return what is wanted, None for a reset. Everything wrong with the input is told at once."""
    if state == "reset":
        if given:
            raise InputError("offsets: state reset removes all of them; to change some give state altered")
        return None
    if not given:
        raise InputError("offsets: state altered needs at least one partition")
    wrong: List[str] = []
    for number, item in enumerate(given):
        for part in ("partition", "offset"):
            wrong += [f"offsets[{number}].{part}{told}" for told in _not_flat(item.get(part), part == "offset")]
    entries = tuple(Entry(item.get("partition"), item.get("offset")) for item in given)
    refuse(wrong + repeated(entries))
    return entries


def refuse(wrong: Sequence[str]) -> None:
    """Raise one error with every complaint, if there are any."""
    if wrong:
        raise InputError("; ".join(wrong))


def _not_flat(value: Any, may_be_null: bool) -> List[str]:
    if value is None:
        return [] if may_be_null else [": null is not a partition"]
    if not isinstance(value, Mapping):
        return [": not a dictionary"]
    return [f".{key}: {told}" for key, told in ((key, _no_value(inner)) for key, inner in value.items()) if told]


def _no_value(value: Any) -> Optional[str]:
    if isinstance(value, Mapping):
        return "a dictionary is not a value; partitions and offsets are flat"
    if isinstance(value, (list, tuple)):
        return "a list is not a value; partitions and offsets are flat"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} is not a number that JSON knows"
    return None


def repeated(entries: Sequence[Entry]) -> List[str]:
    """Return a complaint for each partition that is there more than once."""
    first: Dict[str, int] = {}
    told = []
    for number, entry in enumerate(entries):
        if entry.key in first:
            told.append(f"offsets[{number}].partition: the same as offsets[{first[entry.key]}].partition, {entry.key}")
        first.setdefault(entry.key, number)
    return told


def as_kept(kind: Optional[str], desired: Entries) -> Entries:
    """Return entries as the worker will keep them: for a sink texts of digits are numbers."""
    if kind != "sink":
        return desired
    return tuple(
        Entry(
            _with_number(entry.partition, "kafka_partition"),
            None if entry.offset is None else _with_number(entry.offset, "kafka_offset"),
        )
        for entry in desired
    )


def _with_number(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    text = values.get(key)
    if isinstance(text, str) and text.isascii() and text.isdigit():
        return {**values, key: int(text)}
    return values


# what would be kept and yet be of no use


def mistaken(current: Sequence[Entry], desired: Sequence[Entry]) -> List[str]:
    """Return a complaint where a text stands for a number that the connector keeps, or the other way round."""
    known = {entry.key: entry for entry in current}
    loosely = {canonical(_loose(entry.partition)): entry for entry in current}
    told = []
    for number, entry in enumerate(desired):
        twin = loosely.get(canonical(_loose(entry.partition)))
        if entry.key not in known and twin is not None:
            told.append(
                f"offsets[{number}].partition: {entry.key} is not the connector's {twin.key}; "
                "texts and numbers are different, mind the quotes"
            )
        kept = known[entry.key].offset if entry.key in known else None
        for key, value in sorted((entry.offset or {}).items()):
            if _texts_and_numbers((kept or {}).get(key), value):
                told.append(
                    f"offsets[{number}].offset.{key}: {canonical(value)} where the connector keeps "
                    f"{canonical((kept or {}).get(key))}; texts and numbers are different, mind the quotes"
                )
    return told


def _loose(partition: Any) -> Any:
    if not isinstance(partition, Mapping):
        return partition
    return {key: value if isinstance(value, str) else canonical(value) for key, value in partition.items()}


def _texts_and_numbers(kept: Any, given: Any) -> bool:
    text, other = (given, kept) if isinstance(given, str) else (kept, given)
    if not isinstance(text, str) or not isinstance(other, (bool, int, float)):
        return False
    try:
        return isinstance(json.loads(text), (bool, int, float))
    except ValueError:
        return False


def unread_by_debezium(config: Mapping[str, str], desired: Sequence[Entry]) -> List[str]:
    """Return a complaint for what Debezium's MySQL and MariaDB connectors would keep and never read, or fail at.

    They do not look at offsets that are altered from outside. Their one partition is the topic prefix.
    """
    prefix = config.get("topic.prefix", "")
    plugin = config.get("connector.class", "")
    family = plugin.startswith(_PACKAGES) or plugin in _SHORT_NAMES
    if not family or not prefix or "${" in prefix:
        return []
    told = []
    for number, entry in enumerate(desired):
        if entry.offset is None:
            continue
        if entry.partition != {"server": prefix}:
            wanted = canonical({"server": prefix})
            told.append(f"offsets[{number}].partition: {entry.key} is unknown; this connector reads {wanted} only")
        if not isinstance(entry.offset.get("file"), str) or type(entry.offset.get("pos")) is not int:
            told.append(f"offsets[{number}].offset: Debezium needs file, a text, and pos, a whole number")
    return told

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events that were written before a site began to hide patients' data: which topics still hold them. Pure.

A switch is seen by comparing the inventory with ``config/source.json`` of the last run. Before the connector is changed
the switch is written down, after it the end of each topic: whatever lies before may be clear. A run that is cut off
in between is made good by the next one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Dict, Iterable, List, Mapping, Sequence, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._patient_data import FULL, MASKED, PROFILES, Policy

#: Start and end by topic and partition.
Extents = Mapping[str, Mapping[str, Tuple[int, int]]]


@dataclass(frozen=True)
class Held:
    """A partition that still holds clear events: those from ``start`` to before ``end``."""

    topic: str
    partition: int
    start: int
    end: int


def facts(policy: Policy) -> Dict[str, Any]:
    """Return what the file for consumers says of the choice."""
    return {
        "profile": policy.profile,
        "masked_columns": sorted(policy.masked),
        "clear_columns": sorted(policy.clear),
    }


def before(remembered: str) -> Policy:
    """Return the choice of the last run, from the text of its file. Whoever says nothing captured everything."""
    told = _object(remembered).get("patient_data")
    told = told if isinstance(told, dict) else {}
    profile = str(told.get("profile", FULL))
    return Policy(
        profile if profile in PROFILES else FULL, _names(told, "masked_columns"), _names(told, "clear_columns")
    )


def _names(told: Mapping[str, Any], key: str) -> Tuple[str, ...]:
    listed = told.get(key)
    return tuple(str(name) for name in listed) if isinstance(listed, list) else ()


def tightened(old: Policy, new: Policy) -> bool:
    """Whether something is hidden now that was clear."""
    ranks = [PROFILES.index(one.profile) for one in (old, new)]
    if ranks[0] != ranks[1]:
        return ranks[0] < ranks[1]
    return new.profile == MASKED and bool(set(new.masked) - set(old.masked) or set(old.clear) - set(new.clear))


def extents(listing: str, prefix: str) -> Dict[str, Dict[str, Tuple[int, int]]]:
    """Return the topics below ``prefix.`` from what ``event-log topics --json`` says; none if it says nothing."""
    topics = _object(listing).get("topics")
    return {
        one["topic"]: {
            str(part["partition"]): (int(part["start_offset"]), int(part["end_offset"])) for part in one["partitions"]
        }
        for one in (topics if isinstance(topics, list) else [])
        if one["topic"].startswith(f"{prefix}.")
    }


def switched(policy: Policy, remembered: str, listing: str, prefix: str) -> str:
    """Return the file that a switch needs before the connector is changed; empty where there is none.

    A site of which nothing is remembered is new, but its data may be older: then the topics of now are meant alone.
    """
    old = before(remembered)
    there = sorted(extents(listing, prefix))
    if not tightened(old, policy) or not (there or remembered.strip()):
        return ""
    return _text({"from": old.profile, "to": policy.profile, "settled": False, "only": [] if remembered else there})


def settled(kept: str, listing: str, prefix: str) -> str:
    """Return the file with the topics' ends, once the connector is changed; empty if there is nothing to write."""
    state = _object(kept)
    if not state or state.get("settled"):
        return ""
    only = _names(state, "only")
    ends = {
        topic: {number: end for number, (_, end) in parts.items()}
        for topic, parts in extents(listing, prefix).items()
        if not only or topic in only
    }
    return _text({**state, "settled": True, "only": list(only), "ends": ends})


def held(kept: str, listing: str, prefix: str) -> List[Held]:
    """Return the partitions that still hold clear events."""
    ends = _object(kept).get("ends")
    found: List[Held] = []
    for topic, parts in extents(listing, prefix).items():
        marks = ends.get(topic) if isinstance(ends, dict) else None
        for number, (start, _) in parts.items():
            end = int((marks or {}).get(number, 0))
            if start < end:
                found.append(Held(topic, int(number), start, end))
    return found


def files_left(partitions: Sequence[Held], paths: Iterable[str]) -> Tuple[List[str], List[str]]:
    """Return the broker's files that still hold clear events, and those of them that it still writes.

    A file is named by its first offset, and ends where the next one begins.
    """
    bases: Dict[str, List[int]] = {}
    for path in map(PurePosixPath, paths):
        if path.suffix == ".log" and path.stem.isdigit():
            bases.setdefault(path.parent.name, []).append(int(path.stem))
    left: List[str] = []
    written: List[str] = []
    for one in partitions:
        name = f"{one.topic}-{one.partition}"
        there = sorted(bases.get(name, []))
        left += [f"{name}/{base:020}.log" for base in there if base < one.end]
        written += [f"{name}/{base:020}.log" for base in there[-1:] if base < one.end]
    return left, written


def offsets_file(partitions: List[Held]) -> str:
    """Return what Kafka's DeleteRecordsCommand takes: each partition loses what is before the offset."""
    listed = [{"topic": one.topic, "partition": one.partition, "offset": one.end} for one in partitions]
    return json.dumps({"version": 1, "partitions": listed})


def _object(text: str) -> Dict[str, Any]:
    try:
        data = json.loads(text or "{}")
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _text(state: Mapping[str, Any]) -> str:
    return json.dumps(state, indent=2, sort_keys=True) + "\n"

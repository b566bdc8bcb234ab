# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``event-log groups``: who reads the event log, and how far behind each is."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Dict, List, Optional

from . import login
from .containers import output_of, require_broker, require_docker
from .settings import Settings
from .text import table

TOOL = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"


@dataclass(frozen=True)
class Reading:
    """How far one group has read one partition."""

    group: str
    topic: str
    partition: int
    committed: Optional[int]
    end: Optional[int]
    lag: Optional[int]
    member: Optional[str]
    host: Optional[str]


def _number(text: Optional[str]) -> Optional[int]:
    return int(text) if text is not None and text.isdigit() else None


def _word(text: Optional[str]) -> Optional[str]:
    return None if text in (None, "", "-") else text


def parse(text: str) -> List[Reading]:
    """The tables that the tool prints, one per group under its own head; other lines are remarks."""
    readings = []
    columns: List[str] = []
    for line in text.splitlines():
        words = line.split()
        if words[:2] == ["GROUP", "TOPIC"]:
            columns = words
            continue
        cells = line.rsplit(None, len(columns) - 1) if columns else []
        if len(cells) != len(columns) or not cells:
            continue
        row: Dict[str, str] = dict(zip(columns, cells))
        partition = _number(row.get("PARTITION"))
        if partition is None:
            continue
        readings.append(
            Reading(
                group=row["GROUP"].strip(),
                topic=row["TOPIC"],
                partition=partition,
                committed=_number(row.get("CURRENT-OFFSET")),
                end=_number(row.get("LOG-END-OFFSET")),
                lag=_number(row.get("LAG")),
                member=_word(row.get("CLIENT-ID")) or _word(row.get("CONSUMER-ID")),
                host=_word(row.get("HOST")),
            )
        )
    return sorted(readings, key=lambda reading: (reading.group, reading.topic, reading.partition))


def as_text(readings: List[Reading]) -> str:
    """A table for people."""
    if not readings:
        return "No consumer group has read anything yet. docs/consuming.md shows how to write a consumer."

    def shown(number: Optional[int]) -> str:
        return "-" if number is None else str(number)

    rows = [
        (r.group, r.topic, str(r.partition), shown(r.committed), shown(r.end), shown(r.lag), r.member or "nobody")
        for r in readings
    ]
    head = ("GROUP", "TOPIC", "PARTITION", "READ UP TO", "LOG ENDS AT", "BEHIND", "CONNECTED NOW")
    note = "BEHIND counts events that are kept and not yet read; - is unknown."
    return table(head, rows, right=(2, 3, 4, 5)) + "\n\n" + note


def read(settings: Settings) -> List[Reading]:
    """Ask the broker."""
    require_docker(settings)
    require_broker(settings)
    arguments = [TOOL, *login.broker(settings), "--describe", "--all-groups"]
    return parse(output_of(settings, "groups", arguments))


def run(settings: Settings, as_json: bool) -> str:
    """The answer to ``event-log groups``."""
    readings = read(settings)
    if as_json:
        return json.dumps({"groups": [asdict(reading) for reading in readings]}, indent=2)
    return as_text(readings)

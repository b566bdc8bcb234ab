# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``event-log topics``: what is kept, read from the broker's directory. Also finds the topic that a person means."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from . import kafka_log, source
from .errors import EventLogError, UsageError
from .kafka_log import PartitionSummary
from .settings import Settings
from .text import human_bytes, iso_utc, local_time, table


@dataclass(frozen=True)
class TopicSummary:
    """A topic over all its partitions."""

    topic: str
    internal: bool
    partitions: Tuple[PartitionSummary, ...]

    @property
    def events(self) -> int:
        return sum(part.events for part in self.partitions)

    @property
    def bytes(self) -> int:
        return sum(part.bytes for part in self.partitions)

    @property
    def oldest_ms(self) -> Optional[int]:
        return min((part.oldest_ms for part in self.partitions if part.oldest_ms is not None), default=None)

    @property
    def newest_ms(self) -> Optional[int]:
        return max((part.newest_ms for part in self.partitions if part.newest_ms is not None), default=None)

    @property
    def broken_tail(self) -> bool:
        return any(part.broken_tail for part in self.partitions)


def is_internal(topic: str, internal_topics: Sequence[str]) -> bool:
    """Kafka's and Debezium's own topics begin with two underscores; Connect's are named in the settings."""
    return topic.startswith("__") or topic in internal_topics


def of_a_table(summary: TopicSummary) -> bool:
    """Whether its events are rows: neither internal nor the history of the tables' schemas."""
    return not summary.internal and not summary.topic.startswith("schema-changes.")


def list_partitions(data_dir: Path) -> List[Tuple[str, int, Path]]:
    """The partitions on disk, or why they cannot be listed, in words."""
    try:
        return kafka_log.partitions(data_dir)
    except FileNotFoundError:
        raise EventLogError(
            f"There is no {data_dir}: Kafka never ran here, or its disk is not mounted. "
            "Check the mount; the playbook site.yml sets the event log up."
        ) from None
    except PermissionError:
        raise EventLogError(f"You may not read {data_dir}. Use sudo: sudo event-log topics") from None


def summarise(settings: Settings) -> List[TopicSummary]:
    """Every topic on disk, by name."""
    found: Dict[str, List[PartitionSummary]] = {}
    listed = list_partitions(settings.data_dir)
    try:
        starts = {(topic, number): offset for topic, number, offset in kafka_log.start_offsets(settings.data_dir)}
        for topic, number, directory in listed:
            try:
                summary = kafka_log.summarise_partition(directory, number, starts.get((topic, number), 0))
            except FileNotFoundError:
                continue  # deleted while we looked
            found.setdefault(topic, []).append(summary)
    except PermissionError as error:
        raise EventLogError(f"You may not read {error.filename}. Use sudo: sudo event-log topics") from None
    return [
        TopicSummary(topic, is_internal(topic, settings.internal_topics), tuple(parts))
        for topic, parts in sorted(found.items())
    ]


def as_data(summaries: Sequence[TopicSummary], data_dir: Path, facts: Dict[str, Any]) -> Dict[str, Any]:
    """The same for programs."""
    return {
        "data_dir": str(data_dir),
        "source": facts or None,
        "topics": [
            {
                "topic": summary.topic,
                "internal": summary.internal,
                "events": summary.events,
                "bytes": summary.bytes,
                "oldest": iso_utc(summary.oldest_ms),
                "oldest_ms": summary.oldest_ms,
                "newest": iso_utc(summary.newest_ms),
                "newest_ms": summary.newest_ms,
                "partitions": [
                    {"partition": part.partition, "start_offset": part.start_offset, "end_offset": part.end_offset}
                    for part in summary.partitions
                ],
            }
            for summary in summaries
        ],
    }


def as_text(summaries: Sequence[TopicSummary], hidden: int, clock: str = "") -> str:
    """A table, the sum, and what the reader should know."""
    rows = [
        (
            summary.topic,
            str(summary.events),
            human_bytes(summary.bytes),
            local_time(summary.oldest_ms),
            local_time(summary.newest_ms),
        )
        for summary in summaries
    ]
    if len(rows) > 1:
        total = sum(summary.bytes for summary in summaries)
        rows.append(("total", str(sum(summary.events for summary in summaries)), human_bytes(total), "", ""))
    lines = [
        table(("TOPIC", "EVENTS KEPT", "ON DISK", "OLDEST EVENT", "NEWEST EVENT"), rows, right=(1, 2))
        if rows
        else "No topic yet: the connector makes one per table when it writes the first event of that table."
    ]
    lines += [
        f"{summary.topic}: the last bytes are no whole batch: being written just now, or cut off by a power cut "
        "(then the broker repairs it when it starts)."
        for summary in summaries
        if summary.broken_tail
    ]
    zone = time.strftime("%Z (UTC%z)") if time.timezone or time.daylight else "UTC"
    note = f"Times are in this host's time zone, {zone}."
    if hidden:
        note += f" {hidden} internal topic{'s are' if hidden > 1 else ' is'} not shown (--all shows them)."
    return "\n".join([*lines, "", note, *([clock] if clock else [])])


def run(settings: Settings, show_all: bool, as_json: bool) -> str:
    """The answer to ``event-log topics``."""
    everything = summarise(settings)
    shown = [summary for summary in everything if show_all or not summary.internal]
    facts = source.read(settings.home)
    if as_json:
        return json.dumps(as_data(shown, settings.data_dir, facts), indent=2)
    return as_text(shown, len(everything) - len(shown), source.clock(facts))


def resolve(wanted: str, topics: Sequence[str], internal_topics: Sequence[str] = (), own: str = "") -> str:
    """The one topic meant by a table name, ``database.table`` or a whole topic name.

    ``own`` is how the topics of the site's own connector begin; they go before those of another one.
    """
    for meant in (wanted, f"{own}{wanted}"):
        if meant in topics:
            return meant
    visible = [topic for topic in topics if not is_internal(topic, internal_topics)]
    matches = [topic for topic in visible if topic.endswith("." + wanted)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise UsageError(f"Several topics end in {wanted!r}; give the whole name of one:\n" + _listed(matches))
    if not visible:
        raise UsageError(f"There is no topic for {wanted!r}; in fact there is no topic with events yet.")
    raise UsageError(
        f"There is no topic for {wanted!r}. Give a table, database.table or a whole topic name. Topics here:\n"
        + _listed(visible)
    )


def _listed(topics: Sequence[str]) -> str:
    return "\n".join(f"  {topic}" for topic in sorted(topics))

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A consumer of the tables' topics that is always there, so that it has what retention deletes afterwards."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from dataclasses import dataclass
from typing import Any, Iterable, Mapping, Sequence, Tuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

from tests.faults.compare import Event, parsed
from tests.faults.load import DATABASE
from tests.faults.variants import BOOTSTRAP, PREFIX

PAUSE = 0.2
Read = Mapping[str, Sequence[Event]]  # of each table
NOBODY = {"bootstrap.servers": BOOTSTRAP, "group.id": "nobody"}


def topic(table: str) -> str:
    return f"{PREFIX}.{DATABASE}.{table}"


def end_of(table: str) -> int:
    """How many messages a table's topic holds; 0 where there is none yet."""
    with contextlib.closing(Consumer(NOBODY)) as consumer:
        if topic(table) not in consumer.list_topics(timeout=10).topics:
            return 0
        return int(consumer.get_watermark_offsets(TopicPartition(topic(table), 0), timeout=10)[1])


class Follower(threading.Thread):
    """Reads each topic from the first message that is there; ``events`` are a table's, in their order."""

    def __init__(self, tables: Iterable[str]) -> None:
        super().__init__(daemon=True)
        self.tables = {topic(table): table for table in tables}
        self.events: dict[str, list[Event]] = {table: [] for table in self.tables.values()}
        #: The offset of the first message that was there.
        self.first: dict[str, int] = {}
        #: Every row that any event is about.
        self.rows: set[Tuple[str, int]] = set()
        self._next: dict[str, int] = {}
        self._last_read: dict[str, int] = {}  # the newest event of a snapshot
        self._over = threading.Event()
        self._broken: list[BaseException] = []

    def __enter__(self) -> Follower:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._over.set()
        self.join(120)

    def reads_anew(self, ends: Mapping[str, int]) -> bool:
        """Whether a snapshot's events have come that lie behind these ends: from then on no change goes by it."""
        return any(last >= ends.get(table, 0) for table, last in list(self._last_read.items()))

    def run(self) -> None:
        try:
            with contextlib.closing(Consumer({**NOBODY, "enable.auto.commit": False})) as consumer:
                while not self._over.is_set():
                    if not self._read(consumer):
                        self._over.wait(PAUSE)
                self._to_the_end(consumer)
        except BaseException as error:  # told by check(), in the thread that waits
            self._broken.append(error)

    def check(self) -> None:
        """Raise what ended the reading, if anything did."""
        if self._broken:
            raise AssertionError("the consumer has ended") from self._broken[0]

    def _read(self, consumer: Any) -> int:
        """Read what is there, and say how much that was."""
        known = consumer.list_topics(timeout=10).topics
        fresh = [name for name in self.tables if name in known and name not in self._next]
        if fresh:
            self._next.update(dict.fromkeys(fresh, OFFSET_BEGINNING))
            consumer.assign([TopicPartition(name, 0, at) for name, at in self._next.items()])
        messages = consumer.consume(2000, timeout=PAUSE) if self._next else []
        for message in messages:
            self._take(message)
        return len(messages)

    def _take(self, message: Message) -> None:
        if message.error():
            raise KafkaException(message.error())
        name, offset, value = str(message.topic()), int(message.offset() or 0), message.value()
        table, wanted = self.tables[name], self._next[name]
        if wanted == OFFSET_BEGINNING:
            self.first[table] = offset
        elif offset != wanted:
            raise AssertionError(f"{name}: offset {offset} came after {wanted - 1}")
        self._next[name] = offset + 1
        event = parsed(table, json.loads(value) if value else None, message.timestamp()[1], offset)
        if event:
            self.events[table].append(event)
            self.rows.add((table, event.row))
            if event.op == "r":
                self._last_read[table] = offset

    def _to_the_end(self, consumer: Any) -> None:
        deadline = time.monotonic() + 60
        self._read(consumer)
        ends = {name: consumer.get_watermark_offsets(TopicPartition(name, 0), timeout=10)[1] for name in self._next}
        while any(max(self._next[name], 0) < end for name, end in ends.items()):
            if time.monotonic() > deadline:
                raise AssertionError(f"read to {self._next} of {ends}")
            self._read(consumer)


@dataclass(frozen=True)
class Before:
    """What a consumer had read when the power failed, and how far each topic reached on the disk."""

    read: Read
    ends: Mapping[str, int]

    def and_then(self, follower: Follower) -> Read:
        """What it has after it has read on: what retention deletes meanwhile it had before."""
        events = {}
        for table, fresh in follower.events.items():
            first = follower.first.get(table, 0)
            # What had not reached the disk came again, and maybe in another order.
            assert first <= self.ends[table], f"{table}: deleted to {first}, on the disk were {self.ends[table]}"
            events[table] = [event for event in self.read.get(table, ()) if event.offset < first] + fresh
        return events

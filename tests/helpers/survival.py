# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S608 - made-up rows for databases of the tests' own
"""What must outlive containers, images and boots: every event, how far who has read, the connector and its position.

before = survival.take(server)            # while nobody writes
...containers made anew, an upgrade, a reboot...
survival.assert_kept(server, before)      # all of it is there by content, and no row was read a second time
survival.assert_goes_on(server, before)   # a new row arrives once, and a consumer goes on where it had stopped
"""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass
from typing import Any, Callable

from tests.helpers.server import Server, eventually

CONNECTOR = "openmrs-connector"
INCLUDED = r"(openmrs\.openmrs\..*|schema-changes\.openmrs)"
PERSON = "openmrs.openmrs.person"
GROUP = "survival"
ARRIVAL = 60


@dataclass(frozen=True)
class Record:
    """One event or tombstone as it lies in its topic."""

    place: str  # partition and offset, as the consumer prints them
    key: str
    value: str

    @property
    def from_snapshot(self) -> bool:
        return self.operation == "r"

    @property
    def operation(self) -> str:
        event = parsed(self.value)
        return str(event.get("op", "")) if isinstance(event, dict) else ""

    def is_of(self, person: int) -> bool:
        key = parsed(self.key)
        return isinstance(key, dict) and key.get("person_id") == person


@dataclass(frozen=True)
class Picture:
    """What was there at one moment. ``group`` has read all of it by then."""

    group: str
    records: Counter[Record]
    ends: dict[str, int]
    cluster: str
    registration: dict[str, str]
    position: tuple[str, int]


def parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def parse_records(text: str) -> Counter[Record]:
    """Lines of the console consumer: partition, offset, key and value, with tabs between."""
    parts = [line.split("\t", 3) for line in text.splitlines() if line.startswith("Partition:")]
    return Counter(Record(f"{words[0]} {words[1]}", words[2], words[3]) for words in parts if len(words) == 4)


def parse_ends(text: str) -> dict[str, int]:
    """Lines of GetOffsetShell, ``topic:partition:offset``: events in each topic that holds any."""
    ends: Counter[str] = Counter()
    for line in text.split():
        topic, partition, offset = line.rsplit(":", 2) if line.count(":") >= 2 else ("", "", "")
        if topic and partition.isdigit() and offset.isdigit():
            ends[topic] += int(offset)
    return dict(ends)


def differences(before: Picture, after: Picture) -> list[str]:
    """What is not as it was, in words. More may have come; nothing may be gone or begun again."""
    found = []
    if after.cluster != before.cluster:
        found.append(f"the cluster was {before.cluster} and is {after.cluster}")
    if after.registration != before.registration:
        keys = {key for key, _ in set(before.registration.items()) ^ set(after.registration.items())}
        found.append(f"the registration of {CONNECTOR} differs in {sorted(keys)}")
    if after.position < before.position:
        found.append(f"the stored position was {before.position} and is {after.position}")
    for topic, end in sorted(before.ends.items()):
        if after.ends.get(topic, 0) < end:
            found.append(f"{topic} had {end} events and has {after.ends.get(topic, 0)}")
    lost = before.records - after.records
    if lost:
        found.append(f"{lost.total()} of {before.records.total()} events are gone, such as {next(iter(lost))}")
    again = [record for record in after.records - before.records if record.from_snapshot]
    if again:
        found.append(f"{len(again)} rows were read by a second snapshot, such as {again[0]}")
    return found


def consumer(server: Server, *words: str) -> Counter[Record]:
    return parse_records(
        server.kafka(
            "org.apache.kafka.tools.consumer.ConsoleConsumer",
            "--include", INCLUDED, *words,
            *(f"--formatter-property=print.{part}=true" for part in ("partition", "offset", "key")),
            check=False,
        )
    )  # fmt: skip


def position_of(server: Server) -> tuple[str, int]:
    """The stored position; the worker writes a first one a minute after its start."""

    def stored() -> list[dict[str, Any]]:
        status, answer = server.request("GET", f"/connectors/{CONNECTOR}/offsets")
        assert status == 200, answer
        return [entry["offset"] for entry in answer["offsets"]]

    offset = eventually(stored, 90, "a stored position", pause=2)[0]
    return offset["file"], offset["pos"]


def take(server: Server, group: str = "") -> Picture:
    """Look at everything. Without a group that has read before, a new one reads all and keeps where it stopped."""
    group = group or f"{GROUP}-{random.randrange(10**9)}"  # noqa: S311
    ends = parse_ends(server.kafka("org.apache.kafka.tools.GetOffsetShell"))
    wanted = sum(end for topic, end in ends.items() if topic.startswith(("openmrs.openmrs.", "schema-changes.")))
    assert wanted, f"no events to begin with: {ends}"
    # It ends with the last event that is there now, and commits that; the time limit is for events that are not.
    records = consumer(
        server, "--group", group, "--from-beginning", "--max-messages", str(wanted), "--timeout-ms", "20000"
    )
    status, worker = server.request("GET", "/")
    assert status == 200, worker
    status, connector = server.request("GET", f"/connectors/{CONNECTOR}")
    assert status == 200, connector
    return Picture(group, records, ends, worker["kafka_cluster_id"], connector["config"], position_of(server))


def assert_kept(server: Server, before: Picture) -> None:
    """Everything of the picture is there, the worker answers, and no snapshot was made again."""
    eventually(lambda: server.request("GET", f"/connectors/{CONNECTOR}/status")[0] == 200, 120, "the worker answers")
    assert differences(before, take(server)) == []


def insert(server: Server, person: int) -> None:
    server.sql(
        "INSERT INTO openmrs.person (person_id, gender, date_created, creator, uuid)"
        f" VALUES ({person}, 'F', NOW(), 1, UUID());"
    )


def assert_goes_on(server: Server, before: Picture, write: Callable[[Server, int], None] = insert) -> None:
    """A row written now arrives exactly once, and the picture's group gets that and nothing that it had."""
    person = random.randrange(10**8, 10**9)  # noqa: S311
    write(server, person)
    seen: Counter[Record] = Counter()

    def arrived() -> bool:
        seen.update(consumer(server, "--group", before.group, "--timeout-ms", "4000"))
        return any(record.is_of(person) for record in seen)

    eventually(arrived, ARRIVAL, f"the row of person {person} arrives")
    assert [record.operation for record in seen.elements() if record.is_of(person)] == ["c"]
    assert seen & before.records == Counter(), "the group read again what it had read before"

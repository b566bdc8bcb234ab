# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S311, S608 - made-up rows for a database of the tests' own
"""The point of it all: what is written in MySQL arrives as the right event, on a server set up by the playbook."""

from __future__ import annotations

import random
import time
import uuid
from typing import Any

import pytest

from tests.helpers.server import IN_BROKER, Server, eventually

PREFIX = "openmrs.openmrs"
ARRIVAL = 60  # seconds; a second is usual
CONNECTOR = "openmrs-connector"


def events_of(server: Server, table: str, key: str, value: int) -> list[Any]:
    """The values of one row's events, oldest first; a tombstone is None."""
    return [event for name, event in server.consume(f"{PREFIX}.{table}", 5) if name and name.get(key) == value]


def arrived(server: Server, table: str, key: str, value: int, count: int) -> list[Any]:
    def enough() -> list[Any] | None:
        events = events_of(server, table, key, value)
        return events if len(events) >= count else None

    found: list[Any] = eventually(enough, ARRIVAL, f"{count} events of {table} {key}={value}")
    assert len(found) == count, found
    return found


@pytest.fixture
def person(server: Server) -> int:
    """A person that no other test has touched."""
    number = random.randrange(1_000_000, 2_000_000_000)
    server.sql(
        "INSERT INTO person (person_id, gender, birthdate, birthtime, creator, date_created, uuid) VALUES"
        f" ({number}, 'F', '1984-02-29', '06:07:08', 1, '2024-05-06 07:08:09', '{uuid.uuid4()}')"
    )
    return number


def test_an_insert_arrives_with_its_values(server: Server, person: int) -> None:
    (event,) = arrived(server, "person", "person_id", person, 1)
    assert event["op"] == "c"
    assert event["before"] is None
    after = event["after"]
    assert (after["person_id"], after["gender"], after["voided"]) == (person, "F", 0)
    # As docs/consuming.md says: days since 1970, microseconds of the day, the wall clock as if it were UTC.
    assert after["birthdate"] == 5172
    assert after["birthtime"] == (6 * 3600 + 7 * 60 + 8) * 1_000_000
    assert after["date_created"] == 1_714_979_289_000
    source = event["source"]
    assert (source["db"], source["table"], source["snapshot"]) == ("openmrs", "person", "false")
    assert source["file"]
    assert source["pos"] > 0


def test_an_update_arrives_with_before_and_after(server: Server, person: int) -> None:
    name = random.randrange(1_000_000, 2_000_000_000)
    server.sql(
        "INSERT INTO person_name (person_name_id, person_id, given_name, family_name, creator, date_created, uuid)"
        f" VALUES ({name}, {person}, 'Abebe', 'ከበደ', 1, NOW(), '{uuid.uuid4()}');"
        f" UPDATE person_name SET given_name = 'Almaz', changed_by = 1 WHERE person_name_id = {name};"
    )
    insert, update = arrived(server, "person_name", "person_name_id", name, 2)
    assert (insert["op"], update["op"]) == ("c", "u")
    assert update["before"] == insert["after"]
    changed = {key for key in update["after"] if update["after"][key] != update["before"][key]}
    assert changed == {"given_name", "changed_by"}
    assert (update["before"]["given_name"], update["after"]["given_name"]) == ("Abebe", "Almaz")
    assert update["after"]["family_name"] == "ከበደ"


def test_a_delete_arrives_with_what_was_there_and_a_tombstone(server: Server, person: int) -> None:
    server.sql(f"DELETE FROM person WHERE person_id = {person}")
    insert, delete, tombstone = arrived(server, "person", "person_id", person, 3)
    assert delete["op"] == "d"
    assert delete["after"] is None
    assert delete["before"] == insert["after"]
    assert tombstone is None


def test_a_changed_table_is_followed(server: Server, person: int) -> None:
    column = f"test_{uuid.uuid4().hex[:8]}"
    server.sql(f"ALTER TABLE person ADD COLUMN {column} varchar(20) NULL")
    try:
        server.sql(f"UPDATE person SET {column} = 'after the DDL' WHERE person_id = {person}")
        insert, update = arrived(server, "person", "person_id", person, 2)
        assert column not in insert["after"]
        assert update["before"][column] is None
        assert update["after"][column] == "after the DDL"
        assert f"ADD COLUMN {column}" in server.read("schema-changes.openmrs", 5)
    finally:
        server.sql(f"ALTER TABLE person DROP COLUMN {column}")


def test_tables_that_were_not_chosen_have_no_topic(server: Server) -> None:
    topics = {name for name in server.topics() if name.startswith(f"{PREFIX}.")}
    chosen = {"person", "patient", "patient_identifier", "patient_identifier_type", "person_name", "person_address"}
    assert {name.removeprefix(f"{PREFIX}.") for name in topics} == chosen


def offset(server: Server) -> dict[str, Any]:
    status, answer = server.request("GET", f"/connectors/{CONNECTOR}/offsets")
    assert status == 200, answer
    stored: dict[str, Any] = answer["offsets"][0]["offset"]
    return stored


def test_the_stored_offset_moves_on_when_only_other_tables_are_written(server: Server) -> None:
    """Else the database may throw its log away before the connector has read on: heartbeats carry the position."""
    begun = offset(server)

    def moved() -> bool:
        server.sql("UPDATE obs SET comments = CONCAT('test ', NOW(6)) ORDER BY obs_id LIMIT 1")
        now = offset(server)
        return (now["file"], now["pos"]) > (begun["file"], begun["pos"])

    begun_at = time.monotonic()
    eventually(moved, 90, f"an offset beyond {begun}", pause=3)
    assert time.monotonic() - begun_at <= 90 + 10


CODECS = ("zstd", "snappy", "lz4")


@pytest.fixture
def topic(server: Server) -> str:
    name = f"test-codec-{uuid.uuid4().hex[:8]}"
    server.kafka("org.apache.kafka.tools.TopicCommand", "--create", "--topic", name, "--partitions", "1")
    return name


@pytest.mark.parametrize("codec", CODECS)
def test_the_broker_and_its_tools_read_and_write_every_codec(server: Server, topic: str, codec: str) -> None:
    lines = [f"{codec} {number} {'x' * 200}" for number in range(100)]
    server.kafka(
        "org.apache.kafka.tools.ConsoleProducer", "--topic", topic, "--compression-codec", codec,
        stdin="\n".join(lines) + "\n",
    )  # fmt: skip
    said = server.kafka(
        "org.apache.kafka.tools.consumer.ConsoleConsumer", "--topic", topic, "--from-beginning",
        "--max-messages", "100", "--timeout-ms", "30000",
    )  # fmt: skip
    assert said.splitlines() == lines
    batches = dumped(server, topic)
    assert batches, "no batch on the disk"
    assert set(batches) == {codec}


def dumped(server: Server, topic: str) -> list[str]:
    """The codec of every batch of the topic, as it lies on the broker's disk."""
    said = server.exec(
        *IN_BROKER, "kafka-class", "org.apache.kafka.tools.DumpLogSegments",
        "--files", f"/var/lib/kafka/data/log/{topic}-0/00000000000000000000.log",
    )  # fmt: skip
    return [
        line.split("compresscodec:")[1].split()[0].lower() for line in said.splitlines() if "compresscodec:" in line
    ]


@pytest.mark.parametrize("codec", CODECS)
def test_the_worker_reads_and_writes_every_codec(server: Server, topic: str, codec: str) -> None:
    """On its read-only root: the codecs unpack native code into /tmp."""
    source, sink = f"{topic}-source", f"{topic}-sink"  # a connector of a known name would go on where it was
    there = ("docker", "exec", "event-log-connect", "sh", "-c")
    lines = [f"{codec} {number} {uuid.uuid4().hex}" for number in range(50)]
    server.exec(*there, f"printf '%s\\n' {' '.join(repr(line) for line in lines)} > /tmp/{source}; : > /tmp/{sink}")
    text = "org.apache.kafka.connect.storage.StringConverter"
    common = {"tasks.max": "1", "key.converter": text, "value.converter": text}
    wanted = {
        source: {
            **common,
            "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
            "file": f"/tmp/{source}",
            "topic": topic,
            "producer.override.compression.type": codec,
        },
        sink: {
            **common,
            "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
            "file": f"/tmp/{sink}",
            "topics": topic,
        },
    }
    try:
        for name, config in wanted.items():
            status, answer = server.request("PUT", f"/connectors/{name}/config", config)
            assert status in (200, 201), answer
        written = eventually(
            lambda: said if len(said := server.exec(*there, f"cat /tmp/{sink}").splitlines()) >= len(lines) else None,
            ARRIVAL,
            f"{len(lines)} lines that went through the worker with {codec}",
        )
        assert written == lines
        assert codec in dumped(server, topic)
    finally:
        for name in wanted:
            server.request("DELETE", f"/connectors/{name}")
        server.exec(*there, f"rm -f /tmp/{source} /tmp/{sink}")


def test_a_changed_patient_name_is_seen_by_the_host_command(server: Server, person: int) -> None:
    name = random.randrange(1_000_000, 2_000_000_000)
    server.sql(
        "INSERT INTO person_name (person_name_id, person_id, given_name, family_name, creator, date_created, uuid)"
        f" VALUES ({name}, {person}, 'Tail', 'Command', 1, NOW(), '{uuid.uuid4()}')"
    )
    arrived(server, "person_name", "person_name_id", name, 1)
    seen = server.sh("event-log tail person_name --from-start --timeout 10 || test $? = 3", timeout=90)
    assert str(name) in seen
    assert "Command" in seen

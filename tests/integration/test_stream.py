# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S311, S608 - made-up rows for a database of the tests' own
"""The point of it all: what is written in MySQL arrives as the right event, on a server set up by the playbook."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.helpers.server import IN_BROKER, Server, eventually

PREFIX = "openmrs.openmrs"
ARRIVAL = 60  # seconds; a second is usual
CONNECTOR = "openmrs-connector"


@dataclass(frozen=True)
class Written:
    """Rows that no other test has touched, all written before anything is read, and what arrived of them."""

    person: int
    name: int
    column: str
    elsewhere: tuple[str, int]  # where the database's log was after rows of a table that is not captured
    topics: dict[str, list[tuple[Any, Any]]]

    def events(self, table: str, key: str, value: int, count: int) -> list[Any]:
        """The values of one row's events, oldest first; a tombstone is None."""
        found = [event for name, event in self.topics[table] if name and name.get(key) == value]
        assert len(found) == count, found
        return found


@pytest.fixture(scope="module")
def written(server: Server) -> Iterator[Written]:
    """Four people: one is only there, one is deleted, one gets a column, one a name that changes."""
    person, name = (random.randrange(1_000_000, 2_000_000_000) for _ in range(2))
    column = f"test_{uuid.uuid4().hex[:8]}"
    people = ", ".join(
        f"({person + number}, 'F', '1984-02-29', '06:07:08', 1, '2024-05-06 07:08:09', '{uuid.uuid4()}')"
        for number in range(4)
    )
    server.sql(
        f"INSERT INTO person (person_id, gender, birthdate, birthtime, creator, date_created, uuid) VALUES {people};"
        " INSERT INTO person_name (person_name_id, person_id, given_name, family_name, creator, date_created, uuid)"
        f" VALUES ({name}, {person + 3}, 'Abebe', 'ከበደ', 1, NOW(), '{uuid.uuid4()}');"
        f" UPDATE person_name SET given_name = 'Almaz', changed_by = 1 WHERE person_name_id = {name};"
        f" DELETE FROM person WHERE person_id = {person + 1};"
        f" ALTER TABLE person ADD COLUMN {column} varchar(20) NULL"
    )
    topics: dict[str, list[tuple[Any, Any]]] = {}
    other = "UPDATE obs SET comments = CONCAT('test ', NOW(6)) ORDER BY obs_id LIMIT 1"

    def last_one_arrived() -> bool:
        # The tables' topics are written in order, and this is the last statement.
        topics["person"] = server.consume(f"{PREFIX}.person", 5)
        return any(value and (value["after"] or {}).get(column) for _, value in topics["person"])

    try:
        server.sql(f"UPDATE person SET {column} = 'after the DDL' WHERE person_id = {person + 2}")
        file, position = server.sql(f"{other}; SHOW MASTER STATUS").split()[:2]
        server.sql(other)
        eventually(last_one_arrived, ARRIVAL, "the last of the events")
        topics["person_name"] = server.consume(f"{PREFIX}.person_name", 5)
        yield Written(person, name, column, (file, int(position)), topics)
    finally:
        server.sql(f"ALTER TABLE person DROP COLUMN {column}")


def test_an_insert_arrives_with_its_values(written: Written) -> None:
    (event,) = written.events("person", "person_id", written.person, 1)
    assert event["op"] == "c"
    assert event["before"] is None
    after = event["after"]
    assert (after["person_id"], after["gender"], after["voided"]) == (written.person, "F", 0)
    # As docs/consuming.md says: days since 1970, microseconds of the day, the wall clock as if it were UTC.
    assert after["birthdate"] == 5172
    assert after["birthtime"] == (6 * 3600 + 7 * 60 + 8) * 1_000_000
    assert after["date_created"] == 1_714_979_289_000
    source = event["source"]
    assert (source["db"], source["table"], source["snapshot"]) == ("openmrs", "person", "false")
    assert source["file"]
    assert source["pos"] > 0


def test_an_update_arrives_with_before_and_after(written: Written) -> None:
    insert, update = written.events("person_name", "person_name_id", written.name, 2)
    assert (insert["op"], update["op"]) == ("c", "u")
    assert update["before"] == insert["after"]
    changed = {key for key in update["after"] if update["after"][key] != update["before"][key]}
    assert changed == {"given_name", "changed_by"}
    assert (update["before"]["given_name"], update["after"]["given_name"]) == ("Abebe", "Almaz")
    assert update["after"]["family_name"] == "ከበደ"


def test_a_delete_arrives_with_what_was_there_and_a_tombstone(written: Written) -> None:
    insert, delete, tombstone = written.events("person", "person_id", written.person + 1, 3)
    assert delete["op"] == "d"
    assert delete["after"] is None
    assert delete["before"] == insert["after"]
    assert tombstone is None


def test_a_changed_table_is_followed(server: Server, written: Written) -> None:
    insert, update = written.events("person", "person_id", written.person + 2, 2)
    assert written.column not in insert["after"]
    assert update["before"][written.column] is None
    assert update["after"][written.column] == "after the DDL"
    assert f"ADD COLUMN {written.column}" in server.read("schema-changes.openmrs", 5)


def test_the_host_command_shows_the_change_of_a_name(server: Server, written: Written) -> None:
    seen = server.sh("event-log tail person_name --from-start --timeout 5 || test $? = 3", timeout=90)
    shown = [json.loads(line) for line in seen.splitlines()]
    mine = [one["value"] for one in shown if one["key"] == {"person_name_id": written.name}]
    assert [value["after"]["given_name"] for value in mine] == ["Abebe", "Almaz"]


def test_names_in_every_script_come_through_the_first_reading(server: Server) -> None:
    """The stream decodes the log itself; what a snapshot reads comes through the database's driver."""
    query = "SELECT person_name_id, family_name FROM person_name WHERE HEX(family_name) REGEXP '^(..)*[89A-F]'"
    written = {int(number): name for number, name in (line.split("\t") for line in server.sql(query).splitlines())}
    read = {
        key["person_name_id"]: value["after"]["family_name"]
        for key, value in server.consume(f"{PREFIX}.person_name", 5)
        if value and value["op"] == "r"
    }
    both = set(written) & set(read)
    assert len(both) > 10, "the sample has names in several scripts"
    assert {number: (written[number], read[number]) for number in both if written[number] != read[number]} == {}


def test_tables_that_were_not_chosen_have_no_topic(server: Server) -> None:
    topics = {name for name in server.topics() if name.startswith(f"{PREFIX}.")}
    chosen = {"person", "patient", "patient_identifier", "patient_identifier_type", "person_name", "person_address"}
    assert {name.removeprefix(f"{PREFIX}.") for name in topics} == chosen


CODECS = ("zstd", "snappy", "lz4")


def dumped(server: Server, *topics: str) -> dict[str, list[str]]:
    """The codec of every batch of each topic, as it lies on the broker's disk."""
    files = ",".join(f"/var/lib/kafka/data/log/{topic}-0/00000000000000000000.log" for topic in topics)
    said = server.exec(*IN_BROKER, "kafka-class", "org.apache.kafka.tools.DumpLogSegments", "--files", files)
    found: dict[str, list[str]] = {}
    topic = ""
    for line in said.splitlines():
        if line.startswith("Dumping "):
            topic = line.split("/")[-2].rpartition("-")[0]
        elif "compresscodec:" in line:
            found.setdefault(topic, []).append(line.split("compresscodec:")[1].split()[0].lower())
    return found


# What the worker writes and reads in every codec goes through the same broker: here only that its tools can.
@pytest.mark.parametrize("codec", ["zstd", *(pytest.param(codec, marks=pytest.mark.full) for codec in CODECS[1:])])
def test_the_broker_and_its_tools_read_and_write_every_codec(server: Server, codec: str) -> None:
    topic = f"test-codec-{uuid.uuid4().hex[:8]}"
    server.kafka("org.apache.kafka.tools.TopicCommand", "--create", "--topic", topic, "--partitions", "1")
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
    assert set(dumped(server, topic)[topic]) == {codec}


def test_the_worker_reads_and_writes_every_codec(server: Server) -> None:
    """On its read-only root: the codecs unpack native code into /tmp."""
    there = ("docker", "exec", "event-log-connect", "sh", "-c")
    text = "org.apache.kafka.connect.storage.StringConverter"
    common = {"tasks.max": "1", "key.converter": text, "value.converter": text}
    # A connector of a known name would go on where it was.
    topics = {codec: f"test-codec-{codec}-{uuid.uuid4().hex[:8]}" for codec in CODECS}
    lines = {codec: [f"{codec} {number} {uuid.uuid4().hex}" for number in range(50)] for codec in CODECS}
    wanted: dict[str, dict[str, str]] = {}
    for codec, topic in topics.items():
        words = " ".join(repr(line) for line in lines[codec])
        server.exec(*there, f"printf '%s\n' {words} > /tmp/{topic}-source; : > /tmp/{topic}-sink")
        wanted[f"{topic}-source"] = {
            **common,
            "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
            "file": f"/tmp/{topic}-source",
            "topic": topic,
            "producer.override.compression.type": codec,
            "topic.creation.default.partitions": "1",
            "topic.creation.default.replication.factor": "1",
        }
        wanted[f"{topic}-sink"] = {
            **common,
            "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
            "file": f"/tmp/{topic}-sink",
            "topics": topic,
            "consumer.override.metadata.max.age.ms": "1000",
        }
    try:
        for name, config in wanted.items():
            status, answer = server.request("PUT", f"/connectors/{name}/config", config)
            assert status in (200, 201), answer

        def through(codec: str) -> list[str]:
            return server.exec(*there, f"cat /tmp/{topics[codec]}-sink").splitlines()

        eventually(
            lambda: all(len(through(codec)) >= len(lines[codec]) for codec in CODECS),
            ARRIVAL,
            f"{len(lines['zstd'])} lines that went through the worker with each codec",
        )
        assert {codec: through(codec) for codec in CODECS} == lines
        batches = dumped(server, *topics.values())
        assert {codec: codec in batches[topic] for codec, topic in topics.items()} == dict.fromkeys(CODECS, True)
    finally:
        for name in wanted:
            server.request("DELETE", f"/connectors/{name}")
        server.exec(*there, "rm -f /tmp/test-codec-*")


def test_the_stored_offset_moves_on_when_only_other_tables_are_written(server: Server, written: Written) -> None:
    """Else the database may throw its log away before the connector has read on: heartbeats carry the position.

    The last test of this file, for the worker stores offsets once a minute.
    """

    def beyond() -> bool:
        status, answer = server.request("GET", f"/connectors/{CONNECTOR}/offsets")
        assert status == 200, answer
        stored = answer["offsets"][0]["offset"]
        return (stored["file"], stored["pos"]) >= written.elsewhere

    eventually(beyond, 90, f"an offset beyond {written.elsewhere}", pause=3)

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host command and the topic audit against a real broker."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from typing import Any, Dict, List, Optional

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _topic_audit
from ansible_collections.openmrs.event_log.tests.integration.conftest import Broker, answers, docker, wait_until

kafka = pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed (requirements-dev.txt)")
admin = pytest.importorskip("confluent_kafka.admin")

PERSON = "clitest.openmrs.person"
SEVERAL = "clitest.openmrs.obs"
MIXED = "clitest.openmrs.mixed"
MARKED = "clitest.openmrs.marked"


@pytest.fixture(scope="module", autouse=True)
def topics(broker: Broker) -> None:
    client = admin.AdminClient({"bootstrap.servers": broker.bootstrap})
    wanted = [
        admin.NewTopic(PERSON, 1, config={"cleanup.policy": "compact,delete", "retention.ms": "-1"}),
        admin.NewTopic(SEVERAL, 3),
        admin.NewTopic(MIXED, 1),
        admin.NewTopic(MARKED, 1),
    ]
    for made in client.create_topics(wanted).values():
        made.result(30)


def produce(broker: Broker, topic: str, count: int, codec: str = "zstd", size: int = 10, **more: Any) -> None:
    # Batches of one, so that a few events already make many batches.
    producer = kafka.Producer({"bootstrap.servers": broker.bootstrap, "compression.type": codec, **more})
    for number in range(count):
        value = {"op": "c", "after": {"id": number, "text": "አ" * size}}
        producer.produce(topic, key=json.dumps({"id": number}), value=json.dumps(value, ensure_ascii=False))
        producer.poll(0)
    assert producer.flush(30) == 0


def on_disk(broker: Broker, topic: str) -> Dict[str, Any]:
    done = broker.run("topics", "--json")
    assert done.returncode == 0, done.stderr
    found: Dict[str, Any] = next(entry for entry in json.loads(done.stdout)["topics"] if entry["topic"] == topic)
    return found


def watermarks(broker: Broker, topic: str, partition: int = 0) -> List[int]:
    reader = kafka.Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "clitest-watermarks"})
    try:
        return list(reader.get_watermark_offsets(kafka.TopicPartition(topic, partition), timeout=30))
    finally:
        reader.close()


def events_of(done: subprocess.CompletedProcess[str]) -> List[Dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_offsets_on_disk_are_the_brokers_over_every_codec_and_several_segments(broker: Broker) -> None:
    for codec in ("zstd", "lz4", "snappy", "gzip", "none"):
        produce(broker, MIXED, 600, codec, size=1000, **{"batch.num.messages": 10})
    found = on_disk(broker, MIXED)
    (part,) = found["partitions"]
    assert [part["start_offset"], part["end_offset"]] == watermarks(broker, MIXED) == [0, 3000]
    assert found["newest_ms"] - found["oldest_ms"] < 120_000
    logs = list((broker.data_dir / f"{MIXED}-0").glob("*.log"))
    assert len(logs) > 1, "the test is about several segments"
    assert found["bytes"] >= sum(path.stat().st_size for path in logs)
    assert found["bytes"] < 5_000_000, "preallocated indexes of 10 MB each must not count"


def test_several_partitions_are_added_up(broker: Broker) -> None:
    produce(broker, SEVERAL, 60)
    found = on_disk(broker, SEVERAL)
    assert found["events"] == sum(watermarks(broker, SEVERAL, number)[1] for number in range(3)) == 60
    assert len(found["partitions"]) == 3


def test_disk_agrees_with_the_broker_while_it_is_written(broker: Broker) -> None:
    producer = kafka.Producer({"bootstrap.servers": broker.bootstrap, "batch.num.messages": 5, "linger.ms": 0})
    for number in range(20):
        for _ in range(200):
            producer.produce(MIXED, value=str(number) * 50)
        producer.poll(0)
        low = watermarks(broker, MIXED)[1]
        (part,) = on_disk(broker, MIXED)["partitions"]
        high = watermarks(broker, MIXED)[1]
        assert low <= part["end_offset"] <= high
    assert producer.flush(30) == 0
    assert on_disk(broker, MIXED)["partitions"][0]["end_offset"] == watermarks(broker, MIXED)[1]


def test_records_deleted_by_request_are_no_longer_counted(broker: Broker) -> None:
    produce(broker, MIXED, 10)
    end = watermarks(broker, MIXED)[1]
    client = admin.AdminClient({"bootstrap.servers": broker.bootstrap})
    client.delete_records([kafka.TopicPartition(MIXED, 0, end - 4)])[kafka.TopicPartition(MIXED, 0)].result(30)
    wait_until(lambda: on_disk(broker, MIXED)["events"] == 4, 60, "the broker's checkpoint of the start offset")


def test_markers_of_transactions_count_as_offsets_and_aborted_events_are_not_shown(broker: Broker) -> None:
    producer = kafka.Producer({"bootstrap.servers": broker.bootstrap, "transactional.id": "clitest"})
    producer.init_transactions(30)
    for commit, value in ((True, '"kept"'), (False, '"aborted"')):
        producer.begin_transaction()
        producer.produce(MARKED, value=value)
        producer.flush(30)
        if commit:
            producer.commit_transaction(30)
        else:
            producer.abort_transaction(30)
    assert on_disk(broker, MARKED)["events"] == 4
    done = broker.run("tail", MARKED, "--from-start", "--timeout", "3")
    assert [event["value"] for event in events_of(done)] == ["kept"]


def test_tail_shows_keys_values_and_tombstones(broker: Broker) -> None:
    produce(broker, PERSON, 2)
    producer = kafka.Producer({"bootstrap.servers": broker.bootstrap})
    producer.produce(PERSON, key='{"id":0}', value=None)
    assert producer.flush(30) == 0
    done = broker.run("tail", "person", "--from-start", "--max", "3")
    assert done.returncode == 0, done.stderr
    first, _, last = events_of(done)
    assert (first["key"], first["value"]["after"]["text"][:2], first["offset"]) == ({"id": 0}, "አአ", 0)
    assert (last["key"], last["value"]) == ({"id": 0}, None)
    assert broker.tools_running() == []


def test_tail_reads_several_partitions_and_a_timeout_ends_it(broker: Broker) -> None:
    done = broker.run("tail", "obs", "--from-start", "--timeout", "5")
    assert done.returncode == 0
    assert len(events_of(done)) == on_disk(broker, SEVERAL)["events"]
    assert broker.run("tail", "obs", "--max", "1", "--timeout", "1").returncode == 3


def test_tail_misses_nothing_that_is_written_while_it_starts_and_ctrl_c_leaves_no_container(broker: Broker) -> None:
    with broker.start("tail", "person") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert PERSON in process.stderr.readline()
        produce(broker, PERSON, 1)  # the tool's JVM is not up yet
        event = json.loads(process.stdout.readline())
        assert event["value"]["op"] == "c"
        process.send_signal(signal.SIGINT)
        _, words = process.communicate(timeout=30)
    assert (process.returncode, "Traceback" in words) == (130, False)
    assert broker.tools_running() == []


@pytest.mark.parametrize("seconds", [0, 0.1, 0.2, 0.3, 0.5, 0.8])
def test_ctrl_c_before_the_tool_is_up_leaves_no_container_behind(broker: Broker, seconds: float) -> None:
    with broker.start("tail", "person") as process:
        assert process.stderr is not None
        process.stderr.readline()
        time.sleep(seconds)  # another moment of Docker's work each time
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130
    assert broker.tools_running() == []


def test_groups_show_who_is_how_far_behind(broker: Broker) -> None:
    group = "clitest readers"
    reader = kafka.Consumer({"bootstrap.servers": broker.bootstrap, "group.id": group, "enable.auto.commit": False})
    reader.commit(offsets=[kafka.TopicPartition(PERSON, 0, 1)], asynchronous=False)
    reader.close()
    done = broker.run("groups", "--json")
    assert done.returncode == 0, done.stderr
    found: Optional[Dict[str, Any]] = next((g for g in json.loads(done.stdout)["groups"] if g["group"] == group), None)
    assert found is not None, done.stdout
    assert (found["topic"], found["committed"], found["member"]) == (PERSON, 1, None)
    assert found["lag"] == watermarks(broker, PERSON)[1] - 1
    assert "nobody" in broker.run("groups").stdout
    told = json.loads(broker.run("overview", "--json").stdout)
    readers = {one["group"]: one for one in told["groups"]}
    assert readers[group]["events"] == found["lag"]
    assert (readers[group]["connected"], readers[group]["since"] is not None) == (False, True)
    assert f"{group} has not read {found['lag']} events" in told["text"]


def test_audit_reads_what_the_real_tool_prints(broker: Broker) -> None:
    text = broker.tool("org.apache.kafka.tools.TopicCommand", "--describe")
    found = _topic_audit.audit(
        text,
        [
            {"topic": PERSON, "partitions": 1, "configs": {"cleanup.policy": "delete,compact", "retention.ms": -1}},
            {"topic": SEVERAL, "partitions": 1, "configs": {"retention.ms": -1, "segment.bytes": 1048576}},
        ],
        _topic_audit.Broker(image=broker.image, bootstrap=broker.bootstrap),
    )
    assert [(problem.topic, problem.what.split(" ")[0]) for problem in found] == [
        (SEVERAL, "it"),
        (SEVERAL, "retention.ms"),
    ]
    command = found[1].repair.partition("Repair: sudo ")[2]
    assert docker(*command.split()[1:]).returncode == 0
    repaired = broker.tool("org.apache.kafka.tools.TopicCommand", "--describe", "--topic", SEVERAL)
    assert _topic_audit.audit(repaired, [{"topic": SEVERAL, "configs": {"retention.ms": -1}}]) == []


def test_topics_are_the_same_while_the_broker_is_down_and_tail_says_how_to_start_it(broker: Broker) -> None:
    def counted() -> Dict[str, int]:
        listed = json.loads(broker.run("topics", "--json").stdout)["topics"]
        return {entry["topic"]: entry["events"] for entry in listed}

    before = counted()
    assert docker("stop", "--time", "30", broker.name).returncode == 0
    try:
        assert counted() == before
        done = broker.run("tail", "person")
        assert done.returncode == 1
        assert "does not answer" in done.stderr
    finally:
        docker("start", broker.name)
        wait_until(lambda: answers(broker.port), 60, "the broker answers again")

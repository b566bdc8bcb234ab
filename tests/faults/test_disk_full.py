# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk that fills up below a real broker: each threshold of the guard, and a disk without a byte left.

The disk is a file of 400 MB with ext4. The broker keeps files of 1 MiB and looks every second for those that may go, so
that nobody waits for minutes; all else is as on a server, logins included. Events are numbered: what is lost shows.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from event_guard import disk
from event_guard.memory import Memory
from event_guard.settings import Guard
from event_log.settings import Settings, from_mapping

from tests.helpers import small_disk
from tests.helpers.secured_broker import UID, SecuredBroker, running
from tests.helpers.small_disk import NoDiskError, SmallDisk
from tests.helpers.workers import docker, wait_for
from tests.integration.conftest import project_image

PROJECT = "eventlog-fault-disk"
BROKER, WORKER = f"{PROJECT}-broker", f"{PROJECT}-connect"
OBS, PERSON, HISTORY = "openmrs.openmrs.obs", "openmrs.openmrs.person", "schema-changes.openmrs"
EXTRA = """\
log.segment.bytes=1048576
log.retention.check.interval.ms=1000
log.initial.task.delay.ms=1000
log.segment.delete.delay.ms=500
log.flush.start.offset.checkpoint.interval.ms=500
"""
EVENTS = {OBS: 4000, PERSON: 1500, HISTORY: 1000}
BYTES = 10_000
WAREHOUSE, LATE = 2600, 1700  # up to where the two groups have read obs
NOW = time.time()


@dataclass
class Site:
    """The disk, the broker on it, a container in the worker's place, and the guard."""

    disk: SmallDisk
    broker: SecuredBroker
    settings: Settings
    guard: Guard

    def round(self, after: float = 0) -> Memory:
        """One round of the guard, so many seconds later than the beginning."""
        memory = Memory.load(self.guard.directory)
        disk.step(self.settings, self.guard, memory, NOW + after)
        memory.save()
        return Memory.load(self.guard.directory)

    def acts(self) -> dict[str, int]:
        return dict(Memory.load(self.guard.directory).get("acts"))

    def worker_runs(self) -> bool:
        return "true" in docker("inspect", "--format", "{{.State.Running}}", WORKER)

    def begins(self, topic: str) -> int:
        client = self._client()
        try:
            return client.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)[0]
        except KafkaException as error:
            raise ConnectionError(str(error)) from error
        finally:
            client.close()

    def commit(self, group: str, topic: str, offset: int) -> None:
        client = self._client(group)
        client.commit(offsets=[TopicPartition(topic, 0, offset)], asynchronous=False)
        client.close()

    def read(self, topic: str, start: int) -> list[int]:
        """The numbers of the events from this offset to the end."""
        client = self._client()
        end = client.get_watermark_offsets(TopicPartition(topic, 0), timeout=20)[1]
        client.assign([TopicPartition(topic, 0, start)])
        found: list[int] = []
        deadline = time.monotonic() + 60
        while len(found) < end - start and time.monotonic() < deadline:
            for message in client.consume(500, timeout=1):
                assert message.error() is None, message.error()
                found.append(int(message.key() or b""))
        client.close()
        return found

    def write(self, topic: str, first: int, count: int, seconds: int = 60) -> tuple[list[int], int]:
        """Write numbered events; those that the broker acknowledged, and how many it did not take in that time."""
        taken: list[int] = []
        producer = Producer({**self.broker.service(), "message.timeout.ms": seconds * 1000})

        def told(error: Any, message: Any) -> None:
            if error is None:
                taken.append(int(message.key()))

        for number in range(first, first + count):
            producer.produce(topic, b"x" * BYTES, str(number), partition=0, on_delivery=told)
            producer.poll(0)
        producer.flush(seconds + 10)
        return taken, count - len(taken)

    def _client(self, group: str = "watermarks") -> Consumer:
        return Consumer({**self.broker.service(), "group.id": group, "enable.auto.commit": False})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root = tmp_path_factory.mktemp("disk")
    image = project_image()
    if image is None:
        pytest.skip("no image openmrs-event-log on this host")
    with ExitStack() as stack:
        try:
            mounted = stack.enter_context(small_disk.mounted(root, 400))
        except NoDiskError as error:
            pytest.skip(f"no disk of its own could be made here: {error}")
        data = mounted.path / "kafka"
        data.mkdir()
        broker = stack.enter_context(running(image, BROKER, data=data, extra=EXTRA))
        docker("rm", "--force", WORKER, check=False)
        docker("run", "--detach", "--name", WORKER, "--init", "--network", "none", image, "sleep", "infinity")
        stack.callback(docker, "rm", "--force", WORKER)
        made = Site(
            mounted, broker, _settings(root, image, broker, data / "log"), Guard(directory=mounted.path / "guard")
        )
        made.guard.directory.mkdir(mode=0o700)
        topics = [NewTopic(name, 1, 1) for name in EVENTS]
        client = AdminClient(broker.service())
        for future in client.create_topics(topics).values():
            future.result(30)
        for name, count in EVENTS.items():
            assert made.write(name, 0, count)[1] == 0
        made.commit("warehouse", OBS, WAREHOUSE)
        made.commit("late", OBS, LATE)
        yield made


def _settings(root: Path, image: str, broker: SecuredBroker, data: Path) -> Settings:
    """What the role writes: the broker's own settings, beside the login of the service."""
    home = root / "home"
    (home / "config" / "broker").mkdir(parents=True)
    listeners = f"listeners=BROKER://{broker.bootstrap},ADMIN://{broker.admin_bootstrap}\n"
    (home / "config" / "broker" / "server.properties").write_text(listeners)
    told = {
        "image": image, "bootstrap": broker.bootstrap, "data_dir": str(data), "project": PROJECT, "uid": UID,
        "gid": UID, "database": "openmrs", "topic_prefix": "openmrs", "logins": True,
        "client_dir": str(broker.client_dir.parent / "command"),
    }  # fmt: skip
    return from_mapping(told, home / "config" / "event-log.json")


def test_there_is_a_reserve_and_nothing_else_is_done_while_there_is_room(site: Site) -> None:
    assert site.disk.percent() > 50
    site.round()
    assert (site.guard.directory / "reserve").stat().st_blocks * 512 > 3 * 1024**2
    assert site.acts() == {"keep_reserve": 1}


def test_below_the_first_threshold_goes_what_every_group_has_read_and_no_more(site: Site) -> None:
    site.disk.leave(9)
    before = site.disk.percent()
    site.round(10)
    assert site.acts()["drop_read"] == 1
    wait_for("the broker frees it", lambda: site.disk.percent() > before + 2.5, 30)
    begins = site.begins(OBS)
    assert 0 < begins <= LATE
    assert site.read(OBS, begins) == list(range(begins, EVENTS[OBS]))
    assert (site.begins(PERSON), site.begins(HISTORY)) == (0, 0)
    assert site.worker_runs()


def test_a_group_that_is_expected_keeps_what_it_has_not_read(site: Site) -> None:
    begins = site.begins(OBS)
    expecting = replace(site, guard=replace(site.guard, consumer_groups=("not-there-yet",)))
    site.disk.leave(8)
    expecting.round(1000)
    assert site.begins(OBS) == begins


def test_below_the_second_threshold_the_worker_stops_and_unread_events_stay(site: Site) -> None:
    site.commit("late", OBS, site.begins(OBS))
    site.disk.leave(4)
    begun = time.monotonic()
    memory = site.round(3000)
    assert not site.worker_runs()
    assert time.monotonic() - begun < 60
    assert memory.get("waiting")["id"] == "disk_full"
    assert disk.refusal(site.settings, site.guard, memory) is not None
    assert site.begins(PERSON) == 0
    assert "drop_unread" not in site.acts()


def test_below_the_third_threshold_the_reserve_is_given_up(site: Site) -> None:
    site.disk.leave(2.5)
    site.round(3010)
    assert not (site.guard.directory / "reserve").exists()
    assert site.disk.percent() > 3.2


def test_by_consent_the_oldest_unread_events_go_and_the_gap_is_remembered(site: Site) -> None:
    site.disk.leave(4)
    consent = replace(site, guard=replace(site.guard, may_drop_unread=True))
    memory = consent.round(9000)
    assert site.acts()["drop_unread"] == 1
    gaps = memory.get("gaps", [])
    assert {gap["table"] for gap in gaps} <= {"obs", "person"}
    assert all(not gap["repaired"] and gap["from"] and gap["to"] for gap in gaps)
    wait_for("the broker frees it", lambda: site.disk.percent() > 6, 30)
    assert site.begins(HISTORY) == 0
    topic = gaps[0]["topic"]
    begins = site.begins(topic)
    assert f"to {begins - 1}" in gaps[0]["why"]
    assert site.read(topic, begins) == list(range(begins, EVENTS[topic]))


def test_a_disk_without_a_byte_left_loses_nothing_that_was_acknowledged(site: Site) -> None:
    site.disk.leave(50)
    site.round(20000)
    assert (site.guard.directory / "reserve").exists()
    begins = site.begins(OBS)
    site.disk.leave(0.5)
    taken, refused = site.write(OBS, EVENTS[OBS], 3000, seconds=8)  # 30 MB, where 2 are free
    assert refused > 0
    memory = site.round(30000)
    assert not (site.guard.directory / "reserve").exists()
    assert memory.get("disk")["level"] == "last"
    site.disk.leave(40)
    begun = time.monotonic()
    wait_for("the broker serves again", lambda: site.begins(OBS) == begins, 90, BROKER)
    print(f"{len(taken)} events were acknowledged; served again after {time.monotonic() - begun:.0f} s")
    there = site.read(OBS, begins)
    assert set(range(begins, EVENTS[OBS])) | set(taken) <= set(there)
    last = 10**6
    assert site.write(OBS, last, 10) == (list(range(last, last + 10)), 0)
    assert site.read(OBS, begins)[-10:] == list(range(last, last + 10))


def test_with_room_again_the_worker_may_start(site: Site) -> None:
    memory = site.round(40000)
    assert memory.get("disk")["level"] == "ok"
    assert disk.refusal(site.settings, site.guard, memory) is None
    assert json.dumps(memory.get("disk")["dropped"]).count("bytes") >= 2

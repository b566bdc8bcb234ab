# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker runs out of memory in the middle of a snapshot: its own heap, or what its container may have."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, Set

import pytest
from confluent_kafka import Consumer, TopicPartition

from tests.helpers.fault_load import Load, outcome
from tests.helpers.fault_site import STACK, WORKER, WORKER_OPTIONS, Site, replayed
from tests.helpers.on_site import OnSite, on_site, remade
from tests.helpers.workers import docker, wait_for

ROWS = 40  # of 6 MB, as large as the topics take: more than either limit has
#: A queue that is larger than the memory: what the collection's own limit of 32 MB keeps from happening.
GREEDY = {"max.queue.size": "1000000", "max.queue.size.in.bytes": "0", "max.batch.size": "20000"}
#: Between restarts, as a share of a minute; on a server 1, 2, 4 … 60 minutes.
MINUTES = [0.05, 0.1, 0.2]
#: Starts in vain after which a person is told; on a server 5.
AFTER = 3
pytestmark = pytest.mark.full

LIMITS: Dict[str, List[str]] = {
    "heap": ["--env", "KAFKA_HEAP_OPTS=-Xms128m -Xmx128m"],
    "container": ["--env", "KAFKA_HEAP_OPTS=-Xms1g -Xmx1g", "--memory", "320m", "--memory-swap", "320m"],
}
TOLD = {"heap": "exit code 3, as when its heap is full", "container": "exit code 137, out of memory"}


@pytest.fixture
def large(site: Site) -> Iterator[str]:
    """A table of long texts."""
    site.sql("CREATE TABLE openmrs.obs (obs_id int PRIMARY KEY AUTO_INCREMENT, value_text mediumtext)")
    for _ in range(ROWS):
        site.sql("INSERT INTO openmrs.obs (value_text) VALUES (REPEAT('a text ', 850000))")
    yield "obs"
    site.sql("DROP TABLE openmrs.obs")


def config(site: Site, name: str, table: str) -> Dict[str, str]:
    usual = site.config(name)
    return {**usual, "table.include.list": rf"{usual['table.include.list']},openmrs\.{table}"}


def keys(topic: str) -> Set[int]:
    """The keys that came to a topic until now."""
    reader = Consumer({"bootstrap.servers": STACK.bootstrap, "group.id": "nobody", "enable.auto.commit": False})
    try:
        _, end = reader.get_watermark_offsets(TopicPartition(topic, 0), 30)
        reader.assign([TopicPartition(topic, 0, 0)])
        found: Set[int] = set()
        at = 0
        while at < end:
            message = reader.poll(30)
            assert message is not None and not message.error(), message and message.error()
            at = int(message.offset() or 0) + 1
            found |= set(json.loads(message.key() or b"{}").values())
        return found
    finally:
        reader.close()


@pytest.mark.parametrize("what", list(LIMITS))
def test_a_worker_without_memory_in_a_snapshot_is_told_and_started_again_until_it_has_some(
    site: Site, large: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    name = f"memory-{what}"
    options = f"-XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError {WORKER_OPTIONS}"
    with Load(8, pause=0.1) as load:
        with remade(WORKER, "--env", f"KAFKA_OPTS={options}", *LIMITS[what]):
            site.await_worker()
            guard = on_site(
                site, name, tmp_path, monkeypatch, remembered=False, restart_minutes=MINUTES, report_after=AFTER
            )
            site.known.append(name)
            site.rest("PUT", f"/connectors/{name}/config", {**config(site, name, large), **GREEDY})
            began = time.monotonic()
            wait_for("the worker ends", lambda: ended() != {}, 180, WORKER)
            died = time.monotonic() - began
            print(f"{what}: ended after {died:.0f} s: {ended()}; {guard.verdict().sentence}")
            assert TOLD[what] in guard.verdict().sentence
            vain = f"Kafka Connect was started again {AFTER} times and does not last"
            guard.until("it is told that starts do not help", lambda: vain in guard.told(), 600)
            gaps = between(guard)
            told = guard.told()
            assert TOLD[what] in told
        # What the remedy says: more memory, and the collection's own limit of the queue.
        site.await_worker()
        site.rest("PUT", f"/connectors/{name}/config", config(site, name, large))
        back = guard.until("the snapshot is over", lambda: site.streams(name), 300)
    wait_for("every row is there as it is", lambda: all_right(site, name), 180, WORKER)
    events = site.events(name)
    stale = set(replayed(events)) - set(site.rows())
    # Each snapshot begins anew: a row that an earlier one read, and that was deleted in between, no event takes away.
    assert all(event.op == "r" for event in events if event.key in stale)
    end = outcome(events, site.rows(), load)
    assert keys(f"{name}.openmrs.{large}") == {key for (key,) in site.sql("SELECT obs_id FROM openmrs.obs")}
    print(f"{what}: {ROWS} rows, read {back:.0f} s after it had memory; {load.writes} writes, {end},"
          f" {len(stale)} stale; starts {gaps} s apart; {told}")  # fmt: skip
    assert guard.remembered()["hold"] == {}


def ended() -> Dict[str, Any]:
    """How the worker's container ended; nothing while it runs."""
    state: Dict[str, Any] = json.loads(docker("inspect", "--format", "{{json .State}}", WORKER))
    return {} if state["Running"] else {key: state[key] for key in ("ExitCode", "OOMKilled")}


def between(guard: OnSite) -> List[int]:
    """Seconds between the starts."""
    times = [one["time"] for one in guard.recent() if one["act"] == "start_worker"]
    moments = [time.mktime(time.strptime(one, "%Y-%m-%dT%H:%M:%SZ")) for one in times]
    return [int(later - sooner) for sooner, later in zip(moments, moments[1:])]


def all_right(site: Site, name: str) -> bool:
    state = replayed(site.events(name))
    return all(state.get(key) == row for key, row in site.rows().items())

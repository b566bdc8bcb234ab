# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example consumer against real brokers: the tests' own, and the running event log where there is one."""

from __future__ import annotations

import json
import re
import sqlite3
import uuid
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import pytest
from ansible_collections.openmrs.event_log.docs.examples import consumer
from ansible_collections.openmrs.event_log.tests.integration.conftest import Broker, answers

kafka = pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed (requirements-dev.txt)")
admin = pytest.importorskip("confluent_kafka.admin")

TOPIC = "clitest.openmrs.state"
LIVE, LIVE_ADMIN = "127.0.0.1:9092", "127.0.0.1:9094"
SECRETS = Path("/opt/event-log/secrets")
LIVE_TOPICS = "^openmrs[.]openmrs[.].*"


def event(op: str, pos: int, name: Optional[str]) -> str:
    source = {"file": "binlog.000001", "pos": pos, "row": 0, "ts_ms": pos}
    return json.dumps({"op": op, "before": None, "after": name and {"name": name}, "source": source})


def rows(path: Path) -> Dict[str, Any]:
    with sqlite3.connect(path) as db:
        return {key: data and json.loads(data) for key, data in db.execute("SELECT key, data FROM state")}


@pytest.fixture(scope="module")
def topic(broker: Broker) -> str:
    client = admin.AdminClient({"bootstrap.servers": broker.bootstrap})
    client.create_topics([admin.NewTopic(TOPIC, 1)])[TOPIC].result(30)
    return TOPIC


def send(broker: Broker, topic: str, *values: Optional[str]) -> None:
    producer = kafka.Producer({"bootstrap.servers": broker.bootstrap, "compression.type": "zstd"})
    for value in values:
        producer.produce(topic, key='{"person_id":1}', value=value)
    assert producer.flush(30) == 0


def test_state_is_kept_repeats_are_not_news_and_it_goes_on_where_it_was(
    broker: Broker, topic: str, tmp_path: Path
) -> None:
    path = tmp_path / "state.db"

    def read(group: str = "state") -> int:
        news: int = consumer.run([topic], path=str(path), broker=broker.bootstrap, group=group, idle=5)
        return news

    first = [event("c", 10, "Amina"), event("u", 20, "Aminata")]
    send(broker, topic, *first)
    assert read() == 2
    assert rows(path) == {'{"person_id": 1}': {"name": "Aminata"}}
    send(broker, topic, *first, event("d", 30, None), None)
    assert read() == 1, "the offsets were committed, and the repeats are known by their positions"
    assert rows(path) == {'{"person_id": 1}': None}
    assert read(group="state-again") == 0, "all of it once more changes nothing"


def test_offset_is_not_committed_when_the_write_failed(
    broker: Broker, topic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(broker, topic, event("c", 100, "Chipo"))

    def broken(*_: Any) -> bool:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(consumer, "apply", broken)
        with pytest.raises(sqlite3.OperationalError):
            consumer.run([topic], path=str(tmp_path / "a.db"), broker=broker.bootstrap, group="fails", idle=10)
    news = consumer.run([topic], path=str(tmp_path / "a.db"), broker=broker.bootstrap, group="fails", idle=5)
    assert news > 0


def live_login(directory: str) -> Dict[str, str]:
    """What the host's own tools log in with, for librdkafka; nothing where the broker has no logins."""
    path = SECRETS / directory / "client.properties"
    if not path.exists():
        return {}
    given = dict(line.split("=", 1) for line in path.read_text(encoding="utf-8").splitlines() if "=" in line)
    if given["security.protocol"] == "PLAINTEXT":
        return {}
    login = dict(re.findall(r'(\w+)="([^"]*)"', given["sasl.jaas.config"]))
    return {
        "security.protocol": given["security.protocol"],
        "sasl.mechanisms": given["sasl.mechanism"],
        "sasl.username": login["username"],
        "sasl.password": login["password"],
    }


@pytest.fixture
def live_group() -> Iterator[str]:
    """A group of this test's own in the running event log, forgotten afterwards."""
    if not answers(9092):
        pytest.skip(f"no event log runs here (nothing answers at {LIVE})")
    login = live_login("command")
    names = admin.AdminClient({"bootstrap.servers": LIVE, **login}).list_topics(timeout=10).topics
    if not any(name.startswith("openmrs.openmrs.") for name in names):
        pytest.skip(f"the broker at {LIVE} has no topic openmrs.openmrs.*")
    # The account of the host's command may use groups that begin so, as Kafka's own consumer names them.
    group = f"console-consumer-{uuid.uuid4()}"
    yield group
    service = {"bootstrap.servers": LIVE_ADMIN, **live_login("admin")} if login else {"bootstrap.servers": LIVE}
    admin.AdminClient(service).delete_consumer_groups([group])[group].result(30)


def test_real_events_of_the_running_event_log_are_understood(live_group: str, tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    told: Dict[str, Any] = {"path": str(path), "broker": LIVE, "group": live_group, "account": live_login("command")}
    assert consumer.run([LIVE_TOPICS], idle=8, **told) > 0
    present: List[Dict[str, Any]] = [data for data in rows(path).values() if data is not None]
    assert present
    assert all(isinstance(data, dict) for data in present)

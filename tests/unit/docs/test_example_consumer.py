# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example consumer's own decision: what is news, and what the table says afterwards."""

from __future__ import annotations

import importlib.util
import json
import sqlite3
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Dict, Iterator, List, Optional, Tuple

import pytest

EXAMPLE = Path(__file__).resolve().parents[3] / "docs" / "examples" / "consumer.py"
TOPIC = "openmrs.openmrs.person"
Sent = Tuple[bytes, Optional[bytes]]


@pytest.fixture(scope="module")
def consumer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("example_consumer", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # The client library is needed to read, not to decide: a stand-in where it is not installed.
    if importlib.util.find_spec("confluent_kafka") is None:
        stand_in = ModuleType("confluent_kafka")
        stand_in.Consumer = stand_in.KafkaError = stand_in.KafkaException = Exception  # type: ignore[attr-defined]
        sys.modules["confluent_kafka"] = stand_in
        try:
            spec.loader.exec_module(module)
        finally:
            del sys.modules["confluent_kafka"]
    else:
        spec.loader.exec_module(module)
    return module


@pytest.fixture
def db(consumer: ModuleType) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.execute(consumer.TABLE)
    yield connection
    connection.close()


def event(op: str, key: int, pos: int, **more: Any) -> Sent:
    source = {"file": more.get("file", "binlog.000009"), "pos": pos, "row": more.get("row", 0)}
    source["ts_ms"] = more.get("ts_ms", 1_000)
    row = None if op == "d" else {"person_id": key, "gender": more.get("gender", "F")}
    value = {"before": None, "after": row, "op": op, "source": source}
    return json.dumps({"person_id": key}).encode(), json.dumps(value).encode()


def rows(db: sqlite3.Connection) -> Dict[str, Any]:
    return {key: data and json.loads(data) for key, data in db.execute("SELECT key, data FROM state")}


def feed(consumer: ModuleType, db: sqlite3.Connection, *events: Sent) -> List[bool]:
    return [consumer.apply(db, TOPIC, key, value) for key, value in events]


FIRST = event("c", 1, 100, gender="M")
SECOND = event("u", 1, 200, gender="F")
GONE = event("d", 1, 300)


def test_state_follows_create_update_and_delete(consumer: ModuleType, db: sqlite3.Connection) -> None:
    assert feed(consumer, db, FIRST, SECOND) == [True, True]
    assert rows(db) == {'{"person_id": 1}': {"person_id": 1, "gender": "F"}}
    assert feed(consumer, db, GONE, (FIRST[0], None)) == [True, False]
    assert rows(db) == {'{"person_id": 1}': None}


def test_repeats_change_nothing_even_after_the_delete(consumer: ModuleType, db: sqlite3.Connection) -> None:
    feed(consumer, db, FIRST, SECOND)
    assert feed(consumer, db, FIRST, SECOND) == [False, False]
    assert rows(db) == {'{"person_id": 1}': {"person_id": 1, "gender": "F"}}
    feed(consumer, db, GONE)
    assert feed(consumer, db, FIRST, SECOND, GONE) == [False, False, False]
    assert rows(db) == {'{"person_id": 1}': None}


def test_rows_of_one_binlog_event_are_told_apart_by_row(consumer: ModuleType, db: sqlite3.Connection) -> None:
    assert feed(consumer, db, event("u", 1, 100, row=0), event("u", 1, 100, row=1)) == [True, True]


def test_changes_that_share_a_position_are_both_taken_and_their_repeats_end_in_the_same_state(
    consumer: ModuleType, db: sqlite3.Connection
) -> None:
    one, two = event("u", 1, 100, gender="M"), event("u", 1, 100, gender="F")
    assert feed(consumer, db, one, two, two) == [True, True, False]
    feed(consumer, db, one, two)
    assert rows(db)['{"person_id": 1}']["gender"] == "F"


def test_next_binlog_file_is_later_whatever_the_position_and_the_number_of_digits(
    consumer: ModuleType, db: sqlite3.Connection
) -> None:
    later = event("u", 1, 4, file="binlog.1000000")
    assert feed(consumer, db, event("c", 1, 900, file="binlog.999999"), later) == [True, True]
    assert feed(consumer, db, event("c", 1, 900, file="binlog.999999")) == [False]


def test_database_that_numbers_its_binlogs_anew_is_not_ignored(consumer: ModuleType, db: sqlite3.Connection) -> None:
    feed(consumer, db, event("c", 1, 500, file="binlog.000900", ts_ms=10))
    assert feed(consumer, db, event("u", 1, 4, file="binlog.000001", ts_ms=11, gender="X")) == [True]
    assert rows(db)['{"person_id": 1}']["gender"] == "X"


def test_snapshot_read_counts_as_state(consumer: ModuleType, db: sqlite3.Connection) -> None:
    assert feed(consumer, db, event("r", 5, 0), event("r", 5, 0)) == [True, False]
    assert rows(db) == {'{"person_id": 5}': {"person_id": 5, "gender": "F"}}


def test_topics_and_keys_are_kept_apart_and_key_order_does_not_matter(
    consumer: ModuleType, db: sqlite3.Connection
) -> None:
    value = FIRST[1]
    assert consumer.apply(db, TOPIC, b'{"a":1,"b":2}', value)
    assert not consumer.apply(db, TOPIC, b'{"b": 2, "a": 1}', value)
    assert consumer.apply(db, "other", b'{"a":1,"b":2}', value)


def test_event_without_a_key_is_left_out(consumer: ModuleType, db: sqlite3.Connection) -> None:
    assert not consumer.apply(db, TOPIC, None, FIRST[1])


def test_without_an_account_there_is_no_login(consumer: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVENT_LOG_USER", raising=False)
    assert consumer.login() == {}


def test_the_password_of_an_account_comes_from_a_file_that_nobody_else_may_read(
    consumer: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = tmp_path / "password"
    place.write_text("made-up-for-this-test\n", encoding="utf-8")
    monkeypatch.setenv("EVENT_LOG_USER", "dashboard")
    monkeypatch.setenv("EVENT_LOG_PASSWORD_FILE", str(place))
    place.chmod(0o640)
    with pytest.raises(SystemExit, match="chmod 600"):
        consumer.login()
    place.chmod(0o600)
    assert consumer.login() == {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanisms": "SCRAM-SHA-512",
        "sasl.username": "dashboard",
        "sasl.password": "made-up-for-this-test",
    }

#!/usr/bin/env python3
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the current state of OpenMRS tables in SQLite. Needs: pip install confluent-kafka==2.16.1"""

import json
import os
import sqlite3
import sys
from pathlib import Path
from typing import Dict, List, Optional

from confluent_kafka import Consumer, KafkaError, KafkaException

TABLE = """CREATE TABLE IF NOT EXISTS state (
  topic TEXT, key TEXT, file INTEGER, pos INTEGER, row_no INTEGER, ts_ms INTEGER, data TEXT,
  PRIMARY KEY (topic, key)) -- data is NULL once the row was deleted: its position keeps repeats out"""


def apply(db: sqlite3.Connection, topic: Optional[str], key: Optional[bytes], value: Optional[bytes]) -> bool:
    """Bring one event into the table; True if it was news, False if it was a tombstone or seen before."""
    if key is None or value is None:  # a table without a primary key; the tombstone after a delete
        return False
    event, row_key = json.loads(value), json.dumps(json.loads(key), sort_keys=True)
    source = event["source"]
    position = (int(source["file"].rpartition(".")[2]), source["pos"], source["row"])
    data = None if event["op"] == "d" else json.dumps(event["after"], ensure_ascii=False)
    query = "SELECT file, pos, row_no, ts_ms, data FROM state WHERE (topic, key) = (?, ?)"
    known = db.execute(query, (topic, row_key)).fetchone()
    # A repeat is not later, neither by position nor by time (by time alone: the database numbers its binlogs anew).
    if known and source["ts_ms"] <= known[3] and (position < known[:3] or (*position, data) == (*known[:3], known[4])):
        return False
    db.execute("REPLACE INTO state VALUES (?,?,?,?,?,?,?)", (topic, row_key, *position, source["ts_ms"], data))
    return True


def login() -> Dict[str, str]:
    """The account at the broker: its name from the environment, its password from a file that only you may read."""
    user = os.environ.get("EVENT_LOG_USER")
    if not user:  # a broker without logins
        return {}
    path = Path(os.environ.get("EVENT_LOG_PASSWORD_FILE", "password"))
    if path.stat().st_mode & 0o077:
        sys.exit(f"Others may read {path}: chmod 600 {path}")
    return {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanisms": "SCRAM-SHA-512", "sasl.username": user,
            "sasl.password": path.read_text(encoding="utf-8").strip()}  # fmt: skip


def give_up(error: KafkaError) -> None:
    """A login that is refused will be refused again; whatever else happens, the library tries again by itself."""
    if error.name() in ("_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED"):
        raise KafkaException(error)


def run(topics: List[str], path: str = "state.db", broker: str = "127.0.0.1:9092", group: str = "openmrs-state",
        *, idle: Optional[float] = None, account: Optional[Dict[str, str]] = None) -> int:  # fmt: skip
    """Read until Ctrl-C, or until nothing came for ``idle`` seconds; returns how many events were news."""
    db, news, quiet = sqlite3.connect(path), 0, 0.0
    db.execute(TABLE)
    consumer = Consumer({"bootstrap.servers": broker, "group.id": group, "auto.offset.reset": "earliest",
                         "enable.auto.commit": False, "isolation.level": "read_committed",
                         "error_cb": give_up, **(account or {})})  # fmt: skip
    consumer.subscribe(topics)
    try:
        while idle is None or quiet < idle:
            messages = consumer.consume(500, timeout=0.2)
            quiet = 0.0 if messages else quiet + 0.2
            for message in messages:
                if message.error():
                    raise KafkaException(message.error())
                news += apply(db, message.topic(), message.key(), message.value())
            if messages:
                db.commit()  # first the write, then the offset: after a crash events repeat, none is lost
                consumer.commit(asynchronous=False)
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()
        db.close()
    return news


if __name__ == "__main__":
    group_id = os.environ.get("EVENT_LOG_USER", "openmrs-state")  # an account may use the group of its own name
    run(sys.argv[1:] or ["^openmrs[.]openmrs[.].*"], group=group_id, account=login())

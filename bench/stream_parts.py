# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S608 - tables and numbers of the benchmark's own database
"""The measurements of the stream, each of one variant on a fresh copy of the filled disk. Plain figures come back."""

from __future__ import annotations

import contextlib
import json
import math
import statistics
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import Any, Sequence

from confluent_kafka import Consumer, TopicPartition

from bench.stream_rig import (
    Filled,
    client,
    end,
    events,
    forget_peak,
    processor_seconds,
    resident_mb,
    topic_bytes,
    until,
)
from tests.faults.stack import BROKER, WORKER, Stack
from tests.faults.variants import BOOTSTRAP, PREFIX, Variant

LIMIT = 1800.0  # seconds; nothing here takes longer on 2 processors
Figures = dict[str, Any]


def nearest_rank(values: Sequence[float], share: float) -> float:
    """A value that was measured, not one between two."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def snapshot(filled: Filled, variant: Variant, slow: str = "") -> Figures:
    """The first reading of a database: from the registration to the last row in Kafka."""
    with filled.up(variant, slow) as stack:
        counted = [stack.sql(f"SELECT COUNT(*) FROM openmrs.{table}")[0][0] for table in variant.tables]
        rows = sum(counted)
        for name in (BROKER, WORKER):
            forget_peak(stack, name)
        used = processor_seconds(stack, WORKER)
        begun = time.monotonic()
        stack.register()
        until("the first row", lambda: events(variant.tables), LIMIT, stack)
        first, seen = time.monotonic(), events(variant.tables)
        until("the last row", lambda: events(variant.tables) >= rows, LIMIT, stack)
        last = time.monotonic()
        return {
            "rows": rows,
            "seconds": last - begun,
            "rows_s": rows / (last - begun),
            "flowing_rows_s": (rows - seen) / (last - first),
            "worker_cpu_s": processor_seconds(stack, WORKER) - used,
            "bytes_per_event": topic_bytes(stack, variant.tables) / rows,
            "broker_peak_mb": resident_mb(stack, BROKER, "VmHWM"),
            "worker_peak_mb": resident_mb(stack, WORKER, "VmHWM"),
        }


def floor(filled: Filled, variant: Variant) -> Figures:
    """The same rows by the database's own client, thrown away: nothing that reads them can be faster."""
    with filled.up(variant) as stack:
        begun, rows = time.monotonic(), 0
        for table in variant.tables:
            command = [*client().to("openmrs"), f"--execute=SELECT * FROM {table}"]
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True, timeout=LIMIT)
            rows += stack.sql(f"SELECT COUNT(*) FROM openmrs.{table}")[0][0]
        return {"rows": rows, "seconds": time.monotonic() - begun}


def streaming(stack: Stack) -> None:
    """Register the connector and wait until the snapshot is over: obs has an event that is not of it."""
    stack.register()
    rows = stack.sql("SELECT COUNT(*) FROM openmrs.obs")[0][0]
    until("the first snapshot", lambda: events(("obs",)) >= rows, LIMIT, stack)
    stack.sql("UPDATE openmrs.obs SET comments = 'over' ORDER BY obs_id LIMIT 1")
    until("the stream", lambda: events(("obs",)) > rows, LIMIT, stack)


@dataclass
class Arrivals:
    """Reads the topic of obs from its end and remembers when each numbered change came."""

    seen: dict[int, float]
    stop: threading.Event

    def read(self, ready: threading.Event) -> None:
        consumer = Consumer(
            {"bootstrap.servers": BOOTSTRAP, "group.id": "nobody", "enable.auto.commit": False, "fetch.wait.max.ms": 10}
        )
        with contextlib.closing(consumer):
            topic = TopicPartition(f"{PREFIX}.openmrs.obs", 0)
            _, topic.offset = consumer.get_watermark_offsets(topic, timeout=30)  # the end as it is before the changes
            consumer.assign([topic])
            ready.set()
            while not self.stop.is_set():
                for message in consumer.consume(500, timeout=0.01):
                    if message.error():
                        continue  # librdkafka tells of it, and goes on
                    now, value = time.monotonic(), message.value()
                    told = str((json.loads(value)["after"] or {}).get("comments")) if value else ""
                    if told.startswith("n"):
                        self.seen.setdefault(int(told[1:]), now)


def commits(stack: Stack, rate: int, seconds: float, numbered: int = 0) -> list[float]:
    """Commit changes at a rate, each of one row; when each commit had returned.

    ``numbered`` is the first change's number: one that leaves a row as it is makes no event.
    """
    first = stack.sql("SELECT MIN(obs_id) FROM openmrs.obs")[0][0]
    done: list[float] = []
    with stack.session() as link, link.cursor() as cursor:
        begun = time.monotonic()
        for number in range(int(rate * seconds)):
            time.sleep(max(0.0, begun + number / rate - time.monotonic()))
            cursor.execute(
                "UPDATE openmrs.obs SET comments = %s WHERE obs_id = %s",
                (f"n{numbered + number}", first + number % 1000),
            )
            done.append(time.monotonic())
    return done


def latency(filled: Filled, variant: Variant, rates: Sequence[int], seconds: float, idle: float) -> Figures:
    """From the commit's answer to the event at a consumer, in ms, and the worker's share when nothing happens."""
    with filled.up(variant) as stack:
        streaming(stack)
        found: Figures = {}
        numbered = 0
        for rate in rates:
            arrivals, ready = Arrivals({}, threading.Event()), threading.Event()
            reader = threading.Thread(target=arrivals.read, args=(ready,), daemon=True)
            reader.start()
            ready.wait(30)
            done = commits(stack, rate, seconds, numbered)
            until("every change", lambda: len(arrivals.seen) >= len(done), 120, stack)  # noqa: B023 - asked before the next rate
            arrivals.stop.set()
            reader.join(10)
            took = [1000 * (arrivals.seen[number] - moment) for number, moment in enumerate(done, numbered)]
            numbered += len(done)
            found[str(rate)] = {
                "commits_s": len(done) / (done[-1] - done[0]),
                "p50_ms": statistics.median(took),
                "p99_ms": nearest_rank(took, 0.99),
                "most_ms": max(took),
            }
        time.sleep(idle)  # Java goes on compiling for a while what the load made it run
        used, begun = processor_seconds(stack, WORKER), time.monotonic()
        time.sleep(idle)
        share = (processor_seconds(stack, WORKER) - used) / (time.monotonic() - begun)
        return {"at": found, "idle_worker_percent": 100 * share}


def catch_up(filled: Filled, variant: Variant, changes: int) -> Figures:
    """The worker was off while the database was written to: how fast it comes after."""
    with filled.up(variant) as stack:
        streaming(stack)
        end(stack, WORKER)
        before = events(("obs",))
        first, size = stack.sql("SELECT MIN(obs_id) FROM openmrs.obs")[0][0], 10
        stack.sql("SET GLOBAL sync_binlog = 0", "SET GLOBAL innodb_flush_log_at_trx_commit = 0")
        with stack.session() as link, link.cursor() as cursor:
            for number in range(0, changes, size):
                start = first + number % (filled.obs - size)
                cursor.execute(
                    f"UPDATE openmrs.obs SET comments = 'm{number}' WHERE obs_id BETWEEN {start} AND {start + size - 1}"
                )
        begun = time.monotonic()
        stack.start(WORKER)
        stack.await_worker()
        until("the first of the backlog", lambda: events(("obs",)) > before, LIMIT, stack)
        came, seen = time.monotonic(), events(("obs",))
        until("all of the backlog", lambda: events(("obs",)) >= before + changes, LIMIT, stack)
        over = time.monotonic()
        return {
            "changes": changes,
            "seconds_from_start": over - begun,
            "changes_s": (before + changes - seen) / (over - came),
        }


def trickle(filled: Filled, variant: Variant, saves: int, rows: int, pause: float) -> Figures:
    """What a form takes on the broker's disk: each save writes a few rows of obs at once, and nothing else goes on."""
    with filled.up(variant) as stack:
        streaming(stack)
        listed = stack.sql(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'openmrs' AND table_name = 'obs'"
            " AND column_name <> 'obs_id' ORDER BY ordinal_position"
        )
        names = [name for (name,) in listed]
        values = ", ".join("UUID()" if name == "uuid" else name for name in names)
        first = stack.sql("SELECT MIN(obs_id) FROM openmrs.obs")[0][0]
        count, size = events(("obs",)), topic_bytes(stack, ("obs",))
        with stack.session() as link, link.cursor() as cursor:
            for number in range(saves):
                start = first + number * rows
                cursor.execute(
                    f"INSERT INTO openmrs.obs ({', '.join(names)}) SELECT {values} FROM openmrs.obs"
                    f" WHERE obs_id BETWEEN {start} AND {start + rows - 1}"
                )
                time.sleep(pause)  # nothing is waited for: it is the load that is slow
            written = stack.sql("SELECT COUNT(*) FROM openmrs.obs")[0][0] + 1  # streaming() has changed one
        until("every save", lambda: events(("obs",)) >= written, 120, stack)
        grown = topic_bytes(stack, ("obs",)) - size
        return {"events": written - count, "bytes_per_event": grown / (written - count)}


def memory(filled: Filled, variant: Variant, changes: int) -> Figures:
    """Resident memory of broker and worker: just started, at most in the first snapshot, after a day's changes."""
    with filled.up(variant) as stack:
        time.sleep(10)  # no event tells that a JVM has settled
        found: Figures = {"started": _both(stack)}
        for name in (BROKER, WORKER):
            forget_peak(stack, name)
        streaming(stack)
        found["snapshot_peak"] = _both(stack, "VmHWM")
        before = events(("obs",))
        commits(stack, 200, changes / 200)
        until("the day's changes", lambda: events(("obs",)) >= before + changes, 120, stack)
        time.sleep(10)  # likewise
        found["after_a_day"] = _both(stack)
        return found


def _both(stack: Stack, what: str = "VmRSS") -> Figures:
    broker, worker = resident_mb(stack, BROKER, what), resident_mb(stack, WORKER, what)
    return {"broker_mb": broker, "worker_mb": worker, "both_mb": broker + worker}

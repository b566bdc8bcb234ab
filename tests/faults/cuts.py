# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run under load: copies of the disk at random moments, and what lies on each of them."""

from __future__ import annotations

import contextlib
import json
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator, Mapping, Optional, Sequence

import pymysql

from tests.faults import logs
from tests.faults.compare import Event, Ordered, Place, order
from tests.faults.disk import Disk, new_disk, run
from tests.faults.follower import Follower, topic
from tests.faults.load import BEFORE, DATABASE, STEADY, TABLES, Load, Transaction
from tests.faults.stack import LOG_DIR, MARK, WORKER, Stack, wait_for
from tests.faults.variants import CONFIGS, CONNECTOR, OFFSETS, PREFIX, Variant

HISTORY = f"schema-changes.{PREFIX}-0"
LOOKERS = 4
DUPLICATE_COLUMN = 1060
RATE = 150  # transactions a second, at most


@dataclass
class Run:
    """A run that has ended: its copies, and what the topics held at last."""

    variant: Variant
    load: Load
    slow: str = ""  # a library that makes each sync take longer
    copies: list[Path] = field(default_factory=list)
    topics: dict[str, list[Event]] = field(default_factory=dict)
    kept_from: int = 0  # the first message of the steady table that retention had left in the end
    history: list[Place] = field(default_factory=list)
    transactions: int = 0


class Writer(threading.Thread):
    """Commits the load's transactions, one after the other, until it is told to stop or the power fails."""

    def __init__(self, stack: Stack, transactions: Iterator[Transaction]) -> None:
        super().__init__(daemon=True)
        self.stack, self.transactions = stack, transactions
        self.ended = threading.Event()
        self.done = 0

    def run(self) -> None:
        with self.stack.session() as link, link.cursor() as cursor:
            for transaction in self.transactions:
                if self.ended.wait(1 / RATE):
                    return
                write(cursor, transaction)
                self.done += 1

    def stop(self) -> None:
        self.ended.set()
        self.join(30)


def write(cursor: object, transaction: Transaction) -> None:
    for statement in transaction.statements():
        try:
            cursor.execute(statement)  # type: ignore[attr-defined]
        except pymysql.err.OperationalError as error:
            # The power failed after a column was added and before the transaction was counted.
            if error.args[0] != DUPLICATE_COLUMN:
                raise


def stream(pool: Path, variant: Variant, load: Load, count: int, seconds: float, *, slow: str = "") -> Run:
    """Register the connector, write for so many seconds, and copy the disk at that many moments of them.

    With a large table these are the seconds of its snapshot, otherwise those after the snapshot.
    """
    disk = new_disk(pool / "disk", pool / "disk.at")
    done = Run(variant, load, slow)
    chance = random.Random(load.seed)  # noqa: S311
    with disk.mounted() as at, Stack(at, pool / "etc", variant, slow).up_from_nothing() as stack:
        transactions = iter(load)
        stack.sql(*load.schema())
        with stack.session() as link, link.cursor() as cursor:
            for _ in range(BEFORE):
                write(cursor, next(transactions))
        newest = max(load.rows[STEADY])
        stack.await_worker()
        # As on a site whose database was there before, and as the role does with what it has formatted. Else a cut has
        # taken the keys and the format that MySQL and Kafka have just made and not synced.
        run("sync", "--file-system", str(at))
        say("the stack is up")
        stack.register()
        with Follower(load.tables) as follower:
            if not load.large:
                stack.await_row(follower, newest, 90)
                say("the snapshot is done")
            writer = Writer(stack, transactions)
            writer.start()
            begun = time.monotonic()
            for number, moment in enumerate(sorted(chance.uniform(0, seconds) for _ in range(count))):
                time.sleep(max(0.0, begun + moment - time.monotonic()))
                done.copies.append(disk.copy(pool / f"cut-{number}"))
            writer.stop()
            say(f"{writer.done} transactions written")
            assert writer.done > seconds, "the load hardly ran"
            done.transactions = writer.done
            await_snapshot(stack, follower, {})
            mark(stack, follower)
        say("all of them have arrived")
        done.history = list(_places(at / LOG_DIR / HISTORY))
        done.kept_from = logs.first_offset(at / LOG_DIR / partition(STEADY))
    follower.check()
    assert not any(follower.first.values()), "something was deleted before anybody had read it"
    done.topics = follower.events
    return done


def partition(table: str) -> str:
    """The directory of a table's topic."""
    return f"{topic(table)}-0"


def say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def await_snapshot(stack: Stack, follower: Follower, ends: Mapping[str, int]) -> None:
    """Wait until a snapshot has begun to send what lies behind these ends: it tells nothing of what was over before."""

    def begun() -> bool:
        follower.check()
        return follower.reads_anew(ends)

    wait_for("a snapshot begins", begun, 120, stack.running[WORKER])


def mark(stack: Stack, follower: Follower, seconds: float = 120) -> None:
    """Write a last row into each table and wait until the last of them has arrived."""
    row = MARK + int(time.time()) % MARK
    for table in (*(name for name in TABLES if name != STEADY), STEADY):
        stack.sql(f"INSERT INTO {DATABASE}.{table} (id, rev, text) VALUES ({row}, 0, 'mark')")  # noqa: S608
    stack.await_row(follower, row, seconds)


def _places(history: Path) -> Iterator[Place]:
    for _, value in logs.records(history):
        position = json.loads(value or b"{}").get("position", {})
        yield position.get("file", ""), position.get("pos", 0)


def look(run: Run, at: Path) -> list[Ordered]:
    """Compare the stored offset with the events in each copy, by the log files that lie there."""
    # Most of the time each waits for the disk.
    parts = [run.copies[first::LOOKERS] for first in range(LOOKERS)]
    with ThreadPoolExecutor(LOOKERS) as pool:
        looked = list(pool.map(_look, [run] * LOOKERS, parts, [at.with_suffix(f".{n}") for n in range(LOOKERS)]))
    return [looked[number % LOOKERS][number // LOOKERS] for number in range(len(run.copies))]


def _look(run: Run, copies: Sequence[Path], at: Path) -> list[Ordered]:
    tables = run.load.tables
    readers: dict[str, logs.Reader] = {name: logs.Reader() for name in (*tables, HISTORY)}
    found = []
    for file in copies:
        with Disk(file, at).looked_into() as mounted:
            log = mounted / LOG_DIR
            ends = {table: readers[table].end(log / partition(table)) for table in tables}
            history = (readers[HISTORY].end(log / HISTORY), run.history)
            found.append(order(stored_offset(log), registered(log), ends, run.topics, history, deleting=deleting(log)))
    return found


def stored_offset(log: Path) -> Optional[Place]:
    """Where the worker would read on; nothing while a snapshot has not ended, which would then begin anew."""
    place = None
    for partition in log.glob(f"{OFFSETS}-*"):
        for _, value in logs.records(partition):
            offset: Mapping[str, object] = json.loads(value or b"{}")
            place = None if offset.get("snapshot") else (str(offset.get("file", "")), int(str(offset.get("pos", 0))))
    return place


def deleting(log: Path) -> int:
    """Files that retention, or the compaction of the worker's topics, was at work on."""
    return sum(1 for ending in ("deleted", "cleaned", "swap") for _ in log.glob(f"*/*.{ending}"))


def registered(log: Path) -> bool:
    return any(key == f"connector-{CONNECTOR}".encode() for key, _ in logs.records(log / f"{CONFIGS}-0"))


@contextlib.contextmanager
def writeback(expire: int = 0, every: int = 0) -> Iterator[None]:
    """Another time after which the kernel writes dirty pages (centiseconds), for as long as this lasts."""
    wanted = {"dirty_expire_centisecs": expire, "dirty_writeback_centisecs": every}
    files = {Path("/proc/sys/vm", name): str(value) for name, value in wanted.items() if value}
    before = {file: file.read_text(encoding="ascii") for file in files}
    try:
        for file, value in files.items():
            file.write_text(value, encoding="ascii")
        yield
    finally:
        for file, value in before.items():
            file.write_text(value, encoding="ascii")

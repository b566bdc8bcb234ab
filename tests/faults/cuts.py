# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run under load: copies of the disk at random moments, and what becomes of a copy when the power comes back."""

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

from tests.faults import logs
from tests.faults.compare import Event, Ordered, Outcome, Place, compare, order
from tests.faults.disk import Disk, new_disk, run
from tests.faults.load import BEFORE, DATABASE, STEADY, TABLES, Load, Transaction
from tests.faults.stack import LOG_DIR, MARK, Stack, StackError
from tests.faults.variants import CONFIGS, CONNECTOR, OFFSETS, PREFIX, Variant

HISTORY = f"schema-changes.{PREFIX}-0"
LOOKERS = 4
RATE = 150  # transactions a second, at most


@dataclass(frozen=True)
class Cut:
    """One copy of the disk."""

    file: Path
    after: float  # seconds from the registration's answer


@dataclass
class Run:
    """A run that has ended: its copies, and what the topics held at last."""

    variant: Variant
    seed: int
    cuts: list[Cut] = field(default_factory=list)
    topics: dict[str, list[Event]] = field(default_factory=dict)
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
        cursor.execute(statement)  # type: ignore[attr-defined]


def stream(pool: Path, variant: Variant, seed: int, count: int, seconds: float, *, slow: str = "") -> Run:
    """Register the connector, write for so many seconds, and copy the disk at that many moments of them."""
    disk = new_disk(pool / "disk", pool / "disk.at")
    done = Run(variant, seed)
    chance = random.Random(seed)  # noqa: S311
    with disk.mounted() as at, Stack(at, pool / "etc", variant, slow).up_from_nothing() as stack:
        load = Load(seed)
        transactions = iter(load)
        stack.sql(*load.schema())
        with stack.session() as link, link.cursor() as cursor:
            for _ in range(BEFORE):
                write(cursor, next(transactions))
        stack.await_worker()
        # As on a site whose database was there before, and as the role does with what it has formatted. Else a cut has
        # taken the keys and the format that MySQL and Kafka have just made and not synced.
        run("sync", "--file-system", str(at))
        say("the stack is up")
        stack.register()
        answered = time.monotonic()
        stack.await_row(BEFORE - 1, 90)
        say("the snapshot is done")
        writer = Writer(stack, transactions)
        writer.start()
        begun = time.monotonic()
        for number, moment in enumerate(sorted(chance.uniform(0, seconds) for _ in range(count))):
            time.sleep(max(0.0, begun + moment - time.monotonic()))
            done.cuts.append(Cut(disk.copy(pool / f"cut-{number}"), time.monotonic() - answered))
        writer.stop()
        say(f"{writer.done} transactions written")
        assert writer.done > seconds, "the load hardly ran"
        done.transactions = writer.done
        mark(stack)
        for table in TABLES:
            done.topics[table] = stack.events((table,))
        say("all of them have arrived")
        done.history = list(_places(at / LOG_DIR / HISTORY))
    return done


def say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def mark(stack: Stack, seconds: float = 120) -> None:
    """Write a last row into each table and wait until the last of them has arrived."""
    row = MARK + int(time.time()) % MARK
    for table in (*(name for name in TABLES if name != STEADY), STEADY):
        stack.sql(f"INSERT INTO {DATABASE}.{table} (id, rev, text) VALUES ({row}, 0, 'mark')")  # noqa: S608
    stack.await_row(row, seconds)


def _places(history: Path) -> Iterator[Place]:
    for _, value in logs.records(history):
        position = json.loads(value or b"{}").get("position", {})
        yield position.get("file", ""), position.get("pos", 0)


def look(run: Run, at: Path) -> list[Ordered]:
    """Compare the stored offset with the events in each copy, by the log files that lie there."""
    # Most of the time each waits for the disk.
    parts = [run.cuts[first::LOOKERS] for first in range(LOOKERS)]
    with ThreadPoolExecutor(LOOKERS) as pool:
        looked = list(pool.map(_look, [run] * LOOKERS, parts, [at.with_suffix(f".{n}") for n in range(LOOKERS)]))
    return [looked[number % LOOKERS][number // LOOKERS] for number in range(len(run.cuts))]


def _look(run: Run, cuts: Sequence[Cut], at: Path) -> list[Ordered]:
    readers: dict[str, logs.Reader] = {name: logs.Reader() for name in (*TABLES, HISTORY)}
    found = []
    for cut in cuts:
        with Disk(cut.file, at).looked_into() as mounted:
            log = mounted / LOG_DIR
            ends = {table: readers[table].end(log / f"{PREFIX}.{DATABASE}.{table}-0") for table in TABLES}
            history = (readers[HISTORY].end(log / HISTORY), run.history)
            found.append(order(stored_offset(log), registered(log), ends, run.topics, history))
    return found


def stored_offset(log: Path) -> Optional[Place]:
    """Where the worker would read on; nothing while a snapshot has not ended, which would then begin anew."""
    place = None
    for partition in log.glob(f"{OFFSETS}-*"):
        for _, value in logs.records(partition):
            offset: Mapping[str, object] = json.loads(value or b"{}")
            place = None if offset.get("snapshot") else (str(offset.get("file", "")), int(str(offset.get("pos", 0))))
    return place


def registered(log: Path) -> bool:
    return any(key == f"connector-{CONNECTOR}".encode() for key, _ in logs.records(log / f"{CONFIGS}-0"))


@dataclass
class Recovery:
    """What one whole recovery came to."""

    said: str  # "" where everything came back by itself
    outcome: Outcome = field(default_factory=Outcome)
    seconds: float = 0.0
    #: No position was stored when the power failed: the snapshot begins anew, and cannot tell what was deleted since.
    snapshot_again: bool = False

    @property
    def good(self) -> bool:
        outcome = self.outcome
        return not self.said and (outcome.good or (self.snapshot_again and outcome.only_ghosts))


def recover(pool: Path, file: Path, variant: Variant, seed: int, *, slow: str = "", again: float = 0) -> list[Recovery]:
    """Start everything on a copy, as a boot does, and compare. ``again``: and cut the power after so many seconds."""
    done = Recovery("")
    second = pool / f"{file.name}-again"
    disk = Disk(file, pool / "recovery.at")
    with disk.mounted() as at:
        done.snapshot_again = stored_offset(at / LOG_DIR) is None
        begun = time.monotonic()
        timer = threading.Timer(again, disk.copy, (second,))
        with Stack(at, pool / "etc", variant, slow).up() as stack:
            if again:
                timer.start()
            try:
                _come_back(stack, seed, done)
            except StackError as error:
                done.said = str(error).splitlines()[0][:300]
                say("\n".join([str(error), *(f"{name}: {program.said}" for name, program in stack.running.items())]))
            done.seconds = time.monotonic() - begun
            if again:
                timer.join()
    say(f"{file.name} came back: {done.said or done.good} after {done.seconds:.0f} s")
    return [done, *(recover(pool, second, variant, seed, slow=slow) if again else [])]


def _come_back(stack: Stack, seed: int, done: Recovery) -> None:
    stack.await_database()
    reached = stack.sql(f"SELECT n FROM {DATABASE}.progress")[0][0]  # noqa: S608
    stack.await_worker()
    stack.await_registration()
    mark(stack)
    load = Load(seed)
    changes = load.until(reached, after=BEFORE - 1)
    events = [event for event in stack.events() if event.row < MARK]
    done.outcome = compare(changes, load.rows, events)
    held = {table: dict(stack.sql(f"SELECT id, rev FROM {DATABASE}.{table} WHERE id < {MARK}")) for table in TABLES}  # noqa: S608
    assert held == load.rows, "the database does not hold what its own count of transactions says"


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

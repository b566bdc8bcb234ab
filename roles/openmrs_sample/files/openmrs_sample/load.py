# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S311, S608 - made-up data; every value in a statement is a number or quoted by literal()
"""A load of writes at a given rate, bounded in time and count. It counts what the database says it has written."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from dataclasses import dataclass, field, fields
from datetime import datetime
from random import Random
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple
from typing import Counter as CounterOf

from . import reference
from .client import Client, DeadlockError, SampleError
from .day import MIX, Day, Known, StridedIds, Transaction
from .patients import Ids
from .sql import Row

TABLES = tuple(each.name for each in fields(Ids))
KEPT = 2000  # rows of each kind that a load begins with
AT_ONCE = 16  # transactions that go in together when they are late; each is still a commit of its own


@dataclass(frozen=True)
class Order:
    """How much to write."""

    rate: float
    seconds: float
    seed: int = 1
    count: Optional[int] = None
    workers: int = 8
    mix: Mapping[str, int] = field(default_factory=lambda: dict(MIX))

    def problems(self) -> List[str]:
        wrong = []
        if not 0 < self.rate <= 100_000:
            wrong.append(f"--rate is {self.rate}: give commits per second, more than 0 and at most 100000.")
        if not 0 < self.seconds <= 86_400:
            wrong.append(f"--seconds is {self.seconds}: give more than 0 and at most 86400, a day.")
        if self.count is not None and self.count < 1:
            wrong.append(f"--count is {self.count}: give 1 or more transactions, or leave it out.")
        if not 1 <= self.workers <= 32:
            wrong.append(f"--workers is {self.workers}: give 1 to 32 connections.")
        if set(self.mix) - set(MIX) or not any(self.mix.values()) or min(self.mix.values()) < 0:
            wrong.append(f"--mix is {dict(self.mix)}: give shares of {', '.join(MIX)}, as in {next(iter(MIX))}=1.")
        return wrong


@dataclass
class Report:
    """What was written: rows by table and verb, transactions by kind."""

    tables: Dict[str, CounterOf[str]] = field(default_factory=dict)
    kinds: CounterOf[str] = field(default_factory=Counter)
    deadlocks: int = 0  # transactions that the database took back; each was written again

    def add_all(self, transactions: List[Transaction], answer: List[str]) -> List[Transaction]:
        """Count the transactions whose statements are all answered; return the others."""
        for place, transaction in enumerate(transactions):
            touched, answer = answer[: len(transaction.writes)], answer[len(transaction.writes) :]
            if len(touched) < len(transaction.writes):
                return transactions[place:]
            self.add(transaction, touched)
        return []

    def add(self, transaction: Transaction, touched: List[str]) -> None:
        self.kinds[transaction.kind] += 1
        for write, rows in zip(transaction.writes, touched):
            self.tables.setdefault(write.table, Counter())[write.verb] += int(rows)

    def merge(self, other: Report) -> None:
        self.kinds.update(other.kinds)
        self.deadlocks += other.deadlocks
        for table, counts in other.tables.items():
            self.tables.setdefault(table, Counter()).update(counts)

    def as_json(self, seconds: float, interrupted: bool) -> dict[str, Any]:
        commits = sum(self.kinds.values())
        return {
            "commits": commits,
            "seconds": round(seconds, 3),
            "commits_per_second": round(commits / seconds, 1) if seconds else 0.0,
            "interrupted": interrupted,
            "deadlocks": self.deadlocks,
            "kinds": dict(sorted(self.kinds.items())),
            "tables": {table: dict(sorted(counts.items())) for table, counts in sorted(self.tables.items())},
        }


def newest(client: Client) -> Dict[str, int]:
    """The highest number of every table."""
    parts = (f"(SELECT COALESCE(MAX({table}_id), 0) FROM {table})" for table in TABLES)
    return {table: int(number) for table, number in zip(TABLES, client.ask(f"SELECT {', '.join(parts)}")[0])}


def deal(client: Client, workers: int) -> List[Known]:
    """What each worker begins with: some of the patients that are there, the newest first."""
    known = [Known() for _ in range(workers)]
    chosen = (
        f"SELECT patient_id FROM patient WHERE voided = 0 AND patient_id >= {reference.FIRST_PATIENT}"
        f" ORDER BY patient_id DESC LIMIT {KEPT}"
    )
    for (person_id,) in client.ask(chosen):
        known[int(person_id) % workers].patients.append(int(person_id))
    names = (
        "SELECT n.person_name_id, p.gender, n.person_id FROM person_name n JOIN person p USING (person_id)"
        f" JOIN ({chosen}) c ON c.patient_id = n.person_id WHERE n.voided = 0 ORDER BY n.person_name_id LIMIT {KEPT}"
    )
    for number, gender, person_id in client.ask(names):
        known[int(person_id) % workers].names.append((int(number), gender, int(person_id)))
    obs = (
        "SELECT o.obs_id, o.person_id, o.concept_id, o.encounter_id, o.obs_datetime, COALESCE(o.obs_group_id, 0)"
        f" FROM obs o JOIN ({chosen}) c ON c.patient_id = o.person_id"
        f" WHERE o.voided = 0 AND o.concept_id <> {reference.VITALS.concept_id} ORDER BY o.obs_id DESC LIMIT {KEPT}"
    )
    for line in client.ask(obs):
        known[int(line[1]) % workers].obs.append(obs_row(line))
    return known


def obs_row(line: List[str]) -> Row:
    """An observation as far as its next version needs it."""
    obs_id, person_id, concept_id, encounter_id, moment, group = line
    return {
        "obs_id": int(obs_id),
        "person_id": int(person_id),
        "concept_id": int(concept_id),
        "encounter_id": int(encounter_id),
        "obs_datetime": datetime.strptime(moment, "%Y-%m-%d %H:%M:%S"),
        "obs_group_id": int(group) or None,
        "location_id": 3,
        "creator": reference.CLERKS[0],
    }


@dataclass
class Worker:
    """One connection. Its ``number``-th share of the transactions is due at even distances."""

    number: int
    order: Order
    client: Client
    day: Day
    stop: threading.Event
    report: Report = field(default_factory=Report)
    error: Optional[Exception] = None

    def work(self, begun: float) -> None:
        turns = itertools.count(self.number, self.order.workers)
        try:
            due = self.due(turns, begun)
            while due:
                due = self.write(due, turns, begun)
        except (SampleError, OSError, ValueError) as error:
            self.error = error
            self.stop.set()

    def write(self, due: List[Transaction], turns: Iterator[int], begun: float) -> List[Transaction]:
        """Write on one connection until all is over, or until a deadlock ends it: return what it took back."""
        with self.client.session() as session:
            while due:
                try:
                    answer = session.run("\n".join(transaction.sql for transaction in due))
                except DeadlockError as lost:
                    self.report.deadlocks += 1
                    return self.report.add_all(due, lost.answer)
                missing = self.report.add_all(due, answer)
                if missing:
                    raise SampleError(f"{missing[0].kind}: an answer of the database is missing")
                due = self.due(turns, begun)
        return []

    def due(self, turns: Iterator[int], begun: float) -> List[Transaction]:
        """Wait for the next transaction's time; with it go those that are overdue. Nothing: it is over."""
        chosen: List[Transaction] = []
        end = begun + self.order.seconds
        while len(chosen) < AT_ONCE:
            turn = next(turns)
            moment = begun + turn / self.order.rate
            if (self.order.count is not None and turn >= self.order.count) or moment >= end or time.monotonic() >= end:
                break
            if self.stop.wait(max(0.0, moment - time.monotonic())):
                break
            chosen.append(self.day.next(datetime.now().replace(microsecond=0)))
            if moment + self.order.workers / self.order.rate > time.monotonic():
                break
        return chosen


def make_workers(client: Client, order: Order, stop: threading.Event) -> List[Worker]:
    top = newest(client)
    # With the newest numbers in it a second load with the same seed makes other uuids.
    salt = f"{order.seed}:{':'.join(map(str, top.values()))}"
    workers = []
    for number, known in enumerate(deal(client, order.workers)):
        ids = StridedIds(**{table: top[table] + 1 + number for table in TABLES}, stride=order.workers)
        workers.append(Worker(number, order, client, Day(Random(f"{salt}:{number}"), ids, known, order.mix), stop))
    return workers


def load(client: Client, order: Order) -> Tuple[Report, float, bool]:
    """Write until the time or the count is over, or somebody interrupts."""
    stop = threading.Event()
    workers = make_workers(client, order, stop)
    begun = time.monotonic()
    threads = [threading.Thread(target=worker.work, args=(begun,), daemon=True) for worker in workers]
    for thread in threads:
        thread.start()
    interrupted = False
    for thread in threads:
        while thread.is_alive():
            try:
                thread.join(0.2)
            except KeyboardInterrupt:
                interrupted = True
                stop.set()
    report = Report()
    for worker in workers:
        report.merge(worker.report)
    errors = [worker.error for worker in workers if worker.error]
    if errors and not interrupted:
        raise SampleError(f"{errors[0]} (after {sum(report.kinds.values())} commits)")
    return report, time.monotonic() - begun, interrupted

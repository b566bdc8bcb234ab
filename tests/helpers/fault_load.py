# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A load of writes whose every committed change is known, and the comparison of it with what was published."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

import pymysql

from tests.helpers.fault_site import DATABASE_PORT, Event, replayed


def _connect() -> Any:
    return pymysql.connect(host="127.0.0.1", port=DATABASE_PORT, user="root", password="", autocommit=True,
                           connect_timeout=3, read_timeout=120)  # fmt: skip


@dataclass
class Load:
    """Inserts, updates and deletes in table person, one at a time, each committed; a broken connection is made anew.

    A commit whose answer was lost is in doubt: it may be there or not, and the table says which.
    """

    seed: int
    pause: float = 0.01
    connect: Callable[[], Any] = _connect
    first: int = 1000  # keys begin after it: what an earlier load has written has others
    committed: Set[Tuple[int, str]] = field(default_factory=set)  # key and uuid of a state that the table had
    deleted: Set[int] = field(default_factory=set)
    writes: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: Optional[threading.Thread] = None

    def __enter__(self) -> Load:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join(90)
            assert not self._thread.is_alive(), "the writer did not end"

    def _run(self) -> None:
        chance, link = random.Random(self.seed), None  # noqa: S311
        number, alive = self.first, [0]
        while not self._stop.is_set():
            try:
                link = link or self.connect()
                number += 1
                alive = self._write(link, chance, number, alive)
                time.sleep(self.pause)
            except (pymysql.err.Error, OSError):
                link = None
                time.sleep(0.2)

    def _write(self, link: Any, chance: random.Random, number: int, alive: List[int]) -> List[int]:
        kind, mark = chance.random(), f"{self.seed}-{number}"
        with link.cursor() as cursor:
            if kind < 0.6 or len(alive) < 5:
                cursor.execute("INSERT INTO openmrs.person VALUES (%s, 'F', %s)", (number, mark))
                self.committed.add((number, mark))
                alive = [*alive, number][-200:]
            elif kind < 0.85:
                key = chance.choice(alive[1:])
                cursor.execute("UPDATE openmrs.person SET uuid = %s WHERE person_id = %s", (mark, key))
                if cursor.rowcount:
                    self.committed.add((key, mark))
            else:
                key = chance.choice(alive[1:])
                alive = [one for one in alive if one != key]
                cursor.execute("DELETE FROM openmrs.person WHERE person_id = %s", (key,))
                self.deleted.add(key)
        self.writes += 1
        return alive


@dataclass(frozen=True)
class Outcome:
    """What became of a load."""

    lost: int
    wrong: int
    duplicates: int

    @property
    def good(self) -> bool:
        return not self.lost and not self.wrong


def outcome(events: List[Event], table: Dict[int, Dict[str, Any]], load: Load) -> Outcome:
    """Each committed state must have come at least once, and the last state of each key be that of the table."""
    places = [(event.key, event.value["source"]["file"], event.value["source"]["pos"], event.value["source"]["row"])
              for event in events if event.value and event.op != "r"]  # fmt: skip
    came = {(event.key, event.value["after"]["uuid"]) for event in events if event.value and event.value["after"]}
    gone = {event.key for event in events if event.op == "d"}
    state = replayed(events)
    wrong = {key for key in {**state, **table} if state.get(key) != table.get(key)}
    lost = len(load.committed - came) + len(load.deleted - gone)
    return Outcome(lost, len(wrong), len(places) - len(set(places)))

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's own rounds over a real worker and a real database: nothing of another history is ever published."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional, Tuple

import pytest
from event_guard import boot, heal
from event_guard import settings as guard_settings
from event_guard.loop import Rounds
from event_guard.memory import Memory
from event_guard.shared import history
from event_guard.shared.history import Remembered
from event_log import settings as host_settings

from tests.helpers.fault_home import Home
from tests.helpers.fault_site import DATABASE, WORKER, Site, replayed
from tests.helpers.workers import docker, wait_for

STRANGE = "another history"
pytestmark = pytest.mark.full


class Guarded:
    """A site with a connector, and the guard that looks at it."""

    def __init__(self, site: Site, name: str, directory: Path) -> None:
        self.site, self.name = site, name
        self.environ = Home(site, name, directory).guarded(interval=10)
        self.settings = host_settings.load(self.environ)
        self.guard = guard_settings.load(self.environ)

    @property
    def memory(self) -> Memory:
        return Memory.load(self.guard.directory)

    @property
    def known(self) -> Optional[Remembered]:
        return history.remembered_of(self.memory, self.name)

    @property
    def held(self) -> str:
        return str(self.memory.get("hold").get("id", ""))

    def worker_runs(self) -> bool:
        return docker("inspect", "--format", "{{.State.Running}}", WORKER).strip() == "true"

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """The service's rounds, more often than on a server, while something happens."""
        over = threading.Event()
        rounds = Rounds(self.settings, self.guard, (("boot", boot.remember), ("heal", heal.step)))

        def watch() -> None:
            while not over.wait(1):
                rounds.one(time.time())

        service = threading.Thread(target=watch)
        service.start()
        try:
            yield
        finally:
            over.set()
            service.join(60)

    def strange(self) -> List[str]:
        """What came from the other history."""
        return [str(event.value) for event in self.site.events(self.name) if STRANGE in str(event.value)]


@pytest.fixture
def made(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Guarded:
    """A guarded site that has read some rows, of which the guard remembers all that it needs."""
    guarded = Guarded(site, f"guarded-{abs(hash(request.node.name)) % 100000}", tmp_path)
    for variable, value in guarded.environ.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(boot, "_WATCH", boot.Watch())
    site.sql("INSERT INTO openmrs.person VALUES (1, 'F', 'a'), (2, 'M', 'b'), (3, 'F', 'c')")
    site.register(guarded.name)
    with guarded.watched():
        site.sql("INSERT INTO openmrs.person VALUES (4, 'F', 'd')")
        wait_for("the row", lambda: 4 in replayed(site.events(guarded.name)), 60, WORKER)
        offset = site.offset(guarded.name)
        wait_for("all is remembered", lambda: _remembers(guarded.known, offset), 60, WORKER)
    return guarded


def _remembers(known: Optional[Remembered], offset: object) -> bool:
    place = history.position_of(offset)
    return bool(known and known.created and known.newest and place and known.newest.order >= place.order)


def another_database(made: Guarded) -> None:
    """Built anew under the same address; its log has a file of the same name and goes further."""
    known = made.known
    assert known is not None
    assert known.newest is not None
    made.site.make_database()
    while made.site.sql("SHOW MASTER STATUS")[0][0] < known.newest.file:
        made.site.sql("FLUSH BINARY LOGS")
    _goes_on(made, known.newest.pos + 2000)


def keep_a_copy(made: Guarded) -> None:
    """What is restored later; the events go on, and the guard remembers them."""
    root = made.site.root
    docker("stop", DATABASE)
    shutil.copytree(root / "database", root / "older")
    docker("start", DATABASE)
    made.site.await_database()
    made.site.sql("INSERT INTO openmrs.person VALUES (5, 'F', 'after the copy')")
    wait_for("the row after the copy", lambda: 5 in replayed(made.site.events(made.name)), 90, WORKER)
    wait_for("it is remembered", lambda: _remembers(made.known, made.site.offset(made.name)), 60, WORKER)


def an_older_copy(made: Guarded) -> None:
    """The data directory of an hour ago: the same server id, uuid and files, and then a different day."""
    root = made.site.root
    docker("kill", DATABASE)
    shutil.rmtree(root / "database")
    (root / "older").rename(root / "database")
    docker("start", DATABASE)
    made.site.await_database()
    known = made.known
    assert known is not None
    assert known.newest is not None
    _goes_on(made, known.newest.pos + 2000)


def _goes_on(made: Guarded, pos: int) -> None:
    number = 100
    while made.site.sql("SHOW MASTER STATUS")[0][1] < pos:
        made.site.sql(f"INSERT INTO openmrs.person VALUES ({number}, 'F', '{STRANGE}')")  # noqa: S608
        number += 1


CHANGES: Dict[str, Tuple[Callable[[Guarded], None], ...]] = {
    "an older copy": (keep_a_copy, an_older_copy),
    "another database": (another_database,),
}


@pytest.mark.parametrize("what", CHANGES)
def test_while_the_worker_runs_another_history_is_not_read(made: Guarded, what: str) -> None:
    *before, change = CHANGES[what]
    with made.watched():
        for step in before:
            step(made)
        began = time.monotonic()
        change(made)
        wait_for("the guard holds the worker", lambda: made.held, 60, WORKER)
        print(f"{what}: held {time.monotonic() - began:.0f} s after the other one was taken away, at most")
        wait_for("the worker is stopped", lambda: not made.worker_runs(), 60, WORKER)
    assert made.held in (history.OTHER, history.OLDER)
    assert made.strange() == []
    assert boot.start_worker(made.settings).id == made.held
    assert not made.worker_runs()
    _on_again(made)


@pytest.mark.parametrize("what", CHANGES)
def test_after_a_reboot_the_worker_does_not_read_another_history(made: Guarded, what: str) -> None:
    *before, change = CHANGES[what]
    with made.watched():
        for step in before:
            step(made)
    docker("kill", WORKER)
    change(made)  # while nobody looks
    assert made.held == ""
    decision = boot.start_worker(made.settings)
    assert decision.id in (history.OTHER, history.OLDER)
    assert made.held == decision.id
    assert not made.worker_runs()
    assert made.strange() == []
    _on_again(made)


def _on_again(made: Guarded) -> None:
    """For the tests that follow: the worker without the connector's past."""
    docker("start", WORKER)
    made.site.await_worker()
    made.site.rest("DELETE", f"/connectors/{made.name}")


def test_the_same_database_is_read_on_after_its_restart_and_nothing_is_missing(made: Guarded) -> None:
    with made.watched():
        docker("kill", DATABASE)
        docker("start", DATABASE)
        made.site.await_database()
        made.site.sql("INSERT INTO openmrs.person VALUES (6, 'M', 'after the restart')")
        made.site.sql("DELETE FROM openmrs.person WHERE person_id = 2")
        wait_for("the delete", lambda: 2 not in replayed(made.site.events(made.name)), 90, WORKER)
    assert replayed(made.site.events(made.name)) == made.site.rows()
    assert made.held == ""

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's look at real databases: the same history goes on, and no other one is taken for it."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Callable, Dict, Iterator, Set, Tuple

import pytest
from event_guard.boot import Watch, judged
from event_guard.database import Capture, Session
from event_guard.memory import Memory
from event_guard.shared import history
from event_guard.shared.history import Position

from tests.helpers.swapped_databases import CAPTURE, FLAVOURS, PASSWORD, SCHEMA, Flavour, Server, accounts

# tests/faults/source has a rebuilt database before a real worker in every run.
pytestmark = pytest.mark.full
CONNECTOR = "openmrs"


class Site:
    """A database, what the guard keeps in memory of it, and the guard's service that watches it."""

    def __init__(self, server: Server, root: Path) -> None:
        self.server = server
        password = root / "database.properties"
        password.write_text(f"password={PASSWORD}\n")
        self.capture = Capture(
            CONNECTOR, "clinic", "127.0.0.1", server.port, CAPTURE, str(password), ssl_mode="disabled"
        )
        self.directory = root / "guard"
        self.watch = Watch()
        self.now = time.time()

    def round(self, offset: Tuple[str, int] = ("", 0)) -> str:
        """One look of the service, ten seconds after the last one; what it found, or nothing."""
        self.now += 10
        memory = Memory.load(self.directory)
        place = Position(*offset) if offset[0] else None
        decision = self.watch.round(self.capture, memory, place, self.now)
        memory.save()
        return decision.id

    def decide(self) -> str:
        """The look before the worker is started, by another process."""
        known = history.remembered_of(Memory.load(self.directory), CONNECTOR)
        assert known is not None
        session = Session(self.capture)
        try:
            decision = judged(session, known)
        finally:
            session.close()
        assert decision.start is (decision.id == "")
        return decision.id

    def both(self) -> str:
        """What both looks say, the service's after its connection was lost."""
        found = {self.decide(), self.round()}
        assert len(found) == 1, found
        return found.pop()

    def read(self, rows: int = 5) -> None:
        """The worker reads what is there, the guard looks on, and the database goes on writing."""
        for _ in range(2):
            self.server.write(rows)
            offset = self.server.end()
            self.server.write(rows)
            assert self.round(offset) == ""
            assert self.round() == ""


@pytest.fixture(scope="module", params=FLAVOURS, ids=lambda flavour: flavour.name)
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tuple[Flavour, Path]:
    """A data directory with accounts and an empty table."""
    flavour: Flavour = request.param
    root = tmp_path_factory.mktemp(flavour.name)
    server = Server(flavour, root)
    try:
        server.install(server.data)
        server.start()
        server.sql(f"{accounts(flavour)} {SCHEMA}")
        server.stop()
        shutil.move(server.data, root / "installed")
    finally:
        server.remove()
    return flavour, root / "installed"


@pytest.fixture
def site(installed: Tuple[Flavour, Path], tmp_path: Path) -> Iterator[Site]:
    flavour, data = installed
    server = Server(flavour, tmp_path)
    try:
        server.swap(data)
        server.start()
        made = Site(server, tmp_path)
        made.read()
        yield made
        made.watch.forget()
    finally:
        server.remove()


def test_the_same_database_goes_on_after_every_kind_of_end(site: Site) -> None:
    for end in (site.server.stop, site.server.kill):
        site.read()
        end()
        site.server.start()
        assert site.both() == ""
    site.server.sql("FLUSH LOGS")
    site.read()
    assert site.both() == ""


def test_what_is_remembered_is_all_that_tells_one_history_from_another(site: Site) -> None:
    site.now += 3600
    site.read()
    known = history.remembered_of(Memory.load(site.directory), CONNECTOR)
    assert known is not None
    assert known.event is not None
    assert known.event.server_id == 4711
    assert known.event.end > known.event.at.pos
    assert known.newest is not None
    assert known.newest.pos > known.event.at.pos
    assert set(known.created) == set(dict(site.server.sql("SHOW BINARY LOGS")[:1])) | {known.newest.file}
    assert all(abs(when - time.time()) < 600 for when in known.created.values())


def _rebuilt(site: Site, _copy: Path) -> None:
    """Built anew, and restored from a backup by SQL."""
    dump = site.server.dump()
    site.server.stop()
    shutil.rmtree(site.server.data)
    site.server.install(site.server.data)
    site.server.start()
    site.server.sql(f"{accounts(site.server.flavour)} {dump}")
    # Its log grows beyond what the former one was read to, and has as many files.
    for _ in range(3):
        site.server.write(30)
        site.server.sql("FLUSH LOGS")


def _reset(site: Site, _copy: Path) -> None:
    site.server.sql("RESET MASTER")
    site.server.write(60)


def _copy_of_a_stopped_server(site: Site, copy: Path) -> None:
    site.server.stop()
    shutil.copytree(site.server.data, copy)
    site.server.start()
    site.read()
    site.server.stop()
    _restored(site, copy)


def _copy_of_a_running_server(site: Site, copy: Path) -> None:
    with site.server.frozen():
        shutil.copytree(site.server.data, copy)
    site.read()
    site.server.kill()
    _restored(site, copy)


def _restored(site: Site, copy: Path) -> None:
    time.sleep(1.1)  # files are told apart by the second in which they were begun; nobody restores faster
    site.server.swap(copy)
    site.server.start()
    site.server.write(60)


CASES: Dict[str, Tuple[Callable[[Site, Path], None], Set[str]]] = {
    "rebuilt": (_rebuilt, {history.OTHER}),
    "reset": (_reset, {history.OTHER}),
    "copy of a stopped server": (_copy_of_a_stopped_server, {history.OTHER, history.OLDER}),
    "copy of a running server": (_copy_of_a_running_server, {history.OLDER}),
}


SHORT = ("rebuilt", "copy of a stopped server")


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=() if case in SHORT else [pytest.mark.full]) for case in CASES]
)
def test_another_history_is_not_taken_for_the_one_that_was_read(site: Site, case: str, tmp_path: Path) -> None:
    change, expected = CASES[case]
    change(site, tmp_path / "copy")
    before = Memory.load(site.directory).get(history.KEY)
    assert site.both() in expected
    assert site.round(site.server.end()) in expected, "where the worker reads now must not make it forget"
    assert Memory.load(site.directory).get(history.KEY) == before


def test_a_purged_file_is_a_gap_and_no_other_database(site: Site) -> None:
    for _ in range(2):
        site.server.sql("FLUSH LOGS")
        site.server.write(3)
    assert site.round() == ""
    site.server.sql(f"PURGE BINARY LOGS TO '{site.server.end()[0]}'")
    assert site.both() == history.PURGED


def test_a_file_that_the_worker_has_done_with_may_be_purged(site: Site) -> None:
    site.server.sql("FLUSH LOGS")
    site.server.write(3)
    assert site.round(site.server.end()) == ""
    site.server.sql(f"PURGE BINARY LOGS TO '{site.server.end()[0]}'")
    assert site.both() == ""
    site.read()
    assert site.both() == ""

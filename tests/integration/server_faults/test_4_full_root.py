# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's root is full: it is told, the database waits, and nothing is lost once there is room again."""

from __future__ import annotations

import os
import time
from typing import Callable, Iterator

import pytest

from tests.helpers.fault_load import Load
from tests.helpers.server import eventually
from tests.helpers.small_disk import MIB
from tests.integration.server_faults.conftest import FLOWS, UP, Faulty, pause

ROOM = 30.0  # percent that are free again when somebody has come
REST = "rest-of-the-disk"


def fill(faulty: Faulty) -> None:
    """To the last block, root's own share as well: an overlay writes as root, whoever asks it."""
    faulty.disk.leave(0)
    size = 256 * MIB
    with (faulty.disk.path / REST).open("wb") as stream:
        while size >= 4096:
            try:
                os.posix_fallocate(stream.fileno(), os.fstat(stream.fileno()).st_size, size)
            except OSError:
                size //= 2


def make_room(faulty: Faulty) -> None:
    (faulty.disk.path / REST).unlink(missing_ok=True)
    faulty.disk.leave(ROOM)


@pytest.fixture
def emptied(faulty: Faulty) -> Iterator[None]:
    yield
    make_room(faulty)


def stalls(load: Load) -> bool:
    """Whether the database takes no more rows."""
    before = load.writes
    time.sleep(3)
    return load.writes == before


def told(faulty: Faulty) -> bool:
    return any(finding["id"] == "root_disk" for finding in faulty.verdict()["findings"])


@pytest.mark.usefixtures("emptied")
def test_a_full_root_loses_nothing(faulty: Faulty, record_property: Callable[..., None]) -> None:
    server, before = faulty.server, faulty.duplicates()
    with faulty.load() as load:
        pause()
        began = time.monotonic()
        fill(faulty)
        eventually(lambda: told(faulty), UP, "event-log status tells of the root", pause=0.5)
        seen = time.monotonic() - began
        said = faulty.sentence()
        assert "of the system's disk (/) are free" in said
        assert "Make room on it" in said
        eventually(lambda: stalls(load), UP, "the database has no room for more")
        # A worker that ends meanwhile waits: a database that hangs cannot be compared with what is remembered.
        server.sh("docker kill event-log-connect")
        waits = "database_unreachable"
        eventually(
            lambda: faulty.memory().get("waiting", {}).get("id") == waits, FLOWS, "the worker waits for the database"
        )
        also = faulty.sentence()
        assert "The worker starts by itself as soon as it can" in also
        written = load.writes
        make_room(faulty)
        began = time.monotonic()
        eventually(lambda: load.writes > written + 30, UP, "the database takes rows again", pause=0.5)
        seconds = faulty.await_flow(began, "there is room again")
        eventually(lambda: not told(faulty), UP, "nothing more is told of it")
    what = f"root full; told after {seen:.0f} s, flowing {seconds:.0f} s after there was room"
    faulty.compared(load, what, record_property, before)
    print(said, also, sep="\n")
    faulty.await_verdict("ok")


@pytest.mark.usefixtures("emptied")
def test_a_power_cut_while_the_root_is_full(faulty: Faulty, record_property: Callable[..., None]) -> None:
    server, before = faulty.server, faulty.duplicates()
    with faulty.load() as load:
        pause()
        fill(faulty)
        eventually(lambda: told(faulty), UP, "event-log status tells of the root", pause=0.5)
        faulty.power_cut()
        eventually(lambda: told(faulty), UP, "it is told after the boot, too")
        said = faulty.sentence()
        make_room(faulty)
        began = time.monotonic()
        server.sh("systemctl is-active mariadb || systemctl restart mariadb")  # whoever made room does that
        seconds = faulty.await_flow(began, "there is room again")
    what = f"power cut with a full root; flowing {seconds:.0f} s after there was room"
    faulty.compared(load, what, record_property, before)
    print(said)
    faulty.await_verdict("ok")

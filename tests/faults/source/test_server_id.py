# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another reader comes with the connector's server id: the database throws out whoever came before."""

from __future__ import annotations

import contextlib
import struct
import threading
import time
from pathlib import Path
from typing import Any, Callable, Iterator, Tuple

import pymysql
import pytest

from tests.helpers.fault_load import Load
from tests.helpers.fault_site import CAPTURE, DATABASE_PORT, Site
from tests.helpers.on_site import OnSite, on_site
from tests.helpers.workers import wait_for

SAID = "another reader uses the same server id"
COM_BINLOG_DUMP = 0x12


class Reader:
    """A replica as the database sees one: it reads the binary log under an id, and comes again when thrown out."""

    def __init__(self, server_id: int, file: str, pause: float) -> None:
        self._ask = struct.pack("<IHI", 4, 0, server_id) + file.encode()
        self._pause = pause
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.link: Any = None
        self.came = 0

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._over.set()
        with contextlib.suppress(OSError, AttributeError, pymysql.err.Error):
            self.link._force_close()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(pymysql.err.Error, OSError, AttributeError, IndexError):
                self._read()
            self._over.wait(self._pause)

    def _read(self) -> None:
        self.link = pymysql.connect(
            host="127.0.0.1", port=DATABASE_PORT, user=CAPTURE[0], password=CAPTURE[1], read_timeout=5
        )
        with self.link.cursor() as cursor:
            cursor.execute("SET @master_binlog_checksum = 'NONE'")
        self.link._execute_command(COM_BINLOG_DUMP, self._ask)
        while not self.link._read_packet().is_eof_packet() and not self._over.is_set():
            self.came += 1


@contextlib.contextmanager
def another_connector(site: Site, name: str) -> Iterator[None]:
    """What somebody does who copies a connector's configuration and changes its name."""
    copy = {**site.config("copy"), "database.server.id": site.config(name)["database.server.id"]}
    site.known.append("copy")
    assert site.rest("PUT", "/connectors/copy/config", copy)[0] == 201
    yield
    site.rest("DELETE", "/connectors/copy")


def thrown_out(site: Site, guard: OnSite) -> Tuple[float, str]:
    """Seconds until the task has failed, and what a person is told then."""
    name = guard.name
    began = time.monotonic()
    wait_for(f"{name} fails", lambda: "FAILED" in site.states(name), 60)
    seconds = time.monotonic() - began
    # A worker whose first health check is not over yet counts as starting.
    wait_for("that is told", lambda: SAID in guard.verdict().sentence, 60)
    return seconds, guard.verdict().sentence


def test_a_reader_with_the_same_server_id_is_told_and_nothing_is_lost_once_it_is_gone(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "same-id"
    site.register(name)
    guard = on_site(site, name, tmp_path, monkeypatch, restart_minutes=[0.05, 0.1])
    server_id, file = int(site.config(name)["database.server.id"]), site.sql("SHOW MASTER STATUS")[0][0]
    with Load(1) as load:
        wait_for("the load is under way", lambda: load.writes > 50, 60)
        with Reader(server_id, file, pause=3600) as reader:
            seconds, told = thrown_out(site, guard)
            assert reader.came
            assert SAID in told and "event_log_server_id" in told, told
            hosts = site.sql("SHOW SLAVE HOSTS")
            # One that does not come again is thrown out in its turn, by the connector that the guard restarts.
            back = guard.until("the connector runs again", lambda: guard.did("restart") and guard.runs(), 60)
    end = guard.all_came(load)
    print(f"failed after {seconds:.1f} s; restarted, ran after {back:.1f} s; {load.writes} writes, {end}; {told}")
    print(f"SHOW SLAVE HOSTS: {hosts}")
    assert guard.remembered()["hold"] == {}


@pytest.mark.full
@pytest.mark.parametrize("who", ["replica", "connector"])
def test_while_both_come_again_they_throw_each_other_out_and_afterwards_all_is_read(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    name = f"same-id-{who}"
    site.register(name)
    guard = on_site(site, name, tmp_path, monkeypatch)  # after 1, 2, 4 minutes, as on a server
    server_id, file = int(site.config(name)["database.server.id"]), site.sql("SHOW MASTER STATUS")[0][0]
    other: Callable[[], Any] = {
        "replica": lambda: Reader(server_id, file, pause=1),
        "connector": lambda: another_connector(site, name),
    }[who]
    with Load(2, pause=0.05) as load:
        wait_for("the load is under way", lambda: load.writes > 50, 60)
        with other():
            seconds, told = thrown_out(site, guard)
            assert SAID in told, told
            guard.until("the connector was restarted twice", lambda: guard.did("restart") >= 2, 300)
            again = guard.until("it is thrown out again", lambda: "FAILED" in site.states(name), 60)
            assert SAID in guard.verdict().sentence
            assert guard.remembered()["hold"] == {} and guard.remembered()["waiting"] == {}
        gone = guard.until("it runs", lambda: guard.runs() and guard.flow().connected, 400)
    end = guard.all_came(load)
    ours = [one for one in guard.recent() if one["about"] == name]
    assert len(ours) <= 6, "restarts that help nothing become rarer"
    print(f"{who}: failed after {seconds:.1f} s and {again:.1f} s; ran {gone:.0f} s after the other was gone;"
          f" {len(ours)} restarts; {load.writes} writes, {end}; {told}")  # fmt: skip

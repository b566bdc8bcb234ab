# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The line between worker and database is cut, half-open, and mended, while somebody writes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Iterator

import pytest

from tests.helpers.cut_line import Line
from tests.helpers.fault_load import Load
from tests.helpers.fault_site import DATABASE_PORT, Site
from tests.helpers.on_site import OnSite, on_site, register
from tests.helpers.workers import wait_for


@pytest.fixture
def line() -> Iterator[Line]:
    with Line(DATABASE_PORT) as made:
        yield made


def test_connections_that_are_reset_are_made_anew_by_the_guard_and_nothing_is_lost(
    site: Site, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "reset"
    register(site, name, **{"database.port": line.port})
    guard = on_site(site, name, tmp_path, monkeypatch, port=line.port)
    with Load(3) as load:
        wait_for("the load is under way", lambda: load.writes > 50, 60)
        line.reset()
        seconds = guard.until("it is restarted", lambda: guard.did("restart") and guard.runs(), 60)
        ran = guard.until("events flow", lambda: guard.flow().connected, 60)
    end = guard.all_came(load)
    print(f"reset: restarted within {seconds:.1f} s, connected {ran:.1f} s later; {load.writes} writes, {end}")
    assert guard.remembered()["hold"] == {} and guard.did("restart") == 1
    assert "its connection to the database was lost" in guard.recent()[-1]["reason"]


def _fresh(guard: OnSite) -> bool:
    age = guard.flow().event_age
    return age is not None and age < 5


@pytest.mark.full
@pytest.mark.parametrize("forgotten", [True, False], ids=["half-open", "mended"])
def test_a_line_that_drops_everything_is_seen_though_all_say_running(
    site: Site, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgotten: bool
) -> None:
    """The old connections are dead for ever afterwards, or go on as if nothing had been."""
    name = f"line-{'dead' if forgotten else 'back'}"
    register(site, name, **{"database.port": line.port})
    guard = on_site(site, name, tmp_path, monkeypatch, port=line.port)
    with Load(4, pause=0.05) as load:
        wait_for("the load is under way", lambda: load.writes > 50, 60)
        line.cut()
        began = time.monotonic()
        guard.until("it is noticed", lambda: guard.remembered()["healing"].get(name), 200)
        seen = time.monotonic() - began
        assert site.states(name) == ["RUNNING", "RUNNING"], "the worker notices nothing"
        told = [one.sentence for one in guard.verdict().findings]
        guard.until("the database is asked, and does not answer", lambda: guard.remembered()["waiting"], 60)
        waits = guard.remembered()["waiting"]
        assert waits["id"] == "database_unreachable" and guard.did("restart") == 0
        line.mend(forgotten)
        back = guard.until("events flow", lambda: guard.runs() and _fresh(guard), 180)
        guard.until("nothing is waited for", lambda: not guard.remembered()["waiting"], 60)
    end = guard.all_came(load)
    restarts = guard.did("restart")
    assert restarts >= 1 or not forgotten
    assert guard.remembered()["hold"] == {}
    assert any("has given no sign of life" in one for one in told), told
    print(f"{name}: noticed after {seen:.0f} s, reads {back:.0f} s after the line was mended; {restarts} restarts;"
          f" {load.writes} writes, {end}; {told}; {waits['what']}")  # fmt: skip


@pytest.mark.full
def test_a_line_that_is_away_for_seconds_changes_nothing(
    site: Site, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "line-short"
    register(site, name, **{"database.port": line.port})
    guard = on_site(site, name, tmp_path, monkeypatch, port=line.port)
    with Load(5, pause=0.05) as load:
        wait_for("the load is under way", lambda: load.writes > 50, 60)
        line.cut()
        began = time.monotonic()
        guard.until("it is away for long enough", lambda: time.monotonic() - began > 20, 60)
        line.mend()
    end = guard.all_came(load)
    print(f"away for 20 s: {load.writes} writes, {end}; {guard.recent()}")
    assert guard.did("restart") == 0

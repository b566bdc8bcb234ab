# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look at the database that every round of the guard repeats."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List

import pytest
from event_guard import boot, database, findings
from event_guard.shared import history
from event_guard.shared.history import Position
from event_log import worker

from tests.helpers.guard_site import NOW, WORKER, Site, make


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return make(tmp_path, monkeypatch)


def test_what_a_round_remembers(site: Site) -> None:
    site.round(500)
    known = site.known()
    assert known is not None
    assert known.offset == known.newest == Position("binlog.000001", 500)
    assert known.event is not None
    assert known.created == {"binlog.000001": 11}
    site.round(600, NOW + 10)
    assert site.known().newest == Position("binlog.000001", 1000)  # type: ignore[union-attr]


def test_the_binary_log_is_read_rarely_while_the_connection_lives(site: Site) -> None:
    site.round(500)
    once = site.base.readings
    for number in range(1, 50):
        site.base.sizes["binlog.000001"] += 100
        site.round(500 + number, NOW + 10 * number)
    assert site.base.readings == once
    site.round(600, NOW + 700)
    assert site.base.readings > once


def test_a_clock_that_was_set_back_does_not_put_off_the_next_whole_look(site: Site) -> None:
    site.round(500)
    once = site.base.readings
    site.round(500, NOW - 365 * 86400)
    assert site.base.readings > once


def test_another_history_behind_a_lost_connection_stops_the_worker(site: Site) -> None:
    site.round(500)
    before = site.memory().get(history.KEY)
    site.base.down = True
    site.round(600, NOW + 10)
    assert site.ran == [], "a database that is down is no other one"
    site.base.down = False
    site.base.times["binlog.000001"] = 99
    site.round(700, NOW + 20)
    assert site.ran == [f"docker kill {WORKER}"]
    assert site.memory().get("hold")["id"] == history.OTHER
    assert site.memory().get(history.KEY) == before


def test_a_copy_of_the_data_is_told_by_the_file_that_was_begun_last(site: Site) -> None:
    """Each start of the server begins a file: the one of before the copy went, and the copy begins one of that name."""
    site.round(500)
    site.base.sizes["binlog.000002"] = 400
    site.base.times["binlog.000002"] = 22
    # The worker is still in the first file, as long as the guard has not let it connect again.
    site.round(500, NOW + 10)
    site.base.sizes["binlog.000002"] = 800
    site.round(500, NOW + 20)
    assert site.known().created == {"binlog.000001": 11, "binlog.000002": 22}  # type: ignore[union-attr]
    site.base.down = True
    site.round(500, NOW + 30)
    site.base.down = False
    site.base.times["binlog.000002"] = 33
    site.base.sizes["binlog.000002"] = 900
    site.round(500, NOW + 40)
    assert site.memory().get("hold")["id"] == history.OTHER
    assert site.ran == [f"docker kill {WORKER}"]


def test_a_guard_that_cannot_look_says_so_after_a_while(site: Site) -> None:
    def told(now: float) -> List[str]:
        return [one.id for one in findings.findings(site.memory(), site.guard, now)]

    site.round(500)
    site.base.down = True
    site.round(500, NOW + 10)
    site.round(500, NOW + 20)
    assert "unwatched" not in told(NOW + 60)
    assert "unwatched" in told(NOW + 1000)
    assert site.memory().get("unwatched") == {"why": "down", "since": int(NOW) + 10}
    site.base.down = False
    site.round(500, NOW + 1010)
    assert "unwatched" not in told(NOW + 2000)


def test_a_repair_that_is_under_way_may_start_the_worker(site: Site) -> None:
    site.round(500)
    memory = site.memory()
    memory.put("gaps", [{"connector": "openmrs", "repaired": ""}])
    memory.save()
    site.base.sizes["binlog.000001"] = 200
    site.round(500, NOW + 10)
    assert site.ran == []
    memory.put("gaps", [{"connector": "openmrs", "repaired": "2026-01-01"}, {"table": "obs", "repaired": False}])
    memory.save()
    site.round(500, NOW + 20)
    assert site.ran == [f"docker kill {WORKER}"]


def test_a_log_that_got_shorter_is_noticed_on_a_living_connection(site: Site) -> None:
    site.round(500)
    site.base.sizes["binlog.000001"] = 200
    site.round(500, NOW + 10)
    assert site.memory().get("hold")["id"] == history.OLDER


def test_a_purge_does_not_stop_a_worker_that_reads(site: Site) -> None:
    site.round(500)
    site.base.sizes = {"binlog.000002": 900}
    site.base.times = {"binlog.000002": 22}
    site.round(500, NOW + 10)
    assert site.ran == []
    assert boot.decide(site.settings, site.guard, site.memory(), NOW + 10).id == history.PURGED


def test_a_position_from_a_restored_backup_that_is_purged_is_told_before_a_restart(site: Site) -> None:
    site.base.sizes["binlog.000002"], site.base.times["binlog.000002"] = 900, 22
    site.offset = {"file": "binlog.000002", "pos": 400}
    site.round()
    del site.base.sizes["binlog.000001"]
    site.round(now=NOW + 10)
    assert boot.decide(site.settings, site.guard, site.memory(), NOW + 10).start
    site.round(500, NOW + 20)
    assert site.known().offset == Position("binlog.000001", 500)  # type: ignore[union-attr]
    assert boot.decide(site.settings, site.guard, site.memory(), NOW + 20).id == history.PURGED


def test_a_worker_that_does_not_answer_leaves_the_offset_as_it_was(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.round(500)

    def silent(*_: Any) -> Any:
        raise worker.WorkerError("no answer")

    monkeypatch.setattr(worker, "ask", silent)
    site.round(0, NOW + 10)
    assert site.known().offset == Position("binlog.000001", 500)  # type: ignore[union-attr]


def test_offsets_that_somebody_reset_are_forgotten(site: Site) -> None:
    site.round(500)
    site.offset = None
    site.round(0, NOW + 10)
    assert site.known() is None


def test_nothing_is_written_where_nothing_happens(site: Site) -> None:
    for number in range(3):
        site.round(500, NOW + number)
    written = (site.guard.directory / "memory.json").stat().st_ino
    site.round(500, NOW + 4)
    assert (site.guard.directory / "memory.json").stat().st_ino == written


# how the database is reached


def test_the_password_is_read_as_java_reads_it() -> None:
    assert database.password_in("password=plain\n") == "plain"
    assert database.password_in("# managed\npassword = a\\=b\\\\c\\u00e9\\ d\n") == "a=b\\cé d"
    assert database.password_in("other=x\n") == ""


@pytest.mark.parametrize("told", ['{"capture": {"host": "h"}}', "{}", '{"capture": {"port": "x"}}', "["])
def test_without_a_whole_capture_there_is_none(site: Site, told: str) -> None:
    (site.settings.home / "config" / "source.json").write_text(told)
    assert database.capture_of(site.settings) is None

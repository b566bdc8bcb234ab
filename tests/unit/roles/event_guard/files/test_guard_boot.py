# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The start of the worker: what keeps it from starting, what is remembered of that, and what lifts it."""

from __future__ import annotations

from pathlib import Path
from subprocess import CompletedProcess
from typing import Sequence

import pytest
from event_guard import boot, disk
from event_guard.boot import Decision
from event_guard.shared import history
from event_log import stack
from event_log.words import Said

from tests.helpers.guard_site import NOW, OTHER, UNREACHABLE, WORKER, Site, decided, make


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return make(tmp_path, monkeypatch)


def test_the_worker_is_started(site: Site) -> None:
    assert boot.start_worker(site.settings).start
    assert site.ran == [f"docker start {WORKER}"]
    assert site.memory().get("hold") == {}


def test_a_container_that_is_missing_is_made_and_one_that_runs_is_left_alone(site: Site) -> None:
    site.state = "missing"
    assert boot.start_worker(site.settings).start
    assert boot.start_worker(site.settings).start
    [made] = site.ran
    assert made.endswith("--no-recreate --no-build --pull never --no-deps connect")


def test_a_wrong_database_is_a_hold_and_a_worker_that_runs_is_stopped(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided(monkeypatch, OTHER)
    site.state = "running"
    assert boot.start_worker(site.settings) == OTHER
    assert site.ran == [f"docker kill {WORKER}"]
    hold = site.memory().get("hold")
    assert {**hold, "since": 0} == {
        "id": "database_other",
        "what": "It is another one.",
        "remedy": "Repair it.",
        "since": 0,
        "connector": "openmrs",
    }
    assert site.acts() == {"hold": 1, "stop_worker": 1}
    boot.start_worker(site.settings)
    assert site.memory().get("hold") == hold
    assert site.acts() == {"hold": 1, "stop_worker": 1}, "told once"


def test_the_reason_is_on_disk_before_the_worker_is_stopped(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    decided(monkeypatch, OTHER)
    site.state = "running"
    remembered = []

    def run(command: Sequence[str], seconds: float = 0) -> CompletedProcess[str]:
        remembered.append(site.memory().get("hold"))
        return site.run(command)

    monkeypatch.setattr(stack, "run", run)
    boot.start_worker(site.settings)
    assert [one["id"] for one in remembered] == ["database_other"]


def test_a_hold_of_the_guard_is_lifted_by_the_right_database(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    decided(monkeypatch, OTHER)
    boot.start_worker(site.settings)
    decided(monkeypatch, boot.YES)
    assert boot.start_worker(site.settings).start
    assert site.memory().get("hold") == {}
    assert site.acts() == {"hold": 1, "release": 1}


def test_what_passes_by_itself_is_no_hold_and_stops_nobody(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    decided(monkeypatch, UNREACHABLE)
    site.state = "running"
    boot.start_worker(site.settings)
    assert site.memory().get("hold") == {}
    assert site.memory().get("waiting")["id"] == "database_unreachable"
    assert site.ran == []
    decided(monkeypatch, boot.YES)
    boot.start_worker(site.settings)
    assert site.memory().get("waiting") == {}


def test_it_is_counted_how_often_in_a_row_the_database_did_not_answer(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []
    for decision in (UNREACHABLE, UNREACHABLE, boot.YES, *[UNREACHABLE] * 5):
        decided(monkeypatch, decision)
        site.state = "exited"
        boot.start_worker(site.settings)
        counted.append(site.memory().get("waiting").get("times"))
    assert counted == [1, 2, None, 1, 2, 3, 3, 3]
    assert site.acts() == {"wait": 2}


def test_the_holds_of_others_stay(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    decided(monkeypatch, boot.YES)
    memory = site.memory()
    memory.put("hold", {"id": "repairing", "what": "Somebody is at it.", "remedy": ""})
    memory.save()
    assert boot.start_worker(site.settings) == Decision(False, "repairing", "Somebody is at it.", "")
    assert site.memory().get("hold")["id"] == "repairing"
    assert site.ran == []


@pytest.mark.parametrize("state", ["inactive", "deactivating", "failed"])
def test_a_stack_that_somebody_stopped_stays_stopped(site: Site, monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    monkeypatch.setattr(stack, "unit_state", lambda: state)
    assert boot.start_worker(site.settings).id == "stack_stopped"
    assert site.ran == []


def test_a_stack_on_hold_stays_so(site: Site) -> None:
    (site.settings.home / "hold").write_text("restored")
    assert boot.start_worker(site.settings).id == "stack_on_hold"
    assert site.ran == []


def test_an_engine_that_refuses_is_asked_again(site: Site) -> None:
    site.refuses = "no space"
    decision = boot.start_worker(site.settings)
    assert (decision.start, decision.id, decision.wait) == (False, "worker_not_started", True)
    assert "no space" in site.memory().get("waiting")["what"]


# what is looked at before it


def test_clock_disk_and_database_are_looked_at_in_this_order(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.round(500)
    memory = site.memory()

    def found(now: float = NOW) -> str:
        decision = boot.decide(site.settings, site.guard, memory, now)
        assert decision.start is (decision.id == "")
        return decision.id

    assert found() == ""
    site.base.sizes = {"binlog.000001": 400}
    assert found() == history.OLDER
    site.base.down = True
    assert found() == "database_unreachable"
    monkeypatch.setattr(disk, "refusal", lambda *_: Said("disk_full", {"limit": 5.0}))
    assert found() == "disk_full"
    assert found(now=5.0) == "clock_back"


def test_nothing_keeps_the_first_start(site: Site) -> None:
    site.base.down = True
    assert boot.decide(site.settings, site.guard, site.memory(), NOW).start, "nothing is remembered yet"
    (site.settings.home / "config" / "source.json").unlink()
    assert boot.decide(site.settings, site.guard, site.memory(), NOW).start, "there is no connector yet"


def test_the_session_of_a_decision_is_closed(site: Site) -> None:
    site.round(500)
    boot.decide(site.settings, site.guard, site.memory(), NOW)
    assert site.base.closed == 1


# every round

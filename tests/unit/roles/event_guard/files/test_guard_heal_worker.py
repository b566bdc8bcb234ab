# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When worker and broker are started again, and when not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, List

import pytest
from event_guard import acts, boot, heal, look
from event_guard.memory import Memory
from event_log import stack

from tests.helpers.healing_site import OTHER, UP, Site, make


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return make(tmp_path, monkeypatch)


def test_a_worker_that_stopped_is_started_once_it_is_surely_gone(site: Site) -> None:
    site.seen = look.Look("", replace(UP, status="exited", exit_code=137, out_of_memory=True), True)
    site.again()
    site.again()
    assert site.started == 0  # Compose may just be replacing it
    site.again()
    assert site.started == 1
    assert site.memory("acts") == {"start_worker": 1}
    assert "exit code 137, out of memory" in acts.recent(site.guard.directory)[0]["reason"]
    for _ in range(5):
        site.again()
    assert site.started == 1  # the next one a minute later
    for _ in range(4):
        site.again()
    assert site.started == 2


def test_a_worker_that_went_down_with_its_engine_is_started_at_once_each_time(site: Site) -> None:
    """An engine that is killed again and again, or a host whose power fails, is no failure of the worker."""
    for number in range(1, 8):
        site.engine = f"run {number}"
        site.seen = look.Look("", replace(UP, status="exited", exit_code=255), True)
        for _ in range(3):
            site.again()
        assert site.started == number
        assert site.memory("healing")["(worker)"]["failures"] == 1
        site.seen = look.Look("", UP, True)
        site.again()


def test_a_worker_that_does_not_last_under_one_engine_is_started_later_each_time(site: Site) -> None:
    site.seen = look.Look("", replace(UP, status="exited", exit_code=1), True)
    for _ in range(360):
        site.again()
    assert site.started == 6  # at once, then 1, 2, 4, 8 and 16 minutes apart
    site.engine = ""  # systemd was slow for once
    site.again()
    assert site.started == 6
    site.engine = "another run"
    site.again()
    assert site.started == 7


def test_a_worker_that_may_not_start_is_asked_for_again_within_a_minute(site: Site) -> None:
    site.seen = look.Look("", replace(UP, status="created"), True)
    site.decision = OTHER
    for _ in range(30):
        site.again()
    assert site.started == 0
    assert site.memory("acts") == {}
    site.decision = boot.YES
    for _ in range(7):
        site.again()
    assert site.started == 1


def test_a_worker_that_has_been_ill_for_minutes_is_restarted_and_a_frozen_one_is_not(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: List[Any] = []
    done = stack.subprocess.CompletedProcess([], 0, "", "")

    def run(command: List[str], seconds: float) -> Any:
        commands.append(command)
        return done

    monkeypatch.setattr(stack, "run", run)
    site.seen = look.Look("", replace(UP, status="paused", health="unhealthy"), True)
    for _ in range(60):
        site.again()
    site.seen = look.Look("", replace(UP, health="unhealthy"), True, (), "no answer (too slow)")
    for _ in range(30):
        site.again()
    assert commands == []
    site.again()
    assert commands == [["docker", "restart", "--time", "30", "event-log-connect"]]
    assert json.loads((site.guard.directory / acts.NAME).read_text())["act"] == "restart_worker"


def test_a_broker_that_answers_nothing_is_told_of_and_restarted_after_minutes(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: List[Any] = []
    done = stack.subprocess.CompletedProcess([], 0, "", "")

    def run(command: List[str], seconds: float) -> Any:
        commands.append(command)
        return done

    monkeypatch.setattr(stack, "run", run)

    def told() -> List[str]:
        found = heal.findings(Memory.load(site.guard.directory), site.guard)
        return [f"{one.id}: {one.what}" for one in found]

    well = site.seen
    broker = replace(UP, name="event-log-broker")
    silent = replace(well, broker_healthy=False, broker=broker, broker_silent=True)
    site.seen = silent
    for _ in range(3):
        site.again()
    assert told() == []  # slow for once
    site.again()
    words = "it takes connections, but has answered nothing for 30 s"
    assert told() == [f"broker_silent: Kafka hangs: {words}."]
    site.seen = well
    site.again()
    assert told() == []
    site.seen = silent
    for _ in range(30):
        site.again()
    assert commands == []
    site.again()
    assert commands == [["docker", "restart", "--time", "30", "event-log-broker"]]
    assert site.memory("acts") == {"restart_broker": 1}
    for _ in range(30):
        site.again()
    assert len(commands) == 1
    site.again()
    assert len(commands) == 2  # and so on, later each time


def test_a_worker_outlives_a_broker_that_answers_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: List[Any] = []
    monkeypatch.setattr(stack, "run", lambda command, seconds: commands.append(command))
    site.seen = look.Look("", replace(UP, health="unhealthy"), False, (), "no answer (too slow)")
    for _ in range(60):
        site.again()
    assert commands == []

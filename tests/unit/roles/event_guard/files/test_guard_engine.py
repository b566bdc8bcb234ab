# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine that systemd has given up is started again, later each time, and one that somebody stopped is not."""

from __future__ import annotations

from pathlib import Path
from subprocess import CompletedProcess
from typing import List, Sequence

import pytest
from event_guard import engine as subject
from event_guard import loop
from event_log import stack

from tests.helpers.guard_site import NOW, Site, make

START = "systemctl start docker.service"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return make(tmp_path, monkeypatch)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(stack, "unit_state", lambda unit=stack.UNIT: made.state)
    monkeypatch.setattr(stack, "run", made.run)
    return made


class Engine:
    """Its unit's state, and what was said to systemd."""

    state = "failed"
    code = 1

    def __init__(self) -> None:
        self.ran: List[str] = []

    def run(self, command: Sequence[str], seconds: float = 0) -> CompletedProcess[str]:
        self.ran.append(" ".join(command))
        return CompletedProcess(command, self.code, "", "Job failed.")

    def starts(self) -> int:
        return self.ran.count(START)


def step(site: Site, now: float) -> None:
    memory = site.memory()
    subject.step(site.settings, site.guard, memory, now)
    memory.save()


def test_it_is_started_at_once_and_then_later_each_time(site: Site, engine: Engine) -> None:
    moments = []
    for second in range(0, 500, 10):
        before = engine.starts()
        step(site, NOW + second)
        if engine.starts() > before:
            moments.append(second)
    assert moments == [0, 60, 180, 420]
    assert engine.ran[0] == "systemctl reset-failed docker.service docker.socket"
    assert site.acts() == {"start_engine": 4}


@pytest.mark.parametrize("state", ["inactive", "deactivating", "activating", "active", None])
def test_one_that_has_not_failed_is_left_alone(site: Site, engine: Engine, state: str) -> None:
    engine.state = state
    step(site, NOW)
    assert engine.ran == []
    assert not site.memory().get(subject.KEY)


def test_a_hold_counts_more(site: Site, engine: Engine) -> None:
    (site.settings.home / "hold").write_text("the engine is being changed")
    step(site, NOW)
    assert engine.ran == []


def test_one_that_runs_for_ten_minutes_fails_for_the_first_time_again(site: Site, engine: Engine) -> None:
    engine.code = 0
    step(site, NOW)
    engine.state = "active"
    step(site, NOW + 10)
    step(site, NOW + 700)
    assert site.memory().get(subject.KEY) == {}
    engine.state = "failed"
    step(site, NOW + 710)
    assert engine.starts() == 2


def test_the_service_looks_at_it_before_all_else() -> None:
    assert next(name for name, _ in loop.steps()) == "engine"

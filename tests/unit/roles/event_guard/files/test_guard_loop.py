# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rounds of the service: one step's failure is its own."""

from __future__ import annotations

import time
from pathlib import Path
from typing import List

import pytest
from event_guard import loop
from event_guard.memory import Memory
from event_guard.settings import PATIENCE, Guard
from event_log.errors import EventLogError
from event_log.settings import Settings

SETTINGS = Settings(
    home=Path("/h"), image="i", bootstrap="127.0.0.1:9092", data_dir=Path("/d"), project="p", uid=1, gid=1, database="o"
)


def broken(_settings: Settings, _guard: Guard, memory: Memory, _now: float) -> None:
    memory.put("healing", {"c1": {"failures": 1}})
    raise RuntimeError("no\nsuch thing")


def hanging(*_: object) -> None:
    time.sleep(30)


def good(_settings: Settings, _guard: Guard, memory: Memory, now: float) -> None:
    memory.put("disk", {"seen": now, "before": memory.get("healing")})


def test_a_step_that_fails_or_hangs_stops_no_other_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(loop, "_STEP_SECONDS", 1)
    steps = (("broken", broken), ("hanging", hanging), ("good", good))
    rounds = loop.Rounds(SETTINGS, Guard(directory=tmp_path), steps)
    began = time.monotonic()
    rounds.one(5.0)
    assert time.monotonic() - began < 20
    assert Memory.load(tmp_path).get("disk") == {"seen": 5.0, "before": {"c1": {"failures": 1}}}
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "<3>broken failed in this round: RuntimeError: no such thing",
        "<3>hanging failed in this round: not done within 1 s",
    ]


def test_a_step_that_fails_in_every_round_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rounds = loop.Rounds(SETTINGS, Guard(directory=tmp_path), (("broken", broken),))
    for _ in range(5):
        rounds.one(0)
    assert len(capsys.readouterr().out.splitlines()) == 1


class Engine:
    """A step that gets an answer, or does not, as a test says."""

    def __init__(self, tmp_path: Path) -> None:
        self.answers = True
        self.rounds = loop.Rounds(SETTINGS, Guard(directory=tmp_path), (("engine", self.step),))

    def step(self, *_: object) -> None:
        if not self.answers:
            raise EventLogError("no answer within 4 s")

    def said(self, capsys: pytest.CaptureFixture[str], *rounds: bool) -> List[str]:
        for self.answers in rounds:
            self.rounds.one(0)
        return capsys.readouterr().out.splitlines()


def test_who_does_not_answer_once_is_no_error_and_in_three_rounds_in_a_row_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine, notice = Engine(tmp_path), "<5>engine had no answer in this round: no answer within 4 s"
    assert PATIENCE == 3
    assert engine.said(capsys, False) == [notice]
    assert engine.said(capsys, True) == []
    assert engine.said(capsys, False, False) == [notice], "that was not in a row"
    error = ["<3>engine failed in this round: no answer within 4 s"]
    assert engine.said(capsys, False) == error
    assert engine.said(capsys, *[False] * 20) == [], "once an hour is enough"
    assert engine.rounds._unanswered == {"engine": PATIENCE}
    assert engine.said(capsys, True, False) == [notice]


def test_the_service_goes_on_until_it_is_told_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: List[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop, "steps", lambda: (("good", good),))
    monkeypatch.setattr(loop.time, "sleep", sleep)
    monkeypatch.setattr(loop.guard_settings, "load", lambda: Guard(directory=tmp_path, interval=10))
    assert loop.run(SETTINGS) == 0
    assert all(0 < one <= 10 for one in slept)
    assert len(slept) == 3


def test_a_step_that_cannot_be_loaded_is_told_and_passed_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(loop, "STEPS", (("nothing_here", "step"), ("heal", "step")))
    assert [name for name, _ in loop.steps()] == ["heal"]
    assert "<3>The guard goes on without nothing_here" in capsys.readouterr().out

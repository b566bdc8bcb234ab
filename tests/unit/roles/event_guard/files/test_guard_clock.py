# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock that is behind what it said before is not believed, unless there is a reason to."""

from __future__ import annotations

from pathlib import Path
from typing import Optional, Tuple

import pytest
from event_guard import clock as subject
from event_guard.memory import Memory
from event_guard.settings import Guard
from event_log.words import Said

NOW = subject.BUILT + 30_000_000.0
YEAR = 365 * 86400


@pytest.fixture
def known(tmp_path: Path) -> Tuple[Memory, Guard]:
    memory, guard = Memory.load(tmp_path), Guard(directory=tmp_path)
    subject.remember(memory, guard, NOW, sure=False)
    return memory, guard


def said(problem: Optional[Said]) -> Said:
    assert problem is not None
    return problem


def test_time_goes_on(known: Tuple[Memory, Guard]) -> None:
    assert subject.problem(*known, NOW + 5, sure=False) is None
    assert subject.problem(*known, NOW - 60, sure=False) is None, "a small correction"


def test_a_year_back(known: Tuple[Memory, Guard]) -> None:
    assert "it said" in said(subject.problem(*known, NOW - YEAR / 2, sure=False)).what
    assert "before this program was made" in said(subject.problem(*known, 100.0, sure=False)).what
    assert "before this program was made" in said(subject.problem(*known, 100.0, sure=True)).what


def test_a_clock_that_a_time_server_sets_is_right_and_the_remembered_time_was_wrong(
    known: Tuple[Memory, Guard],
) -> None:
    memory, guard = known
    subject.remember(memory, guard, NOW + 10 * YEAR, sure=False)
    assert subject.problem(memory, guard, NOW, sure=False)
    assert subject.problem(memory, guard, NOW, sure=True) is None
    subject.remember(memory, guard, NOW, sure=True)
    assert memory.get(subject.KEY) == {"newest": int(NOW)}
    assert subject.problem(memory, guard, NOW, sure=False) is None


def test_a_person_may_say_that_the_clock_is_right(known: Tuple[Memory, Guard]) -> None:
    memory, guard = known
    subject.remember(memory, guard, NOW + 10 * YEAR, sure=False)
    assert str(guard.directory / subject.RIGHT) in said(subject.problem(memory, guard, NOW, sure=False)).remedy
    (guard.directory / subject.RIGHT).touch()
    subject.remember(memory, guard, NOW, sure=False)
    assert not (guard.directory / subject.RIGHT).exists()
    assert subject.problem(memory, guard, NOW, sure=False) is None


def test_nobody_is_asked_to_declare_a_time_right_that_cannot_be(known: Tuple[Memory, Guard]) -> None:
    memory, guard = known
    (guard.directory / subject.RIGHT).touch()
    assert subject.RIGHT not in said(subject.problem(memory, guard, subject.BUILT - 1, sure=False)).remedy


def test_a_wrong_time_is_not_remembered(known: Tuple[Memory, Guard]) -> None:
    memory, guard = known
    subject.remember(memory, guard, NOW - YEAR / 2, sure=False)
    assert memory.get(subject.KEY) == {"newest": int(NOW)}


def test_time_is_remembered_once_a_minute(known: Tuple[Memory, Guard]) -> None:
    memory, guard = known
    memory.save()
    subject.remember(memory, guard, NOW + 50, sure=False)
    assert not memory.changed
    subject.remember(memory, guard, NOW + 61, sure=False)
    assert memory.changed


def test_the_kernel_can_be_asked() -> None:
    assert subject.synchronised() in (True, False)

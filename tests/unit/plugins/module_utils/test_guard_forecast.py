# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The day on which the disk is full, foretold from growth that is made up, and the day on which it then really is."""

from __future__ import annotations

import random
from typing import Callable, Dict, Iterator, List, Tuple

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _guard_growth as growth
from ansible_collections.openmrs.event_log.plugins.module_utils._guard_growth import DAY, HOUR, Room

SIZE, BEGIN, LIMIT = 500 * 10**9, 320 * 10**9, 10.0
PER_DAY = 2 * 10**9
#: What a failure names can be made again.
SEEDS = range(1, 21)
#: Bytes of each hour, from chance and from how many days are watched before the forecast.
Grower = Callable[[random.Random, int], Iterator[float]]


def steady(_chance: random.Random, _watched: int) -> Iterator[float]:
    """The same in every hour."""
    while True:
        yield PER_DAY / 24


def week(chance: random.Random, _watched: int) -> Iterator[float]:
    """Five days with people from 8 to 17 o'clock, a quiet Saturday, a Sunday with nobody."""
    shares = (1.0, 1.0, 1.0, 1.0, 1.0, 0.4, 0.05)
    hour = chance.randrange(7 * 24)
    while True:
        day, of_the_day = divmod(hour % (7 * 24), 24)
        yield PER_DAY * shares[day] * (0.1 if 8 <= of_the_day < 17 else 0.1 / 15)
        hour += 1


def jump(chance: random.Random, watched: int) -> Iterator[float]:
    """Every day like the other, but once a large import, over one to four hours within the days that are watched."""
    begin, hours = chance.randrange(1, watched * 24 - 4), chance.randint(1, 4)
    size = chance.uniform(5, 20) * PER_DAY
    hour = 0
    while True:
        yield PER_DAY / 24 + (size / hours if begin <= hour < begin + hours else 0)
        hour += 1


def jump_in_a_week(chance: random.Random, watched: int) -> Iterator[float]:
    """Both."""
    for usual, other in zip(week(chance, watched), jump(chance, watched)):
        yield usual + other - PER_DAY / 24


def noise(chance: random.Random, _watched: int) -> Iterator[float]:
    """Days of unlike weight, and dumps of a size of days that come at any time and go after a few hours."""
    lies: Dict[int, float] = {}
    hour, weight = 0, 1.0
    while True:
        if hour % 24 == 0:
            weight = max(0.0, chance.gauss(1, 0.2))
        grown = PER_DAY / 24 * weight * chance.uniform(0, 2) - lies.pop(hour, 0)
        if chance.random() < 1 / 30:
            dump = chance.uniform(1, 5) * PER_DAY
            goes = hour + chance.randint(1, 8)
            lies[goes] = lies.get(goes, 0) + dump
            grown += dump
        yield grown
        hour += 1


def _foretold_and_true(grower: Grower, seed: int, watched: int) -> Tuple[float, float]:
    """Days until the limit, as foretold after so many days, and as they came; what lies for hours is not full yet."""
    used, hourly = float(BEGIN), grower(random.Random(seed), watched)  # noqa: S311
    samples: List[Tuple[int, int]] = []
    for hour in range(watched * 24 + 1):
        samples = growth.record(samples, hour * HOUR, int(used))
        used += next(hourly)
    now = watched * DAY
    found = growth.forecast(samples, now, Room(SIZE - samples[-1][1], SIZE), LIMIT)
    assert found is not None
    assert found.days is not None
    full, hours, above = SIZE * (1 - LIMIT / 100), 0, 0
    while above < 24:
        above = above + 1 if used >= full else 0
        used += next(hourly)
        hours += 1
    return found.days, (hours - 24) / 24


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("grower", "watched"),
    [
        *((steady, days) for days in (1, 2, 5, 8, 14, 20)),
        *((week, days) for days in (8, 10, 14, 20)),
        *((jump, days) for days in (8, 10, 14, 20)),
        # Of one week alone nobody can tell how much of a busy Saturday was the import, and chance weighs more.
        *((jump_in_a_week, days) for days in (14, 20)),
        *((noise, days) for days in (14, 20)),
    ],
)
def test_forecast_is_within_a_fifth(grower: Grower, watched: int, seed: int) -> None:
    foretold, true = _foretold_and_true(grower, seed, watched)
    assert foretold == pytest.approx(true, rel=0.2)


def _per_day(used: Callable[[int], float], days: int, on: Callable[[int], bool] = lambda _hour: True) -> float:
    """What is found of an hourly course, in bytes a day."""
    samples = [(hour * HOUR, int(used(hour))) for hour in range(days * 24 + 1) if on(hour)]
    found = growth.forecast(samples, days * DAY, Room(SIZE - int(used(days * 24)), SIZE), LIMIT)
    assert found is not None
    return found.per_day


def test_a_retention_that_deletes_once_a_week_counts() -> None:
    assert _per_day(lambda hour: BEGIN + PER_DAY * (hour % 168) / 24, 15) == pytest.approx(0, abs=PER_DAY / 100)


def test_what_has_run_away_for_days_counts() -> None:
    def used(hour: int) -> float:
        return BEGIN + PER_DAY * (hour + 9 * max(0, hour - 11 * 24)) / 24

    assert _per_day(used, 15) > 2 * PER_DAY


def test_a_host_that_is_off_at_night_and_was_away_for_three_days() -> None:
    def on(hour: int) -> bool:
        return 7 <= hour % 24 < 19 and not 5 <= hour // 24 < 8

    assert _per_day(lambda hour: BEGIN + PER_DAY * hour / 24, 14, on) == pytest.approx(PER_DAY, rel=0.05)

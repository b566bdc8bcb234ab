# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S311 - made-up data
"""A load's worker, with a database that takes transactions back."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from random import Random
from typing import Any, Union

import pytest
from ansible_collections.openmrs.event_log.roles.openmrs_sample.files.openmrs_sample import client, day, load, reference

MEASURED = str(reference.IN_VITALS[0].concept_id)


@dataclass
class Scripted:
    """Answers each call with what it was given, and with one row for each statement once that is used up."""

    answers: list[Union[list[str], Exception]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    sessions: int = 0

    def session(self) -> Scripted:
        self.sessions += 1
        return self

    def __enter__(self) -> Scripted:
        return self

    def __exit__(self, *_error: object) -> None:
        return None

    def run(self, sql: str) -> list[str]:
        self.asked.append(sql)
        given = self.answers.pop(0) if self.answers else ["1"] * sql.count("ROW_COUNT()")
        if isinstance(given, Exception):
            raise given
        return given


def worked(database: Scripted, count: int) -> load.Worker:
    ids: dict[str, Any] = dict.fromkeys(load.TABLES, 100)
    order = load.Order(rate=1000, seconds=20, count=count, workers=1, mix={day.EDIT_OBS: 1})
    known = day.Known(
        obs=[load.obs_row([str(number), "9", MEASURED, "4", "2026-03-01 10:00:00", "0"]) for number in range(1, 30)]
    )
    mine = day.Day(Random("1"), day.StridedIds(**ids, stride=1), known, order.mix)
    worker = load.Worker(0, order, database, mine, threading.Event())  # type: ignore[arg-type]
    worker.work(time.monotonic())
    return worker


def test_what_a_deadlock_takes_back_is_written_again_and_nothing_twice() -> None:
    late = client.DeadlockError("ERROR 1213 (40001)", ["1"])  # the first of two statements was answered
    database = Scripted([late, late])
    worker = worked(database, 3)
    assert worker.error is None
    assert (worker.report.kinds, worker.report.deadlocks) == ({day.EDIT_OBS: 3}, 2)
    assert database.asked[0] == database.asked[1] == database.asked[2]
    assert database.sessions == 3, "the client has ended at the error"
    assert worker.report.tables["obs"] == {"insert": 3, "update": 3}


@pytest.mark.parametrize("lost", [client.SampleError("ERROR 1114 (HY000): The table is full"), ["1"]])
def test_any_other_failure_ends_the_load(lost: Union[list[str], Exception]) -> None:
    worker = worked(Scripted([lost]), 3)
    assert isinstance(worker.error, client.SampleError)
    assert worker.stop.is_set()
    assert worker.report.kinds == {}

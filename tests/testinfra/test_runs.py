"""Check mode told the truth, a second run changed nothing and was short: from the records of the scenario's runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.helpers.records import RECORDS, Run, difference, runs

MOST_TASKS = 60
# What the whole test sequence does.
KINDS = ["check", "run", "run", "check"]


def converging() -> list[Run]:
    directory = Path(os.environ.get("EVENT_LOG_TEST_RECORD") or RECORDS / "default")
    return runs(directory, "converge")


@pytest.fixture(scope="module")
def sequence() -> list[Run]:
    found = converging()
    if [run.kind for run in found[:3]] == KINDS[1:]:
        return [found[0], *found]  # check mode on a bare server is what another scenario shows
    return begun_with(KINDS)


def begun_with(wanted: list[str]) -> list[Run]:
    found = converging()
    kinds = [run.kind for run in found]
    if kinds[: len(wanted)] != wanted:
        pytest.skip(f"this server was not made by the whole test sequence, its runs are: {kinds}")
    return found


def test_no_run_failed(sequence: list[Run]) -> None:
    assert [failure for run in sequence[:4] for failure in run.failures] == []


def test_check_mode_on_the_bare_server_predicts_the_run(sequence: list[Run]) -> None:
    check, run = sequence[:2]
    if check is run:
        pytest.skip("this scenario begins without check mode")
    assert run.changed, "the first run changed nothing at all?"
    assert difference(check, run) == ""


def test_the_second_run_changes_nothing(sequence: list[Run]) -> None:
    assert dict(sequence[2].changed) == {}


def test_check_mode_on_the_converged_server_predicts_nothing(sequence: list[Run]) -> None:
    assert dict(sequence[3].changed) == {}


def test_a_run_with_nothing_to_do_is_short(sequence: list[Run]) -> None:
    hosts = {event.host for event in sequence[2].executed}
    for host in hosts:
        tasks = [event.task for event in sequence[2].executed if event.host == host]
        assert len(tasks) <= MOST_TASKS, "\n".join(tasks)

"""The driver of the tests counts what truly ran."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.run import driver
from tests.run.driver import Count, count_junit, count_molecule, run_part
from tests.run.parts import DEFAULT, ENGINE, LINT, MOLECULE, PARTS, plan
from tests.run.steps import Part, Step

MOLECULE_LOG = """\
INFO     default ➜ create: Executing
INFO     default ➜ create: Executed: Successful
ERROR    default ➜ converge: Executed: Failed
INFO     [default > verify] Executed: Successful
INFO     [default > create] Executed: Skipped (Skipping, instances already created.)

DETAILS
default ➜ create: Executed: Successful
default ➜ converge: Executed: Failed
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(driver, "ROOT", tmp_path)
    for name in ("LOGS", "JUNIT", "GREEN"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(driver, name, tmp_path / name)
    return tmp_path


def runs(process: int) -> bool:
    try:
        return Path("/proc", str(process), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def part(*steps: Step, **more: float) -> Part:
    return Part("made-up", "for this test", 1, more.get("limit", 1), steps)


def test_the_default_is_every_part_but_the_slow_ones() -> None:
    chosen, unknown = plan([])
    assert [each.name for each in chosen] == list(DEFAULT)
    assert unknown == []


def test_quick_needs_no_docker() -> None:
    chosen, _ = plan(["quick"])
    assert chosen
    assert not any(each.docker or each is ENGINE for each in chosen)


def test_an_engine_is_made_sure_of_before_the_first_part_that_needs_one() -> None:
    assert [each.name for each in plan(["lint", "demo"])[0]] == ["lint", "engine", "demo"]


def test_scenarios_may_be_named() -> None:
    (_, chosen), unknown = plan(["molecule", "other", "third"])
    assert [step.argv[3] for step in chosen.steps] == ["other", "other", "third", "third"]
    assert unknown == []
    assert plan(["lint", "other"])[1] == ["other"]
    assert MOLECULE.steps[0].argv[3] == "default"


def test_a_part_is_run_once_however_often_it_is_named() -> None:
    assert plan(["quick", "lint"])[0].count(LINT) == 1


def test_every_part_is_known_by_its_name() -> None:
    assert all(name == each.name for name, each in PARTS.items())


def test_molecule_actions_are_counted_once() -> None:
    assert count_molecule(MOLECULE_LOG) == Count(passed=2, failed=1)


def test_reports_are_added_up(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text('<testsuites><testsuite tests="7" failures="1" errors="2" skipped="1"/></testsuites>')
    assert count_junit(report) == Count(passed=3, failed=3, skipped=1)
    assert count_junit(tmp_path / "none.xml") == Count()


@pytest.mark.parametrize(
    ("command", "expected"),
    [("exit 0", Count(passed=1)), ("exit 3", Count(failed=1)), ("exit 77", Count(skipped=1))],
)
def test_a_check_is_one_result(command: str, expected: Count) -> None:
    assert run_part(part(Step("check", ("sh", "-c", command)))) == expected


def test_green_without_having_run_anything_is_a_failure() -> None:
    assert run_part(part(Step("no report", ("true",), kind="pytest"))) == Count(failed=1)
    assert run_part(part(Step("no action", ("true",), kind="molecule"))) == Count(failed=1)


def test_a_failure_shows_what_the_command_said(capsys: pytest.CaptureFixture[str]) -> None:
    run_part(part(Step("check", ("sh", "-c", "echo the reason; exit 1"))))
    shown = capsys.readouterr().out
    assert "FAILED made-up, check" in shown
    assert "the reason" in shown


def test_what_hangs_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    command = f"sleep 30 & echo $! > {tmp_path}/child; wait"
    assert run_part(part(Step("hangs", ("sh", "-c", command)), limit=0.01)) == Count(failed=1)
    assert "taken for hanging" in (tmp_path / "LOGS/made-up.log").read_text()
    deadline = time.monotonic() + 10
    while runs(int((tmp_path / "child").read_text())):
        assert time.monotonic() < deadline, "the child still runs"


def test_a_server_is_removed_after_the_last_part_that_looks_at_it(monkeypatch: pytest.MonkeyPatch) -> None:
    removed: list[set[str]] = []
    monkeypatch.setattr(driver, "run_part", lambda _part: Count(passed=1))
    monkeypatch.setattr(driver, "remove", removed.append)
    monkeypatch.setattr(driver, "content_hash", lambda: "")
    parts = [Part(name, "", 1, 1, (), servers=servers) for name, servers in (("a", ("x", "y")), ("b", ("x",)))]
    assert driver.run_all(parts, "", keep=False, lanes=1) == Count(passed=2)
    assert removed == [{"y"}, {"x"}]
    driver.run_all(parts, "", keep=True)
    assert len(removed) == 2


def test_nothing_run_is_no_success(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    skipping = part(Step("check", ("sh", "-c", "exit 77")))
    monkeypatch.setattr(driver, "plan", lambda _words: ([skipping], []))
    monkeypatch.setattr(driver, "content_hash", lambda: "0")
    monkeypatch.setattr(driver, "CACHE", driver.ROOT)
    assert driver.main([]) == 1
    assert capsys.readouterr().out.rstrip().splitlines()[-1] == "0 passed, 0 failed, 1 skipped"


def test_what_a_step_gives_is_seen_by_later_steps_once_it_was_green(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver.os, "environ", dict(driver.os.environ))
    given = (("EVENT_LOG_TEST_GIVEN", "yes"),)
    seen = Step("seen", ("sh", "-c", '[ "$EVENT_LOG_TEST_GIVEN" = yes ]'))
    assert run_part(part(Step("red", ("false",), gives=given), seen)) == Count(failed=2)
    assert run_part(part(Step("green", ("true",), gives=given), seen)) == Count(passed=2)

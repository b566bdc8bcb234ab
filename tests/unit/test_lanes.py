"""Which parts of the tests run side by side."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.run import driver
from tests.run.lanes import minutes, side_by_side, startable
from tests.run.parts import DEFAULT, GROUPS, PARTS, plan
from tests.run.steps import Part, Step

ROOT = Path(__file__).resolve().parents[2]


def part(name: str, takes: float = 1, *after: str) -> Part:
    return Part(name, "for this test", takes, 1, (), after=after)


def names(found: Part | None) -> str | None:
    return found.name if found else None


def test_the_first_in_order_starts_as_long_as_a_lane_is_free() -> None:
    a, b, c = part("a"), part("b"), part("c")
    assert names(startable([a, b, c], [], 2)) == "a"
    assert names(startable([b, c], [a], 2)) == "b"
    assert startable([c], [a, b], 2) is None
    assert startable([b, c], [a], 1) is None


def test_one_that_comes_after_another_lets_the_next_go_first() -> None:
    a, b, c = part("a"), part("b", 1, "a"), part("c")
    assert names(startable([b, c], [a], 2)) == "c"
    assert names(startable([a, b], [c], 2)) == "a"
    assert startable([b], [a], 2) is None
    # What is not run at all, or has ended, is not waited for.
    assert names(startable([b], [c], 2)) == "b"


def test_the_plan_foresees_how_long_it_takes() -> None:
    parts = [part("a", 4), part("b", 3, "a"), part("c", 5), part("d", 1)]
    assert minutes(parts, 1) == 13
    assert minutes(parts, 2) == 7
    assert minutes([], 2) == 0


@pytest.mark.parametrize("group", GROUPS)
def test_every_group_comes_to_its_end(group: str) -> None:
    chosen, _ = plan([group])
    alone = minutes(chosen, 1)
    assert alone == pytest.approx(sum(each.minutes for each in chosen))
    assert alone / 2 <= minutes(chosen, 2) <= alone


def test_what_a_part_comes_after_is_a_part_that_stands_before_it() -> None:
    order = list(PARTS)
    for each in PARTS.values():
        assert all(order.index(name) < order.index(each.name) for name in each.after), each.name


def test_what_needs_images_waits_for_them() -> None:
    for each in PARTS.values():
        if each.docker and each.name != "images":
            assert {"engine", "images"} <= set(each.after), each.name


def test_no_two_parts_that_look_at_the_same_server_run_side_by_side() -> None:
    """One of them breaks what the other one looks at."""
    for each in PARTS.values():
        for other in PARTS.values():
            if each is not other and set(each.servers) & set(other.servers):
                assert other.name in each.after or each.name in other.after, (each.name, other.name)


def test_the_default_run_keeps_within_its_time() -> None:
    """By what each part took beside another one. A run of CI is ended at 90 minutes; the aim is 45: docs/testing.md."""
    assert minutes([PARTS[name] for name in DEFAULT], 2) < 70


def test_parts_run_side_by_side_and_what_comes_after_waits() -> None:
    both = threading.Barrier(2)
    told: list[tuple[str, list[str]]] = []
    ended: list[str] = []

    def run(each: Part) -> str:
        if each.name in "ab":
            both.wait(10)  # only if the other one runs at the same time
        assert set(each.after) <= set(ended), each.name
        ended.append(each.name)
        return each.name

    def tell(each: Part, result: str, others: list[Part]) -> None:
        told.append((result, [other.name for other in others]))

    side_by_side([part("a"), part("b"), part("c", 1, "a", "b")], 2, run, tell, lambda: None)
    assert sorted(name for name, _ in told) == ["a", "b", "c"]
    assert told[-1] == ("c", [])


def test_what_breaks_in_a_part_stops_the_others() -> None:
    stopped = threading.Event()

    def run(each: Part) -> None:
        if each.name == "a":
            raise RuntimeError("broken")
        assert stopped.wait(10)

    with pytest.raises(RuntimeError):
        side_by_side([part("a"), part("b"), part("c")], 2, run, lambda *_: None, stopped.set)


INTERRUPTED = """
import sys
from pathlib import Path
from tests.run import driver
from tests.run.steps import Part, Step
place = Path(sys.argv[1])
driver.LOGS = driver.JUNIT = driver.GREEN = place
def part(name):
    command = f"echo $$ >{place}/{name}; sleep 60"
    return Part(name, "", 1, 1, (Step("first", ("sh", "-c", command)), Step("next", ("touch", f"{place}/next"))))
try:
    driver.run_all([part("one"), part("two"), part("three")], "", keep=True, lanes=2)
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_an_interruption_ends_all_that_runs_and_starts_nothing_more(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", INTERRUPTED, str(tmp_path)], cwd=ROOT, stdout=subprocess.DEVNULL)
    started = [tmp_path / "one", tmp_path / "two"]
    deadline = time.monotonic() + 30
    while not all(path.exists() and path.read_text() for path in started):
        assert time.monotonic() < deadline, "they do not both run"
        time.sleep(0.05)
    process.send_signal(driver.signal.SIGINT)
    assert process.wait(30) == 130
    for path in started:
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.read_text()), 0)
    assert not (tmp_path / "three").exists()
    assert not (tmp_path / "next").exists()


def test_a_step_says_which_part_it_belongs_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("ROOT", "LOGS", "JUNIT", "GREEN"):
        monkeypatch.setattr(driver, name, tmp_path)
    steps = (Step("build", ("true",)), Step("made-up again", ("true",)))
    driver.run_part(Part("made-up", "for this test", 1, 1, steps))
    said = capsys.readouterr().out
    assert "ok     made-up, build: 1 passed" in said
    assert "ok     made-up again: 1 passed" in said

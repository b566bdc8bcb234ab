"""Runs parts side by side: two cores have room for two parts that each mostly wait for their servers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from tests.run.steps import Part

Result = TypeVar("Result")


def startable(waiting: list[Part], running: Iterable[Part], lanes: int) -> Part | None:
    """The next part in order that may start: a lane is free, and nothing that it comes after is still to end."""
    busy = list(running)
    if len(busy) >= lanes:
        return None
    unfinished = {part.name for part in (*waiting, *busy)}
    return next((part for part in waiting if not unfinished & set(part.after)), None)


def minutes(parts: list[Part], lanes: int) -> float:
    """How long these parts will take, by what each one takes."""
    waiting, running, now = list(parts), dict[str, tuple[float, Part]](), 0.0
    while waiting or running:
        while part := startable(waiting, (each for _, each in running.values()), lanes):
            waiting.remove(part)
            running[part.name] = (now + part.minutes, part)
        now, ended = min(running.values(), key=lambda each: each[0])
        del running[ended.name]
    return now


def side_by_side(
    parts: list[Part],
    lanes: int,
    run: Callable[[Part], Result],
    ended: Callable[[Part, Result, list[Part]], None],
    stop: Callable[[], None],
) -> None:
    """Run them all. `ended` is told each result, one at a time, with the parts that have not ended by then.

    `stop` is called when somebody interrupts this, and must make what runs end soon.
    """
    waiting, running = list(parts), dict[Future[Result], Part]()
    with ThreadPoolExecutor(lanes) as pool:
        try:
            while waiting or running:
                while part := startable(waiting, running.values(), lanes):
                    waiting.remove(part)
                    running[pool.submit(run, part)] = part
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    part = running.pop(future)
                    ended(part, future.result(), [*waiting, *running.values()])
        except BaseException:
            stop()
            raise

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a copy of the disk when the power comes back: everything is started, and people go on working."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from itertools import dropwhile
from pathlib import Path
from typing import Optional

from tests.faults import logs
from tests.faults.compare import Outcome, compare
from tests.faults.cuts import Run, Writer, await_snapshot, mark, partition, say, stored_offset
from tests.faults.disk import Disk
from tests.faults.follower import Before, Follower, Read
from tests.faults.load import BEFORE, DATABASE, Load
from tests.faults.stack import LOG_DIR, MARK, Stack, StackError

AFTERWARDS = 3.0  # seconds that the load goes on for
SNAPSHOT = 300  # seconds for one that begins anew


@dataclass
class Recovery:
    """What one whole recovery came to."""

    said: str  # "" where everything came back by itself
    outcome: Outcome = field(default_factory=Outcome)
    seconds: float = 0.0
    #: No position was stored when the power failed: the snapshot begins anew, and cannot tell what was deleted since.
    snapshot_again: bool = False
    events: Read = field(default_factory=dict)  # what a consumer has that was there all the time

    @property
    def good(self) -> bool:
        outcome = self.outcome
        return not self.said and (outcome.good or (self.snapshot_again and outcome.only_ghosts))


def recover(pool: Path, run: Run, file: Path, again: float = 0, read: Optional[Read] = None) -> list[Recovery]:
    """Start everything on a copy, as a boot does, and compare. ``again``: and cut the power after so many seconds.

    ``read`` is what a consumer had by then; of a copy of the run itself, all that ever came in it.
    """
    done = Recovery("")
    second = pool / f"{file.name}-again"
    with Disk(file, pool / "recovery.at").mounted() as at:
        done.snapshot_again = stored_offset(at / LOG_DIR) is None
        ends = {table: logs.Reader().end(at / LOG_DIR / partition(table)) for table in run.load.tables}
        begun = time.monotonic()
        timer = threading.Timer(again, Disk(file, at).copy, (second,))
        with Stack(at, pool / "etc", run.variant, run.slow).up() as stack:
            if again:
                timer.start()
            try:
                _come_back(stack, run.load, Before(run.topics if read is None else read, ends), done)
            except StackError as error:
                done.said = str(error).splitlines()[0][:300]
                say("\n".join([str(error), *(f"{name}: {program.said}" for name, program in stack.running.items())]))
            done.seconds = time.monotonic() - begun
            if again:
                timer.join()
    say(f"{file.name} came back: {done.said or done.good} after {done.seconds:.0f} s")
    return [done, *(recover(pool, run, second, read=done.events) if again else [])]


def _come_back(stack: Stack, load: Load, before: Before, done: Recovery) -> None:
    stack.await_database()
    reached = _reached(stack)
    stack.await_worker()
    stack.await_registration()
    with Follower(load.tables) as follower:
        if done.snapshot_again:
            await_snapshot(stack, follower, before.ends)
        writer = Writer(stack, dropwhile(lambda one: one.number <= reached, load.anew()))
        writer.start()
        time.sleep(AFTERWARDS)
        writer.stop()
        mark(stack, follower, SNAPSHOT)
    follower.check()
    done.events = before.and_then(follower)
    # The power may have failed before the first event came, and a snapshot tells nothing of what is over then.
    over = load.anew().until(reached, after=BEFORE - 1) if done.snapshot_again else []
    all_of_it = load.anew()
    changes = all_of_it.until(_reached(stack), after=BEFORE - 1)
    events = (event for table in load.tables for event in done.events[table] if event.row < MARK)
    done.outcome = compare(changes, all_of_it.rows, events, frozenset(over))
    held = {
        table: dict(stack.sql(f"SELECT id, rev FROM {DATABASE}.{table} WHERE id < {MARK}"))  # noqa: S608
        for table in load.tables
    }
    assert held == all_of_it.rows, "the database does not hold what its own count of transactions says"


def _reached(stack: Stack) -> int:
    """The last transaction that the database has."""
    return int(stack.sql(f"SELECT n FROM {DATABASE}.progress")[0][0])  # noqa: S608

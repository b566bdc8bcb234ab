# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells on the control node how far a long copy is: what rsync says itself comes only when it has ended.

What a process has written is counted by Linux (proc(5), /proc/PID/io); elsewhere nothing is told.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional

from ansible_collections.openmrs.event_log.plugins.module_utils._guard_progress import Work, counted
from ansible_collections.openmrs.event_log.plugins.module_utils._guard_text import duration, human_bytes

EVERY = 60.0  # seconds between two lines; a copy that is over before needs none
_STILL = 120.0


@contextlib.contextmanager
def told(say: Callable[[str], None], work: Work, every: float = EVERY) -> Iterator[None]:
    """Say it from time to time, as long as the copy lasts that is made within; it begins now."""
    over, now = threading.Event(), time.time()
    work = replace(work, since=now, updated=now)
    thread = threading.Thread(target=_tell, args=(say, work, every, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _tell(say: Callable[[str], None], work: Work, every: float, over: threading.Event) -> None:
    while not over.wait(every):
        count, now = sent_below(os.getpid()), time.time()
        if count is None:
            continue
        if count != work.done:
            work = replace(work, done=count, updated=now)
        say(sentence(work, now))


def sentence(work: Work, now: float) -> str:
    """``clinic: copying image:1: 28.6 MiB of 75.4 MiB (37 %), about 2 minutes left.``"""
    of = " of about " if work.about else " of "
    told = f"{work.name}: {human_bytes(work.done)}"
    if work.percent is not None:
        told += f"{of}{human_bytes(work.total)} ({work.percent} %)"
    still, seconds = now - work.updated, work.seconds_left()
    if still > _STILL:
        return f"{told}, and nothing more for {duration(still)}."
    return f"{told}." if seconds is None else f"{told}, about {duration(max(1, seconds))} left."


def sent_below(pid: int) -> Optional[int]:
    """Bytes that an rsync below a process has written, which go over the line; None where there is none."""
    children: Dict[int, List[int]] = {}
    names: Dict[int, str] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            head, _, rest = path.read_text(errors="replace").rpartition(")")
            one = int(path.parent.name)
            names[one] = head.partition("(")[2]
            children.setdefault(int(rest.split()[1]), []).append(one)
    found: List[Optional[int]] = []
    open_ones = [pid]
    while open_ones:
        below = children.get(open_ones.pop(), [])
        open_ones += below
        found += [counted(one, "wchar") for one in below if names[one] == "rsync"]
    return max((count for count in found if count is not None), default=None)

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A limit in time for what may hang: a disk, a socket."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from typing import Iterator

_AT_ONCE = 0.001


class TooSlowError(BaseException):
    """Not an Exception: nothing on the way may take it for a failure of its own."""


@contextlib.contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Whatever hangs is left after this time. Signals belong to the main thread alone; elsewhere there is no limit.

    A process has one alarm: a limit within another one borrows it, and gives it back with what is left of its time. An
    outer limit that is over first ends both.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def over(_number: int, _frame: object) -> None:
        raise TooSlowError

    outer = signal.setitimer(signal.ITIMER_REAL, 0)[0]  # 0: there is none
    began = time.monotonic()
    before = signal.signal(signal.SIGALRM, over)
    try:
        signal.setitimer(signal.ITIMER_REAL, min(seconds, outer or seconds))
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if outer:
            # What is over by now fires at once; 0 would switch it off.
            signal.setitimer(signal.ITIMER_REAL, max(outer - (time.monotonic() - began), _AT_ONCE))

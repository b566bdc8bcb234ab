# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A limit in time for what may hang: a disk, a socket."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import Iterator


class TooSlowError(BaseException):
    """Not an Exception: nothing on the way may take it for a failure of its own."""


@contextlib.contextmanager
def deadline(seconds: int) -> Iterator[None]:
    """Whatever hangs is left after this time. Signals belong to the main thread alone; elsewhere there is no limit."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def over(_number: int, _frame: object) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals that end a process, as errors: what was begun can be taken back before the end."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import Any, Iterator

from ansible_collections.openmrs.event_log.plugins.module_utils._errors import StateError

#: Somebody ends the process, or the connection to the host is gone.
ENDING = (signal.SIGTERM, signal.SIGHUP)


class Guard:
    """Whether a signal ends what is under way. Once one came, or nothing is to be interrupted, further ones do not."""

    def __init__(self) -> None:
        self._open = True

    def close(self) -> None:
        """Let no signal interrupt from here on."""
        self._open = False

    def arrived(self, number: int, _frame: Any) -> None:
        """Handle a signal."""
        if self._open:
            self._open = False
            raise StateError(f"ended by {signal.Signals(number).name}")


@contextlib.contextmanager
def signals_as_errors() -> Iterator[Guard]:
    """Raise StateError in this block where SIGTERM or SIGHUP would end the process; then all is as before."""
    guard = Guard()
    if threading.current_thread() is not threading.main_thread():  # only the main thread may say what signals do
        yield guard
        return
    former = {number: signal.getsignal(number) for number in ENDING}
    try:
        for number, handler in former.items():
            if handler is not signal.SIG_IGN:  # as under nohup
                signal.signal(number, guard.arrived)
        yield guard
    finally:
        guard.close()
        for number, handler in former.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

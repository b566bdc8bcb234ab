# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A limit in time, alone and within another one."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from typing import Iterator, List

import pytest
from event_log.deadline import TooSlowError, deadline

HANG = 10.0  # seconds; a limit that does not work shows by this


@contextlib.contextmanager
def ends_after(seconds: float) -> Iterator[None]:
    """The block is left by its limit, no sooner than that is over and long before what hangs would have ended."""
    began = time.monotonic()
    with pytest.raises(TooSlowError):
        yield
    assert seconds - 0.05 < time.monotonic() - began < seconds + HANG / 4


def hang() -> None:
    threading.Event().wait(HANG)


def nothing_left() -> bool:
    return signal.getsignal(signal.SIGALRM) == signal.SIG_DFL and signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_what_hangs_is_left_when_its_time_is_over() -> None:
    with ends_after(0.2), deadline(0.2):
        hang()
    assert nothing_left()


def test_what_ends_in_time_leaves_no_alarm_behind() -> None:
    with deadline(0.2):
        pass
    assert nothing_left()


def test_the_outer_limit_counts_on_when_the_inner_one_was_kept() -> None:
    with ends_after(0.4), deadline(0.4):
        with deadline(HANG):
            time.sleep(0.2)
        hang()
    assert nothing_left()


def test_the_outer_limit_counts_on_when_the_inner_one_was_over() -> None:
    inner: List[str] = []
    with ends_after(0.4), deadline(0.4):
        try:
            with deadline(0.1):
                hang()
        except TooSlowError:
            inner.append("over")
        hang()
    assert inner == ["over"]
    assert nothing_left()


def test_within_a_longer_one_the_outer_limit_is_over_in_time() -> None:
    with ends_after(0.2), deadline(0.2), deadline(HANG):
        hang()
    assert nothing_left()


def test_whoever_takes_the_outer_limit_for_the_inner_one_is_left_all_the_same() -> None:
    with ends_after(0.2), deadline(0.2):
        with contextlib.suppress(TooSlowError), deadline(HANG):
            hang()
        hang()
    assert nothing_left()


def test_an_error_within_gives_the_outer_limit_back_too() -> None:
    with ends_after(0.2), deadline(0.2):
        with contextlib.suppress(KeyError), deadline(HANG):
            raise KeyError
        hang()
    assert nothing_left()


def test_elsewhere_than_in_the_main_thread_there_is_no_limit() -> None:
    done: List[str] = []

    def work() -> None:
        with deadline(0.01):
            time.sleep(0.05)
        done.append("all of it")

    other = threading.Thread(target=work)
    other.start()
    other.join()
    assert done == ["all of it"]

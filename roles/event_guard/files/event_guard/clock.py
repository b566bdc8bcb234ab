# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether this host's clock can be believed. Kafka deletes by it, and events carry it.

Hosts without a battery for their clock wake up in 1970, and stay there where no time server can be reached.
"""

from __future__ import annotations

import ctypes
from datetime import datetime
from typing import Optional

from event_log.words import Said

from .memory import Memory
from .settings import Guard

KEY = "clock"
BUILT = 1767225600  # 2026-01-01: no host ran this program before
RIGHT = "clock-is-right"  # a file that a person makes where the remembered time was the wrong one
_TOLERANCE = 600
_TIME_ERROR = 5  # adjtimex(2): nobody has set this clock


def synchronised() -> bool:
    """Whether a time server sets this clock at present, as the kernel knows it."""
    try:
        answer = int(ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(512)))
    except (OSError, AttributeError):
        return False
    return answer not in (-1, _TIME_ERROR)


def problem(memory: Memory, guard: Guard, now: float, sure: Optional[bool] = None) -> Optional[Said]:
    """Why the clock cannot be believed, and what to do; None if it can."""
    newest = int(memory.get(KEY).get("newest", 0))
    if now < BUILT:
        return Said("clock_back.impossible", {"now": _shown(now)})  # nobody's word makes that right
    if now >= newest - _TOLERANCE or _declared(guard) or (synchronised() if sure is None else sure):
        return None
    told = {"now": _shown(now), "before": _shown(newest), "file": str(guard.directory / RIGHT)}
    return Said("clock_back", told)


def remember(memory: Memory, guard: Guard, now: float, sure: Optional[bool] = None) -> None:
    """Remember the newest time, once a minute; one that is known to be right replaces what was remembered."""
    newest = int(memory.get(KEY).get("newest", 0))
    if problem(memory, guard, now, sure):
        return
    if now >= newest + 60 or now < newest - _TOLERANCE:
        memory.put(KEY, {"newest": int(now)})
    if _declared(guard):
        (guard.directory / RIGHT).unlink()


def _declared(guard: Guard) -> bool:
    return (guard.directory / RIGHT).exists()


def _shown(when: float) -> str:
    return f"{datetime.fromtimestamp(when).astimezone():%Y-%m-%d %H:%M}"

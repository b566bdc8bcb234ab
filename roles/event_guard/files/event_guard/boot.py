# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the worker may read on, and the start of it; the look at the database that every round repeats."""

from __future__ import annotations

from dataclasses import dataclass

from event_log.settings import Settings

from .memory import Memory
from .settings import Guard

WAITING, HOLD = "waiting", "hold"


@dataclass(frozen=True)
class Decision:
    """``wait``: it passes by itself, and is asked again; else it needs a person."""

    start: bool
    id: str = ""
    what: str = ""
    remedy: str = ""
    wait: bool = False


def decide(settings: Settings, guard: Guard, memory: Memory, now: float) -> Decision:
    """Look at clock, disk, database and its history. Changes nothing and remembers nothing."""
    raise NotImplementedError


def start_worker(settings: Settings) -> Decision:
    """Decide, then start the worker's container, or remember why not (``hold``, or ``waiting``)."""
    raise NotImplementedError


def remember(settings: Settings, guard: Guard, memory: Memory, now: float) -> None:
    """What the loop calls in every round: look at the database, remember, or stop a worker that reads a wrong one."""
    raise NotImplementedError

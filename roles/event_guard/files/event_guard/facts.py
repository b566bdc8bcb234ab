# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the database once an hour what changes rarely: version, expiry of its binary log, end of its certificate."""

from __future__ import annotations

from typing import Any, Dict

from event_log import certificates
from event_log.settings import Settings

from . import database
from .database import DatabaseError, Session
from .memory import Memory
from .settings import Guard

KEY = "database"
EVERY = 3600.0
AGAIN = 600.0  # after a database that did not answer
_TURN: Dict[str, float] = {}


def step(settings: Settings, guard: Guard, memory: Memory, now: float) -> None:
    """One round; most have nothing to do. A database that does not answer is another step's to tell of."""
    if 0 <= now - _TURN.get("asked", -EVERY) < _TURN.get("every", 0.0):
        return
    capture = database.capture_of(settings)
    if capture is None:
        return
    _TURN.update(asked=now, every=AGAIN)
    try:
        session = Session(capture)
    except DatabaseError:
        return
    try:
        memory.put(KEY, {**told(session), "address": capture.address})
    except DatabaseError:
        return
    finally:
        session.close()
    _TURN["every"] = EVERY


def told(session: Session) -> Dict[str, Any]:
    """What is remembered of it."""
    der = session.certificate()
    until = certificates.not_after(der) if der else None
    return {"version": session.version(), "expiry": session.expiry(), "certificate_until": until}

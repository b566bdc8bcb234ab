# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine that systemd has given up is started again: three starts that failed within a minute, and it stays down.

One that somebody stopped has not failed, and is left alone.
"""

from __future__ import annotations

from event_log import stack, status
from event_log.settings import Settings
from event_log.words import phrase

from . import acts, backoff
from .backoff import Trouble
from .memory import Memory
from .settings import Guard

KEY = "engine"
SERVICE = "docker.service"
_UNITS = (SERVICE, "docker.socket")  # the socket is given up with it
_START_SECONDS = 180.0


def this_run() -> str:
    """A name that is another one after each start of the engine, and so after each boot; empty without systemd."""
    return stack.unit_run(SERVICE)


def step(settings: Settings, guard: Guard, memory: Memory, now: float) -> None:
    """Start an engine that failed: at once, then after 1, 2, 4 … minutes, for as long as it takes."""
    entry, minutes = memory.get(KEY), guard.restart_minutes
    if stack.unit_state(SERVICE) != "failed":
        if entry:
            memory.put(KEY, backoff.well(entry, now))
        return
    if status.read_hold(settings.home) is not None:
        return
    entry = backoff.begun(entry, Trouble(backoff.FAILED, phrase("act.engine"), at_once=True), now, minutes)
    if backoff.due(entry, now, minutes):
        entry = backoff.restarted(entry, now, minutes)
        acts.note(memory, "start_engine", phrase("act.engine"), SERVICE)
        memory.put(KEY, entry)
        memory.save()  # before what may take its time
        stack.run(["systemctl", "reset-failed", *_UNITS])
        done = stack.run(["systemctl", "start", SERVICE], seconds=_START_SECONDS)
        if done.returncode != 0:
            acts.say(f"{SERVICE} could not be started: {acts.one_line(done.stderr)}")
    memory.put(KEY, entry)

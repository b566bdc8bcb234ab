# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service: look, decide, act, remember, and again, for as long as the host is up."""

from __future__ import annotations

import importlib
import time
from typing import Callable, Dict, Sequence, Tuple

from event_log.deadline import TooSlowError, deadline
from event_log.errors import EventLogError
from event_log.settings import Settings

from . import acts
from . import settings as guard_settings
from .memory import Memory
from .settings import PATIENCE, Guard

Step = Callable[[Settings, Guard, Memory, float], None]

#: In this order: nothing works without an engine, and what is remembered of the database comes before anything is
#: started again.
STEPS = (
    ("engine", "step"),
    ("boot", "remember"),
    ("heal", "step"),
    ("disk", "step"),
    ("days", "step"),
    ("facts", "step"),
    ("topic_settings", "step"),
    ("outages", "step"),
    ("report", "step"),
    ("metrics", "step"),
)
#: A step that hangs, at a disk or a socket, is left after this time.
_STEP_SECONDS = 600
_SAY_AGAIN = 3600.0  # a step that fails in every round is told once an hour
_ERROR = "<3>"  # sd-daemon(3)


def steps() -> Tuple[Tuple[str, Step], ...]:
    """The steps by name. One that cannot be loaded does not keep the others from their work."""
    found = []
    for module, function in STEPS:
        try:
            loaded = importlib.import_module(f".{module}", __package__)
            found.append((module, getattr(loaded, function)))
        except Exception as error:
            print(f"{_ERROR}The guard goes on without {module}: {error!r}", flush=True)
    return tuple(found)


class Rounds:
    """What the service keeps in mind from one round to the next."""

    def __init__(self, settings: Settings, guard: Guard, chosen: Sequence[Tuple[str, Step]]) -> None:
        self.settings, self.guard, self.chosen = settings, guard, chosen
        self._told: Dict[str, Tuple[str, float]] = {}
        self._unanswered: Dict[str, int] = {}  # rounds in a row, of each step; no more are counted than count

    def one(self, now: float) -> None:
        """Every step once. What another program has written meanwhile is seen by each of them."""
        for name, step in self.chosen:
            try:
                with deadline(_STEP_SECONDS):
                    memory = Memory.load(self.guard.directory)
                    try:
                        step(self.settings, self.guard, memory, now)
                    finally:
                        memory.save()  # what was done before a failure was done
            except EventLogError as error:
                self._bear(name, str(error))
            except TooSlowError:
                self._tell(name, f"not done within {_STEP_SECONDS} s")
            except Exception as error:
                self._tell(name, f"{type(error).__name__}: {error}")
            else:
                self._told.pop(name, None)
                self._unanswered.pop(name, None)

    def _bear(self, name: str, words: str) -> None:
        """Something that the step has asked gave no usable answer: an error only if that goes on."""
        rounds = min(self._unanswered.get(name, 0) + 1, PATIENCE)
        self._unanswered[name] = rounds
        if rounds == PATIENCE:
            self._tell(name, words)
        elif rounds == 1:
            acts.say(f"{name} had no answer in this round: {acts.one_line(words)}")

    def _tell(self, name: str, words: str) -> None:
        before, when = self._told.get(name, ("", 0.0))
        clock = time.monotonic()
        if words != before or clock - when > _SAY_AGAIN:
            self._told[name] = (words, clock)
            print(f"{_ERROR}{name} failed in this round: {acts.one_line(words)}", flush=True)


def run(settings: Settings) -> int:
    """Watch until the service is told to stop; the exit code."""
    guard = guard_settings.load()
    rounds = Rounds(settings, guard, steps())
    acts.say(f"The guard looks at the event log every {guard.interval} s.")
    try:
        while True:
            began = time.monotonic()
            rounds.one(time.time())
            time.sleep(max(1.0, guard.interval - (time.monotonic() - began)))
    except KeyboardInterrupt:  # which SIGTERM is turned into (event_log.cli)
        return 0

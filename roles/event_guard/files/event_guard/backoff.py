# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When what failed is started again: at once after a lost connection, else after 1, 2, 4 … minutes, and never given up.

Pure. Kept of each ailing connector, of the worker itself and of the broker, in the memory's ``healing``: ``failures``
(restarts that did not last), ``step`` (into the list of minutes), ``next`` and ``last`` (times), ``since``,
``problem``, ``words``, ``awaits`` (what the restart waits for), ``well`` (since when it runs again) and, of the worker,
``engine`` (which run of the Docker engine that was in).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Mapping, Sequence

KEY = "healing"
WORKER, BROKER = "(worker)", "(broker)"  # among the connectors' names
FAILED = "failed"
#: So long must a restarted one run before the next failure is a first one again.
LASTS = 600.0
#: Two looks at a database that does not answer are never further apart than this.
_MOST_WAIT = 60.0

Entry = Dict[str, Any]


@dataclass(frozen=True)
class Trouble:
    """What is wrong, in a word and in words; ``at_once``: nothing is known that time alone would mend."""

    problem: str
    words: str
    at_once: bool


def begun(entry: Mapping[str, Any], trouble: Trouble, now: float, minutes: Sequence[float]) -> Entry:
    """The entry of something that ails now: a new one, or the one that there is."""
    if entry:
        return {**entry, "problem": trouble.problem, "words": trouble.words, "well": 0}
    wait = 0.0 if trouble.at_once else minutes[0] * 60
    return {
        "failures": 0,
        "step": 0 if trouble.at_once else 1,
        "since": int(now),
        "next": int(now + wait),
        "last": 0,
        "problem": trouble.problem,
        "words": trouble.words,
        "well": 0,
    }


def due(entry: Mapping[str, Any], now: float, minutes: Sequence[float]) -> bool:
    """Whether its time has come. A time too far ahead was written by a clock that was set back since."""
    ahead = float(entry.get("next", 0)) - now
    return ahead <= 0 or ahead > max(minutes) * 60 + 1


def restarted(entry: Mapping[str, Any], now: float, minutes: Sequence[float]) -> Entry:
    """After a restart: the next one, should it not last, comes later each time."""
    step = int(entry.get("step", 0))
    wait = minutes[min(step, len(minutes) - 1)] * 60
    return {
        **entry,
        "failures": int(entry.get("failures", 0)) + 1,
        "step": min(step + 1, len(minutes)),
        "next": int(now + wait),
        "last": int(now),
        "asked": 0,
    }


def waiting(entry: Mapping[str, Any], now: float, interval: float) -> Entry:
    """The database does not answer: ask again soon, then more rarely. That is no failure of the connector."""
    asked = int(entry.get("asked", 0))
    return {**entry, "asked": min(asked + 1, 10), "next": int(now + min(_MOST_WAIT, interval * 2**asked))}


def well(entry: Mapping[str, Any], now: float) -> Entry:
    """It runs: empty when it has done so for long enough, or was never restarted."""
    if not entry.get("failures"):
        return {}
    since = float(entry.get("well") or 0)
    if not since or since > now:
        return {**entry, "well": int(now)}
    return {} if now - since >= LASTS else dict(entry)

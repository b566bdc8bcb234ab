# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guard knows that a person should know too, as findings of ``event-log status``. Pure."""

from __future__ import annotations

import contextlib
from typing import Any, List, Mapping

from event_log import words
from event_log.text import local_time
from event_log.verdict import BUSY, DOWN, ILL, OK, Finding

from . import boot, clock, disk, heal, topic_settings
from .memory import GAPS, HOLD, WAITING, Memory
from .settings import PATIENCE, Guard

#: What the host command sees by itself, and says in its own words.
_KNOWN_ELSEWHERE = frozenset({"stack_on_hold", "stack_stopped"})
_MOST_GAPS = 3
_UNWATCHED = 900  # seconds; a database may be down for a while
_AGAIN_SOON = 60  # seconds in which the guard asks for the next time, if it runs


def findings(memory: Memory, guard: Guard, now: float) -> List[Finding]:
    """The guard's findings; the gravest need not come first."""
    found = [*_of_the_worker(memory, now), *_of_the_look(memory, now), *_of_the_gaps(memory)]
    found += [*_of_the_clock(memory, guard, now), *_of_the_reports(memory, guard, now)]
    # What one part cannot tell must not silence the others.
    with contextlib.suppress(Exception):
        found += heal.findings(memory, guard)
    with contextlib.suppress(Exception):
        found += disk.findings(guard, memory, now)
    with contextlib.suppress(Exception):
        found += topic_settings.findings(memory)
    return found


def withholds(memory: Memory) -> bool:
    """Whether the worker does not run because the guard does not let it."""
    return bool(memory.get(HOLD) or memory.get(WAITING))


def _of_the_worker(memory: Memory, now: float) -> List[Finding]:
    hold, waiting = memory.get(HOLD), memory.get(WAITING)
    if hold:
        what, remedy = words.retold(hold)
        told = {"since": _when(hold.get("since")), "what": _sentence(what), "remedy": _sentence(remedy)}
        return [Finding.of(str(hold.get("id", "hold")), DOWN, "held_back", **told)]
    if waiting and waiting.get("id") not in _KNOWN_ELSEWHERE:
        what, remedy = words.retold(waiting)
        told = {"since": _when(waiting.get("since")), "what": _sentence(what), "remedy": _sentence(remedy)}
        gravity = BUSY if _asked_again(waiting, now) else ILL
        return [Finding.of(str(waiting.get("id", "waiting")), gravity, "waits", **told)]
    return []


def _asked_again(waiting: Mapping[str, Any], now: float) -> bool:
    """Whether the worker waits for a database that may only have been slow: it is about to be asked once more."""
    often = 0 < _number(waiting.get("times")) < PATIENCE
    return waiting.get("id") == boot.UNREACHABLE and often and 0 <= now - _number(waiting.get("since")) < _AGAIN_SOON


def _of_the_clock(memory: Memory, guard: Guard, now: float) -> List[Finding]:
    """A worker that reads is not stopped for it: the binary log keeps the order. But it would not be started again."""
    wrong = None if memory.get(WAITING).get("id") == boot.CLOCK else clock.problem(memory, guard, now)
    if wrong is None:
        return []
    return [Finding.of(boot.CLOCK, ILL, "clock_runs", what=wrong.what, remedy=wrong.remedy)]


def _of_the_look(memory: Memory, now: float) -> List[Finding]:
    """A guard that cannot ask the database would not notice another one either."""
    blind = memory.get(boot.UNWATCHED)
    if not blind or now - _number(blind.get("since")) < _UNWATCHED:
        return []
    why = _sentence(blind.get("why"))
    return [Finding.of("unwatched", OK, "unwatched", since=_when(blind["since"]), why=why)]


def _of_the_gaps(memory: Memory) -> List[Finding]:
    gaps = memory.get(GAPS, [])
    open_ones = [gap for gap in gaps if isinstance(gap, dict) and not gap.get("repaired")]
    found = []
    for gap in open_ones[-_MOST_GAPS:]:
        where = str(gap.get("topic") or gap.get("table") or gap.get("connector") or words.phrase("gap.everywhere"))
        told = {"first": _when(gap.get("from")), "last": _when(gap.get("to")), "why": _sentence(_why(gap))}
        found.append(Finding.of("gap", OK, "gap", where=where, **told))
    if len(open_ones) > _MOST_GAPS:
        found.append(Finding.of("gaps", OK, "gaps", count=len(open_ones)))
    return found


def _of_the_reports(memory: Memory, guard: Guard, now: float) -> List[Finding]:
    reports = memory.get("reports")
    waiting, since = _number(reports.get("waiting")), _number(reports.get("failing_since"))
    if not guard.report_command or not waiting or not since or now - since < guard.report_hours * 3600:
        return []
    error = reports.get("error") or words.phrase("no_reason")
    return [Finding.of("reports", OK, "reports", waiting=waiting, since=_when(since), error=error)]


def _number(value: Any) -> int:
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0


def _why(gap: Mapping[str, Any]) -> str:
    """In the language of today, where it is known what the words are made of."""
    try:
        return words.phrase(gap["key"], **gap["fields"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return str(gap.get("why") or "")


def _sentence(words_of_it: Any) -> str:
    """A sentence with its full stop, whatever was written down."""
    text = " ".join(str(words_of_it or "").split())
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def _when(seconds: Any) -> str:
    """A moment for a person. A place in the binary log, or a time in words, is told as it is."""
    if isinstance(seconds, str):
        return seconds or "?"
    return local_time(_number(seconds) * 1000) if _number(seconds) else "?"

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``event-log doctor``: everything that is wrong with what to do about it, and what the guard did lately and why."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Mapping

from . import guarded, status
from .settings import Settings
from .verdict import OK, Verdict
from .words import phrase

_MOST_ACTS = 10


def look(settings: Settings) -> Dict[str, Any]:
    """The verdict, and what the guard remembers; empty where there is no guard, or it cannot be asked."""
    verdict = status.verdict_of(settings)
    return {**verdict.as_data(), "guard": guarded.story(settings, _MOST_ACTS), "text": _text_of(verdict)}


def _text_of(verdict: Verdict) -> List[str]:
    wrong = [one for one in verdict.findings if one.verdict != OK]
    notes = [one for one in verdict.findings if one.verdict == OK]
    lines = [verdict.sentence] if not wrong else []
    for number, one in enumerate(wrong, 1):
        lines.append(f"{number}. {one.what}")
        lines += ["   " + phrase("to_do", remedy=one.remedy)] if one.remedy else []
    return lines + [phrase("to_know", sentence=one.sentence) for one in notes]


def _text_of_the_guard(story: Mapping[str, Any]) -> List[str]:
    if not story:
        return ["", phrase("doctor.no_guard")]
    lines = ["", phrase("doctor.looks", interval=story["interval"])]
    counts = story["acts"]
    if counts:
        lines.append(phrase("doctor.done", acts=", ".join(f"{act} {counts[act]}" for act in sorted(counts))))
    if story["recent"]:
        lines.append(phrase("doctor.lately"))
    for one in reversed(story["recent"]):
        about = f" {one['about']}" if one.get("about") else ""
        lines.append(f"  {one.get('time')} {one.get('act')}{about}: {one.get('reason')}")
    return lines


def run(settings: Settings, as_json: bool) -> str:
    """The answer to ``event-log doctor``."""
    found = look(settings)
    text = found.pop("text")
    if as_json:
        return json.dumps(found, indent=2, ensure_ascii=False)
    return "\n".join([*text, *_text_of_the_guard(found["guard"])])

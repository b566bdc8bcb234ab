# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person is told, in the language of the site: one catalogue for the host command and for the guard.

``words_en.json`` and the others hold a text for each key. A message is what there is and what to do about it; a phrase
is a text that stands in others. Values have names, and what kind they are stands behind the name: ``{free:size}``,
``{since:time}``, ``{took:duration}``, ``{share:decimal}``, ``{limit:number}``.
"""

from __future__ import annotations

import json
import string
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, Mapping, Tuple

from .text import duration, human_bytes, local_time, localised

LANGUAGES = ("en", "fr", "es")
#: Goes before the language of the settings, for whoever asks from elsewhere.
ENVIRONMENT_VARIABLE = "EVENT_LOG_LANGUAGE"

_spoken = {"language": LANGUAGES[0]}


def speak(language: str) -> None:
    """Say everything that follows in this language; one that nobody knows changes nothing."""
    if language in LANGUAGES:
        _spoken["language"] = language


def language() -> str:
    """What is spoken."""
    return _spoken["language"]


@lru_cache(maxsize=None)
def catalogue(name: str) -> Dict[str, Any]:
    """All texts of a language."""
    found: Dict[str, Any] = json.loads((Path(__file__).parent / f"words_{name}.json").read_text(encoding="utf-8"))
    return found


class _Formatter(string.Formatter):
    """Sizes, times and numbers, each written in one way everywhere."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec == "time":
            return moment(value)
        if isinstance(value, str) or not format_spec:
            return str(value)
        if format_spec == "size":
            return human_bytes(int(value), language())
        if format_spec == "duration":
            return duration(float(value), language())
        return localised(format(value, {"decimal": ".1f", "number": "g", "whole": ".0f"}[format_spec]), language())


_FORMATTER = _Formatter()


def phrase(key: str, **fields: Any) -> str:
    """A text that stands in others, or alone."""
    return _FORMATTER.vformat(catalogue(language())[key], (), fields)


def message(key: str, **fields: Any) -> Tuple[str, str]:
    """What there is, and what to do about it."""
    found = catalogue(language())[key]
    what, remedy = (_FORMATTER.vformat(found[part], (), fields) for part in ("what", "remedy"))
    return what, remedy


def size(number: float) -> str:
    """Bytes, as a person of this language writes them."""
    return human_bytes(int(number), language())


def decimal(number: float) -> str:
    """With one digit behind the point."""
    return localised(f"{number:.1f}", language())


def period(seconds: float) -> str:
    """How long something lasts."""
    return duration(seconds, language())


def moment(seconds: Any) -> str:
    """A time of this host's clock, from seconds since 1970; what is a text already stays as it is."""
    if isinstance(seconds, str):
        return seconds or "?"
    if isinstance(seconds, datetime):
        return f"{seconds:%Y-%m-%d %H:%M}"
    known = isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and seconds
    return local_time(int(seconds) * 1000) if known else "?"


@dataclass(frozen=True)
class Said:
    """A message with its values, so that it can be remembered and said later in another language."""

    key: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def what(self) -> str:
        return message(self.key, **self.fields)[0]

    @property
    def remedy(self) -> str:
        return message(self.key, **self.fields)[1]

    def as_data(self) -> Dict[str, Any]:
        """To be remembered: as it is said now, and what it is made of."""
        what, remedy = message(self.key, **self.fields)
        return {"what": what, "remedy": remedy, "key": self.key, "fields": dict(self.fields)}


def retold(data: Mapping[str, Any]) -> Tuple[str, str]:
    """What was remembered, in the language of today; in its own words where another version wrote it, or a playbook."""
    try:
        return message(data["key"], **data["fields"])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return str(data.get("what") or ""), str(data.get("remedy") or "")

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that a site has sent, whatever they are: what is not of its kind counts as not told. Pure."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, List, Mapping, Optional, Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils._fleet_words import Words


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def mappings(value: Any) -> List[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def pairs(value: Any) -> List[Sequence[Any]]:
    return [one for one in value if isinstance(one, list) and len(one) == 2] if isinstance(value, list) else []


def number(value: Any) -> Optional[float]:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def size(value: Any, say: Words) -> str:
    found = number(value)
    return "" if found is None else say.size(found)


def moment(text: Any) -> Optional[datetime]:
    try:
        return datetime.fromisoformat(str(text or "").replace("Z", "+00:00")).astimezone(timezone.utc)
    except ValueError:
        return None


def stamp(when: Optional[datetime]) -> str:
    return "" if when is None else f"{when:%Y-%m-%d %H:%M} UTC"


def ago(text: Any, now: datetime, say: Words) -> str:
    """When that was, and how long ago."""
    when = moment(text)
    if when is None:
        return say("never")
    age = (now - when).total_seconds()
    return say("just_now") if age < 120 else say("ago", moment=stamp(when), age=say.duration(age))

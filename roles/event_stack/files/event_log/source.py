# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of the database behind the events: ``config/source.json``, which the role event_connector writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict


def read(home: Path) -> Dict[str, Any]:
    """The facts; empty where there are none yet, or none that can be read: the rest of an answer does not need them."""
    try:
        facts = json.loads((home / "config" / "source.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def clock(facts: Dict[str, Any]) -> str:
    """One sentence about the clock that datetime values carry; empty where nobody knows it."""
    zone = facts.get("time_zone")
    if not isinstance(zone, dict):
        return ""
    offset = zone.get("utc_offset_minutes")
    if zone.get("site"):
        return f"Datetime values in events are the wall clock of {zone['site']}, written as if it were UTC."
    if not isinstance(offset, int):
        return ""
    name = zone.get("system") if zone.get("name") == "SYSTEM" else zone.get("name")
    sign = "-" if offset < 0 else "+"
    shown = f"UTC{sign}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}"
    whose = f"the database, {name or '?'} ({shown})"
    return f"Datetime values in events are the wall clock of {whose}, written as if it were UTC."

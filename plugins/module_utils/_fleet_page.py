# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a page of all sites shows, as data for its template: every text in it is safe to stand in HTML. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from html import escape
from typing import Any, Dict, List, Mapping, Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils import _fleet_chart as chart
from ansible_collections.openmrs.event_log.plugins.module_utils import _fleet_upkeep as upkeep
from ansible_collections.openmrs.event_log.plugins.module_utils._fleet import STATES, Site
from ansible_collections.openmrs.event_log.plugins.module_utils._fleet_values import (
    ago,
    mapping,
    mappings,
    moment,
    number,
    pairs,
    size,
    stamp,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._guard_text import duration, human_bytes

#: Told in words and by a sign, so that nobody needs the colour.
WORDS = {
    "down": ("✖", "down"),
    "ill": ("▲", "ill"),
    "away": ("?", "not reached"),
    "unknown": ("?", "never heard of"),
    "held": ("■", "held"),
    "busy": ("…", "busy"),
    "ok": ("✔", "well"),
}
_CHART_DAYS = 90
_MOST_FINDINGS, _MOST_ACTS, _MOST_TOPICS = 20, 10, 40


def page(sites: Sequence[Site], now: datetime, title: str) -> Dict[str, Any]:
    """The whole page."""
    shown = [_site(place, one, now) for place, one in enumerate(sites, 1)]
    counts = [(state, sum(one.state == state for one in sites)) for state in STATES]
    found: Dict[str, Any] = _safe(
        {
            "title": title,
            "at": f"{now:%Y-%m-%d %H:%M} UTC",
            "counts": [
                {"state": state, "sign": WORDS[state][0], "words": f"{number} {WORDS[state][1]}"}
                for state, number in counts
                if number
            ],
            "sites": [{key: value for key, value in one.items() if key != "charts"} for one in shown],
        }
    )
    for safe, one in zip(found["sites"], shown):
        safe["charts"] = one["charts"]  # their texts are escaped where they are put in
    return found


def _safe(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _safe(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_safe(one) for one in value]
    return value if value is None or isinstance(value, (bool, int)) else escape(str(value))


def _site(place: int, site: Site, now: datetime) -> Dict[str, Any]:
    told = site.overview or {}
    sign, words = WORDS[site.state]
    disk = mapping(told.get("disk"))
    return {
        "id": f"site-{place}",
        "name": site.name,
        "state": site.state,
        "sign": sign,
        "words": words,
        "sentence": told.get("sentence") or "",
        "away": site.away,
        "seen": ago(site.seen, now),
        "reported": site.reported,
        "behind": _behind(told),
        "free": _free(disk),
        "full": _full(disk, site.seen),
        "facts": _facts(told, disk, now),
        "findings": _findings(told),
        "connectors": [
            {
                "name": one.get("name"),
                "state": one.get("state"),
                "tasks": ", ".join(map(str, one.get("tasks") or ())) or "none",
            }
            for one in mappings(told.get("connectors"))
        ],
        "topics": _topics(told),
        "day": _last_day(told),
        "acts": _acts(told),
        "charts": _charts(site.name, told, disk),
    }


def _behind(told: Mapping[str, Any]) -> str:
    age = number(mapping(told.get("lag")).get("heartbeat_age_seconds"))
    return "" if age is None else duration(age)


def _free(disk: Mapping[str, Any]) -> str:
    percent, free = number(disk.get("free_percent")), number(disk.get("free"))
    return "" if percent is None or free is None else f"{percent:.0f} % ({human_bytes(int(free))})"


def _full(disk: Mapping[str, Any], seen: str) -> str:
    """On which day the disk is nearly full."""
    forecast = disk.get("forecast")
    if not isinstance(forecast, dict):
        return ""
    days, since = number(forecast.get("days")), moment(seen)
    if days is None:
        return "it does not fill"
    if since is None or days > 3650:
        return "in more than ten years"
    return f"{since + timedelta(days=days):%Y-%m-%d}"


def _facts(told: Mapping[str, Any], disk: Mapping[str, Any], now: datetime) -> List[Dict[str, str]]:
    lag, sizes, limits = (mapping(one) for one in (told.get("lag"), disk.get("bytes"), disk.get("limits")))
    newest = moment(str(lag.get("newest_event") or ""))
    rows = [
        ("Behind the database by", _behind(told)),
        ("Newest event", stamp(newest)),
        ("Disk free", _free(disk)),
        (f"Less than {limits.get('drop', 10)} % free on", _full(disk, str(told.get("at") or ""))),
        ("Events on the disk", size(sizes.get("events"))),
        ("All else on that disk", size(sizes.get("others"))),
        *upkeep.rows(told, now),
        ("Image", told.get("image")),
        ("Not told", told.get("error")),
    ]
    return [{"label": label, "value": str(value)} for label, value in rows if value]


def _findings(told: Mapping[str, Any]) -> List[Dict[str, str]]:
    """All but the one that the sentence says already."""
    found = [
        {"what": str(one.get("what") or ""), "remedy": str(one.get("remedy") or "")}
        for one in mappings(told.get("findings"))
    ]
    said = str(told.get("sentence") or "")
    return [one for one in found if f"{one['what']} {one['remedy']}".strip() != said][:_MOST_FINDINGS]


def _topics(told: Mapping[str, Any]) -> List[Dict[str, str]]:
    latest = pairs(told.get("events_by_table"))[-1:]
    today = latest[0][1] if latest and isinstance(latest[0][1], dict) else {}
    largest = sorted(mappings(told.get("topics")), key=lambda each: -(number(each.get("bytes")) or 0))
    return [
        {
            "topic": str(one.get("topic")),
            "events": str(one.get("events")),
            "today": str(today.get(one.get("topic"), "")),
            "bytes": size(one.get("bytes")),
            "newest": stamp(moment(str(one.get("newest") or ""))),
        }
        for one in largest[:_MOST_TOPICS]
    ]


def _last_day(told: Mapping[str, Any]) -> str:
    latest = pairs(told.get("events_by_table"))[-1:]
    return str(latest[0][0]) if latest else ""


def _acts(told: Mapping[str, Any]) -> List[Dict[str, str]]:
    recent = mappings(mapping(told.get("guard")).get("recent"))[-_MOST_ACTS:]
    return [{key: str(one.get(key) or "") for key in ("time", "act", "about", "reason")} for one in reversed(recent)]


def _charts(name: str, told: Mapping[str, Any], disk: Mapping[str, Any]) -> List[Dict[str, str]]:
    days = [
        (str(one[0]), int(one[1]), int(one[2]), int(one[3]))
        for one in told.get("days") or ()
        if isinstance(one, list) and len(one) == 4 and all(number(part) is not None for part in one[1:])
    ][-_CHART_DAYS:]
    given = number(mapping(disk.get("limits")).get("drop"))
    limit = 10.0 if given is None else given
    most = max((events for *_, events in days), default=0)
    drawn = [
        (
            chart.growth([one[:3] for one in days], limit, f"How full the disk of {name} was, day by day"),
            f"The disk in use. Dashed: {limit:g} % are free, and history that everybody has read begins to go.",
        ),
        (
            chart.bars([(day, events) for day, _, _, events in days], f"Events of {name}, day by day"),
            f"Events of each day, {most} at most.",
        ),
    ]
    return [{"svg": svg, "caption": escape(caption)} for svg, caption in drawn if svg]

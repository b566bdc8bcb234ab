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
from ansible_collections.openmrs.event_log.plugins.module_utils._fleet import (
    NO_ANSWER,
    NOT_INSTALLED,
    NOT_REACHED,
    OLDER,
    STATES,
    Site,
)
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
from ansible_collections.openmrs.event_log.plugins.module_utils._fleet_words import Words

#: Beside the words, so that nobody needs the colour.
SIGNS = {"down": "✖", "ill": "▲", "away": "?", "unknown": "?", "held": "■", "busy": "…", "ok": "✔"}
_STATES = {
    "down": "state.down",
    "ill": "state.ill",
    "away": "state.away",
    "unknown": "state.unknown",
    "held": "state.held",
    "busy": "state.busy",
    "ok": "state.ok",
}
_AWAY = {
    NOT_REACHED: "away.not_reached",
    NO_ANSWER: "away.no_answer",
    OLDER: "away.older",
    NOT_INSTALLED: "away.not_installed",
}
_CHART_DAYS = 90
_MOST_FINDINGS, _MOST_ACTS, _MOST_TOPICS = 20, 10, 40


def page(sites: Sequence[Site], now: datetime, title: str, language: str = "en") -> Dict[str, Any]:
    """The whole page."""
    say = Words(language)
    shown = [_site(place, one, now, say) for place, one in enumerate(sites, 1)]
    counts = [(state, sum(one.state == state for one in sites)) for state in STATES]
    found: Dict[str, Any] = _safe(
        {
            "language": language,
            "words": say.fixed(),
            "title": title or say("title"),
            "as_of": say("as_of", at=stamp(now)),
            "counts": [
                {"state": state, "sign": SIGNS[state], "words": f"{number} {say(_STATES[state])}"}
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


def _site(place: int, site: Site, now: datetime, say: Words) -> Dict[str, Any]:
    told = site.overview or {}
    topics, day = _topics(told, say), _last_day(told)
    disk = mapping(told.get("disk"))
    return {
        "id": f"site-{place}",
        "name": site.name,
        "state": site.state,
        "sign": SIGNS[site.state],
        "words": say(_STATES[site.state]),
        "sentence": told.get("sentence") or "",
        "away": _away(site, now, say),
        "seen": ago(site.seen, now, say),
        "reported": site.reported,
        "behind": _behind(told, say),
        "free": _free(disk, say),
        "full": _full(disk, site.seen, say),
        "facts": _facts(told, disk, now, say),
        "findings": _findings(told),
        "connectors": [
            {
                "name": one.get("name"),
                "tasks": say(
                    "tasks",
                    state=one.get("state"),
                    tasks=", ".join(map(str, one.get("tasks") or ())) or say("none"),
                ),
            }
            for one in mappings(told.get("connectors"))
        ],
        "topics": topics,
        "topics_of": say("topics_of", name=site.name),
        "topics_count": say("topics", count=len(topics)),
        "day": say("on_day", day=day) if day else say("last_day"),
        "acts": _acts(told),
        "charts": _charts(site.name, told, disk, say),
    }


def _away(site: Site, now: datetime, say: Words) -> str:
    """Why there is no answer, in the page's language where that is known."""
    if not site.away:
        return ""
    why = next((say(key) + site.away[len(known) :] for known, key in _AWAY.items() if site.away.startswith(known)), "")
    key = "away" if moment(site.seen) else "away.never"
    return say(key, why=why or site.away, seen=ago(site.seen, now, say))


def _behind(told: Mapping[str, Any], say: Words) -> str:
    age = number(mapping(told.get("lag")).get("heartbeat_age_seconds"))
    return "" if age is None else say.duration(age)


def _free(disk: Mapping[str, Any], say: Words) -> str:
    percent, free = number(disk.get("free_percent")), number(disk.get("free"))
    return "" if percent is None or free is None else f"{percent:.0f} % ({say.size(free)})"


def _full(disk: Mapping[str, Any], seen: str, say: Words) -> str:
    """On which day the disk is nearly full."""
    forecast = disk.get("forecast")
    if not isinstance(forecast, dict):
        return ""
    days, since = number(forecast.get("days")), moment(seen)
    if days is None:
        return say("not_filling")
    if since is None or days > 3650:
        return say("decade")
    return f"{since + timedelta(days=days):%Y-%m-%d}"


def _facts(told: Mapping[str, Any], disk: Mapping[str, Any], now: datetime, say: Words) -> List[Dict[str, str]]:
    lag, sizes = mapping(told.get("lag")), mapping(disk.get("bytes"))
    newest = moment(str(lag.get("newest_event") or ""))
    rows = [
        (say("fact.behind"), _behind(told, say)),
        (say("newest"), stamp(newest)),
        (say("disk_free"), _free(disk, say)),
        (say("fact.full", limit=say.number(_limit(disk))), _full(disk, str(told.get("at") or ""), say)),
        (say("fact.events"), size(sizes.get("events"), say)),
        (say("fact.others"), size(sizes.get("others"), say)),
        *upkeep.rows(told, now, say),
        (say("fact.image"), told.get("image")),
        (say("fact.not_told"), told.get("error")),
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


def _topics(told: Mapping[str, Any], say: Words) -> List[Dict[str, str]]:
    latest = pairs(told.get("events_by_table"))[-1:]
    today = latest[0][1] if latest and isinstance(latest[0][1], dict) else {}
    largest = sorted(mappings(told.get("topics")), key=lambda each: -(number(each.get("bytes")) or 0))
    return [
        {
            "topic": str(one.get("topic")),
            "events": str(one.get("events")),
            "today": str(today.get(one.get("topic"), "")),
            "bytes": size(one.get("bytes"), say),
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


def _limit(disk: Mapping[str, Any]) -> float:
    given = number(mapping(disk.get("limits")).get("drop"))
    return 10.0 if given is None else given


def _charts(name: str, told: Mapping[str, Any], disk: Mapping[str, Any], say: Words) -> List[Dict[str, str]]:
    days = [
        (str(one[0]), int(one[1]), int(one[2]), int(one[3]))
        for one in told.get("days") or ()
        if isinstance(one, list) and len(one) == 4 and all(number(part) is not None for part in one[1:])
    ][-_CHART_DAYS:]
    limit = _limit(disk)
    most = max((events for *_, events in days), default=0)
    drawn = [
        (
            chart.growth([one[:3] for one in days], limit, say("chart.disk", name=name)),
            say("chart.disk_note", limit=say.number(limit)),
        ),
        (
            chart.bars([(day, events) for day, _, _, events in days], say("chart.events", name=name)),
            say("chart.events_note", most=most),
        ),
    ]
    return [{"svg": svg, "caption": escape(caption)} for svg, caption in drawn if svg]

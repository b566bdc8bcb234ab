# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of all sites: answers of this run, of runs before it, and reports that sites have sent. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils._site_summary import reason

FORMAT = 1
#: Why a site did not answer: all of it, or how it begins. The page says them in its own language.
NOT_REACHED, NO_ANSWER = "not reached: ", "no answer: "
OLDER = "the event log there is older than this collection and cannot tell; run site.yml"
NOT_INSTALLED = "the event log is not installed there; run site.yml"
#: How a line of a report begins that programs read.
REPORT_LINE = "Data: "
#: From the worst to the best: who needs somebody comes first. Away: asked and not reached; unknown: never heard of.
STATES = ("down", "ill", "away", "unknown", "held", "busy", "ok")


@dataclass(frozen=True)
class Site:
    """A site, what it said last, and why it was not reached since."""

    name: str
    overview: Optional[Mapping[str, Any]] = None
    away: str = ""
    reported: bool = False  # the newest word is a report that the site sent

    @property
    def seen(self) -> str:
        """When the site was heard of last, in UTC; empty for never."""
        return str((self.overview or {}).get("at") or "")

    @property
    def state(self) -> str:
        if self.away:
            return "away" if self.overview else "unknown"
        verdict = str((self.overview or {}).get("verdict") or "unknown")
        return verdict if verdict in STATES else "unknown"


def of_file(text: str) -> Dict[str, Site]:
    """What a run before this one has written; nothing where that cannot be read."""
    try:
        data = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(data, dict) or data.get("format") != FORMAT or not isinstance(data.get("sites"), list):
        return {}
    found = {}
    for one in data["sites"]:
        if isinstance(one, dict) and one.get("name"):
            known = one.get("overview")
            name, overview = str(one["name"]), known if isinstance(known, dict) else None
            found[name] = Site(name, overview, str(one.get("away") or ""), one.get("reported") is True)
    return found


def as_data(sites: Iterable[Site], at: str) -> Dict[str, Any]:
    """For the file, and for other programs."""
    return {
        "format": FORMAT,
        "at": at,
        "sites": [
            {
                "name": one.name,
                "state": one.state,
                "seen": one.seen,
                "away": one.away,
                "reported": one.reported,
                "overview": one.overview,
            }
            for one in sites
        ],
    }


def answer(name: str, result: Mapping[str, Any]) -> Site:
    """What a site answered in this run, from what the task returned that asked it."""
    if result.get("unreachable"):
        return Site(name, None, NOT_REACHED + _line(reason(result)))
    said = str(result.get("stdout") or "")
    try:
        overview = json.loads(said)
    except ValueError:
        return Site(name, None, _refusal(result))
    return Site(name, overview) if isinstance(overview, dict) else Site(name, None, _refusal(result))


def _refusal(result: Mapping[str, Any]) -> str:
    errors = str(result.get("stderr") or "")
    if "invalid choice" in errors:
        return OLDER
    if result.get("rc") == 2 and "No such file" in str(result.get("msg") or errors):
        return NOT_INSTALLED
    return NO_ANSWER + _line(errors or result.get("msg"))


def _line(said: Any, most: int = 300) -> str:
    words = " ".join(str(said or "no reason given").split())
    return words if len(words) <= most else words[: most - 1] + "…"


def report(text: str) -> Optional[Site]:
    """What a report says that a site has sent; None where it is none."""
    for line in text.splitlines():
        if line.startswith(REPORT_LINE):
            try:
                said = json.loads(line[len(REPORT_LINE) :])
            except ValueError:
                return None
            if isinstance(said, dict) and said.get("site") and said.get("at"):
                return Site(str(said["site"]), said, reported=True)
    return None


def merged(
    former: Mapping[str, Site], answers: Sequence[Site], reports: Sequence[Site], names: Iterable[str]
) -> List[Site]:
    """All sites, the worst first. One that the inventory does not name is there only if it sent reports."""
    known = dict(former)
    for one in answers:
        before = known.get(one.name, Site(one.name))
        known[one.name] = one if one.overview is not None else replace(before, away=one.away)
    # A report bears the name that the site has for itself, which need not be the inventory's.
    called = {str((one.overview or {}).get("site") or name): name for name, one in known.items()}
    latest: Dict[str, Site] = {}
    for one in sorted(reports, key=lambda each: each.seen):
        latest[called.get(one.name, one.name)] = one
    for name, one in latest.items():
        before = known.get(name, Site(name))
        if one.seen > before.seen:
            # A report is short: charts and sizes stay those of the last whole answer.
            known[name] = Site(name, {**(before.overview or {}), **(one.overview or {})}, "", reported=True)
    wanted = {*names, *latest}
    sites = [known.get(name, Site(name)) for name in wanted]
    return sorted(sites, key=lambda one: (STATES.index(one.state), one.name))

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters about all sites at once; each is documented in the file of its own name beside this one."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Callable, Mapping, Optional, Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils import _fleet, _fleet_page


def fleet(
    answers: Mapping[str, Mapping[str, Any]],
    former: str = "",
    reports: Sequence[str] = (),
    names: Optional[Sequence[str]] = None,
    *,
    title: str = "",
    language: str = "en",
    now: Optional[str] = None,
) -> dict[str, Any]:
    """What to write down of all sites, and what their page shows."""
    moment = datetime.fromisoformat(now) if now else datetime.now(timezone.utc)
    told = [_fleet.answer(name, result) for name, result in answers.items()]
    sent = [found for found in map(_fleet.report, reports) if found is not None]
    sites = _fleet.merged(_fleet.of_file(former), told, sent, answers if names is None else names)
    return {
        "data": _fleet.as_data(sites, moment.strftime("%Y-%m-%dT%H:%M:%SZ")),
        "page": _fleet_page.page(sites, moment, title, language),
    }


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"fleet": fleet}

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page says of things that go wrong only later, of readers and of versions. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, List, Mapping, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._fleet_values import (
    ago,
    mapping,
    mappings,
    moment,
    number,
    size,
    stamp,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._fleet_words import Words

_CERTIFICATES = {
    "authority": "fact.authority",
    "truststore": "fact.truststore",
    "database": "fact.certificate",
}
_VERSIONS = (("version.kafka", "kafka"), ("version.debezium", "debezium"), ("version.database", "database"))
_MOST_GROUPS = 20
Row = Tuple[str, str]


def rows(told: Mapping[str, Any], now: datetime, say: Words) -> List[Row]:
    """Labels and values, of what is told."""
    versions = mapping(told.get("versions"))
    return [
        *_binlog(told, say),
        *_backup(mapping(told.get("backup")), now, say),
        *_certificates(told, now, say),
        *_groups(told, now, say),
        *((say(label), str(versions[key])) for label, key in _VERSIONS if versions.get(key)),
    ]


def _binlog(told: Mapping[str, Any], say: Words) -> List[Row]:
    room = mapping(told.get("headroom"))
    found = [(say("fact.binlog"), stamp(moment(told.get("binlog_since"))))]
    expiry, outage = number(room.get("expiry_seconds")), number(room.get("longest_outage_seconds"))
    if expiry is not None:
        found.append((say("fact.kept"), say.duration(expiry) if expiry else say("fact.kept_ever")))
    if outage:
        span = room.get("longest_outage")
        since = stamp(moment(span[0])) if isinstance(span, list) and span else ""
        took = say.duration(outage)
        found.append((say("fact.outage"), say("fact.outage_from", took=took, since=since) if since else took))
    return found


def _backup(backup: Mapping[str, Any], now: datetime, say: Words) -> List[Row]:
    if moment(backup.get("made")) is None:
        return []
    parts = [ago(backup["made"], now, say), size(backup.get("bytes"), say), str(backup.get("file") or "")]
    return [(say("fact.backup"), ", ".join(part for part in parts if part))]


def _certificates(told: Mapping[str, Any], now: datetime, say: Words) -> List[Row]:
    found = []
    for one in mappings(told.get("certificates")):
        until = moment(one.get("until"))
        if until is None:
            continue
        left = (until - now).total_seconds()
        day = f"{until:%Y-%m-%d}"
        words = say("until.left", day=day, left=say.duration(left)) if left >= 0 else say("until.expired", day=day)
        # Where nobody verifies it, its end changes nothing.
        aside = "" if one.get("verified", True) else say("until.unverified")
        what = str(one.get("what"))
        found.append((say(_CERTIFICATES[what]) if what in _CERTIFICATES else what, words + aside))
    return found


def _groups(told: Mapping[str, Any], now: datetime, say: Words) -> List[Row]:
    found = []
    for one in mappings(told.get("groups"))[:_MOST_GROUPS]:
        events, since = number(one.get("events")), moment(one.get("since"))
        behind = say("group.unknown")
        if events is not None:
            behind = say("group.behind", events=f"{events:.0f}") if events else say("group.read")
        late = say("group.since", since=ago(one["since"], now, say)) if events and since is not None else ""
        away = "" if one.get("connected", True) else say("group.away")
        found.append((say("group", name=one.get("group")), f"{behind}{late}{away}"))
    return found

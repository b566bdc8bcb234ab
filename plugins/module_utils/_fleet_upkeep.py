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
from ansible_collections.openmrs.event_log.plugins.module_utils._guard_text import duration

_CERTIFICATES = {
    "authority": "Authority of the database",
    "truststore": "What the connector trusts",
    "database": "Certificate of the database",
}
_VERSIONS = (("Kafka", "kafka"), ("Debezium", "debezium"), ("Database", "database"))
_MOST_GROUPS = 20
Row = Tuple[str, str]


def rows(told: Mapping[str, Any], now: datetime) -> List[Row]:
    """Labels and values, of what is told."""
    versions = mapping(told.get("versions"))
    return [
        *_binlog(told),
        *_backup(mapping(told.get("backup")), now),
        *_certificates(told, now),
        *_groups(told, now),
        *((label, str(versions[key])) for label, key in _VERSIONS if versions.get(key)),
    ]


def _binlog(told: Mapping[str, Any]) -> List[Row]:
    room = mapping(told.get("headroom"))
    found = [("Binary log reaches back to", stamp(moment(told.get("binlog_since"))))]
    expiry, outage = number(room.get("expiry_seconds")), number(room.get("longest_outage_seconds"))
    if expiry is not None:
        found.append(("Binary log is kept for", duration(expiry) if expiry else "ever"))
    if outage:
        span = room.get("longest_outage")
        since = stamp(moment(span[0])) if isinstance(span, list) and span else ""
        found.append(("Longest outage", f"{duration(outage)}{f', from {since}' if since else ''}"))
    return found


def _backup(backup: Mapping[str, Any], now: datetime) -> List[Row]:
    if moment(backup.get("made")) is None:
        return []
    parts = [ago(backup["made"], now), size(backup.get("bytes")), str(backup.get("file") or "")]
    return [("Last backup", ", ".join(part for part in parts if part))]


def _certificates(told: Mapping[str, Any], now: datetime) -> List[Row]:
    found = []
    for one in mappings(told.get("certificates")):
        until = moment(one.get("until"))
        if until is None:
            continue
        left = (until - now).total_seconds()
        words = f"until {until:%Y-%m-%d}, {f'{duration(left)} left' if left >= 0 else 'expired'}"
        # Where nobody verifies it, its end changes nothing.
        aside = "" if one.get("verified", True) else ", not verified"
        found.append((_CERTIFICATES.get(str(one.get("what")), str(one.get("what"))), words + aside))
    return found


def _groups(told: Mapping[str, Any], now: datetime) -> List[Row]:
    found = []
    for one in mappings(told.get("groups"))[:_MOST_GROUPS]:
        events, since = number(one.get("events")), moment(one.get("since"))
        behind = "not known" if events is None else f"{events:.0f} events behind" if events else "has read all"
        late = f", since {ago(one['since'], now)}" if events and since is not None else ""
        away = "" if one.get("connected", True) else ", not connected"
        found.append((f"Consumer group {one.get('group')}", f"{behind}{late}{away}"))
    return found

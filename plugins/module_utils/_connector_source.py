# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of the database that a connector reads: seen in this run, remembered from an earlier one, or declared.

From it follow the connector's class and its mode of TLS, and the file that tells consumers about the database. Pure.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Mapping, Optional, Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils import _patient_topics
from ansible_collections.openmrs.event_log.plugins.module_utils._debezium import CLASSES
from ansible_collections.openmrs.event_log.plugins.module_utils._patient_data import FULL, Policy

#: What the look at the database hands over, each with the kind of value that it has.
SEEN = {
    "flavour": str,
    "version": str,
    "server_uuid": str,
    "tls_offered": bool,
    "tls_versions": list,
    "time_zone": dict,
    "signal_table": str,
}
#: What Java 21 speaks; MySQL 5.7 without OpenSSL ends at TLSv1.1.
MODERN_TLS = ("TLSv1.2", "TLSv1.3")
WITHOUT_TLS, PREFERRED, REQUIRED = "disabled", "preferred", "required"


@dataclass(frozen=True)
class Site:
    """What the inventory says about the database and its connector."""

    connector: str
    topic_prefix: str
    host: str
    port: int
    database: str
    flavour: str = ""
    ssl_mode: str = PREFERRED
    time_zone: str = ""
    patient_data: str = FULL
    masked_columns: Sequence[str] = field(default_factory=list)
    clear_columns: Sequence[str] = field(default_factory=list)

    @property
    def policy(self) -> Policy:
        return Policy(self.patient_data, self.masked_columns, self.clear_columns)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Known:
    """What follows. ``facts`` is the content of the file for consumers."""

    flavour: str
    ssl_mode: str
    facts: Mapping[str, Any]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Database:
    """The database as it was seen last; None for what nobody knows."""

    flavour: Optional[str] = None
    version: Optional[str] = None
    server_uuid: Optional[str] = None
    tls_offered: Optional[bool] = None
    tls_versions: list[str] = field(default_factory=list)
    time_zone: Optional[Mapping[str, Any]] = None
    signal_table: Optional[str] = None

    @property
    def old_tls(self) -> bool:
        """Whether it offers TLS, but only versions that Java refuses."""
        return bool(self.tls_versions) and not set(self.tls_versions) & set(MODERN_TLS)


def connector_source(site: Site, seen: Mapping[str, Any], remembered: str, now: Optional[datetime] = None) -> Known:
    """Put together what was seen, the text of the file of an earlier run ("" for none), and what the site declares."""
    database = _database(seen) if seen else _database(_of(remembered, site.address))
    flavour = site.flavour or database.flavour or "mysql"
    return Known(
        flavour,
        _ssl_mode(site.ssl_mode, flavour, database),
        _facts(site, database, flavour),
        tuple(_problems(site, database, flavour)),
        tuple(_notes(site, database, now or datetime.now(timezone.utc))),
    )


def _of(remembered: str, address: str) -> Mapping[str, Any]:
    """Return what the file says of this database; nothing when it is another one's, or nobody had looked at it."""
    try:
        facts = json.loads(remembered or "{}")
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) and facts.get("address") == address and facts.get("version") else {}


def _database(facts: Mapping[str, Any]) -> Database:
    """Take what has the right kind, and a flavour that has a connector."""
    # Copies, for Ansible's own kinds of list and dict are not what they look like.
    known: dict[str, Any] = {name: facts[name] for name, kind in SEEN.items() if isinstance(facts.get(name), kind)}
    known.update({name: kind(known[name]) for name, kind in SEEN.items() if name in known})
    if known.get("flavour") not in CLASSES:
        known.pop("flavour", None)
    return Database(**known)


def _ssl_mode(wanted: str, flavour: str, database: Database) -> str:
    """Return the mode that is meant. MySQL's driver tries by itself; MariaDB's has to be told what there is."""
    if wanted != PREFERRED:
        return wanted
    if database.old_tls or (flavour == "mariadb" and not database.tls_offered):
        return WITHOUT_TLS
    return REQUIRED if flavour == "mariadb" else PREFERRED


def _facts(site: Site, database: Database, flavour: str) -> dict[str, Any]:
    zone = database.time_zone or {}
    return {
        "address": site.address,
        "connector": site.connector,
        "database": site.database,
        "flavour": flavour,
        "patient_data": _patient_topics.facts(site.policy),
        "server_uuid": database.server_uuid,
        "signal_table": database.signal_table,
        "time_zone": {
            "site": site.time_zone or None,
            **{name: zone.get(name) for name in ("name", "system", "utc_offset_minutes")},
        },
        "tls_offered": database.tls_offered,
        "tls_versions": database.tls_versions,
        "topic_prefix": site.topic_prefix,
        "version": database.version,
    }


def _problems(site: Site, database: Database, flavour: str) -> list[str]:
    found = []
    if site.flavour and database.flavour and site.flavour != database.flavour:
        found.append(
            f"event_log_database_flavour is {site.flavour}, but the server at {site.address} is {database.flavour}"
            f" ({database.version or 'version unknown'}). Remove the variable, for the flavour is seen by itself; or"
            " correct event_log_database_host and event_log_database_port if that is not the server of OpenMRS."
        )
    if site.ssl_mode in (WITHOUT_TLS, PREFERRED):
        return found
    if database.tls_offered is False:
        found.append(
            f"event_connector_ssl_mode is {site.ssl_mode}, but the server at {site.address} offers no TLS. Give the"
            " server a certificate, or set event_connector_ssl_mode to preferred."
        )
    elif database.old_tls:
        found.append(
            f"event_connector_ssl_mode is {site.ssl_mode}, but the server at {site.address} speaks only"
            f" {', '.join(database.tls_versions)}, which Java refuses as unsafe. Move the database to a version with"
            " TLSv1.2, or set event_connector_ssl_mode to preferred, which then means without TLS."
        )
    return found


def _notes(site: Site, database: Database, now: datetime) -> list[str]:
    here = _offset_minutes(site.time_zone, now)
    there = (database.time_zone or {}).get("utc_offset_minutes")
    if here is None or there is None or here == there:
        return []
    return [
        f"event_log_time_zone is {site.time_zone} ({offset_text(here)} now), and the database's clock shows"
        f" {offset_text(there)}. Consumers are told {site.time_zone}. That is right if OpenMRS writes in that zone;"
        " else correct event_log_time_zone or remove it."
    ]


def _offset_minutes(zone: str, now: datetime) -> Optional[int]:
    """Return the offset of a zone at this moment; None where there is no such zone, or no list of zones."""
    try:
        from zoneinfo import ZoneInfo  # noqa: PLC0415 - not in Python 3.8

        offset = now.astimezone(ZoneInfo(zone)).utcoffset() if zone else None
    except (ImportError, LookupError, ValueError, OSError):
        return None
    return None if offset is None else int(offset.total_seconds()) // 60


def offset_text(minutes: int) -> str:
    """Return 180 as ``UTC+03:00``."""
    return f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"

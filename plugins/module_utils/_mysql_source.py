# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The assessment of a source database: every finding at once, and one remedy for all of them. Pure.

Each finding is explained in docs/findings.md; a test holds the two together.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any, Mapping, Optional

from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_access as access
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_reach as reach
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_settings as settings
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_space as space
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_connection import connection_finding
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import (
    ERROR,
    INFO,
    UNREACHABLE,
    WARNING,
    BinlogFile,
    Finding,
    Source,
    Wanted,
    describe_finding,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_remedy import Remedy, remedy

__all__ = ["Assessment", "assess", "describe", "describe_finding"]

_ORDER = (ERROR, WARNING, INFO)


@dataclass(frozen=True)
class Assessment:
    """What was found, the worst first, and what would put it right."""

    findings: tuple[Finding, ...]
    remedy: Remedy


def assess(source: Source, wanted: Wanted) -> Assessment:
    """Everything that is wrong with a source database, or worth knowing about it."""
    found = [connection_finding(source, wanted), settings.version(source, wanted)]
    listed = [finding for finding in found if finding is not None]
    if source.failure is None:
        judged = [rule(source, wanted) for rule in (*settings.RULES, *reach.RULES, *space.RULES)]
        listed += [finding for finding in judged if finding is not None]
        for rules in (access.account, access.database, access.tables):
            listed += rules(source, wanted)
        if not wanted.check_access:  # somebody else looks, who may do everything
            listed = [finding for finding in listed if not finding.select and not finding.global_grants]
    listed.sort(key=lambda finding: _ORDER.index(finding.severity))  # stable: the order of the rules stays
    return Assessment(tuple(listed), remedy(source, wanted, listed))


def describe(source: Source, wanted: Wanted) -> dict[str, Any]:
    """The source as the module returns it: plain values only; what could not be seen is null."""
    server, zone = source.server, source.time_zone
    files, replicas = source.binlog_files, source.replicas
    return {
        "address": wanted.address,
        "reachable": source.failure is None or source.failure.kind != UNREACHABLE,
        "logged_in": source.failure is None,
        "flavour": server.flavour if server else None,
        "version": server.number if server else None,
        "version_text": server.text if server else None,
        "account": source.account or None,
        "tls": source.tls or None,
        "server_uuid": source.variables.get("server_uuid"),
        "server_id": _whole(source.number("server_id")),
        "variables": dict(source.variables),
        "expiry_seconds": _whole(source.expiry_seconds),
        "time_zone": asdict(zone) if zone else None,
        "binlog_position": source.binlog_position or None,
        "binlog_files": None if files is None else [_file(item) for item in files],
        "binlog_growth": _growth(source),
        "binlog_disk": asdict(source.disk) if source.disk else None,
        "plugin": source.plugin or None,
        "replicas": None if replicas is None else [asdict(item) for item in replicas],
        "tables": _tables(source.tables),
    }


def _file(file: BinlogFile) -> dict[str, Any]:
    return {"name": file.name, "size": file.size, "created": _moment(file.created)}


def _moment(seconds: Optional[int]) -> Optional[str]:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _growth(source: Source) -> Optional[dict[str, Any]]:
    measured = space.growth(source.binlog_files, source.now)
    if measured is None:
        return None
    return {"bytes_per_day": int(measured.bytes_per_day), "seconds": measured.seconds}


def _tables(tables: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "kind": table.kind,
            "engine": table.engine,
            "primary_key": list(table.primary_key),
            "wide_columns": list(table.wide_columns),
            "columns": {column.name: {"type": column.type, "key": column.key} for column in table.columns},
        }
        for name, table in tables.items()
    }


def _whole(value: Any) -> Any:
    return None if value is None else int(value)

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sources that are as they should be, one per flavour and version, to be spoilt by the tests one thing at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict

from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import Refusal, Source, Table, Wanted
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_grants import parse_grants
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_server import parse_server
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_source import Assessment, assess

VERSIONS = {
    "mysql-5.7": "5.7.22-log",
    "mysql-8.0": "8.0.12",
    "mysql-8.4": "8.4.3",
    "mysql-9.7": "9.7.4",
    "mariadb-10.11": "10.11.6-MariaDB-0+deb12u1-log",
    "mariadb-11.8": "11.8.9-MariaDB-0+deb13u1 from Debian",
}
ALL = sorted(VERSIONS)
MARIADB = [name for name in ALL if name.startswith("mariadb")]
MYSQL = [name for name in ALL if name.startswith("mysql")]

TABLES = ("person", "patient")
WANTED = Wanted("127.0.0.1", 3306, "event_log", "openmrs", TABLES)


def variables(kind: str) -> Dict[str, str]:
    found = {
        "log_bin": "ON",
        "server_id": "1",
        "binlog_format": "ROW",
        "binlog_row_image": "FULL",
        "sync_binlog": "1",
        "innodb_flush_log_at_trx_commit": "1",
    }
    if kind == "mysql-5.7":
        found.update({"expire_logs_days": "14"})
    elif kind == "mysql-8.0":
        found.update({"expire_logs_days": "0", "binlog_expire_logs_seconds": "2592000", "binlog_row_value_options": ""})
    elif kind in ("mysql-8.4", "mysql-9.7"):
        found.update({"binlog_expire_logs_seconds": "2592000", "binlog_expire_logs_auto_purge": "ON"})
    else:
        found.update(
            {"expire_logs_days": "14.000000", "binlog_expire_logs_seconds": "1209600", "log_bin_compress": "OFF"}
        )
    if kind == "mariadb-11.8":
        found.update({"binlog_legacy_event_pos": "ON", "max_binlog_total_size": "0"})
    return found


def good(kind: str) -> Source:
    server = parse_server(VERSIONS[kind])
    assert server is not None
    return Source(
        server=server,
        account="event_log@%",
        variables=variables(kind),
        databases=("information_schema", "openmrs"),
        visible_tables=("obs", "patient", "person"),
        tables={name: Table(name, primary_key=(name + "_id",)) for name in TABLES},
        grants=parse_grants(
            [
                f"GRANT RELOAD, SHOW DATABASES, REPLICATION SLAVE, {server.monitor_privilege} ON *.* TO `event_log`",
                "GRANT SELECT ON `openmrs`.* TO `event_log`@`%`",
            ]
        ),
    )


def with_variables(source: Source, **changed: Any) -> Source:
    return replace(source, variables={**source.variables, **changed})


def with_refusal(source: Source, key: str, code: int, statement: str = "X", message: str = "denied") -> Source:
    return replace(source, refusals={**source.refusals, key: Refusal(statement, code, message)})


def judged(source: Source, wanted: Wanted = WANTED) -> Assessment:
    return assess(source, wanted)


def ids(source: Source, wanted: Wanted = WANTED) -> Dict[str, str]:
    """Severity by finding, without the one that says what every 5.7 is told."""
    found = {finding.id: finding.severity for finding in assess(source, wanted).findings}
    if source.server is not None and source.server.version[:2] == (5, 7):
        assert found.pop("version_untested") == "warning"
    return found

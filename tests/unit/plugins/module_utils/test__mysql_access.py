# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the capture account lacks and what is odd about the tables, on every flavour and version."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import Source, Table
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_grants import parse_grants

from tests.unit.plugins.module_utils.mysql_sources import ALL, WANTED, good, ids, judged, with_refusal

GLOBAL = ["RELOAD", "SHOW DATABASES", "REPLICATION SLAVE"]


def granted(source: Source, *lines: str) -> Source:
    return replace(source, grants=parse_grants(lines))


def without(kind: str, privilege: str) -> Source:
    left = ", ".join(name for name in GLOBAL if name != privilege)
    return granted(good(kind), f"GRANT {left} ON *.* TO a", "GRANT SELECT ON `openmrs`.* TO a")


@pytest.mark.parametrize("kind", ALL)
def test_each_missing_privilege_is_found(kind: str) -> None:
    assert ids(without(kind, "RELOAD")) == {"grant_reload": "error"}
    assert ids(without(kind, "REPLICATION SLAVE")) == {"grant_replication_slave": "error"}


@pytest.mark.parametrize("kind", ALL)
def test_a_hidden_list_of_databases_matters_less_while_the_database_is_seen(kind: str) -> None:
    source = without(kind, "SHOW DATABASES")
    assert ids(source) == {"grant_show_databases": "warning"}
    assert ids(replace(source, databases=("information_schema",))) == {"grant_show_databases": "error"}
    assert ids(with_refusal(source, "show_databases", 1227)) == {"grant_show_databases": "error"}


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("key", ["binlog_status", "binary_logs"])
def test_a_refused_status_statement_names_the_privilege_of_that_version(kind: str, key: str) -> None:
    source = with_refusal(good(kind), key, 1227, "SHOW BINARY LOGS", "Access denied")
    assert ids(source) == {"grant_replication_client": "error"}
    expected = "BINLOG MONITOR" if kind.startswith("mariadb") else "REPLICATION CLIENT"
    assert f"GRANT {expected} ON *.*" in judged(source).remedy.sql


def test_no_binlog_is_not_a_missing_privilege() -> None:
    assert ids(with_refusal(good("mysql-8.0"), "binary_logs", 1381)) == {}


def test_flush_tables_is_as_good_as_reload() -> None:
    source = good("mysql-8.4")
    line = "GRANT FLUSH_TABLES, SHOW DATABASES, REPLICATION SLAVE ON *.* TO a"
    assert ids(granted(source, line, "GRANT SELECT ON openmrs.* TO a")) == {}


@pytest.mark.parametrize("kind", ALL)
def test_an_account_with_everything_is_enough(kind: str) -> None:
    assert ids(granted(good(kind), "GRANT ALL PRIVILEGES ON *.* TO a WITH GRANT OPTION")) == {}


@pytest.mark.parametrize("kind", ALL)
def test_a_refused_flush_names_the_privilege_of_that_version(kind: str) -> None:
    source = with_refusal(good(kind), "flush", 1227, "FLUSH LOCAL TABLES `x`", "Access denied")
    assert ids(source) == {"grant_reload": "error"}
    privilege = "FLUSH_TABLES" if kind in ("mysql-8.4", "mysql-9.7") else "RELOAD"
    assert f"GRANT {privilege} ON *.*" in judged(source).remedy.sql


def test_a_flush_that_failed_for_another_reason_says_nothing_about_the_privilege() -> None:
    assert ids(with_refusal(good("mysql-8.0"), "flush", 1205)) == {}
    assert ids(with_refusal(without("mysql-8.0", "RELOAD"), "flush", 1205)) == {"grant_reload": "error"}


@pytest.mark.parametrize("kind", ALL)
def test_what_was_done_counts_and_not_what_is_written(kind: str) -> None:
    source = granted(good(kind), "GRANT SHOW DATABASES ON *.* TO a", "GRANT SELECT ON `openmrs`.* TO a")
    assert set(ids(source)) == {"grant_reload", "grant_replication_slave"}
    assert ids(replace(source, tried=("flush", "binlog_dump"))) == {}


@pytest.mark.parametrize("kind", ALL)
def test_a_refused_binlog_names_the_privilege(kind: str) -> None:
    source = with_refusal(good(kind), "binlog_dump", 1227, "COM_BINLOG_DUMP", "Access denied")
    assert ids(source) == {"grant_replication_slave": "error"}


def test_a_binlog_that_is_not_sent_for_another_reason() -> None:
    source = with_refusal(good("mysql-8.0"), "binlog_dump", 1236, "COM_BINLOG_DUMP", "Could not open log file")
    assert ids(source) == {"binlog_unreadable": "error"}
    assert "Could not open log file" in judged(source).findings[0].what
    zero = replace(source, variables={**source.variables, "server_id": "0"})
    assert ids(zero) == {"server_id_zero": "error"}


@pytest.mark.parametrize(
    ("plugin", "found"),
    [
        ("", False),
        ("mysql_native_password", False),
        ("caching_sha2_password", False),
        ("client_ed25519", True),
        ("sha256_password", True),
    ],
)
def test_plugins_that_the_reader_of_the_binary_log_knows(plugin: str, found: bool) -> None:
    assert ids(replace(good("mariadb-11.8"), plugin=plugin)) == ({"account_plugin": "error"} if found else {})


def test_roles_that_sleep_are_named() -> None:
    source = granted(good("mysql-8.0"), "GRANT USAGE ON *.* TO a", "GRANT `capture`@`%` TO a")
    [found] = [one for one in judged(source).findings if one.id == "grant_reload"]
    assert "SET DEFAULT ROLE" in found.what
    [found] = [
        one for one in judged(replace(source, active_roles="`capture`@`%`")).findings if one.id == "grant_reload"
    ]
    assert "SET DEFAULT ROLE" not in found.what


@pytest.mark.parametrize("kind", ALL)
def test_an_unknown_database(kind: str) -> None:
    source = with_refusal(replace(good(kind), databases=("information_schema", "openmrs2")), "database", 1049)
    assert ids(source) == {"database_unknown": "error"}
    assert "openmrs2" in judged(source).findings[0].what
    assert "information_schema" not in judged(source).findings[0].what


def test_a_database_that_is_not_listed_is_unknown_though_the_server_only_says_denied() -> None:
    source = replace(
        granted(good("mysql-8.0"), "GRANT RELOAD, SHOW DATABASES, REPLICATION SLAVE ON *.* TO a"),
        databases=("information_schema",),
    )
    assert ids(with_refusal(source, "database", 1044)) == {"database_unknown": "error", "grant_select": "error"}


@pytest.mark.parametrize("kind", ALL)
def test_a_listed_database_that_is_denied_needs_select(kind: str) -> None:
    source = granted(good(kind), "GRANT RELOAD, SHOW DATABASES, REPLICATION SLAVE ON *.* TO a")
    source = with_refusal(source, "database", 1044)
    assert ids(source) == {"grant_select": "error"}
    assert "may also not exist" not in judged(source).findings[0].what
    assert "GRANT SELECT ON `openmrs`.* TO 'event_log'@'%';" in judged(source).remedy.sql


def test_an_account_that_sees_nothing_cannot_tell_whether_the_database_exists() -> None:
    source = replace(granted(good("mysql-8.0"), "GRANT USAGE ON *.* TO a"), databases=("information_schema",))
    found = {one.id: one for one in judged(with_refusal(source, "database", 1044)).findings}
    assert set(found) == {"grant_reload", "grant_replication_slave", "grant_show_databases", "grant_select"}
    assert "may also not exist" in found["grant_select"].what


def test_an_empty_database() -> None:
    assert ids(replace(good("mysql-8.0"), visible_tables=(), tables={})) == {"database_empty": "error"}


@pytest.mark.parametrize(
    ("code", "finding"),
    [
        (1146, "table_missing"),
        (1142, "grant_select"),
        (1143, "grant_select"),
        (1205, "table_unreadable"),
        (1356, "table_unreadable"),
    ],
)
def test_a_table_that_cannot_be_read(code: int, finding: str) -> None:
    source = with_refusal(good("mysql-8.0"), "table:person", code, message="so it is")
    assert ids(source) == {finding: "error"}
    assert "person" in judged(source).findings[0].what


def test_all_missing_tables_are_in_one_finding_with_what_was_meant() -> None:
    wanted = replace(WANTED, tables=("Person", "patient", "pateint", "zzz"))
    source = good("mysql-8.0")
    for name in ("Person", "pateint", "zzz"):
        source = with_refusal(source, "table:" + name, 1146)
    assert ids(source, wanted) == {"table_missing": "error"}
    what = judged(source, wanted).findings[0].what
    assert "Person (did you mean person?), pateint (did you mean patient?), zzz." in what


SHAPES = [
    (Table("person", "VIEW", ""), {"table_is_view": "error"}),
    (Table("person", "SYSTEM VIEW", ""), {"table_is_view": "error"}),
    (Table("person"), {"table_without_primary_key": "warning"}),
    (Table("person", engine="MyISAM", primary_key=("a",)), {"table_engine": "warning"}),
    (Table("person", primary_key=("a",), wide_columns=("value",)), {"wide_columns": "info"}),
]


@pytest.mark.parametrize(("table", "expected"), SHAPES)
def test_shapes_of_tables(table: Table, expected: dict[str, str]) -> None:
    source = good("mariadb-10.11")
    source = replace(source, tables={**source.tables, "person": table})
    assert ids(source) == expected
    assert "person" in judged(source).findings[0].what
    assert judged(source).remedy.my_cnf == ""

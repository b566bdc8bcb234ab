# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the owner of a database is given to paste, word by word."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_facts as facts
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import Failure, Source, Wanted
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_grants import parse_grants
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_server import parse_server

from tests.unit.plugins.module_utils.mysql_sources import ALL, VERSIONS, WANTED, good, judged, with_variables

DENIED = "Access denied for user 'event_log'@'%s' (using password: YES)"


def lines(text: str) -> list[str]:
    """The lines that a server reads."""
    return [line for line in text.splitlines() if line and not line.startswith(("#", "--"))]


def refused(kind: str, host: str = "localhost") -> Source:
    return Source(server=parse_server(VERSIONS[kind]), failure=Failure(facts.LOGIN, 1045, DENIED % host))


def test_settings_of_mariadb_as_installed() -> None:
    source = with_variables(
        good("mariadb-11.8"),
        log_bin="OFF",
        binlog_format="MIXED",
        binlog_legacy_event_pos="OFF",
        sync_binlog="0",
    )
    remedy = judged(source).remedy
    assert lines(remedy.my_cnf) == [
        "[mysqld]",
        "log_bin = mysql-bin",
        "binlog_format = ROW",
        "binlog_legacy_event_pos = 1",
        "sync_binlog = 1",
    ]
    assert "restart of the database: log_bin." in remedy.my_cnf
    assert "/etc/mysql/mariadb.conf.d/" in remedy.my_cnf
    assert remedy.sql == ""


def test_settings_of_mysql_5_7_as_installed() -> None:
    source = with_variables(good("mysql-5.7"), log_bin="OFF", server_id="0", expire_logs_days="0", sync_binlog="1")
    assert lines(judged(source).remedy.my_cnf) == [
        "[mysqld]",
        "log_bin = mysql-bin",
        "expire_logs_days = 14",
        "server_id = 1",
    ]


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("mysql-5.7", "expire_logs_days = 14"),
        ("mysql-8.0", "binlog_expire_logs_seconds = 1209600"),
        ("mysql-8.4", "binlog_expire_logs_seconds = 1209600"),
        ("mysql-9.7", "binlog_expire_logs_seconds = 1209600"),
        ("mariadb-10.11", "binlog_expire_logs_seconds = 1209600"),
        ("mariadb-11.8", "binlog_expire_logs_seconds = 1209600"),
    ],
)
def test_the_expiry_stands_in_the_variable_of_the_version(kind: str, line: str) -> None:
    short = {"expire_logs_days": "1"} if kind == "mysql-5.7" else {"binlog_expire_logs_seconds": "60"}
    assert lines(judged(with_variables(good(kind), **short)).remedy.my_cnf) == ["[mysqld]", line]


def test_dynamic_settings_come_as_sql_too() -> None:
    source = with_variables(
        good("mysql-8.0"), binlog_format="MIXED", sync_binlog="0", binlog_row_value_options="PARTIAL_JSON"
    )
    remedy = judged(source).remedy
    assert lines(remedy.my_cnf) == [
        "[mysqld]",
        "binlog_format = ROW",
        "binlog_row_value_options =",
        "sync_binlog = 1",
    ]
    assert lines(remedy.sql) == [
        "SET GLOBAL binlog_format = 'ROW';",
        "SET GLOBAL binlog_row_value_options = '';",
        "SET GLOBAL sync_binlog = 1;",
    ]
    assert "restart" not in remedy.my_cnf


def test_missing_grants_are_one_statement() -> None:
    source = replace(good("mysql-8.0"), grants=parse_grants(["GRANT SELECT ON `openmrs`.* TO a"]))
    assert lines(judged(source).remedy.sql) == [
        "GRANT RELOAD, SHOW DATABASES, REPLICATION SLAVE ON *.* TO 'event_log'@'%';"
    ]


@pytest.mark.parametrize("kind", ALL)
def test_a_refused_login_is_given_the_whole_account_and_all_settings(kind: str) -> None:
    remedy = judged(refused(kind)).remedy
    monitor = "BINLOG MONITOR" if kind.startswith("mariadb") else "REPLICATION CLIENT"
    flush = "FLUSH_TABLES" if kind in ("mysql-8.4", "mysql-9.7") else "RELOAD"
    password = "'<password of the capture account>'"
    assert lines(remedy.sql) == [
        f"CREATE USER IF NOT EXISTS 'event_log'@'localhost' IDENTIFIED BY {password};",
        f"ALTER USER 'event_log'@'localhost' IDENTIFIED BY {password};",
        f"GRANT {flush}, SHOW DATABASES, REPLICATION SLAVE, {monitor} ON *.* TO 'event_log'@'localhost';",
        "GRANT SELECT ON `openmrs`.* TO 'event_log'@'localhost';",
    ]
    legacy = ["binlog_legacy_event_pos = 1", "log_bin_compress = 0"] if kind == "mariadb-11.8" else []
    assert lines(remedy.my_cnf) == [
        "[mysqld]",
        "binlog_format = ROW",
        "binlog_row_image = FULL",
        "sync_binlog = 1",
        "innodb_flush_log_at_trx_commit = 1",
        *legacy,
    ]


@pytest.mark.parametrize("kind", ALL)
def test_what_could_do_harm_is_only_offered_while_the_settings_are_unknown(kind: str) -> None:
    offered = [line[1:] for line in judged(refused(kind)).remedy.my_cnf.splitlines() if line.startswith("#")]
    expiry = "expire_logs_days = 14" if kind == "mysql-5.7" else "binlog_expire_logs_seconds = 1209600"
    assert offered[-3:] == ["server_id = 1", "log_bin = mysql-bin", expiry]


def test_the_host_is_the_one_that_the_server_named() -> None:
    assert "'event_log'@'10.0.0.5'" in judged(refused("mysql-8.0", "10.0.0.5")).remedy.sql


def test_a_host_that_may_not_connect_is_given_sql_that_every_flavour_takes() -> None:
    message = "Host '10.0.0.5' is not allowed to connect to this MariaDB server"
    remedy = judged(Source(failure=Failure(facts.HOST_REFUSED, 1130, message))).remedy
    assert remedy.my_cnf == ""
    assert "REPLICATION CLIENT ON *.* TO 'event_log'@'10.0.0.5';" in remedy.sql


def test_an_expired_account_is_unlocked_and_expires_no_more() -> None:
    source = Source(server=parse_server("8.0.12"), failure=Failure(facts.ACCOUNT_UNUSABLE, 1862, "expired"))
    sql = judged(source).remedy.sql
    assert "ALTER USER 'event_log'@'localhost' ACCOUNT UNLOCK;" in sql
    assert "ALTER USER 'event_log'@'localhost' PASSWORD EXPIRE NEVER;" in sql


@pytest.mark.parametrize(
    ("wanted", "host"),
    [
        (WANTED, "localhost"),
        (replace(WANTED, host="::1"), "localhost"),
        (replace(WANTED, host="db.example", unix_socket="/run/s"), "localhost"),
        (replace(WANTED, host="db.example"), "%"),
    ],
)
def test_a_refusal_that_names_no_host_is_read_by_the_address(wanted: Wanted, host: str) -> None:
    source = Source(server=parse_server("11.8.9-MariaDB"), failure=Failure(facts.ACCOUNT_UNUSABLE, 4151, "locked"))
    assert f"'event_log'@'{host}'" in judged(source, wanted).remedy.sql


def test_names_are_quoted() -> None:
    wanted = Wanted("h", 3306, "o'neil\\", "open_mr`s%", ("person",))
    source = replace(good("mysql-8.0"), account="", refusals={})
    source = replace(source, grants=parse_grants([]), failure=Failure(facts.LOGIN, 1045, "no host here"))
    sql = judged(source, wanted).remedy.sql
    assert "'o''neil\\\\'@'%'" in sql
    assert r"ON `open\_mr``s\%`.* TO" in sql


def test_wildcards_are_left_alone_where_partial_revokes_make_names_literal() -> None:
    wanted = replace(WANTED, database="open_mrs")
    source = with_variables(good("mysql-8.0"), partial_revokes="ON")
    source = replace(source, visible_tables=(), tables={}, databases=("open_mrs",))
    assert "ON `open_mrs`.*" in judged(source, wanted).remedy.sql


def test_nothing_is_given_where_the_server_was_not_seen() -> None:
    remedy = judged(Source(failure=Failure(facts.UNREACHABLE, 0, "refused"))).remedy
    assert (remedy.my_cnf, remedy.sql) == ("", "")


def test_what_is_only_worth_knowing_has_no_remedy() -> None:
    source = with_variables(good("mysql-8.4"), binlog_expire_logs_seconds="0")
    remedy = judged(source).remedy
    assert (remedy.my_cnf, remedy.sql) == ("", "")


def test_days_stand_in_the_way_of_seconds_in_mysql_8_0() -> None:
    source = with_variables(good("mysql-8.0"), expire_logs_days="3", binlog_expire_logs_seconds="0")
    assert lines(judged(source).remedy.sql) == [
        "SET GLOBAL expire_logs_days = 0;",
        "SET GLOBAL binlog_expire_logs_seconds = 1209600;",
    ]
    without = with_variables(good("mysql-8.0"), expire_logs_days="0", binlog_expire_logs_seconds="3600")
    assert lines(judged(without).remedy.sql) == ["SET GLOBAL binlog_expire_logs_seconds = 1209600;"]

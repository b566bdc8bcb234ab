# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each flaw of a database is called, on every flavour and version; and that a sound one has none."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_facts as facts
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import Failure, Replica, Source, Wanted
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_server import parse_server

from tests.unit.plugins.module_utils.mysql_sources import ALL, MARIADB, MYSQL, WANTED, good, ids, judged, with_variables

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize("kind", ALL)
def test_a_sound_database_has_no_finding_and_no_remedy(kind: str) -> None:
    assert ids(good(kind)) == {}
    remedy = judged(good(kind)).remedy
    assert (remedy.my_cnf, remedy.sql) == ("", "")


SETTINGS: list[tuple[str, str, str, str]] = [
    ("log_bin", "OFF", "binlog_off", "error"),
    ("server_id", "0", "server_id_zero", "error"),
    ("binlog_format", "STATEMENT", "binlog_format", "error"),
    ("binlog_format", "MIXED", "binlog_format", "error"),
    ("binlog_row_image", "MINIMAL", "binlog_row_image", "error"),
    ("sync_binlog", "0", "sync_binlog", "warning"),
    ("sync_binlog", "1000", "sync_binlog", "warning"),
    ("innodb_flush_log_at_trx_commit", "2", "innodb_flush_log_at_trx_commit", "warning"),
]


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(("variable", "value", "finding", "severity"), SETTINGS)
def test_a_wrong_setting_is_the_only_finding(kind: str, variable: str, value: str, finding: str, severity: str) -> None:
    source = with_variables(good(kind), **{variable: value})
    assert ids(source) == {finding: severity}
    [found] = [one for one in judged(source).findings if one.id == finding]
    assert value in found.what


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("value", ["FULL", "NOBLOB", "noblob"])
def test_row_images_that_debezium_takes(kind: str, value: str) -> None:
    assert ids(with_variables(good(kind), binlog_row_image=value)) == {}


@pytest.mark.parametrize("kind", ["mysql-8.0", "mysql-8.4", "mysql-9.7"])
def test_partial_json_is_refused(kind: str) -> None:
    assert ids(with_variables(good(kind), binlog_row_value_options="PARTIAL_JSON")) == {
        "binlog_row_value_options": "error"
    }


@pytest.mark.parametrize("kind", MARIADB)
def test_compressed_events_of_mariadb_are_refused(kind: str) -> None:
    assert ids(with_variables(good(kind), log_bin_compress="ON")) == {"log_bin_compress": "error"}


def test_mariadb_without_legacy_positions_is_refused_where_the_variable_exists() -> None:
    assert ids(with_variables(good("mariadb-11.8"), binlog_legacy_event_pos="OFF")) == {
        "binlog_legacy_event_pos": "error"
    }
    assert ids(good("mariadb-10.11")) == {}


SHORT: dict[str, dict[str, str]] = {
    "mysql-5.7": {"expire_logs_days": "3"},
    "mysql-8.0": {"binlog_expire_logs_seconds": "3600"},
    "mysql-8.4": {"binlog_expire_logs_seconds": "604799"},
    "mysql-9.7": {"binlog_expire_logs_seconds": "86400"},
    "mariadb-10.11": {"binlog_expire_logs_seconds": "86400", "expire_logs_days": "1.000000"},
    "mariadb-11.8": {"binlog_expire_logs_seconds": "3600", "expire_logs_days": "0.041667"},
}
FOR_EVER = {name: dict.fromkeys(changed, "0") for name, changed in SHORT.items()}


@pytest.mark.parametrize("kind", ALL)
def test_an_expiry_below_the_longest_outage_is_a_warning(kind: str) -> None:
    assert ids(with_variables(good(kind), **SHORT[kind])) == {"expiry_short": "warning"}


@pytest.mark.parametrize("kind", ALL)
def test_files_that_stay_for_ever_are_worth_knowing(kind: str) -> None:
    assert ids(with_variables(good(kind), **FOR_EVER[kind])) == {"expiry_never": "info"}


def test_the_site_declares_its_longest_outage() -> None:
    week = with_variables(good("mysql-8.4"), binlog_expire_logs_seconds="604800")
    assert ids(week) == {"expiry_short": "warning"}
    assert ids(week, replace(WANTED, longest_outage_days=7)) == {}
    setting = judged(week, replace(WANTED, longest_outage_days=21)).remedy.my_cnf
    assert "binlog_expire_logs_seconds = 1814400" in setting


def test_days_count_in_mysql_8_when_seconds_are_zero() -> None:
    days = with_variables(good("mysql-8.0"), binlog_expire_logs_seconds="0", expire_logs_days="2")
    assert ids(days) == {"expiry_short": "warning"}


def test_purging_switched_off_is_for_ever() -> None:
    source = with_variables(good("mysql-8.4"), binlog_expire_logs_seconds="60", binlog_expire_logs_auto_purge="OFF")
    assert ids(source) == {"expiry_never": "info"}


@pytest.mark.parametrize("variable", ["max_binlog_total_size", "binlog_space_limit"])
def test_a_limit_of_size_is_a_warning(variable: str) -> None:
    assert ids(with_variables(good("mariadb-11.8"), **{variable: "1073741824"})) == {"expiry_by_size": "warning"}


FILTERS: list[tuple[dict[str, Any], bool]] = [
    ({"binlog_do_db": ("other",)}, True),
    ({"binlog_do_db": ("other", "openmrs")}, False),
    ({"binlog_ignore_db": ("openmrs",)}, True),
    ({"binlog_ignore_db": ("other",)}, False),
]


@pytest.mark.parametrize(("changed", "refused"), FILTERS)
def test_a_binlog_that_leaves_the_database_out_is_refused(changed: Dict[str, Any], refused: bool) -> None:
    assert ids(replace(good("mysql-8.0"), **changed)) == ({"binlog_filter": "error"} if refused else {})


CLASHES: list[tuple[int, tuple[Replica, ...], Dict[str, str]]] = [
    (0, (Replica(0),), {}),
    (1, (), {"server_id_clash": "error"}),
    (184200, (Replica(2, "b", "3f1c"),), {}),
    (184200, (Replica(184200, "b", "3f1c-aa"),), {"server_id_clash": "error"}),
    (184200, (Replica(184200),), {"server_id_clash": "warning"}),
    (184200, (Replica(184200, "", "00000000-0000-0000-0000-000000000000"),), {"server_id_clash": "warning"}),
]


@pytest.mark.parametrize(("server_id", "replicas", "expected"), CLASHES)
def test_a_server_id_that_somebody_has(server_id: int, replicas: tuple[Replica, ...], expected: Dict[str, str]) -> None:
    assert ids(replace(good("mysql-8.0"), replicas=replicas), replace(WANTED, server_id=server_id)) == expected


VERDICTS = [
    ("5.5.62", "version_refused"),
    ("5.6.51-log", "version_refused"),
    ("5.7.44", "version_untested"),
    ("8.0.45", None),
    ("8.1.0", "version_untested"),
    ("8.4.6", None),
    ("9.0.1", None),
    ("10.0.0", "version_untested"),
    ("8.0.36-28", None),
    ("10.1.48-MariaDB", "version_refused"),
    ("10.6.18-MariaDB", "version_untested"),
    ("10.11.11-MariaDB", None),
    ("11.2.2-MariaDB", "version_untested"),
    ("11.4.4-MariaDB-log", None),
    ("12.0.1-MariaDB", "version_untested"),
    ("8.0.11-TiDB-v7.5.1", "version_refused"),
]


@pytest.mark.parametrize(("text", "expected"), VERDICTS)
def test_versions(text: str, expected: str) -> None:
    source = replace(good("mysql-8.0"), server=parse_server(text))
    found = [one.id for one in judged(source).findings if one.id.startswith("version_")]
    assert found == ([expected] if expected else [])


def test_a_refused_version_can_be_allowed() -> None:
    source = replace(good("mysql-5.7"), server=parse_server("5.6.51"))
    assert ids(source) == {"version_refused": "error"}
    assert ids(source, replace(WANTED, allow_untested=True)) == {"version_untested": "warning"}


FAILURES = [
    (facts.UNREACHABLE, "server_unreachable"),
    (facts.NOT_A_DATABASE, "not_a_database"),
    (facts.LOGIN, "login_refused"),
    (facts.HOST_REFUSED, "host_refused"),
    (facts.ACCOUNT_UNUSABLE, "account_unusable"),
    (facts.PLUGIN, "login_plugin"),
    (facts.TLS, "tls_failed"),
    (facts.TLS_REQUIRED, "tls_required"),
    (facts.BUSY, "server_busy"),
    (facts.LOST, "connection_lost"),
    (facts.OTHER, "login_failed"),
]


@pytest.mark.parametrize(("kind", "finding"), FAILURES)
def test_a_failed_login_is_one_finding_that_names_the_address(kind: str, finding: str) -> None:
    [found] = judged(Source(failure=Failure(kind, 0, "as it said"))).findings
    assert (found.id, found.severity) == (finding, "error")
    assert "127.0.0.1:3306" in found.what
    assert "as it said" in found.what


def test_a_socket_is_named_instead_of_the_port() -> None:
    wanted = Wanted("127.0.0.1", 3306, "event_log", "openmrs", unix_socket="/run/mysqld/mysqld.sock")
    [found] = judged(Source(failure=Failure(facts.UNREACHABLE, 0, "gone")), wanted).findings
    assert "/run/mysqld/mysqld.sock" in found.what


def test_a_refused_login_still_judges_the_version() -> None:
    source = Source(server=parse_server("5.6.51"), failure=Failure(facts.LOGIN, 1045, "denied"))
    assert ids(source) == {"login_refused": "error", "version_refused": "error"}


def test_tls_that_had_to_be_given_up_is_a_warning() -> None:
    assert ids(replace(good("mysql-5.7"), tls_problem="unsupported protocol")) == {"tls_unusable": "warning"}


def test_everything_is_found_at_once_and_the_worst_first() -> None:
    source = with_variables(
        good("mariadb-11.8"),
        log_bin="OFF",
        binlog_format="MIXED",
        binlog_legacy_event_pos="OFF",
        sync_binlog="0",
    )
    found = judged(source).findings
    assert [one.id for one in found] == ["binlog_off", "binlog_format", "binlog_legacy_event_pos", "sync_binlog"]


def test_variables_that_a_server_does_not_have_are_no_finding() -> None:
    for kind in MYSQL:
        source = replace(good(kind), variables={"log_bin": "ON", "server_id": "1"})
        assert ids(source) == {}


def test_every_finding_is_documented_and_every_documented_one_exists() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "plugins/module_utils").glob("_mysql_*.py"))
    known = set(re.findall(r'(?:Finding|_Case|_grant)\(\s*"([a-z_]+)"', code))
    page = (ROOT / "docs/findings.md").read_text(encoding="utf-8")
    assert len(known) > 30
    assert set(re.findall(r"^### ([a-z_]+)$", page, re.MULTILINE)) == known

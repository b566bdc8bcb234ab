# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look at a source database, against real servers: bad accounts and settings are named, what is pasted helps."""
# ruff: noqa: S608 (SQL of the test's own, for its own servers)

from __future__ import annotations

import re
from typing import Dict, List

import pytest

from tests.integration.mysql_servers import AVAILABLE, CASES, FLAVOURS, PASSWORD, Flavour, Server, started


@pytest.mark.parametrize(
    "flavour",
    [pytest.param(one, id=one.name, marks=[pytest.mark.full] if one.long else []) for one in FLAVOURS],
)
def test_there_is_an_image_to_test_with(flavour: Flavour) -> None:
    if flavour not in AVAILABLE:
        pytest.skip(f"no Docker engine with the image {flavour.image}: {flavour.name} is not looked at")


@pytest.fixture(scope="module", params=CASES)
def as_installed(request: pytest.FixtureRequest) -> Server:
    return started(request.param, request.config)


@pytest.fixture(scope="module")
def server(as_installed: Server) -> Server:
    """The same server, after what two looks said to paste was pasted."""
    return as_installed.made_ready()


def test_a_server_as_installed_is_sound_after_pasting_the_remedy(server: Server) -> None:
    judged = server.judge()
    assert judged.findings == (), server.look().variables
    assert (judged.remedy.my_cnf, judged.remedy.sql) == ("", "")


def test_looking_changes_nothing(server: Server) -> None:
    before = server.state()
    server.judge(tables=("person", "living", "zzz"), server_id=184200)
    assert server.state() == before
    assert "event_log" in before


def test_facts_are_seen(server: Server) -> None:
    source = server.look(tables=("person", "user_property"))
    assert source.server is not None
    assert source.server.flavour == ("mariadb" if server.flavour.mariadb else "mysql")
    assert source.account == "event_log@localhost"
    assert bool(source.tls) == server.flavour.tls
    assert source.variables["log_bin"] == "ON"
    assert source.time_zone is not None
    assert source.time_zone.utc_offset_minutes == 0
    assert source.binlog_files
    assert source.binlog_position.startswith(source.binlog_files[-1].name + ":")
    assert source.tables["person"].primary_key == ("person_id",)
    assert source.tables["user_property"].wide_columns == ("property_value",)


GRANTS = {
    "RELOAD": ("grant_reload", "error"),
    "SHOW DATABASES": ("grant_show_databases", "warning"),
    "REPLICATION SLAVE": ("grant_replication_slave", "error"),
    "REPLICATION CLIENT": ("grant_replication_client", "error"),
}


@pytest.mark.parametrize("privilege", sorted(GRANTS))
def test_each_missing_privilege_is_found_and_pasting_brings_it_back(server: Server, privilege: str) -> None:
    name = {"REPLICATION CLIENT": server.flavour.monitor, "RELOAD": server.flavour.flush}.get(privilege, privilege)
    server.execute(f"REVOKE {name} ON *.* FROM event_log@localhost")
    judged = server.judge()
    try:
        assert [(one.id, one.severity) for one in judged.findings] == [GRANTS[privilege]]
    finally:
        server.paste(judged)
    assert server.ids() == {}


def test_missing_select_is_found_and_pasting_brings_it_back(server: Server) -> None:
    server.execute("REVOKE SELECT ON openmrs.* FROM event_log@localhost")
    judged = server.judge()
    try:
        assert [(one.id, one.severity) for one in judged.findings] == [("grant_select", "error")]
        assert "may also not exist" not in judged.findings[0].what
    finally:
        server.paste(judged)
    assert server.ids() == {}


def test_select_on_one_table_is_missed_on_the_other(server: Server) -> None:
    account = "event_log@localhost"
    server.execute(f"REVOKE SELECT ON openmrs.* FROM {account}; GRANT SELECT ON openmrs.person TO {account}")
    judged = server.judge(tables=("person", "patient", "zzz"))
    server.execute(f"GRANT SELECT ON openmrs.* TO {account}; REVOKE SELECT ON openmrs.person FROM {account}")
    [found] = judged.findings
    assert found.id == "grant_select"
    assert "(patient, zzz)" in found.what


def test_an_account_with_nothing_lacks_everything_at_once(server: Server) -> None:
    server.execute(f"CREATE USER bare@localhost IDENTIFIED BY '{PASSWORD}'")
    assert set(server.ids(user="bare")) == {"grant_select", *(name for name, _severity in GRANTS.values())}
    server.paste(server.judge(user="bare"))
    assert server.ids(user="bare") == {}


@pytest.mark.full
def test_a_role_counts_once_it_is_active(server: Server) -> None:
    if server.flavour.old:
        assert server.look().active_roles == ""
        return
    privileges = f"RELOAD, REPLICATION SLAVE, {server.flavour.monitor}, SHOW DATABASES"
    server.execute(
        f"CREATE ROLE capture; GRANT {privileges} ON *.* TO capture; GRANT SELECT ON openmrs.* TO capture;"
        f" CREATE USER actor@localhost IDENTIFIED BY '{PASSWORD}'; GRANT capture TO actor@localhost"
    )
    asleep = server.judge(user="actor")
    assert any("SET DEFAULT ROLE" in one.what for one in asleep.findings)
    words = "capture FOR" if server.flavour.mariadb else "capture TO"
    server.execute(f"SET DEFAULT ROLE {words} actor@localhost")
    assert server.ids(user="actor") == {}


@pytest.mark.parametrize("changed", [{"password": "wrong-word"}, {"user": "nobody_knows"}, {"user": "o'neil"}])
def test_a_refused_login(server: Server, changed: Dict[str, str]) -> None:
    judged = server.judge(**changed)
    assert [one.id for one in judged.findings] == ["login_refused"]
    assert re.search(r"error (1045|1698)", judged.findings[0].what)
    assert "@'localhost'" in judged.remedy.sql
    assert PASSWORD not in judged.remedy.sql


@pytest.mark.full
def test_an_account_of_odd_name_can_be_made_by_pasting(server: Server) -> None:
    server.paste(server.judge(user="o'neil"))
    assert server.ids(user="o'neil") == {}


def test_a_locked_account(server: Server) -> None:
    server.execute(f"CREATE USER locked@localhost IDENTIFIED BY '{PASSWORD}' ACCOUNT LOCK")
    assert server.ids(user="locked") == {"account_unusable": "error"}
    server.paste(server.judge(user="locked"))
    assert server.ids(user="locked") == {}


def test_an_expired_password(server: Server) -> None:
    server.execute(f"CREATE USER expired@localhost IDENTIFIED BY '{PASSWORD}' PASSWORD EXPIRE")
    assert server.ids(user="expired") == {"account_unusable": "error"}
    server.paste(server.judge(user="expired"))
    assert server.ids(user="expired") == {}


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("binlog_format", "'STATEMENT'", {"binlog_format": "error"}),
        ("binlog_row_image", "'MINIMAL'", {"binlog_row_image": "error"}),
        ("sync_binlog", "0", {"sync_binlog": "warning"}),
        ("innodb_flush_log_at_trx_commit", "2", {"innodb_flush_log_at_trx_commit": "warning"}),
        ("binlog_expire_logs_seconds", "3600", {"expiry_short": "warning"}),
    ],
)
def test_a_wrong_setting_is_found_and_pasting_puts_it_right(
    server: Server, variable: str, value: str, expected: Dict[str, str]
) -> None:
    if server.flavour.old and variable == "binlog_expire_logs_seconds":
        variable, value = "expire_logs_days", "1"
    server.execute(f"SET GLOBAL {variable} = {value}")
    judged = server.judge()
    server.execute(judged.remedy.sql)
    assert {one.id: one.severity for one in judged.findings} == expected
    assert server.ids() == {}


@pytest.mark.parametrize(("variable", "value"), [("binlog_legacy_event_pos", "0"), ("log_bin_compress", "1")])
def test_settings_that_only_mariadb_has(server: Server, variable: str, value: str) -> None:
    if variable not in server.look().variables:
        assert server.flavour.name != "mariadb-11.8"
        return
    server.execute(f"SET GLOBAL {variable} = {value}")
    judged = server.judge()
    server.execute(judged.remedy.sql)
    assert [one.id for one in judged.findings] == [variable]
    assert server.ids() == {}


def test_tables_are_judged(server: Server) -> None:
    names: List[str] = ["person", "Patient", "living", "concept_name_tag_map", "old_style", "user_property", "zzz"]
    judged = server.judge(tables=tuple(names))
    found = {one.id: one.what for one in judged.findings}
    assert set(found) == {
        "table_missing",
        "table_is_view",
        "table_without_primary_key",
        "table_engine",
        "wide_columns",
    }
    assert "Patient (did you mean patient?), zzz" in found["table_missing"]
    assert "old_style (MyISAM)" in found["table_engine"]


def test_an_unknown_and_an_empty_database(server: Server) -> None:
    assert set(server.ids(database="openmrs_typo")) == {"database_unknown", "grant_select"}
    server.execute("CREATE DATABASE IF NOT EXISTS empty_one; GRANT SELECT ON empty_one.* TO event_log@localhost")
    assert server.ids(database="empty_one") == {"database_empty": "error"}


def test_the_servers_own_id_is_taken(server: Server) -> None:
    assert server.ids(server_id=1) == {"server_id_clash": "error"}
    assert server.ids(server_id=184200) == {}


def test_tls(server: Server) -> None:
    if not server.flavour.tls:
        assert server.ids(ssl_mode="required") == {"tls_failed": "error"}
        return
    assert server.look(ssl_mode="required").tls
    assert server.look(ssl_mode="disabled").tls == ""
    assert server.ids(ssl_mode="verify_ca") == {"tls_failed": "error"}


def test_a_port_with_nobody(server: Server) -> None:
    assert server.ids(port=1) == {"server_unreachable": "error"}

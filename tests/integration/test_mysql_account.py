# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The capture account on real servers: made, mended, rotated and removed, with what it may do tried out as itself."""
# ruff: noqa: S608 (SQL of the test's own, for its own servers)

from __future__ import annotations

import json
from typing import Any, Callable, Dict, List

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import (
    ConnectError,
    Connection,
    Login,
    StatementError,
    open_connection,
)
from ansible_collections.openmrs.event_log.plugins.modules import mysql_capture_account as subject

from tests.integration.mysql_servers import ADMIN, CASES, PASSWORD, Server, started

FIRST, SECOND = "the-first-password", "the-second-password"
Act = Callable[..., Dict[str, Any]]


@pytest.fixture(scope="module", params=CASES)
def server(request: pytest.FixtureRequest) -> Server:
    return started(request.param, request.config)


@pytest.fixture
def act(server: Server, capsys: pytest.CaptureFixture[str]) -> Act:
    """Run the module, and look that no password comes out."""

    def run(name: str, check: bool = False, **options: Any) -> Dict[str, Any]:
        given: Dict[str, Any] = {
            "login_port": server.flavour.port,
            "login_user": ADMIN,
            "login_password": PASSWORD,
            "name": name,
            **({} if options.get("state") == "absent" else {"password": FIRST, "database": "openmrs"}),
            **options,
        }
        given = {key: value for key, value in given.items() if value is not None}
        arguments = {**given, "_ansible_check_mode": check, "_ansible_diff": True}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            subject.main()
        printed = capsys.readouterr().out
        assert not any(secret in printed for secret in (FIRST, SECOND, PASSWORD))
        result: Dict[str, Any] = json.loads(printed.strip().splitlines()[-1])
        assert not result.get("warnings")
        return result

    return run


def session(server: Server, name: str, password: str = FIRST, **more: Any) -> Connection:
    return open_connection(Login("127.0.0.1", server.flavour.port, name, password, **more))


def lets_in(server: Server, name: str, password: str = FIRST, **more: Any) -> bool:
    try:
        session(server, name, password, **more).close()
    except ConnectError:
        return False
    return True


def done(act: Act, name: str, **options: Any) -> List[str]:
    """The actions of a run, which check mode foretold and after which nothing is left to do."""
    foretold = act(name, check=True, **options)
    result = act(name, **options)
    assert "failed" not in result, result
    assert (foretold["actions"], foretold["diff"]) == (result["actions"], result["diff"])
    for check in (True, False):
        again = act(name, check=check, **options)
        assert (again["changed"], again["actions"]) == (False, [])
    actions: List[str] = result["actions"]
    assert result["changed"] == bool(actions)
    return actions


def grants(server: Server, account: str) -> str:
    return server.execute(f"SHOW GRANTS FOR {account}")


def test_an_account_is_made_and_is_all_that_the_connector_needs(server: Server, act: Act) -> None:
    foretold = act("maker", check=True)
    assert not lets_in(server, "maker")
    assert foretold["diff"]["before"]["state"] == "absent"
    assert done(act, "maker") == ["create", "grant"]
    assert [found for found in server.ids(user="maker", password=FIRST) if found.startswith(("grant", "account"))] == []
    held = grants(server, "maker@localhost")
    needed = {"REPLICATION SLAVE", "SHOW DATABASES", server.flavour.monitor, server.flavour.flush, "SELECT"}
    assert all(name in held for name in needed)
    assert held.count("SELECT") == 1
    assert act("maker")["surplus"] == []


def test_an_account_may_not_read_another_database_nor_write(server: Server, act: Act) -> None:
    server.execute("CREATE DATABASE IF NOT EXISTS open_mrs; CREATE DATABASE IF NOT EXISTS openXmrs")
    server.execute("CREATE TABLE openXmrs.t (id int)")
    act("narrow", database="open_mrs")
    connection = session(server, "narrow")
    try:
        for statement in (
            "SELECT * FROM openXmrs.t",
            "SELECT * FROM openmrs.person",
            "CREATE TABLE open_mrs.t (i int)",
        ):
            with pytest.raises(StatementError):
                connection.query(statement)
    finally:
        connection.close()


def test_each_missing_privilege_is_given_back(server: Server, act: Act) -> None:
    act("lacking")
    before = grants(server, "lacking@localhost")
    names = ("REPLICATION SLAVE", "SHOW DATABASES", server.flavour.monitor, server.flavour.flush)
    for statement in [*(f"{name} ON *.*" for name in names), "SELECT ON openmrs.*"]:
        server.execute(f"REVOKE {statement} FROM lacking@localhost")
        result = act("lacking")
        assert (result["actions"], result["changed"]) == (["grant"], True)
        assert sorted(grants(server, "lacking@localhost")) == sorted(before)


def test_a_new_password_takes_the_place_of_the_old_one(server: Server, act: Act) -> None:
    act("turning")
    assert done(act, "turning", password=SECOND) == ["set_password"]
    assert lets_in(server, "turning", SECOND)
    assert not lets_in(server, "turning", FIRST)


def test_a_password_that_is_to_stay_is_left_alone(server: Server, act: Act) -> None:
    act("staying")
    result = act("staying", password=SECOND, update_password="on_create")
    assert result["failed"]
    assert "on_create" in result["msg"]
    assert lets_in(server, "staying", FIRST)
    assert done(act, "staying", update_password="on_create") == []


@pytest.mark.parametrize(
    ("damage", "actions"),
    [
        ("ACCOUNT LOCK", ["unlock"]),
        ("PASSWORD EXPIRE", ["set_password", "never_expire"]),
        ("PASSWORD EXPIRE INTERVAL 90 DAY", ["never_expire"]),
        (f"IDENTIFIED BY '{SECOND}'", ["set_password"]),
    ],
)
def test_an_account_is_mended(server: Server, act: Act, damage: str, actions: List[str]) -> None:
    act("broken")
    server.execute(f"ALTER USER broken@localhost {damage}")
    assert done(act, "broken") == actions
    assert lets_in(server, "broken")


def test_every_password_plugin_is_kept(server: Server, act: Act) -> None:
    known = {
        "mysql-5.7": ["mysql_native_password"],  # this build has neither TLS nor a key for the others
        "mysql-8.0": ["mysql_native_password", "sha256_password", "caching_sha2_password"],
        "mysql-9.7": ["sha256_password", "caching_sha2_password"],
    }.get(server.flavour.name, ["mysql_native_password"])
    for plugin in known:
        name = f"by_{plugin}"[:16]
        words = "VIA mysql_native_password USING PASSWORD" if server.flavour.mariadb else f"WITH {plugin} BY "
        secret = f"('{SECOND}')" if server.flavour.mariadb else f"'{SECOND}'"
        server.execute(f"CREATE USER {name}@localhost IDENTIFIED {words}{secret}")
        mode = {"ssl_mode": "disabled"} if plugin == "caching_sha2_password" else {}
        assert done(act, name, **mode) == ["set_password", "grant"]
        kept = server.execute(f"SELECT plugin FROM mysql.user WHERE user = '{name}'")
        assert kept.strip() == plugin
        found = [one["id"] for one in act(name)["findings"]]
        assert found == (["account_plugin"] if plugin == "sha256_password" else [])


@pytest.mark.full
def test_ed25519_is_kept(server: Server, act: Act) -> None:
    if not server.flavour.mariadb:
        assert "ed25519" not in server.execute("SHOW PLUGINS")
        return
    pytest.importorskip("nacl", reason="PyNaCl is not installed: MariaDB's ed25519 is not tried")
    server.execute("INSTALL SONAME 'auth_ed25519'")
    server.execute(f"CREATE USER curved@localhost IDENTIFIED VIA ed25519 USING PASSWORD('{SECOND}')")
    assert done(act, "curved") == ["set_password", "grant"]
    assert [one["id"] for one in act("curved")["findings"]] == ["account_plugin"]


def test_tls_can_be_demanded_and_given_up(server: Server, act: Act) -> None:
    if not server.look(user=ADMIN, ssl_mode="preferred").tls:
        assert "offers none" in act("guarded", require_tls=True)["msg"]
        assert not lets_in(server, "guarded")
        return
    assert done(act, "guarded", require_tls=True) == ["create", "grant"]
    assert lets_in(server, "guarded")
    assert not lets_in(server, "guarded", ssl_mode="disabled")
    assert "ssl_mode" in act("guarded", ssl_mode="disabled")["msg"]
    assert done(act, "guarded", require_tls=False) == ["allow_without_tls"]
    assert lets_in(server, "guarded", ssl_mode="disabled")
    assert done(act, "guarded", require_tls=True) == ["require_tls"]


def test_surplus_is_reported_and_taken_away_when_asked(server: Server, act: Act) -> None:
    act("plenty")
    server.execute("GRANT PROCESS, SELECT ON *.* TO plenty@localhost; REVOKE SELECT ON openmrs.* FROM plenty@localhost")
    kept = act("plenty")
    assert (kept["changed"], kept["surplus"]) == (False, ["PROCESS, SELECT ON *.*"])
    assert [one["id"] for one in kept["findings"]] == ["account_surplus"]
    assert done(act, "plenty", revoke_surplus=True) == ["grant", "revoke"]
    assert "PROCESS" not in grants(server, "plenty@localhost")
    assert "grant_select" not in server.ids(user="plenty", password=FIRST)


def test_odd_names(server: Server, act: Act) -> None:
    name, database = "o'ne%il \\", "o`dd_na%me"
    server.execute("CREATE DATABASE IF NOT EXISTS `o``dd_na%me`; CREATE TABLE IF NOT EXISTS `o``dd_na%me`.t (id int)")
    assert done(act, name, database=database) == ["create", "grant"]
    assert "grant_select" not in server.ids(user=name, password=FIRST, database=database, tables=("t",))
    assert done(act, name, database=database, state="absent") == ["drop"]


@pytest.mark.full
def test_a_table_of_signals(server: Server, act: Act) -> None:
    server.execute("CREATE TABLE IF NOT EXISTS openmrs.signals (id int PRIMARY KEY)")
    act("signaller")
    assert done(act, "signaller", signal_table="signals") == ["grant"]
    connection = session(server, "signaller")
    connection.query("INSERT INTO openmrs.signals VALUES (1)")
    connection.query("DELETE FROM openmrs.signals")
    with pytest.raises(StatementError):
        connection.query("INSERT INTO openmrs.person (person_id) VALUES (1)")
    connection.close()
    assert "no_such" in act("signaller", signal_table="no_such")["msg"]


@pytest.mark.full
def test_an_account_of_a_wider_host_is_taken_as_it_is(server: Server, act: Act) -> None:
    server.execute(f"CREATE USER wide@'%' IDENTIFIED BY '{SECOND}'")
    result = act("wide")
    assert (result["account"], result["actions"]) == ("wide@%", ["set_password", "grant"])
    assert done(act, "wide", host="localhost") == ["create", "grant"]
    assert "several accounts" in act("wide", state="absent")["msg"]
    assert "matched with wide@localhost" in act("wide", host="%")["msg"]
    assert done(act, "wide", state="absent", host="%") == ["drop"]


@pytest.mark.full
def test_an_account_for_somewhere_else_is_no_success(server: Server, act: Act) -> None:
    result = act("elsewhere", host="10.1.2.3")
    assert result["failed"]
    assert "still cannot log in" in result["msg"]


def test_an_account_is_removed(server: Server, act: Act) -> None:
    act("leaving")
    assert done(act, "leaving", state="absent") == ["drop"]
    assert not lets_in(server, "leaving")
    assert done(act, "never_was", state="absent") == []


def test_root_over_the_local_socket_needs_no_password(server: Server, act: Act) -> None:
    local = {"login_user": "root", "login_password": None, "login_unix_socket": server.socket}
    assert done(act, "by_socket", **local) == ["create", "grant"]
    assert lets_in(server, "by_socket")


@pytest.mark.full
def test_an_administrator_who_is_not_let_in_or_may_not_do_it(server: Server, act: Act) -> None:
    assert "mysql_binlog_admin_user" in act("nobody", login_password=SECOND)["msg"]
    server.execute(f"CREATE USER reader@localhost IDENTIFIED BY '{PASSWORD}'; GRANT SELECT ON *.* TO reader@localhost")
    result = act("nobody", login_user="reader")
    assert "CREATE USER" in result["msg"]
    assert not lets_in(server, "nobody")

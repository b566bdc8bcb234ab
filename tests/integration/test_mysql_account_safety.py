# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What mysql_capture_account leaves alone on real servers: other people's accounts, and the logs."""
# ruff: noqa: F811 (tests take the fixtures by their names)

from __future__ import annotations

import pytest

from tests.integration.mysql_servers import ADMIN, Server
from tests.integration.test_mysql_account import (
    SECOND,
    Act,
    act,  # noqa: F401 (a fixture)
    grants,
    lets_in,
    server,  # noqa: F401 (a fixture)
)

#: Given to the module alone: what other tests write in SQL of their own stands in the server's logs.
UNSEEN = ("the-first-that-no-log-has", "the-second-that-no-log-has")


@pytest.mark.parametrize("state", ["present", "absent"])
def test_the_account_of_openmrs_is_left_alone(server: Server, act: Act, state: str) -> None:
    server.execute(
        f"CREATE USER IF NOT EXISTS app@localhost IDENTIFIED BY '{SECOND}'; GRANT ALL ON openmrs.* TO app@localhost"
    )
    before = grants(server, "app@localhost")
    result = act("app", state=state)
    assert result["failed"]
    assert "event_log_capture_user" in result["msg"]
    assert grants(server, "app@localhost") == before
    assert lets_in(server, "app", SECOND)


@pytest.mark.parametrize(
    ("name", "granted", "said"),
    [
        ("replicating", "REPLICATION SLAVE ON *.*", "lacks SELECT ON openmrs.*"),
        ("backing_up", "RELOAD, PROCESS, REPLICATION SLAVE ON *.*", "PROCESS ON *.*"),
        ("reporting", "SELECT ON openmrs.*", "lacks REPLICATION SLAVE ON *.*"),
        ("narrow_report", "SELECT (gender) ON openmrs.person", "gender"),
    ],
)
def test_accounts_that_read_for_another_purpose_keep_their_password(
    server: Server, act: Act, name: str, granted: str, said: str
) -> None:
    server.execute(f"CREATE USER {name}@localhost IDENTIFIED BY '{SECOND}'; GRANT {granted} TO {name}@localhost")
    before = grants(server, f"{name}@localhost")
    result = act(name)
    assert result["failed"]
    assert said in result["msg"]
    assert grants(server, f"{name}@localhost") == before
    assert lets_in(server, name, SECOND)


def test_an_account_with_rights_by_a_role_is_left_alone(server: Server, act: Act) -> None:
    if server.flavour.old:
        return
    server.execute(
        f"CREATE ROLE openmrs_app; GRANT ALL ON openmrs.* TO openmrs_app;"
        f" CREATE USER byrole@localhost IDENTIFIED BY '{SECOND}'; GRANT openmrs_app TO byrole@localhost"
    )
    for options in ({}, {"password": SECOND}, {"state": "absent"}):
        result = act("byrole", **options)
        assert result["failed"]
        assert "holds a role (openmrs_app)" in result["msg"]
    assert lets_in(server, "byrole", SECOND)


def test_root_and_the_administrator_are_refused(act: Act) -> None:
    assert "account of the server" in act("root")["msg"]
    assert "left alone" in act(ADMIN, state="absent")["msg"]


def test_a_server_that_takes_no_hashes_keeps_the_password_out_of_its_logs_too(server: Server, act: Act) -> None:
    if not server.flavour.mariadb:
        return
    server.execute("INSTALL SONAME 'simple_password_check'; SET GLOBAL general_log = ON")
    try:
        for what in ("digits", "letters_same_case", "other_characters"):
            server.execute(f"SET GLOBAL simple_password_check_{what} = 0")
        for password, actions in ((UNSEEN[0], ["create", "grant"]), (UNSEEN[1], ["set_password"])):
            result = act("strictly", password=password)
            assert result.get("actions") == actions, result
        assert lets_in(server, "strictly", UNSEEN[1])
    finally:
        server.execute("SET GLOBAL general_log = OFF; UNINSTALL SONAME 'simple_password_check'; FLUSH LOGS")
    assert server.shell("grep -rl strictly /var/lib/mysql 2>/dev/null || true"), "the logs were not found"
    assert server.shell(f"grep -rlE '{'|'.join(UNSEEN)}' /var/lib/mysql 2>/dev/null || true") == ""


def test_no_log_of_the_server_has_a_password(server: Server, act: Act) -> None:
    server.execute("SET GLOBAL general_log = ON")
    for password in UNSEEN:
        assert act("secretive", password=password)["changed"]
    server.execute("SET GLOBAL general_log = OFF; FLUSH LOGS")
    places = "/var/lib/mysql /var/log/mysql /tmp/data"
    assert server.shell(f"grep -rl secretive {places} 2>/dev/null || true"), "the logs were not found"
    assert server.shell(f"grep -rlE '{'|'.join(UNSEEN)}' {places} 2>/dev/null || true") == ""

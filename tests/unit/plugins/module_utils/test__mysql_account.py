# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is planned for the capture account, on every flavour and version, from every state that it may be in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Optional

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_account as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_account import Account, Desired, Plan, Right
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_grants import Grants, parse_grants
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_server import Server, parse_server

from tests.unit.plugins.module_utils.mysql_sources import ALL, VERSIONS

DESIRED = Desired("event_log", "localhost", "open_mrs")
FLUSH = {"mysql-8.4": "FLUSH_TABLES", "mysql-9.7": "FLUSH_TABLES"}


def server(kind: str) -> Server:
    found = parse_server(VERSIONS[kind])
    assert found is not None
    return found


def everywhere(kind: str) -> str:
    return ", ".join(subject.rights(server(kind), DESIRED)[0].privileges)


def grants(*lines: str) -> Grants:
    return parse_grants([f"GRANT {line} TO `event_log`@`localhost`" for line in lines])


def sound(kind: str, **changed: Any) -> Account:
    account = Account(
        exists=True,
        plugin="mysql_native_password",
        login=subject.FINE,
        landed="event_log@localhost",
        grants=grants(f"{everywhere(kind)} ON *.*", r"SELECT ON `open\_mrs`.*"),
    )
    return replace(account, **changed)


def planned(kind: str, current: Account, **desired: Any) -> Plan:
    return subject.plan_account(server(kind), current, replace(DESIRED, **desired))


@pytest.mark.parametrize("kind", ALL)
def test_each_version_is_granted_what_it_needs_and_no_more(kind: str) -> None:
    monitor = "BINLOG MONITOR" if kind.startswith("mariadb") else "REPLICATION CLIENT"
    assert subject.rights(server(kind), DESIRED) == (
        Right((FLUSH.get(kind, "RELOAD"), "SHOW DATABASES", "REPLICATION SLAVE", monitor)),
        Right(("SELECT",), "open_mrs"),
    )


@pytest.mark.parametrize("kind", ALL)
def test_what_is_as_wanted_is_left_alone(kind: str) -> None:
    assert planned(kind, sound(kind)) == Plan()
    assert planned(kind, sound(kind), require_tls=False, revoke_surplus=True) == Plan()


@pytest.mark.parametrize("kind", ALL)
def test_a_missing_account_is_made(kind: str) -> None:
    plan = planned(kind, Account(login=subject.WRONG))
    assert plan.actions == ("create", "grant")
    assert plan.grants == subject.rights(server(kind), DESIRED)


@pytest.mark.parametrize(
    ("changed", "desired", "actions"),
    [
        ({"login": subject.WRONG}, {}, ("set_password",)),
        ({"login": subject.LOCKED}, {}, ("unlock",)),
        ({"login": subject.WRONG, "locked": True}, {}, ("set_password", "unlock")),
        ({"login": subject.EXPIRED}, {}, ("set_password", "never_expire")),
        ({"login": subject.NO_PLUGIN}, {}, ("set_password",)),
        ({"expires": True}, {}, ("never_expire",)),
        ({}, {"require_tls": True}, ("require_tls",)),
        ({"tls_required": True}, {"require_tls": True}, ()),
        ({"tls_required": True}, {"require_tls": False}, ("allow_without_tls",)),
        ({"tls_required": True}, {}, ()),
        ({"login": subject.WRONG}, {"update_password": False}, None),
        ({}, {"update_password": False}, ()),
        ({}, {"present": False}, ("drop",)),
        ({"exists": False}, {"present": False}, ()),
        ({"plugin": "unix_socket"}, {}, None),
        ({"plugin": "unix_socket"}, {"present": False}, ("drop",)),
        ({"landed": "event_log@%"}, {}, None),
        ({"plugin": "ed25519"}, {}, ()),
    ],
)
def test_states_of_an_account(
    changed: Dict[str, Any], desired: Dict[str, Any], actions: Optional[tuple[str, ...]]
) -> None:
    plan = planned("mysql-8.0", sound("mysql-8.0", **changed), **desired)
    assert bool(plan.refusal) == (actions is None)
    assert plan.actions == (actions or ())


@pytest.mark.parametrize("kind", ALL)
def test_each_missing_privilege_is_granted_and_nothing_else(kind: str) -> None:
    for name in subject.rights(server(kind), DESIRED)[0].privileges:
        left = ", ".join(other for other in everywhere(kind).split(", ") if other != name)
        plan = planned(kind, sound(kind, grants=grants(f"{left} ON *.*", "SELECT ON `open_mrs`.*")))
        assert (plan.actions, plan.grants) == (("grant",), (Right((name,)),))
    plan = planned(kind, sound(kind, grants=grants(f"{everywhere(kind)} ON *.*")))
    assert plan.grants == (Right(("SELECT",), "open_mrs"),)


@pytest.mark.parametrize("kind", ["mysql-8.4", "mysql-9.7"])
def test_an_account_with_reload_needs_no_flush_tables(kind: str) -> None:
    held = everywhere(kind).replace("FLUSH_TABLES", "RELOAD")
    assert planned(kind, sound(kind, grants=grants(f"{held} ON *.*", r"SELECT ON `open\_mrs`.*"))) == Plan()


SURPLUS = [
    ("PROCESS ON *.*", "PROCESS ON *.*"),
    ("SELECT ON *.*", "SELECT ON *.*"),
    ("SELECT, SHOW VIEW ON `other`.*", "SELECT, SHOW VIEW ON other.*"),
    (r"SHOW VIEW ON `open\_mrs`.*", r"SHOW VIEW ON open\_mrs.*"),
    ("SELECT ON `open%`.*", "SELECT ON open%.*"),
    ("INSERT ON `open_mrs`.`heartbeat`", "INSERT ON open_mrs.heartbeat"),
]


@pytest.mark.parametrize(("line", "said"), SURPLUS)
def test_surplus_is_reported_and_only_taken_away_when_asked(line: str, said: str) -> None:
    current = sound("mysql-8.0")
    current = replace(current, grants=Grants(current.grants.entries + grants(line).entries))
    plan = planned("mysql-8.0", current)
    assert (plan.actions, [subject.describe_grant(entry) for entry in plan.surplus]) == ((), [said])
    assert [finding.id for finding in plan.findings] == ["account_surplus"]
    assert said in plan.findings[0].what
    plan = planned("mysql-8.0", current, revoke_surplus=True)
    assert (plan.actions, plan.findings) == (("revoke",), ())
    assert plan.revokes == plan.surplus


def test_a_wider_select_is_taken_away_after_the_narrow_one_was_given() -> None:
    current = sound("mysql-8.0", grants=grants(f"{everywhere('mysql-8.0')}, SELECT ON *.*"))
    assert planned("mysql-8.0", current).actions == ()
    plan = planned("mysql-8.0", current, revoke_surplus=True)
    assert plan.actions == ("grant", "revoke")
    assert plan.grants == (Right(("SELECT",), "open_mrs"),)


def test_select_on_a_table_of_the_database_is_no_surplus() -> None:
    current = sound("mysql-8.0")
    current = replace(current, grants=Grants(current.grants.entries + grants("SELECT ON `open_mrs`.`person`").entries))
    assert planned("mysql-8.0", current) == Plan()


@pytest.mark.parametrize(
    "line",
    [
        "ALL PRIVILEGES ON *.*",
        "SUPER ON *.*",
        "INSERT ON *.*",
        "ALL PRIVILEGES ON `open_mrs`.*",
        "SELECT, INSERT, UPDATE, DELETE ON `open_mrs`.*",
        "CREATE USER ON *.*",
    ],
)
@pytest.mark.parametrize("desired", [{}, {"present": False}, {"revoke_surplus": True}])
def test_somebody_elses_account_is_refused(line: str, desired: Dict[str, Any]) -> None:
    plan = planned("mysql-8.0", sound("mysql-8.0", grants=grants(line), login=subject.WRONG), **desired)
    assert plan.actions == ()
    assert "left alone" in plan.refusal
    assert "event_log_capture_user" in plan.refusal


def test_whoever_may_pass_privileges_on_is_refused() -> None:
    held = parse_grants(["GRANT SELECT ON `open_mrs`.* TO `event_log`@`localhost` WITH GRANT OPTION"])
    assert "GRANT OPTION" in planned("mariadb-11.8", sound("mariadb-11.8", grants=held)).refusal


@pytest.mark.parametrize("name", ["root", "mysql.sys", "mariadb.sys", "debian-sys-maint", ""])
@pytest.mark.parametrize("present", [True, False])
def test_accounts_of_the_server_are_refused_though_they_do_not_exist(name: str, present: bool) -> None:
    assert "account of the server" in planned("mysql-8.0", Account(), name=name, present=present).refusal


def test_a_table_of_signals_may_be_written_to() -> None:
    same = subject.rights(server("mysql-8.0"), replace(DESIRED, signal_table="open_mrs.signal"))[-1]
    other = subject.rights(server("mysql-8.0"), replace(DESIRED, signal_table="log.signal"))[-1]
    assert same == Right(("INSERT", "DELETE", "CREATE"), "open_mrs", "signal")
    assert other == Right(("SELECT", "INSERT", "DELETE", "CREATE"), "log", "signal")
    current = sound("mysql-8.0")
    held = Grants(current.grants.entries + grants("INSERT, DELETE, CREATE ON `open_mrs`.`signal`").entries)
    assert planned("mysql-8.0", replace(current, grants=held), signal_table="open_mrs.signal") == Plan()
    assert planned("mysql-8.0", current, signal_table="open_mrs.signal").grants == (same,)


def test_locking_of_tables_is_granted_only_when_asked() -> None:
    assert planned("mysql-8.0", sound("mysql-8.0"), lock_tables=True).grants == (Right(("LOCK TABLES",), "open_mrs"),)


def test_a_plugin_that_the_reader_of_the_binary_log_does_not_know_is_a_finding() -> None:
    plan = planned("mariadb-11.8", sound("mariadb-11.8", plugin="ed25519"))
    assert [finding.id for finding in plan.findings] == ["account_plugin"]


ROLE = {
    "mysql-8.0": "GRANT `openmrs_app`@`%` TO `openmrs`@`localhost`",
    "mysql-9.7": "GRANT `openmrs_app`@`%` TO `openmrs`@`localhost` WITH ADMIN OPTION",
    "mariadb-10.11": "GRANT `openmrs_app` TO `openmrs`@`localhost`",
    "mariadb-11.8": "GRANT `openmrs_app` TO `openmrs`@`localhost`",
}


@pytest.mark.parametrize("kind", ROLE)
@pytest.mark.parametrize("login", [subject.FINE, subject.WRONG, subject.LOCKED])
@pytest.mark.parametrize("present", [True, False])
def test_whoever_has_rights_by_a_role_is_left_alone(kind: str, login: str, present: bool) -> None:
    held = parse_grants([ROLE[kind], "GRANT USAGE ON *.* TO `openmrs`@`localhost`", "SET DEFAULT ROLE `openmrs_app`"])
    plan = planned(kind, sound(kind, grants=held, login=login), present=present)
    assert plan.actions == ()
    assert "holds a role (openmrs_app)" in plan.refusal
    assert "event_log_capture_user" in plan.refusal


OTHERS = [
    (("REPLICATION SLAVE ON *.*",), "lacks SELECT ON open_mrs.*"),
    (("REPLICATION SLAVE, REPLICATION CLIENT ON *.*",), "lacks SELECT ON open_mrs.*"),
    (("REPLICATION SLAVE, PROCESS ON *.*",), "PROCESS ON *.*"),
    (("RELOAD, PROCESS, LOCK TABLES, REPLICATION CLIENT ON *.*",), "LOCK TABLES, PROCESS ON *.*"),
    (("PROCESS, REPLICATION CLIENT ON *.*",), "PROCESS ON *.*"),
    (("SELECT ON *.*",), "SELECT ON *.*"),
    (("SELECT ON `open_mrs`.*",), "lacks REPLICATION SLAVE ON *.*"),
    (("SELECT ON `open_mrs`.`person`",), "lacks REPLICATION SLAVE ON *.* and SELECT ON open_mrs.*"),
    (("SELECT, INSERT ON `open_mrs`.`person`",), "INSERT ON open_mrs.person"),
    (("REPLICATION SLAVE ON *.*", "SELECT ON `open_mrs`.*", "SELECT ON `other`.*"), "SELECT ON other.*"),
    (("REPLICATION SLAVE ON *.*", "SELECT ON `open_mrs`.*", "EXECUTE ON `open_mrs`.*"), "EXECUTE ON open_mrs.*"),
    (("REPLICATION SLAVE, PROCESS ON *.*", "SELECT ON `open_mrs`.*"), "PROCESS ON *.*"),
]


@pytest.mark.parametrize("kind", ["mysql-5.7", "mysql-8.0", "mysql-9.7", "mariadb-11.8"])
@pytest.mark.parametrize("login", [subject.WRONG, subject.NO_PLUGIN])
@pytest.mark.parametrize(("lines", "said"), OTHERS)
def test_no_account_that_somebody_else_may_use_gets_a_password(
    kind: str, login: str, lines: tuple[str, ...], said: str
) -> None:
    current = sound(kind, grants=grants(*lines), login=login)
    for more in ({}, {"revoke_surplus": True}, {"require_tls": True}):
        plan = planned(kind, current, **more)
        assert plan.actions == ()
        assert said in plan.refusal
        assert all(words in plan.refusal for words in ("left alone", "event_log_capture_user", "by hand"))


@pytest.mark.parametrize("lines", [lines for lines, _said in OTHERS])
def test_such_an_account_is_mended_where_its_password_is_known(lines: tuple[str, ...]) -> None:
    plan = planned("mysql-8.0", sound("mysql-8.0", grants=grants(*lines)))
    assert (plan.refusal, "set_password" in plan.actions) == ("", False)
    assert plan.actions == ("grant",)


OWN = [
    (),
    ("USAGE ON *.*",),
    ("REPLICATION SLAVE ON *.*", "SELECT ON `open_mrs`.*"),
    ("RELOAD, REPLICATION SLAVE ON *.*", r"SELECT, LOCK TABLES ON `open\_mrs`.*"),
    ("REPLICATION SLAVE, REPLICATION CLIENT, SHOW DATABASES ON *.*", "SELECT ON `open_mrs`.*"),
    ("REPLICATION SLAVE, BINLOG MONITOR, SLAVE MONITOR ON *.*", "SELECT ON `open_mrs`.*"),
    ("RELOAD, REPLICATION SLAVE ON *.*", "BACKUP_ADMIN,FLUSH_TABLES ON *.*", "SELECT ON `open_mrs`.*"),
    ("REPLICATION SLAVE ON *.*", "SELECT ON `open_mrs`.*", "INSERT, DELETE ON `open_mrs`.`signal`"),
]


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("lines", OWN)
def test_the_event_logs_own_account_gets_its_new_password(kind: str, lines: tuple[str, ...]) -> None:
    current = sound(kind, grants=grants(*lines), login=subject.WRONG)
    plan = planned(kind, current, signal_table="open_mrs.signal")
    assert (plan.refusal, plan.actions[0]) == ("", "set_password")


def test_rights_on_columns_routines_and_by_proxy_are_somebody_elses() -> None:
    current = sound("mysql-8.0", login=subject.WRONG, special=("EXECUTE ON PROCEDURE `open_mrs`.`report`",))
    assert "EXECUTE ON PROCEDURE" in planned("mysql-8.0", current).refusal
    assert planned("mysql-8.0", replace(current, login=subject.FINE)) == Plan()

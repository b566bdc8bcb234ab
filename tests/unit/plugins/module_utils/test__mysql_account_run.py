# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at the capture account and mending it, with scripted servers: what is asked, done, refused and said."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Dict, List, Optional, Sequence, Tuple

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_account_run as subject
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_facts as facts
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_account import Desired
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_account_run import AccountError
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import Failure, Refusal
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_grants import Grants
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import ConnectError, Login, StatementError
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_server import parse_server

from tests.unit.plugins.module_utils.mysql_sources import VERSIONS

ADMIN = Login("127.0.0.1", 3306, "root", "admin-word")
ACCOUNT = Login("127.0.0.1", 3306, "event_log", "secret-word")
WANTED = Desired("event_log", "", "openmrs")
ROW = {"plugin": "mysql_native_password", "account_locked": "N", "password_expired": "N", "password_lifetime": 0}
HELD = [
    {"g": "GRANT RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO a"},
    {"g": "GRANT SELECT ON `openmrs`.* TO a"},
]
DENIED = Failure(facts.LOGIN, 1045, "Access denied for user 'event_log'@'localhost' (using password: YES)")
Answers = Dict[str, Any]
LANDED = {"account": "event_log@localhost", "client": "event_log@localhost"}


class Session:
    """A session whose answers are chosen by how the statement begins."""

    def __init__(self, kind: str, answers: Dict[str, Any]) -> None:
        self.server: Any = parse_server(VERSIONS[kind])
        self.said: List[Tuple[str, Tuple[Any, ...]]] = []
        self.closed = False
        self._answers = answers

    def query(self, statement: str, values: Sequence[Any] = ()) -> List[Dict[str, Any]]:
        self.said.append((statement, tuple(values)))
        for beginning in sorted(self._answers, key=len, reverse=True):
            if statement.startswith(beginning):
                answer = self._answers[beginning]
                if isinstance(answer, int):
                    raise StatementError(Refusal(statement, answer, "no"))
                return list(answer)
        return []

    def close(self) -> None:
        self.closed = True

    @property
    def written(self) -> List[str]:
        return [text for text, _values in self.said if not text.startswith(("SELECT", "SHOW"))]


class Servers:
    """Opens the administrator's session, and for each login as the account the next outcome."""

    def __init__(self, admin: Any, *outcomes: Any) -> None:
        self.admin = admin
        self.outcomes = list(outcomes)
        self.logins: List[Login] = []

    def open(self, login: Login) -> Any:
        if login.user == "root":
            if isinstance(self.admin, Exception):
                raise self.admin
            return self.admin
        self.logins.append(login)
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Failure):
            raise ConnectError(outcome)
        return Session("mysql-8.0", {"SELECT CURRENT_USER()": [outcome]})


def admin(kind: str = "mysql-8.0", hosts: Sequence[str] = ("localhost",), answers: Optional[Answers] = None) -> Session:
    return Session(
        kind,
        {
            "SELECT Host": [{"host": host} for host in hosts],
            "SHOW GRANTS": HELD,
            "SELECT plugin": [{**ROW, "ssl_type": b""}],
            "SELECT USER()": [{"client": "root@localhost"}],
            **(answers or {}),
        },
    )


@pytest.fixture
def ensure(monkeypatch: pytest.MonkeyPatch) -> Any:
    def call(servers: Servers, desired: Desired = WANTED, check: bool = False, login: Login = ADMIN) -> Dict[str, Any]:
        monkeypatch.setattr(subject, "open_connection", servers.open)
        try:
            return subject.ensure(login, ACCOUNT, desired, check)
        finally:
            if not isinstance(servers.admin, Exception):
                assert servers.admin.closed
            assert servers.outcomes == [], "a login was expected"

    return call


def refused(ensure: Any, servers: Servers, desired: Desired = WANTED, **more: Any) -> str:
    with pytest.raises(AccountError) as caught:
        ensure(servers, desired, **more)
    assert "secret-word" not in str(caught.value)
    assert "admin-word" not in str(caught.value)
    return str(caught.value)


def test_an_account_that_is_as_wanted_is_only_looked_at(ensure: Any) -> None:
    session = admin()
    result = ensure(Servers(session, LANDED))
    assert (result["changed"], result["account"], result["actions"]) == (False, "event_log@localhost", [])
    assert session.written == []
    assert result["diff"]["before"] == result["diff"]["after"]


def test_a_new_account_is_made_and_then_tried(ensure: Any) -> None:
    session = admin(hosts=())
    result = ensure(Servers(session, DENIED, LANDED))
    assert result["actions"] == ["create", "grant"]
    assert [text.split()[0] for text in session.written] == ["CREATE", "GRANT", "GRANT"]
    assert result["diff"]["before"] == {"account": "event_log@localhost", "state": "absent"}
    assert "secret-word" not in json.dumps(result)


def test_check_mode_says_the_same_and_writes_nothing(ensure: Any) -> None:
    session = admin(hosts=())
    checked = ensure(Servers(session, DENIED), check=True)
    assert session.written == []
    assert checked == ensure(Servers(admin(hosts=()), DENIED, LANDED))


def test_another_password_is_found_by_the_refused_login_and_set(ensure: Any) -> None:
    session = admin()
    result = ensure(Servers(session, DENIED, LANDED))
    assert result["actions"] == ["set_password"]
    assert (result["diff"]["before"]["password"], result["diff"]["after"]["password"]) == ("another", "as wanted")
    assert session.said[-1][1] == ("event_log", "localhost", "secret-word")


def test_mariadb_is_asked_in_its_own_words_and_given_a_hash(ensure: Any) -> None:
    created = "CREATE USER `event_log`@`localhost` IDENTIFIED BY PASSWORD '*2470' PASSWORD EXPIRE NEVER"
    held = [{"g": HELD[0]["g"].replace("REPLICATION CLIENT", "BINLOG MONITOR")}, HELD[1]]
    session = admin("mariadb-11.8", answers={"SHOW CREATE USER": [{"x": created}], "SHOW GRANTS": held})
    result = ensure(Servers(session, DENIED, LANDED))
    assert result["actions"] == ["set_password"]
    assert "secret-word" not in str(session.said)


def test_an_account_is_removed_without_a_login(ensure: Any) -> None:
    session = admin(hosts=("10.0.0.5",))
    result = ensure(Servers(session), replace(WANTED, present=False))
    assert (result["account"], result["actions"]) == ("event_log@10.0.0.5", ["drop"])
    assert session.written == ["DROP USER %s@%s"]
    gone = ensure(Servers(admin(hosts=())), replace(WANTED, present=False))
    assert (gone["changed"], gone["account"]) == (False, "event_log@localhost")


def test_of_several_accounts_none_is_removed_by_guessing(ensure: Any) -> None:
    session = admin(hosts=("%", "localhost"))
    assert "%, localhost" in refused(ensure, Servers(session), replace(WANTED, present=False))
    named = ensure(Servers(admin(hosts=("%", "localhost"))), replace(WANTED, present=False, host="%"))
    assert named["account"] == "event_log@%"


def test_where_only_the_socket_listens_the_account_is_tried_there(ensure: Any) -> None:
    servers = Servers(admin(), Failure(facts.UNREACHABLE, 0, "refused"), LANDED)
    ensure(servers, login=replace(ADMIN, unix_socket="/run/s"))
    assert [login.unix_socket for login in servers.logins] == ["", "/run/s"]


@pytest.mark.parametrize(
    "failure",
    [
        Failure(facts.UNREACHABLE, 0, "refused"),
        Failure(facts.BUSY, 1040, "too many"),
        Failure(facts.TLS, 0, "no certificate"),
        Failure(facts.TLS_REQUIRED, 3159, "TLS only"),
        Failure(facts.HOST_REFUSED, 1129, "blocked"),
        Failure(facts.PLUGIN, 2059, "not supported here"),
        Failure(facts.LOST, 2013, "gone"),
    ],
)
def test_what_says_nothing_about_the_password_changes_nothing(ensure: Any, failure: Failure) -> None:
    session = admin()
    said = refused(ensure, Servers(session, failure))
    assert failure.message in said
    assert session.written == []


@pytest.mark.parametrize(
    ("failure", "actions"),
    [
        (Failure(facts.ACCOUNT_UNUSABLE, 3118, "locked"), ["unlock"]),
        (Failure(facts.ACCOUNT_UNUSABLE, 3955, "blocked for a day"), ["unlock"]),
        (Failure(facts.ACCOUNT_UNUSABLE, 1862, "expired"), ["set_password", "never_expire"]),
        (Failure(facts.PLUGIN, 1524, "not loaded"), ["set_password"]),
    ],
)
def test_accounts_that_cannot_be_used_are_mended(ensure: Any, failure: Failure, actions: List[str]) -> None:
    assert ensure(Servers(admin(), failure, LANDED))["actions"] == actions


def test_an_administrator_who_is_not_let_in_is_named(ensure: Any) -> None:
    said = refused(ensure, Servers(ConnectError(Failure(facts.LOGIN, 1698, "denied"))))
    assert "root" in said
    assert "mysql_binlog_admin_user" in said


@pytest.mark.parametrize("key", ["SELECT Host", "SHOW GRANTS", "SELECT plugin"])
def test_an_administrator_who_may_not_look_is_told_what_is_needed(ensure: Any, key: str) -> None:
    assert "SELECT on mysql.*" in refused(ensure, Servers(admin(answers={key: 1142}), LANDED))


def test_a_refused_statement_is_shown_without_the_password(ensure: Any) -> None:
    said = refused(ensure, Servers(admin(hosts=(), answers={"CREATE USER": 1819}), DENIED))
    assert "CREATE USER event_log@localhost IDENTIFIED BY ..." in said
    assert "1819" in said


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (Failure(facts.LOGIN, 1045, "Access denied for user 'event_log'@'172.17.0.1' ..."), "172.17.0.1"),
        ({**LANDED, "account": "@localhost"}, "matched with @localhost"),
    ],
)
def test_an_account_that_still_cannot_log_in_is_a_failure(ensure: Any, after: Any, said: str) -> None:
    assert said in refused(ensure, Servers(admin(hosts=()), DENIED, after))


def test_an_empty_password_is_refused_before_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "open_connection", lambda login: pytest.fail("no login"))
    with pytest.raises(AccountError, match="event_log_capture_password"):
        subject.ensure(ADMIN, replace(ACCOUNT, password=""), WANTED, False)


@pytest.mark.parametrize(
    ("have_ssl", "mode", "said"),
    [("DISABLED", "preferred", "offers none"), ("YES", "disabled", "ssl_mode is disabled"), (None, "preferred", None)],
)
def test_tls_is_not_demanded_where_it_cannot_be_had(have_ssl: Optional[str], mode: str, said: Optional[str]) -> None:
    session = admin(answers={"SHOW GLOBAL VARIABLES LIKE 'have_ssl'": [{"Value": have_ssl}] if have_ssl else []})
    current = subject.mysql_account({**ROW, "ssl_type": b""}, Grants(), False)
    demanded = replace(WANTED, require_tls=True)
    connection: Any = session
    if said is None:
        subject.check_tls(connection, replace(ACCOUNT, ssl_mode=mode), demanded, current)
        return
    with pytest.raises(AccountError, match=said):
        subject.check_tls(connection, replace(ACCOUNT, ssl_mode=mode), demanded, current)


CREATED = [
    ("CREATE USER `a`@`b`", ("mysql_native_password", False, False, False)),
    ("CREATE USER `a`@`b` IDENTIFIED BY PASSWORD '*24 REQUIRE'", ("mysql_native_password", False, False, False)),
    ("CREATE USER `a`@`b` IDENTIFIED VIA unix_socket", ("unix_socket", False, False, False)),
    (
        "CREATE USER `a`@`b` IDENTIFIED VIA mysql_native_password USING 'invalid' OR unix_socket",
        ("mysql_native_password", False, False, False),
    ),
    (
        "CREATE USER `a`@`b` IDENTIFIED VIA ed25519 USING 'a OR b' REQUIRE SSL ACCOUNT LOCK",
        ("ed25519", True, False, True),
    ),
    ("CREATE USER `a`@`b` IDENTIFIED BY PASSWORD '*2' REQUIRE X509", ("mysql_native_password", True, False, False)),
    (
        "CREATE USER `a`@`b` IDENTIFIED BY PASSWORD '*2' PASSWORD EXPIRE INTERVAL 30 DAY",
        ("mysql_native_password", False, True, False),
    ),
    ("CREATE USER `a`@`ACCOUNT LOCK` IDENTIFIED VIA gssapi", ("gssapi", False, False, False)),
]


@pytest.mark.parametrize(("created", "expected"), CREATED)
def test_accounts_of_mariadb_are_understood(created: str, expected: Tuple[Any, ...]) -> None:
    found = subject.mariadb_account(created, Grants(), False)
    assert (found.plugin, found.tls_required, found.expires, found.locked) == expected
    never = created + " PASSWORD EXPIRE NEVER"
    assert subject.mariadb_account(created, Grants(), True).expires
    assert "INTERVAL" in created or not subject.mariadb_account(never, Grants(), True).expires


@pytest.mark.parametrize(
    ("lifetime", "ages", "expires"),
    [(None, False, False), (None, True, True), (0, True, False), (90, False, True)],
)
def test_accounts_of_mysql_are_understood(lifetime: Optional[int], ages: bool, expires: bool) -> None:
    row = {**ROW, "password_lifetime": lifetime, "ssl_type": b"ANY", "account_locked": "Y"}
    found = subject.mysql_account(row, Grants(), ages)
    assert (found.exists, found.tls_required, found.locked, found.expires) == (True, True, True, expires)

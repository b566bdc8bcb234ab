# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at the capture account and carries a plan out. Whether a password is right is found by logging in with it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Callable, Mapping, Optional, Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_account as plans
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_account_host as hosts
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_facts as facts
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_account import Account, Desired, Plan
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_account_report import report
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_account_sql import Statement, statements
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import Failure
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_grants import Grants, parse_grants
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import (
    DISABLED,
    ConnectError,
    Connection,
    Login,
    StatementError,
    open_connection,
)

# How a refused login is read; other kinds say nothing about the account.
_LOGINS = {facts.LOGIN: plans.WRONG, facts.ACCOUNT_UNUSABLE: plans.LOCKED, facts.PLUGIN: plans.NO_PLUGIN}
_EXPIRED = (1820, 1862)
_NOT_FROM_HERE = 1130
_NOT_LOADED = 1524
_STRICT_PASSWORDS = 1290
_NOT_ALTERED = 1396


class AccountError(Exception):
    """The account cannot be dealt with, and what to do about that."""


@dataclass(frozen=True)
class Tried:
    """How a login as the account went."""

    login: str
    landed: str = ""
    seen: str = ""


def administer(login: Login) -> Connection:
    """Log in as the administrator."""
    try:
        return open_connection(login)
    except ConnectError as error:
        where = login.unix_socket or f"{login.host}:{login.port}"
        raise AccountError(
            f"The administrator {login.user} cannot log in at {where}: {_said(error.failure)}. Without one nothing can "
            "be set up. Give the user and the password of an administrator of the database (mysql_binlog_admin_user, "
            "mysql_binlog_admin_password), or, where root is known by the socket, run as root."
        ) from error


def try_login(login: Login, socket: str = "") -> Tried:
    """Log in as the account; through the socket where the server listens on nothing else."""
    try:
        connection = open_connection(login)
        try:
            rows = connection.query("SELECT CURRENT_USER() AS account, USER() AS client")
        finally:
            connection.close()
    except ConnectError as error:
        failure = error.failure
        if failure.kind == facts.UNREACHABLE and socket and not login.unix_socket:
            return try_login(replace(login, unix_socket=socket))
        return _refused(failure, login)
    return Tried(plans.FINE, str(rows[0]["account"]), str(rows[0]["client"]).rpartition("@")[2])


def _refused(failure: Failure, login: Login) -> Tried:
    seen = hosts.seen_host(failure.message) or ("localhost" if login.unix_socket else "")
    if failure.code in _EXPIRED:
        return Tried(plans.EXPIRED, seen=seen)
    if failure.code == _NOT_FROM_HERE:
        return Tried(plans.WRONG, seen=seen)
    if failure.kind in _LOGINS and (failure.kind != facts.PLUGIN or failure.code == _NOT_LOADED):
        return Tried(_LOGINS[failure.kind], seen=seen)
    where = login.unix_socket or f"{login.host}:{login.port}"
    raise AccountError(
        f"Whether {login.user} can log in at {where} cannot be told: {_said(failure)}. The connector would meet the "
        "same; correct login_host, login_port and the TLS options, or start the database."
    )


def look(admin: Connection, login: Login, desired: Desired, socket: str = "") -> tuple[Desired, Account]:
    """The account as it is, and the desired one with a host, which is found where none is given."""
    tried = try_login(login, socket) if desired.present else Tried(plans.UNTRIED)
    rows = _ask(admin, "SELECT Host AS host FROM mysql.user WHERE User = %s", desired.name)
    existing = [str(row["host"]) for row in rows]
    if not desired.present and not desired.host and len(existing) > 1:
        raise AccountError(
            f"There are several accounts {desired.name} (for {', '.join(sorted(existing))}): say which host is meant."
        )
    seen = tried.seen or (existing[0] if existing and not desired.present else _seen_of(admin))
    landed = tried.landed.rpartition("@")[2]
    found = replace(desired, host=hosts.choose_host(desired.host, seen, existing, landed))
    if found.host not in existing:
        return found, Account(login=tried.login)
    account = _account(admin, found)
    return found, replace(account, login=tried.login, landed=tried.landed)


def _seen_of(admin: Connection) -> str:
    return str(_ask(admin, "SELECT USER() AS client")[0]["client"]).rpartition("@")[2] or "localhost"


def _account(admin: Connection, desired: Desired) -> Account:
    who = (desired.name, desired.host)
    lines = [str(next(iter(row.values()))) for row in _ask(admin, "SHOW GRANTS FOR %s@%s", *who)]
    grants = parse_grants(lines)
    mandatory = _ask(admin, "SHOW GLOBAL VARIABLES LIKE 'mandatory_roles'") if grants.roles else []
    for row in mandatory:  # roles that everybody has
        everybodys = parse_grants([f"GRANT {row['Value']} TO everybody"]).roles
        grants = replace(grants, roles=tuple(role for role in grants.roles if role not in everybodys))
    lifetime = _ask(admin, "SHOW GLOBAL VARIABLES LIKE 'default_password_lifetime'")
    ages = bool(lifetime) and str(lifetime[0]["Value"]) != "0"
    if admin.server.mariadb:
        row = _ask(admin, "SHOW CREATE USER %s@%s", *who)[0]
        return replace(mariadb_account(str(next(iter(row.values()))), grants, ages), special=special_grants(lines))
    rows = _ask(
        admin,
        "SELECT plugin, account_locked, password_expired, password_lifetime, ssl_type FROM mysql.user "
        "WHERE User = %s AND Host = %s",
        *who,
    )
    return replace(mysql_account(rows[0], grants, ages), special=special_grants(lines))


def special_grants(lines: Sequence[str]) -> tuple[str, ...]:
    """What is granted on columns and routines, or by proxy; the passwords that old servers show are cut off."""
    found = []
    for line in lines:
        head = re.split(r"\s+TO\s+(?=['`\"])", line, maxsplit=1)[0]
        bare = re.sub(r"'(?:[^'\\]|''|\\.)*'|`(?:[^`]|``)*`", "", head)
        parsed = parse_grants([line])
        if head.startswith("GRANT ") and ("(" in bare or not (parsed.entries or parsed.roles)):
            found.append(head[len("GRANT ") :])
    return tuple(found)


def mysql_account(row: Mapping[str, Any], grants: Grants, ages: bool) -> Account:
    """The account in MySQL's own table."""
    lifetime = row["password_lifetime"]
    return Account(
        exists=True,
        plugin=str(row["plugin"]),
        tls_required=bool(_text(row["ssl_type"])),
        expires=ages if lifetime is None else int(lifetime) > 0,
        locked=_text(row["account_locked"]) == "Y",
        grants=grants,
    )


def mariadb_account(created: str, grants: Grants, ages: bool) -> Account:
    """The account in the words of SHOW CREATE USER. Of several methods the first that takes a password counts."""
    words = re.sub(r"'(?:[^'\\]|''|\\.)*'|`(?:[^`]|``)*`", "''", created)
    named = re.search(r"IDENTIFIED VIA (.+?)(?= REQUIRE | PASSWORD EXPIRE| ACCOUNT | WITH MAX|$)", words)
    methods = [part.split()[0] for part in named.group(1).split(" OR ")] if named else ["mysql_native_password"]
    known = [method for method in methods if method in plans.PASSWORD_PLUGINS]
    never = "PASSWORD EXPIRE NEVER" in words
    return Account(
        exists=True,
        plugin=(known or methods)[0],
        tls_required=bool(re.search(r" REQUIRE (?!NONE)", words)),
        expires="PASSWORD EXPIRE INTERVAL" in words or (ages and not never),
        locked="ACCOUNT LOCK" in words,
        grants=grants,
    )


def check_tls(admin: Connection, login: Login, desired: Desired, current: Account) -> None:
    """Refuse what would lock the account out: TLS demanded and not to be had."""
    if not desired.present or not (desired.require_tls or (desired.require_tls is None and current.tls_required)):
        return
    able = _ask(admin, "SHOW GLOBAL VARIABLES LIKE 'have_ssl'")
    if able and str(able[0]["Value"]) != "YES":
        raise AccountError(
            f"{desired.account} is to log in by TLS only, and the server offers none. Give the server a certificate "
            "first, or leave require_tls out."
        )
    if login.ssl_mode == DISABLED:
        raise AccountError(
            f"{desired.account} has to log in by TLS, and ssl_mode is disabled. Set it to preferred or better."
        )


def carry_out(admin: Connection, plan: Plan, current: Account, desired: Desired, password: str) -> None:
    """Do what was planned; the password is in no message."""
    literal = _ask(admin, "SHOW GLOBAL VARIABLES LIKE 'partial_revokes'")
    names_are_literal = bool(literal) and str(literal[0]["Value"]) == "ON"
    todo = statements(
        admin.server,
        plan,
        current,
        desired,
        password,
        literal_names=names_are_literal,
        base_point_times=_base_point_times(),
    )
    for statement in todo:
        _run(admin, statement, desired)


def _run(admin: Connection, statement: Statement, desired: Desired) -> None:
    try:
        admin.query(statement.text, statement.values)
    except StatementError as error:
        if statement.plain and _takes_no_hashes(admin, error):
            _keep_out_of_logs(admin, desired)
            _run(admin, replace(statement.plain, plain=None), desired)
            return
        raise _refusal(
            statement.text % (desired.name, desired.host, "...")[: statement.text.count("%s")], error
        ) from error


def _takes_no_hashes(admin: Connection, error: StatementError) -> bool:
    """CREATE USER fails with that error itself, ALTER USER says why in a warning only."""
    if error.refusal.code != _NOT_ALTERED:
        return error.refusal.code == _STRICT_PASSWORDS
    return any(int(row["Code"]) == _STRICT_PASSWORDS for row in admin.query("SHOW WARNINGS"))


def _keep_out_of_logs(admin: Connection, desired: Desired) -> None:
    """Before a password is sent as it is. What follows in this session stays out, too: a replica that has not heard of
    the account would stop at its grants."""
    try:
        admin.query("SET SESSION sql_log_bin = 0, sql_log_off = 1, slow_query_log = 0")
    except StatementError as error:
        raise AccountError(
            f"The server takes no hashed password for {desired.account} (strict_password_validation), and the "
            f"administrator may not keep a bare one out of its logs: {error.refusal.message} "
            f"(error {error.refusal.code}). Give the administrator BINLOG ADMIN and CONNECTION ADMIN "
            "(before MariaDB 10.5 SUPER), set strict_password_validation to OFF for this run, "
            "or give the account its password by hand."
        ) from error


def verify(login: Login, desired: Desired, socket: str) -> None:
    """Make sure that the account can log in now."""
    tried = try_login(login, socket)
    if tried.login != plans.FINE:
        raise AccountError(
            f"{desired.account} was set up, and still cannot log in ({tried.login}); the server sees this host as "
            f"{tried.seen or 'unknown'}. Give that as the account's host, or look for an account without a name that "
            "the server matches first."
        )
    if tried.landed != desired.account:
        raise AccountError(
            f"{desired.account} was set up, but a login from here is matched with {tried.landed}. Give the host that "
            "the connector comes from, or remove the other account."
        )


def _base_point_times() -> Optional[Callable[[bytes], bytes]]:
    try:  # PLC0415: not on every host
        from nacl.bindings import crypto_scalarmult_ed25519_base_noclamp  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
    except ImportError:
        return None
    times: Callable[[bytes], bytes] = crypto_scalarmult_ed25519_base_noclamp
    return times


def _ask(admin: Connection, statement: str, *values: str) -> list[dict[str, Any]]:
    try:
        return admin.query(statement, values)
    except StatementError as error:
        raise _refusal(statement, error) from error


def _refusal(shown: str, error: StatementError) -> AccountError:
    refusal = error.refusal
    return AccountError(
        f"The server refused {shown!r}: {refusal.message} (error {refusal.code}). The administrator needs CREATE USER, "
        "every privilege that the account is given WITH GRANT OPTION, and SELECT on mysql.*."
    )


def _said(failure: Failure) -> str:
    return f"{failure.message} (error {failure.code})" if failure.code else failure.message


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value or "")


def ensure(login: Login, account: Login, desired: Desired, check: bool) -> dict[str, Any]:
    """Look, plan, do it unless only checked, and say what was done."""
    if desired.present and not account.password:
        raise AccountError(f"The password of {desired.name} is empty. Give it one (event_log_capture_password).")
    admin = administer(login)
    try:
        desired, current = look(admin, account, desired, login.unix_socket)
        plan = plans.plan_account(admin.server, current, desired)
        if plan.refusal:
            raise AccountError(plan.refusal)
        check_tls(admin, account, desired, current)
        if plan.actions and not check:
            carry_out(admin, plan, current, desired, account.password)
            if desired.present:
                verify(account, desired, login.unix_socket)
        return report(admin.server, plan, current, desired)
    finally:
        admin.close()

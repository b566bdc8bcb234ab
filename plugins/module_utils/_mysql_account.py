# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans what has to be done about the capture account. Pure: what is there and what is wanted in, actions out.

The privileges are those that Debezium 3.6 uses: SELECT on the database; FLUSH TABLES WITH READ LOCK for a consistent
start, which MySQL 8.0.23 and later allow with FLUSH_TABLES alone and all others with RELOAD; the status statements;
the binary log itself; and the list of databases.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Iterable, Optional, Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_access import unreadable_plugin
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import READABLE_PLUGINS, WARNING, Finding
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_grants import ALL, Grant, Grants, pattern
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_server import Server

# How the account's login went.
FINE = "fine"
WRONG = "wrong"  # refused: another password, or no such account
LOCKED = "locked"
EXPIRED = "expired"
NO_PLUGIN = "no_plugin"  # the server has not loaded the account's plugin
UNTRIED = "untried"

CREATE = "create"
SET_PASSWORD = "set_password"  # noqa: S105 (the name of an action)
UNLOCK = "unlock"
NEVER_EXPIRE = "never_expire"
REQUIRE_TLS = "require_tls"
ALLOW_PLAIN = "allow_without_tls"
GRANT = "grant"
REVOKE = "revoke"
DROP = "drop"

PASSWORD_PLUGINS = ("mysql_native_password", "caching_sha2_password", "sha256_password", "ed25519")
SYSTEM_ACCOUNTS = (
    "", "root", "mysql", "mysql.sys", "mysql.session", "mysql.infoschema", "mariadb.sys", "debian-sys-maint",
)  # fmt: skip
# Whoever has one of these on the whole server or on a whole database administers or fills it.
_OTHERS = frozenset(
    {
        ALL, "SUPER", "GRANT OPTION", "CREATE USER", "SHUTDOWN", "FILE", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP",
        "ALTER", "INDEX", "ROLE_ADMIN", "SYSTEM_USER", "SYSTEM_VARIABLES_ADMIN", "SET_USER_ID", "SET_ANY_DEFINER",
    }
)  # fmt: skip
# Parts of what the capture account may do anyway, which an upgrade in place may give to it.
_OF_UPGRADES = frozenset(
    {
        "BACKUP_ADMIN", "INNODB_REDO_LOG_ARCHIVE", "FLUSH_OPTIMIZER_COSTS", "FLUSH_PRIVILEGES", "FLUSH_STATUS",
        "FLUSH_TABLES", "FLUSH_USER_RESOURCES", "REPLICA MONITOR", "SLAVE MONITOR",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Right:
    """Privileges on one thing; `*` is all of them."""

    privileges: tuple[str, ...]
    database: str = "*"
    table: str = "*"


@dataclass(frozen=True)
class Desired:
    """The account as it should be. `signal_table` is database and table with a dot between."""

    name: str
    host: str
    database: str = ""
    present: bool = True
    signal_table: str = ""
    lock_tables: bool = False
    require_tls: Optional[bool] = None
    update_password: bool = True
    revoke_surplus: bool = False

    @property
    def account(self) -> str:
        """The account, for messages."""
        return f"{self.name}@{self.host}"


@dataclass(frozen=True)
class Account:
    """The account as it is. `landed` is the account that a login of that name from here is matched with."""

    exists: bool = False
    plugin: str = ""
    tls_required: bool = False
    expires: bool = False
    locked: bool = False
    login: str = UNTRIED
    landed: str = ""
    grants: Grants = field(default_factory=Grants)
    special: tuple[str, ...] = ()  # grants on columns, routines and proxies, which `grants` leaves out


@dataclass(frozen=True)
class Plan:
    """What to do, in that order; or why nothing may be done."""

    actions: tuple[str, ...] = ()
    grants: tuple[Right, ...] = ()
    revokes: tuple[Grant, ...] = ()
    surplus: tuple[Grant, ...] = ()
    refusal: str = ""
    findings: tuple[Finding, ...] = ()


def rights(server: Server, desired: Desired) -> tuple[Right, ...]:
    """Exactly the privileges that this flavour and version need."""
    everywhere = (server.flush_privilege, "SHOW DATABASES", "REPLICATION SLAVE", server.monitor_privilege)
    found = [
        Right(everywhere),
        Right(("SELECT", "LOCK TABLES") if desired.lock_tables else ("SELECT",), desired.database),
    ]
    if desired.signal_table:
        database, _, table = desired.signal_table.partition(".")
        reading = () if database == desired.database else ("SELECT",)
        found.append(Right((*reading, "INSERT", "DELETE", "CREATE"), database, table))
    return tuple(found)


def missing(wanted: Iterable[Right], grants: Grants) -> tuple[Right, ...]:
    """The privileges that are not held, neither so nor by a wider grant."""
    found = []
    for right in wanted:
        lacking = tuple(name for name in right.privileges if not _held(name, right, grants))
        if lacking:
            found.append(Right(lacking, right.database, right.table))
    return tuple(found)


def _held(privilege: str, right: Right, grants: Grants) -> bool:
    names = ("RELOAD", "FLUSH_TABLES") if privilege == "FLUSH_TABLES" else (privilege,)
    return any(grants.allows(name, right.database, right.table) for name in names)


def surplus(wanted: Sequence[Right], grants: Grants, harmless: frozenset[str] = frozenset()) -> tuple[Grant, ...]:
    """What the account has beyond what it needs, and beyond what is harmless on the whole server."""
    found = []
    for entry in grants.entries:
        if entry.revoked:
            continue
        needed = {"USAGE", *(harmless if entry.database == "*" else ())}
        for right in wanted:
            exact = entry.database in (right.database, pattern(right.database)) and entry.table == right.table
            inside = entry.table != "*" and (entry.database, "*") == (right.database, right.table)
            if exact or inside:
                needed |= {Grants.same(name) for name in right.privileges}
                needed |= {"RELOAD"} if "FLUSH_TABLES" in right.privileges else set()
        extra = entry.privileges - needed
        if extra:
            found.append(Grant(frozenset(extra), entry.database, entry.table))
    return tuple(found)


def plan_account(server: Server, current: Account, desired: Desired) -> Plan:
    """What has to be done, or why it may not be."""
    refusal = _refusal(server, current, desired)
    if refusal:
        return Plan(refusal=refusal)
    if not desired.present:
        return Plan((DROP,) if current.exists else ())
    wanted = rights(server, desired)
    if not current.exists:
        return Plan((CREATE, GRANT), wanted)
    extra = surplus(wanted, current.grants)
    revokes = extra if desired.revoke_surplus else ()
    lacking = missing(wanted, _without(current.grants, revokes))
    tls = () if desired.require_tls in (None, current.tls_required) else (
        (REQUIRE_TLS,) if desired.require_tls else (ALLOW_PLAIN,)
    )  # fmt: skip
    actions = [
        *((SET_PASSWORD,) if current.login in (WRONG, EXPIRED, NO_PLUGIN) else ()),
        *tls,
        *((NEVER_EXPIRE,) if current.expires or current.login == EXPIRED else ()),
        *((UNLOCK,) if current.locked or current.login == LOCKED else ()),
        *((GRANT,) if lacking else ()),
        *((REVOKE,) if revokes else ()),
    ]
    findings = _findings(current, desired, () if revokes else extra)
    return Plan(tuple(actions), lacking, revokes, extra, findings=findings)


def _without(grants: Grants, revokes: Iterable[Grant]) -> Grants:
    gone = {(entry.database, entry.table): entry.privileges for entry in revokes}
    kept = [
        Grant(entry.privileges - gone.get((entry.database, entry.table), frozenset()), entry.database, entry.table)
        if not entry.revoked
        else entry
        for entry in grants.entries
    ]
    return Grants(tuple(kept), grants.roles)


def _refusal(server: Server, current: Account, desired: Desired) -> str:
    other = "Choose a name that nothing else uses (event_log_capture_user); the account is then made."
    if desired.name in SYSTEM_ACCOUNTS:
        return f"{desired.account} is an account of the server itself and cannot be the capture account. {other}"
    if not current.exists:
        return ""
    strong = _beyond_reading(current.grants)
    if strong:
        return (
            f"{desired.account} may do more than read ({strong}): it looks like the account of OpenMRS or of an "
            f"administrator, which is left alone. {other}"
        )
    if current.grants.roles:
        return (
            f"{desired.account} holds a role ({', '.join(current.grants.roles)}), which the event log gives nobody: it "
            f"looks like somebody else's account, which is left alone. {other} Or, if nothing else uses it, revoke the "
            "role first."
        )
    if not desired.present:
        return ""
    return _cannot_be_kept(current, desired, other) or _not_ours(server, current, desired)


def _beyond_reading(grants: Grants) -> str:
    strong = sorted(
        f"{name} ON {entry.database}.{entry.table}"
        for entry in grants.entries
        for name in entry.privileges & _OTHERS
        if not entry.revoked and entry.table == "*"
    )
    return ", ".join([*strong[:4], *(["..."] if strong[4:] else [])])


def _not_ours(server: Server, current: Account, desired: Desired) -> str:
    """Why the password may not be set: whoever uses such an account would not get in any more."""
    if current.login not in (WRONG, NO_PLUGIN):
        return ""
    wanted = rights(server, replace(desired, lock_tables=True))
    extra = [describe_grant(entry) for entry in surplus(wanted, current.grants, _OF_UPGRADES)] + list(current.special)
    # An account without any right is nobody's work yet. A replica's or a report's has one of the two.
    marks = (Right(("REPLICATION SLAVE",)), Right(("SELECT",), desired.database))
    lacking = missing(marks, current.grants) if any(_rights_of(current.grants)) else ()
    if not extra and not lacking:
        return ""
    lacks = [f"{', '.join(right.privileges)} ON {right.database}.{right.table}" for right in lacking]
    reason = f"it may do what the event log does not need ({'; '.join(extra)})" if extra else (
        f"it may do something, but lacks {' and '.join(lacks)}"
    )  # fmt: skip
    return (
        f"{desired.account} refuses this password and does not look like the event log's own account: {reason}. Its "
        "password is left alone, because somebody else may log in with it. Choose a name that nothing else uses "
        "(event_log_capture_user); the account is then made. Or, if it is the event log's, change its password by hand "
        "to that of event_log_capture_password."
    )


def _rights_of(grants: Grants) -> Iterable[frozenset[str]]:
    return (entry.privileges - {"USAGE"} for entry in grants.entries if not entry.revoked)


def _cannot_be_kept(current: Account, desired: Desired, other: str) -> str:
    if current.plugin and current.plugin not in PASSWORD_PLUGINS:
        return (
            f"{desired.account} logs in by {current.plugin}, not by a password that Debezium can use. {other} "
            f"Or drop the account first, if nothing needs it."
        )
    if current.landed and current.landed != desired.account:
        return (
            f"A login as {desired.name} from here is matched with {current.landed}, not with {desired.account}, so the "
            "password of the latter cannot be tried. Give the host that the server matches, or remove one of the two."
        )
    if current.login == WRONG and not desired.update_password:
        return (
            f"{desired.account} exists and refuses this password, and update_password is on_create. Give the password "
            "that it has, or set update_password to always."
        )
    return ""


def _findings(current: Account, desired: Desired, extra: Sequence[Grant]) -> tuple[Finding, ...]:
    stranger = bool(current.plugin) and current.plugin not in READABLE_PLUGINS and current.login != NO_PLUGIN
    found = (unreadable_plugin(desired.account, current.plugin),) if stranger else ()
    if not extra:
        return found
    listed = "; ".join(describe_grant(entry) for entry in extra)
    return (
        *found,
        Finding(
            "account_surplus",
            WARNING,
            f"{desired.account} has more privileges than it needs: {listed}.",
            "Whoever learns its password may do that too.",
            "Revoke them if nothing else uses the account (revoke_surplus: true does it).",
        ),
    )


def describe_grant(entry: Grant) -> str:
    """A grant in the words of SHOW GRANTS."""
    return f"{', '.join(sorted(entry.privileges))} ON {entry.database}.{entry.table}"

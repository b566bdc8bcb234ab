# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Statements that make, mend and remove the capture account, for each flavour. Pure.

MySQL keeps passwords out of its logs by itself; MariaDB writes CREATE USER and ALTER USER into the binary log as they
came, so it gets the hash that it would have made. `GRANT ... IDENTIFIED BY` is used nowhere: MySQL 8 does not know it.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Callable, Optional

from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_account as plans
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_account import Account, Desired, Plan
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_grants import Grant, pattern, quote
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_server import Server

ED25519 = "ed25519"
_ACCOUNT = "%s@%s"


@dataclass(frozen=True)
class Statement:
    """A statement with placeholders, and their values; `plain` is what to say where a server refuses hashes."""

    text: str
    values: tuple[str, ...]
    plain: Optional[Statement] = None


def native_hash(password: str) -> str:
    """The password as mysql_native_password stores it."""
    once = hashlib.sha1(password.encode()).digest()  # noqa: S324 (the server's own algorithm)
    return "*" + hashlib.sha1(once).hexdigest().upper()  # noqa: S324 (the same)


def ed25519_hash(password: str, base_point_times: Callable[[bytes], bytes]) -> str:
    """The password as MariaDB's ed25519 stores it; the multiplication comes from a library."""
    scalar = bytearray(hashlib.sha512(password.encode()).digest()[:32])
    scalar[0] &= 248
    scalar[31] = scalar[31] & 63 | 64
    return base64.b64encode(base_point_times(bytes(scalar))).decode().rstrip("=")


def statements(
    server: Server,
    plan: Plan,
    current: Account,
    desired: Desired,
    password: str,
    *,
    literal_names: bool = False,
    base_point_times: Optional[Callable[[bytes], bytes]] = None,
) -> tuple[Statement, ...]:
    """What carries the plan out, in its order. Grants come before revocations, so that nothing is missing meanwhile."""
    who = (desired.name, desired.host)
    found: list[Statement] = []
    if plans.DROP in plan.actions:
        return (Statement(f"DROP USER {_ACCOUNT}", who),)
    secret = _Secret(server, password, base_point_times)
    plugin = "" if current.login == plans.NO_PLUGIN else current.plugin
    if plans.CREATE in plan.actions:
        rest = " REQUIRE SSL" if desired.require_tls else ""
        rest += " PASSWORD EXPIRE NEVER" if server.passwords_expire else ""
        found.append(secret.told("CREATE", who, "", rest))
    else:
        rest = "".join(
            words
            for action, words in (
                (plans.REQUIRE_TLS, " REQUIRE SSL"),
                (plans.ALLOW_PLAIN, " REQUIRE NONE"),
                (plans.NEVER_EXPIRE, " PASSWORD EXPIRE NEVER"),
                (plans.UNLOCK, " ACCOUNT UNLOCK"),
            )
            if action in plan.actions
        )
        if plans.SET_PASSWORD in plan.actions:
            found.append(secret.told("ALTER", who, plugin, rest))
        elif rest:
            found.append(Statement(f"ALTER USER {_ACCOUNT}{rest}", who))
    for right in plan.grants:
        target = _target(right.database, right.table, literal_names)
        found.append(Statement(f"GRANT {', '.join(right.privileges)} ON {target} TO {_ACCOUNT}", who))
    found += [_revoke(entry, who) for entry in plan.revokes]
    return tuple(found)


@dataclass(frozen=True)
class _Secret:
    """A password and how to say it to a server."""

    server: Server
    password: str
    base_point_times: Optional[Callable[[bytes], bytes]]

    def told(self, verb: str, who: tuple[str, str], plugin: str, rest: str) -> Statement:
        """CREATE or ALTER USER with the password; `rest` follows it."""
        head = f"{verb} USER {_ACCOUNT} IDENTIFIED"
        if not self.server.mariadb:
            method = f" WITH {plugin}" if plugin else ""
            return Statement(f"{head}{method} BY %s{rest}", (*who, self.password))
        if plugin == ED25519 and self.base_point_times is not None:
            hashed = ed25519_hash(self.password, self.base_point_times)
            plain = Statement(f"{head} VIA ed25519 USING PASSWORD(%s){rest}", (*who, self.password))
            return Statement(f"{head} VIA ed25519 USING %s{rest}", (*who, hashed), plain)
        plain = Statement(f"{head} BY %s{rest}", (*who, self.password))
        return Statement(f"{head} BY PASSWORD %s{rest}", (*who, native_hash(self.password)), plain)


def _target(database: str, table: str, literal_names: bool) -> str:
    if database == "*":
        return "*.*"
    if table != "*":  # on tables the name is taken literally
        return f"{quote(database)}.{quote(table)}".replace("%", "%%")
    return f"{quote(database if literal_names else pattern(database))}.*".replace("%", "%%")


def _revoke(entry: Grant, who: tuple[str, str]) -> Statement:
    target = "*.*" if entry.database == "*" else f"{quote(entry.database)}."
    target += "" if entry.database == "*" else "*" if entry.table == "*" else quote(entry.table)
    names = ", ".join(sorted(entry.privileges))
    return Statement(f"REVOKE {names} ON {target.replace('%', '%%')} FROM {_ACCOUNT}", who)


def granted(server: Server, desired: Desired, literal_names: bool = False) -> tuple[str, ...]:
    """The grants of the account, to be read by people."""
    return tuple(
        f"{', '.join(right.privileges)} ON {_target(right.database, right.table, literal_names).replace('%%', '%')}"
        for right in plans.rights(server, desired)
    )

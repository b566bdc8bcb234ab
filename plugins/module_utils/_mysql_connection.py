# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges whether anybody could log in to the database server at all, and says why not. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_facts as facts
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import Finding, Source, Wanted

_LIKEWISE = "The connector would fail in the same way."
_BLIND = "Nothing else could be looked at."


@dataclass(frozen=True)
class _Case:
    """A finding in waiting; `what` is a format over address, user and what was said."""

    id: str
    what: str
    why: str
    fix: str
    login: bool = False


_CASES = {
    facts.UNREACHABLE: _Case(
        "server_unreachable",
        "No database answers at {address}: {said}.",
        _BLIND,
        "Start the database, or correct host and port. A database in a container, with skip-networking or with another "
        "bind_address does not listen where you look; a firewall may stand between.",
    ),
    facts.NOT_A_DATABASE: _Case(
        "not_a_database",
        "What answers at {address} does not speak MySQL's protocol: {said}.",
        _BLIND,
        "Correct host and port. A database that hangs looks the same.",
    ),
    facts.LOGIN: _Case(
        "login_refused",
        "The database at {address} refuses account {user}: {said}.",
        "The server does not tell a wrong password from an account that does not exist. " + _LIKEWISE,
        "Correct user and password, or create the account for the host that the server names.",
        login=True,
    ),
    facts.HOST_REFUSED: _Case(
        "host_refused",
        "The database at {address} accepts nobody from this host: {said}.",
        "The server decides by address before it asks for a password. " + _LIKEWISE,
        "Create the account for this host's address. If the host is blocked after errors, run FLUSH HOSTS.",
        login=True,
    ),
    facts.ACCOUNT_UNUSABLE: _Case(
        "account_unusable",
        "Account {user} at {address} exists but cannot be used: {said}.",
        _LIKEWISE,
        "Unlock the account, set its password anew, and let the password never expire.",
        login=True,
    ),
    facts.PLUGIN: _Case(
        "login_plugin",
        "Account {user} at {address} logs in by a method that is not a password: {said}.",
        "Neither this check nor Debezium can use sockets, PAM or other plugins.",
        "Create the account with a password (caching_sha2_password or mysql_native_password).",
        login=True,
    ),
    facts.TLS_REQUIRED: _Case(
        "tls_required",
        "The database at {address} accepts encrypted connections only: {said}.",
        _LIKEWISE,
        "Let the event log use TLS (ssl_mode).",
    ),
    facts.TLS: _Case(
        "tls_failed",
        "No encrypted connection to {address}: {said}.",
        "TLS was asked for, so no login was sent without it.",
        "Give the certificate of the authority that signed the server's (ca_cert), or correct the server's TLS.",
    ),
    facts.BUSY: _Case(
        "server_busy",
        "The database at {address} has no connection left: {said}.",
        "The connector needs one connection for the binary log and some for the first reading of the tables.",
        "Raise max_connections, or the account's limit, and look for what holds the connections.",
    ),
    facts.LOST: _Case(
        "connection_lost",
        "The connection to {address} broke off while its settings were read: {said}.",
        "Something was seen only in part, so nothing is judged.",
        "Look into the database's error log, then try again.",
    ),
    facts.OTHER: _Case(
        "login_failed",
        "Account {user} could not log in at {address}: {said}.",
        _LIKEWISE,
        "Look the error up in the manual of the database.",
    ),
}

# Whoever looks as an administrator must not be told to make that account.
_ADMINISTRATOR = _Case(
    "admin_login_refused",
    "The administrator {user} cannot log in at {address}: {said}.",
    "Only an administrator sees and sets everything. " + _BLIND,
    "Give the user and the password of an administrator of the database. Where root is known by the local socket, run "
    "as root.",
)


def connection_finding(source: Source, wanted: Wanted) -> Optional[Finding]:
    """The finding behind a failed connection, or about a TLS connection that had to be given up."""
    failure = source.failure
    if failure is not None:
        case = _CASES[failure.kind]
        if case.login and not wanted.check_access:
            case = _ADMINISTRATOR
        said = f"{failure.message} (error {failure.code})" if failure.code else failure.message
        what = case.what.format(address=wanted.address, user=wanted.user, said=said)
        return Finding(case.id, facts.ERROR, what, case.why, case.fix, login=case.login)
    if source.tls_problem:
        return Finding(
            "tls_unusable",
            facts.WARNING,
            f"The server at {wanted.address} offers TLS, but the handshake failed ({source.tls_problem}).",
            "Passwords and patient data cross the network unencrypted, and the connector may fail where this did not.",
            "Renew the server's certificate and TLS library, or switch TLS off on both sides.",
        )
    return None

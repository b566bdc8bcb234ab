# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs in to a MySQL or MariaDB server with PyMySQL (0.9 and later) and says, typed, why that failed."""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import dataclass
from typing import Any, Iterator, Optional, Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_facts as facts
from ansible_collections.openmrs.event_log.plugins.module_utils._guard_binlog import file_created
from ansible_collections.openmrs.event_log.plugins.module_utils._guard_mysql import (
    DISABLED,
    PREFERRED,
    REQUIRED,
    VERIFY_CA,
    VERIFY_IDENTITY,
    driver_class,
    tls_context,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import Failure, Refusal
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_server import Server, parse_server

try:
    import pymysql
except ImportError:
    pymysql = None  # type: ignore[assignment]

SSL_MODES = (DISABLED, PREFERRED, REQUIRED, VERIFY_CA, VERIFY_IDENTITY)

READ_TIMEOUT = 30

# Numbers of MySQL and MariaDB; 20xx are the client's own.
_KINDS = {
    1045: facts.LOGIN,
    1698: facts.LOGIN,
    1130: facts.HOST_REFUSED,
    1129: facts.HOST_REFUSED,
    1820: facts.ACCOUNT_UNUSABLE,
    1862: facts.ACCOUNT_UNUSABLE,
    3118: facts.ACCOUNT_UNUSABLE,
    3955: facts.ACCOUNT_UNUSABLE,
    4151: facts.ACCOUNT_UNUSABLE,
    1251: facts.PLUGIN,
    1524: facts.PLUGIN,
    2059: facts.PLUGIN,
    3159: facts.TLS_REQUIRED,
    1040: facts.BUSY,
    1203: facts.BUSY,
    1226: facts.BUSY,
    2026: facts.TLS,
}
# What PyMySQL says it lacks, and what that is called.
_LIBRARIES = {"cryptography": "cryptography", "pynacl": "PyNaCl"}


@dataclass(frozen=True)
class Login:
    """How to log in."""

    host: str
    port: int
    user: str
    password: str
    unix_socket: str = ""
    connect_timeout: int = 10
    ssl_mode: str = PREFERRED
    ca_cert: Optional[str] = None
    client_cert: Optional[str] = None
    client_key: Optional[str] = None
    read_timeout: int = READ_TIMEOUT


class ConnectError(Exception):
    """Nobody could log in."""

    def __init__(self, failure: Failure, server: Optional[Server] = None) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.server = server


class StatementError(Exception):
    """The server refused a statement."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class MissingLibraryError(Exception):
    """A Python library that is needed is not there."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Connection:
    """A session; every statement either answers or raises StatementError, or ConnectError when it breaks off."""

    def __init__(self, driver: Any, server: Server, tls_problem: str = "") -> None:
        self._driver = driver
        self.server = server
        self.tls_problem = tls_problem
        self.plugin: str = driver.plugin

    def query(self, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """The rows as dictionaries."""
        with self._typed(statement), self._driver.cursor() as cursor:
            cursor.execute(statement, tuple(values) or None)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row)) for row in cursor.fetchall()]

    def binlog_created(self, file: str) -> Optional[int]:
        """When a file of the binary log was begun, read from its head; the session is of no use afterwards."""
        with self._typed(f"COM_BINLOG_DUMP {file}"):
            return file_created(self._driver, file)

    @contextlib.contextmanager
    def _typed(self, statement: str) -> Iterator[None]:
        try:
            yield
        except pymysql.err.MySQLError as error:
            code, message = _words(error)
            if code == 1820:  # MariaDB lets an expired password in and then refuses every statement
                raise ConnectError(Failure(facts.ACCOUNT_UNUSABLE, code, message), self.server) from error
            if code in (0, 2006, 2013):
                raise ConnectError(Failure(facts.LOST, code, message or "connection closed"), self.server) from error
            raise StatementError(Refusal(statement, code, message)) from error

    def close(self) -> None:
        """End the session; one that is gone already is fine."""
        with contextlib.suppress(pymysql.err.Error):
            self._driver.close()


def open_connection(login: Login) -> Connection:
    """Log in; with TLS preferred, a server whose TLS is too old is spoken to without it."""
    if pymysql is None:
        raise MissingLibraryError("PyMySQL")
    try:
        return _open(login, login.ssl_mode)
    except ConnectError as error:
        if login.ssl_mode != PREFERRED or error.failure.kind != facts.TLS:
            raise
        return _open(login, DISABLED, error.failure.message)


def _open(login: Login, ssl_mode: str, tls_problem: str = "") -> Connection:
    # Over a socket nothing can listen in; servers that insist on TLS accept it.
    ssl_mode = DISABLED if login.unix_socket and ssl_mode == PREFERRED else ssl_mode
    context = None if ssl_mode == DISABLED else _context(login, ssl_mode)
    driver = driver_class(ssl_mode)(
        host=login.host,
        port=login.port,
        user=login.user,
        password=login.password,
        unix_socket=login.unix_socket or None,
        connect_timeout=login.connect_timeout,
        read_timeout=max(login.read_timeout, login.connect_timeout),
        write_timeout=max(login.read_timeout, login.connect_timeout),
        charset="utf8mb4",
        autocommit=True,
        ssl=context,
        defer_connect=True,
    )
    server: Optional[Server] = None
    try:
        driver.connect()
    except MissingLibraryError:
        raise
    except Exception as error:
        server = parse_server(getattr(driver, "server_version", "") or "")
        raise _failed(error, server, context is not None) from error
    server = parse_server(driver.server_version)
    if server is None:
        driver.close()
        raise ConnectError(Failure(facts.NOT_A_DATABASE, 0, f"its version is {driver.server_version!r}"))
    return Connection(driver, server, tls_problem)


def _context(login: Login, ssl_mode: str) -> ssl.SSLContext:
    try:
        return tls_context(ssl_mode, login.ca_cert, login.client_cert, login.client_key)
    except (OSError, ValueError) as error:
        raise ConnectError(
            Failure(facts.TLS, 0, f"certificate files cannot be used ({login.ca_cert}, {login.client_cert}): {error}")
        ) from error


def _failed(error: Exception, server: Optional[Server], encrypted: bool) -> Exception:
    """What a failed connection means. A server is known once its greeting was there."""
    cause = getattr(error, "original_exception", None) or error
    code, message = _words(error)
    if isinstance(cause, ssl.SSLError) or (server and encrypted and isinstance(cause, OSError)):
        return ConnectError(Failure(facts.TLS, 0, str(cause)), server)
    if isinstance(cause, OSError):  # the reason without the driver's wrapping
        return ConnectError(Failure(facts.OTHER if server else facts.UNREACHABLE, 0, str(cause)), server)
    for word, library in _LIBRARIES.items():
        if isinstance(error, RuntimeError) and word in str(error):
            return MissingLibraryError(library)
    if not isinstance(error, pymysql.err.MySQLError):
        message = f"unintelligible answer ({type(error).__name__})"
        return ConnectError(Failure(facts.OTHER if server else facts.NOT_A_DATABASE, 0, message), server)
    if not server and code in (0, 2006, 2013):
        return ConnectError(Failure(facts.NOT_A_DATABASE, 0, message or "it closed the connection"))
    return ConnectError(Failure(_KINDS.get(code, facts.OTHER), code, message), server)


def _words(error: BaseException) -> tuple[int, str]:
    """Number and text of a driver's error, whichever of the two it has."""
    parts = error.args
    if len(parts) >= 2 and isinstance(parts[0], int):
        return parts[0], str(parts[1])
    return (parts[0], "") if parts and isinstance(parts[0], int) else (0, str(error))

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the source database shows of its history, asked as the capture account; nothing is written and nothing locked.

The binary log is read as server id 0, never as the connector: a second reader with its id would throw it out.
"""

from __future__ import annotations

import contextlib
import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

from event_log import source
from event_log.settings import Settings

from .shared import binlog, mysql
from .shared.history import HEAD, Event, Position, Remembered, Seen

try:
    import pymysql
except ImportError:
    pymysql = None  # type: ignore[assignment]

_CONNECT_SECONDS = 5
_READ_SECONDS = 15
_NO_BINLOG = 1381
_UNKNOWN_VARIABLE = 1193
_ESCAPED = re.compile(r"\\(u[0-9a-fA-F]{4}|.)")
_LETTERS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


class DatabaseError(Exception):
    """The database gave no usable answer; the message says which."""


@dataclass(frozen=True)
class Capture:
    """How the connector reaches its database: ``capture`` in source.json."""

    connector: str
    topic_prefix: str
    host: str
    port: int
    user: str
    password_file: str
    ca_file: str = ""
    ssl_mode: str = mysql.PREFERRED

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


def capture_of(settings: Settings) -> Optional[Capture]:
    """The site's own connector; None as long as there is none."""
    told = source.read(settings.home).get("capture")
    if not isinstance(told, dict):
        return None
    try:
        return Capture(
            connector=str(told["connector"]),
            topic_prefix=str(told["topic_prefix"]),
            host=str(told["host"]),
            port=int(told["port"]),
            user=str(told["user"]),
            password_file=str(told["password_file"]),
            ca_file=str(told.get("ca_file") or ""),
            ssl_mode=str(told.get("ssl_mode") or mysql.PREFERRED),
        )
    except (KeyError, TypeError, ValueError):
        return None


def password_in(text: str) -> str:
    """The password of a properties file as Java reads it, the way the collection writes it: ``password=…``."""
    lines = [line.partition("=") for line in text.splitlines()]
    value = next((value for key, _, value in lines if key.strip() == "password"), "").lstrip(" \t\f")
    return _ESCAPED.sub(_meant, value)


def _meant(found: re.Match[str]) -> str:
    what = found.group(1)
    return chr(int(what[1:], 16)) if len(what) == 5 else _LETTERS.get(what, what)


class Session:
    """A connection that stays: as long as it lives, it is the same server with the same history."""

    def __init__(self, capture: Capture) -> None:
        self.capture = capture
        self._driver = _connect(capture)
        version = str(self._driver.server_version)
        self._mariadb = "mariadb" in version.lower()
        numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
        self._status = "SHOW MASTER STATUS"
        if not self._mariadb and numbers >= (8, 2):
            self._status = "SHOW BINARY LOG STATUS"

    def _rows(self, statement: str) -> List[Tuple[Any, ...]]:
        with _told(self.capture), self._driver.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def files(self) -> Dict[str, int]:
        """The files of the binary log with their sizes, the oldest first; empty without one."""
        try:
            return {str(row[0]): int(row[1]) for row in self._rows("SHOW BINARY LOGS")}
        except DatabaseError as error:
            if _code(error) == _NO_BINLOG:
                return {}
            raise

    def end(self) -> Optional[Position]:
        """Where the binary log ends at present."""
        rows = self._rows(self._status)
        return Position(str(rows[0][0]), int(rows[0][1])) if rows else None

    def rows_of(self, tables: str) -> Dict[str, int]:
        """About how many rows the tables of a connector's list have, as the database estimates without counting."""
        wanted = [re.compile(one.strip(), re.IGNORECASE) for one in tables.split(",") if one.strip()]
        asked = "SELECT table_schema, table_name, table_rows FROM information_schema.tables WHERE table_rows > 0"
        found = {f"{schema}.{name}": int(rows) for schema, name, rows in self._rows(asked)}
        return {name: rows for name, rows in found.items() if any(one.fullmatch(name) for one in wanted)}

    def server_uuid(self) -> str:
        """MySQL's; MariaDB has none."""
        try:
            return str(self._rows("SELECT @@server_uuid")[0][0])
        except DatabaseError as error:
            if _code(error) == _UNKNOWN_VARIABLE:
                return ""
            raise

    def version(self) -> str:
        """As the server says it itself; the greeting of MariaDB 10 begins with a number of long ago."""
        return str(self._rows("SELECT @@version")[0][0]).partition("-")[0]

    def expiry(self) -> Optional[int]:
        """Seconds after which a file of the binary log is removed; 0 is for ever, None unknown."""
        if self._variable("binlog_expire_logs_auto_purge") == 0:
            return 0
        seconds, days = self._variable("binlog_expire_logs_seconds"), self._variable("expire_logs_days")
        if seconds or days is None:
            return None if seconds is None else int(seconds)
        return int(days * 86400)

    def _variable(self, name: str) -> Optional[float]:
        """A number; None where this version has no such variable."""
        try:
            return float(self._rows(f"SELECT @@{name}")[0][0])
        except DatabaseError as error:
            if _code(error) == _UNKNOWN_VARIABLE:
                return None
            raise

    def certificate(self) -> Optional[bytes]:
        """What the server showed of itself, in DER, trusted or not; None without TLS."""
        stream = getattr(self._driver, "_sock", None)
        return stream.getpeercert(binary_form=True) if isinstance(stream, ssl.SSLSocket) else None

    def created(self, file: str) -> Optional[int]:
        """When a file was begun; None when the server cannot send it."""
        with _told(self.capture), contextlib.closing(_connect(self.capture)) as driver:
            try:
                return binlog.file_created(driver, file)
            except pymysql.err.MySQLError as error:
                if error.args and error.args[0] == binlog.REFUSED:
                    return None
                raise

    def event(self, at: Position) -> Tuple[Optional[Event], bool]:
        """The event at a position, and whether one may be there: it begins there, or the file ends."""
        with _told(self.capture), contextlib.closing(_connect(self.capture)) as driver:
            try:
                found = binlog.event_at(driver, at.file, at.pos)
            except pymysql.err.MySQLError as error:
                if error.args and error.args[0] == binlog.REFUSED:
                    return None, False
                raise
        return (Event(at=at, **found), True) if found else (None, found is None)

    def close(self) -> None:
        with contextlib.suppress(pymysql.err.Error, OSError):
            self._driver.close()


def look(session: Session, known: Remembered) -> Seen:
    """All that ``history.compare`` needs: up to some five short readings of the binary log."""
    files = session.files()
    created = {file: session.created(file) for file in sorted(known.files) if file in files}
    event = None
    if known.event is not None and known.event.at.file in files:
        event, _ = session.event(known.event.at)
    newest, begins = known.newest, True
    if newest is not None and newest.pos > HEAD and files.get(newest.file, 0) > newest.pos:
        _, begins = session.event(newest)
    uuid = session.server_uuid()
    return Seen(files, created, event, begins, uuid)


def _connect(capture: Capture) -> Any:
    if pymysql is None:
        raise DatabaseError("Python's PyMySQL is not on this host (package python3-pymysql)")
    with _told(capture):
        password = password_in(Path(capture.password_file).read_text(encoding="utf-8"))
        try:
            return _open(capture, password, capture.ssl_mode)
        except (OSError, pymysql.err.MySQLError) as error:
            if capture.ssl_mode != mysql.PREFERRED or not _of_tls(error):
                raise
        # As the connector does with this mode: a server whose TLS is too old is spoken to without it.
        return _open(capture, password, mysql.DISABLED)


def _open(capture: Capture, password: str, ssl_mode: str) -> Any:
    context = None if ssl_mode == mysql.DISABLED else mysql.tls_context(ssl_mode, capture.ca_file or None)
    driver = mysql.driver_class(ssl_mode)(
        host=capture.host, port=capture.port, user=capture.user, password=password, connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS, write_timeout=_READ_SECONDS, charset="utf8mb4", autocommit=True, ssl=context,
        defer_connect=True,
    )  # fmt: skip
    driver.connect()
    return driver


def _of_tls(error: BaseException) -> bool:
    return "ssl" in f"{type(getattr(error, 'original_exception', error)).__name__} {error}".lower()


@contextlib.contextmanager
def _told(capture: Capture) -> Iterator[None]:
    """Every failure of driver, network or files as one kind, in words for a person and without the password."""
    try:
        yield
    except pymysql.err.MySQLError as error:
        code, words = (error.args[0], error.args[1]) if len(error.args) > 1 else (0, str(error) or "connection lost")
        raise DatabaseError(f"{capture.address} says: {words} ({code})") from error
    except (OSError, RuntimeError, ValueError) as error:
        raise DatabaseError(f"{capture.address}: {error}") from error


def _code(error: BaseException) -> int:
    cause = error.__cause__
    return int(cause.args[0]) if cause is not None and cause.args and isinstance(cause.args[0], int) else 0

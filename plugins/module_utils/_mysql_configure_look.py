# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at a database server as its administrator, and at the files that it reads, before anything is planned."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional, Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure_files as reading
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure_place as places
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure import FILE_NAME, Present, Request
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_files import Entry, Layout, Overlay
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_host import Host
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_place import Place
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_refuse import (
    UNTOUCHED,
    future_directory,
    incurable,
    listed,
    out_of_reach,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_values import POOL
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import (
    LOGIN,
    UNREACHABLE,
    Finding,
    Source,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import (
    ConnectError,
    Connection,
    Login,
    StatementError,
    open_connection,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_read import read_source
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_server import Server
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_source import assess


class ConfigureError(Exception):
    """The settings cannot be brought where they must be, and what to do about that."""


@dataclass(frozen=True)
class Seen:
    """The server as its administrator sees it, and how he got in."""

    server: Server
    present: Present
    login: Login
    place: Optional[Place] = None
    notes: tuple[str, ...] = ()
    help_text: str = ""
    binlog_directory: str = ""
    too_much: str = ""
    started: Optional[float] = None

    @property
    def address(self) -> str:
        """Where it listens, for messages."""
        return f"{self.login.host}:{self.login.port}"

    @property
    def place_name(self) -> str:
        """What it runs as, for messages."""
        return self.place.name if self.place else self.address


@dataclass(frozen=True)
class Files:
    """What the server reads, and where our file goes: `path` is the server's word for it, `host_path` this host's."""

    place: Place
    order: tuple[str, ...]
    groups: tuple[str, ...]
    path: str
    host_path: Path
    existing: Optional[str]
    modified: Optional[float] = None

    def layout_with(self, content: Optional[str]) -> Layout:
        """All that it would read with this text in our file."""
        return reading.read_files(self.order, Overlay(self.place, self.path, content))

    def entries_with(self, content: Optional[str]) -> Sequence[Entry]:
        """The settings that would come of it."""
        return reading.entries(self.layout_with(content), self.groups, self.place.arguments)


def look(login: Login, request: Request, host: Host, container: str, persist: bool) -> Seen:
    """Find the server and ask it everything; refuse what no setting can cure."""
    place = host.find(container, login.port) if container or places.local(login.host) else None
    login, connection = _administer(login, place)
    try:
        server = connection.server
        directory, judged = _binlog_directory(connection, place, request)
    finally:
        connection.close()
    wanted = replace(request.wanted, user=login.user, check_access=False, binlog_directory=judged)
    source = read_source(login, wanted)
    if source.failure or source.server is None:
        raise ConfigureError(f"{server.name} broke off while it was looked at: {source.failure}. {UNTOUCHED}")
    if place is None and not persist:
        raise ConfigureError(out_of_reach(source.server, login, host))
    findings = assess(source, wanted).findings
    refused = [finding for finding in findings if incurable(finding, source, request)]
    if refused:
        raise ConfigureError(listed(source.server, login, refused))
    connection = open_connection(login)
    try:
        help_text = host.help(place) if place else ""
        present = _present(connection, source, request, help_text)
        notes = [*_old_sessions(connection), *_of_switching_on(findings, request)]
        started = _started(connection, source)
    finally:
        connection.close()
    too_much = next((finding.what for finding in findings if finding.id == "expiry_exceeds_disk"), "")
    return Seen(source.server, present, login, place, tuple(notes), help_text, directory, too_much, started)


def login_after(seen: Seen, place: Place) -> Login:
    """How to get in again after a restart: the socket of a container lies under its new process."""
    if seen.login.unix_socket and seen.place and seen.login.unix_socket == seen.place.unix_socket:
        return replace(seen.login, unix_socket=place.unix_socket)
    return seen.login


def files_of(seen: Seen, place: Place, settings_dir: str) -> Files:
    """The server's files in its order, and the directory of them that our own goes into."""
    listed, groups = reading.default_files(seen.help_text)
    order = reading.reading_order(listed, place.arguments, place.environment)
    names = reading.group_names(groups, place.arguments)
    base = reading.read_files(order, place)
    directory = _directory(place, base.directories, settings_dir, order)
    path = posixpath.join(directory, FILE_NAME)
    host_path = Path(place.outside(directory)) / FILE_NAME
    try:
        modified: Optional[float] = place.on_host(path).stat().st_mtime
    except OSError:
        modified = None
    return Files(place, tuple(order), tuple(names), path, host_path, place.read(path), modified)


def _directory(place: Place, included: Sequence[str], settings_dir: str, order: Sequence[str]) -> str:
    """The directory that the server includes last and that somebody on the host can write."""
    reachable = {item: place.outside(item) for item in included if place.on_host(item).is_dir()}
    reachable = {item: outside for item, outside in reachable.items() if outside and Path(outside).is_dir()}
    if settings_dir:
        for item, outside in reachable.items():
            if posixpath.realpath(settings_dir) == posixpath.realpath(outside):
                return item
        known = ", ".join(reachable.values()) or "none"
        raise ConfigureError(
            f"mysql_binlog_settings_dir is {settings_dir}, which the server ({place.name}) does not read. Directories "
            f"of this host that it reads: {known}. {UNTOUCHED}"
        )
    if reachable:
        return list(reachable)[-1]
    read = ", ".join(item for item in order if place.read(item) is not None) or "no file at all"
    if place.container:
        remedy = (
            f"Mount a directory of the host at {included[-1] if included else '/etc/mysql/conf.d'} of the container, "
            "make the container anew, and run again"
        )
    else:
        remedy = (
            "Make a directory such as /etc/mysql/conf.d, add the line !includedir with it at the end of that file, "
            "and run again"
        )
    raise ConfigureError(
        f"The server ({place.name}) reads {read} and no directory that could take a settings file of its own. "
        f"{remedy}; or paste the settings that mysql_binlog_mode: verify prints. {UNTOUCHED}"
    )


def _administer(login: Login, place: Optional[Place]) -> tuple[Login, Connection]:
    """Through the socket where there is one, else, or where that is refused, over the network with the password."""
    ways = []
    if login.unix_socket:
        ways.append(login)
    elif place and place.unix_socket:
        ways.append(replace(login, unix_socket=place.unix_socket))
    if not login.unix_socket and (login.password or not ways):
        ways.append(login)
    said = []
    for way in ways:
        try:
            return way, open_connection(way)
        except ConnectError as error:
            said.append(f"{way.unix_socket or f'{way.host}:{way.port}'}: {error.failure.message}")
            kind = error.failure.kind
            if kind not in (LOGIN, UNREACHABLE):
                break
    raise ConfigureError(
        f"The administrator {login.user} cannot log in ({'; '.join(said)}). Set mysql_binlog_admin_user and "
        "mysql_binlog_admin_password to an administrator of the database, or mysql_binlog_admin_socket to the socket "
        f"where root needs no password; or correct event_log_database_host and event_log_database_port. {UNTOUCHED}"
    )


def _present(connection: Connection, source: Source, request: Request, help_text: str) -> Present:
    variables = dict(source.variables)
    for name in (*request.further, *POOL, "log_error"):
        rows = connection.query("SHOW GLOBAL VARIABLES WHERE Variable_name = %s", (name,))
        variables.update({str(row["Variable_name"]).lower(): str(row["Value"]) for row in rows})
    unknown = [name for name in request.further if name not in variables]
    if unknown:
        raise ConfigureError(
            f"mysql_binlog_settings names {', '.join(unknown)}, which {connection.server.name} does not have. "
            f"{UNTOUCHED}"
        )
    source = replace(source, variables=variables)
    persisted = {
        str(row["n"]).lower(): str(row["v"])
        for row in _rows(
            connection, "SELECT VARIABLE_NAME AS n, VARIABLE_VALUE AS v FROM performance_schema.persisted_variables"
        )
    }
    read_only = frozenset(
        str(row["n"]).lower()
        for row in _rows(
            connection, "SELECT VARIABLE_NAME AS n FROM information_schema.SYSTEM_VARIABLES WHERE READ_ONLY = 'YES'"
        )
    )
    return Present(source, reading.defaults(help_text) if help_text else {}, persisted, read_only)


def _binlog_directory(connection: Connection, place: Optional[Place], request: Request) -> tuple[str, str]:
    """Where this host finds the binary log of a container; a native server's own word is good enough.

    The second is where to look at the disk: also of a binary log that is off, for it would be switched on.
    """
    given = request.wanted.binlog_directory
    if given or place is None:
        return given, given
    rows = _rows(connection, "SELECT @@GLOBAL.log_bin_basename AS base, @@GLOBAL.datadir AS data")
    base, data = (str(rows[0].get(name) or "") for name in ("base", "data")) if rows else ("", "")
    if not base:
        return "", future_directory(place, request, data)
    found = place.outside(posixpath.dirname(base)) if place.container else ""
    return found, found


def _of_switching_on(findings: Sequence[Finding], request: Request) -> list[str]:
    """What to know before the binary log is on; the look at the end would no longer say it."""
    return [
        f"{finding.what} {finding.why} {finding.fix}"
        for finding in findings
        if finding.id == "function_creators" and "log_bin_trust_function_creators" not in request.further
    ]


def _started(connection: Connection, source: Source) -> Optional[float]:
    """When the server was started, by its own clock."""
    uptime = [str(row["Value"]) for row in _rows(connection, "SHOW GLOBAL STATUS LIKE 'Uptime'")]
    return source.now - int(uptime[0]) if source.now and uptime and uptime[0].isdigit() else None


def _old_sessions(connection: Connection) -> list[str]:
    """Sessions that still write what no event can be made of; only MySQL can tell."""
    rows = _rows(
        connection,
        "SELECT VARIABLE_NAME AS n, VARIABLE_VALUE AS v, COUNT(*) AS c FROM performance_schema.variables_by_thread"
        " WHERE (VARIABLE_NAME = 'binlog_format' AND VARIABLE_VALUE <> 'ROW')"
        " OR (VARIABLE_NAME = 'binlog_row_image' AND VARIABLE_VALUE = 'MINIMAL') GROUP BY n, v",
    )
    return [
        f"{row['c']} open sessions still have {row['n']} = {row['v']}: restart what they belong to, usually OpenMRS."
        for row in rows
    ]


def _rows(connection: Connection, statement: str) -> list[dict[str, object]]:
    """Rows of a table that only some servers have."""
    try:
        return connection.query(statement)
    except StatementError:
        return []

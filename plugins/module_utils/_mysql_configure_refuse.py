# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stops everything before the first change, in words: what no setting cures, a disk that is too full for a binary
log, a directory that it could not be written to, files out of reach. Only looks.
"""

from __future__ import annotations

import posixpath
import stat
from pathlib import Path
from typing import Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure_place as places
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure import NAMES, Request
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_host import Host
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_place import Place
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_values import meets
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import ERROR, Finding, Source
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import Login
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_server import Server
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_space import LITTLE

UNTOUCHED = "Nothing was changed."


def incurable(finding: Finding, source: Source, request: Request) -> bool:
    """What neither a setting of ours nor the capture account would put right."""
    if finding.id == "disk_nearly_full" and source.text("log_bin") == "OFF":
        # A binary log that is switched on begins to fill it.
        return source.disk is not None and source.disk.free < LITTLE
    if finding.severity != ERROR:
        return False
    if finding.settings:
        # Whether the server listens on the network, say, is for its owner to decide.
        first = finding.settings[0].name
        return first not in NAMES and first not in request.further
    return not (finding.global_grants or finding.select or finding.login)


def listed(server: Server, login: Login, findings: Sequence[Finding]) -> str:
    """All of them at once."""
    lines = [f"{server.name} at {login.host}:{login.port} cannot be made ready by settings:"]
    for number, finding in enumerate(findings, 1):
        lines.append(f"{number}. {finding.what} [{finding.id}]\n   Fix: {finding.fix}")
        if finding.settings:
            pairs = ", ".join(f"{setting.name}: {setting.value}" for setting in finding.settings)
            lines.append(f"   Or, if its owner agrees: mysql_binlog_settings: {{{pairs}}}")
    return "\n".join([*lines, UNTOUCHED])


def future_directory(place: Place, request: Request, datadir: str) -> str:
    """Where a binary log that is off would be written, as this host reaches it; empty when that is not known."""
    name = request.further.get("log_bin", "")
    if not datadir.startswith("/"):
        return ""
    directory = posixpath.dirname(posixpath.join(datadir, name or "binlog"))
    return place.outside(directory) or str(place.on_host(directory))


def unusable(place: Place, request: Request, source: Source) -> str:
    """Why the server could not write its binary log where the site wants it; empty when it can, or is there already."""
    name = request.further.get("log_bin", "")
    if "/" not in name or meets("log_bin", name, source.variables):
        return ""
    directory = posixpath.dirname(posixpath.join(source.variables.get("datadir", "/"), name))
    try:
        if not place.on_host(directory).is_dir():
            return f"{directory} is no directory that the server sees"
        parents = [str(parent) for parent in Path(directory).parents]
        groups = _groups(place)
        closed = [path for path in parents if not _may(place.on_host(path), place, groups, stat.S_IXOTH)]
        if closed:
            return f"the server's user ({place.uid}) may not pass {closed[-1]}"
        if not _may(place.on_host(directory), place, groups, stat.S_IWOTH | stat.S_IXOTH):
            return f"the server's user ({place.uid}) may not write to {directory}"
    except OSError as error:
        return f"{directory}: {error.strerror}"
    return ""


def _may(path: Path, place: Place, groups: frozenset[int], bits: int) -> bool:
    found = path.stat()
    if place.uid == 0:
        return True
    shift = 6 if found.st_uid == place.uid else 3 if found.st_gid in groups else 0
    return (found.st_mode >> shift) & bits == bits


def _groups(place: Place) -> frozenset[int]:
    try:
        lines = Path(f"{place.proc}/{place.pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    further = next((line.split()[1:] for line in lines if line.startswith("Groups:")), [])
    return frozenset({place.gid, *(int(group) for group in further)})


def out_of_reach(server: Server, login: Login, host: Host) -> str:
    """Why the files of a server cannot be reached, and the ways that there are."""
    names = host.containers_on(login.port) if places.local(login.host) else []
    if names:
        return (
            f"{server.name} at {login.host}:{login.port} runs in container {', '.join(names)}: set "
            f"mysql_binlog_container to that name. {UNTOUCHED}"
        )
    ways = ["run with mysql_binlog_mode: verify and give its owner what that prints"]
    if places.local(login.host):
        ways.insert(0, "set mysql_binlog_container if it runs in a container of this host")
    if not server.mariadb and server.version >= (8, 0, 0):
        ways.append("set mysql_binlog_persist to true to have the dynamic settings kept by the server (SET PERSIST)")
    return (
        f"The settings files of {server.name} at {login.host}:{login.port} are out of reach: no server process of this "
        f"host listens there. {'; or '.join(ways)}. {UNTOUCHED}"
    )

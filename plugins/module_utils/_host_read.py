# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads of a Linux host that need no package: accounts, directories, listening ports, memory."""

from __future__ import annotations

import grp
import json
import os
import pwd
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable, Iterable

from ansible_collections.openmrs.event_log.plugins.module_utils import _guard_memory
from ansible_collections.openmrs.event_log.plugins.module_utils._host_broker import KRAFT, ZOOKEEPER, Kept
from ansible_collections.openmrs.event_log.plugins.module_utils._host_check import MB, Directory, Disk, Port

#: State "listening" in /proc/net/tcp (Linux, include/net/tcp_states.h).
LISTEN = "0A"


def users() -> dict[str, int]:
    return {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}


def groups() -> dict[str, int]:
    return {entry.gr_name: entry.gr_gid for entry in grp.getgrall()}


def memory_mb(meminfo: Path = Path("/proc/meminfo")) -> int:
    found = re.search(r"^MemTotal:\s+(\d+) kB", meminfo.read_text(encoding="ascii"), re.MULTILINE)
    return int(found.group(1)) // 1024 if found else 0


def existing_parent(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def read_directory(wanted: Directory) -> Directory:
    """Fill in what the disk says about a wanted directory, or about the parent that it will be made in."""
    path = Path(wanted.path)
    space = os.statvfs(existing_parent(path))
    seen = replace(
        wanted,
        free_mb=space.f_bavail * space.f_frsize // MB,
        read_only=bool(space.f_flag & os.ST_RDONLY),
        exists=path.exists(),
    )
    if not seen.exists:
        return seen
    if not path.is_dir():
        return replace(seen, is_directory=False)
    entries = tuple(entry.name for entry in path.iterdir() if entry.name != "lost+found")
    return replace(seen, uid=path.stat().st_uid, entries=entries)


def read_disk(wanted: Disk) -> Disk:
    """Fill in what is free on the disk and what lies below the path; a directory that is not there holds nothing."""
    path = Path(wanted.path)
    space = os.statvfs(existing_parent(path))
    held = 0
    for folder, _folders, files in os.walk(path):
        for name in files:
            try:
                held += (Path(folder) / name).lstat().st_blocks * 512
            except OSError:
                continue  # deleted meanwhile
    return replace(wanted, free_mb=space.f_bavail * space.f_frsize // MB, held_mb=held // MB)


def hold_reason(home: Path) -> str | None:
    """Return what the file ``hold`` says, cut short; ``None`` where there is none."""
    hold = home / "hold"
    if not hold.exists():
        return None
    try:
        return " ".join(hold.read_text(encoding="utf-8", errors="replace")[:200].split())
    except OSError:
        return ""


def guard_hold(directory: Path) -> dict[str, str] | None:
    """Return why the guard holds the worker back, and the way out; ``None`` where it does not, or is not there."""
    try:
        remembered = json.loads((directory / _guard_memory.NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    hold = remembered.get(_guard_memory.HOLD) if isinstance(remembered, dict) else None
    if not isinstance(hold, dict) or not hold.get("id"):
        return None
    return {key: " ".join(str(hold.get(key) or "").split()) for key in ("id", "what", "remedy")}


def listening_inodes(port: int, tables: tuple[str, ...] = ("/proc/net/tcp", "/proc/net/tcp6")) -> set[str]:
    """Return the socket inodes that listen on ``port`` on any address."""
    inodes = set()
    for table in tables:
        if not Path(table).exists():
            continue
        for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTEN and int(fields[1].rsplit(":", 1)[1], 16) == port:
                inodes.add(fields[9])
    return inodes


def pids_of(inodes: set[str]) -> list[int]:
    wanted = {f"socket:[{inode}]" for inode in inodes}
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(os.readlink(fd) in wanted for fd in (process / "fd").iterdir()):
                found.append(int(process.name))
        except OSError:
            continue  # ended meanwhile, or another user's
    return sorted(found)


def parents(pid: int) -> list[int]:
    """Return ``pid`` and its ancestors."""
    chain = []
    while pid > 0:
        chain.append(pid)
        try:
            status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
        except OSError:
            break
        found = re.search(r"^PPid:\s+(\d+)", status, re.MULTILINE)
        pid = int(found.group(1)) if found else 0
    return chain


def describe(pid: int) -> str:
    try:
        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        name = "a process"
    return f"{name} (pid {pid})"


@dataclass(frozen=True)
class Container:
    """A running container: its first process, and the ports of the host that Docker passes on to it."""

    name: str
    pid: int
    project: str
    ports: frozenset[int]


def read_port(wanted: Port, own_pids: set[int], containers: Callable[[], Iterable[Container]] = tuple) -> Port:
    """Say who holds the port; a holder that descends from one of ``own_pids`` is ours and does not count.

    ``containers`` is only asked when somebody else holds it.
    """
    inodes = listening_inodes(wanted.number)
    if not inodes:
        return wanted
    holders = pids_of(inodes)
    if holders and all(own_pids.intersection(parents(pid)) for pid in holders):
        return wanted
    seen = replace(wanted, holder=describe(holders[0]) if holders else "another program")
    chain = set(parents(holders[0])) if holders else set()
    for container in containers():
        if container.pid in chain or wanted.number in container.ports:
            return replace(seen, container=container.name, project=container.project)
    return seen


def broker_data(log_dir: Path, zookeeper_dir: Path, marker: Path) -> Kept:
    """What a broker and a ZooKeeper have left here. The broker says in ``meta.properties`` what it is."""
    known = _properties(log_dir / "meta.properties")
    zookeeper = any((zookeeper_dir / "version-2").glob("*"))
    mode = ""
    if known:
        mode = KRAFT if "node.id" in known else ZOOKEEPER if "broker.id" in known else ""
    elif (log_dir / "__cluster_metadata-0").exists():
        mode = KRAFT
    elif zookeeper:
        mode = ZOOKEEPER
    return Kept(known.get("cluster.id", ""), mode, zookeeper, marker.exists())


def _properties(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {key.strip(): value.strip() for key, value in pairs}

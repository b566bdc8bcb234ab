# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the process of a database server on this host, natively or in a container, and what belongs to it: its files as
it sees them, its socket, its unit. Reads /proc as root; asks the engine only about containers.
"""

from __future__ import annotations

import json
import os
import posixpath
import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, Optional, Sequence

PROGRAMS = ("mysqld", "mariadbd", "mysqld-debug")
_CONTAINERS = ("docker", "containerd", "libpod", "kubepods", "crio")
_LISTENING = "0A"
_DEEPEST = 40

Command = Callable[[Sequence[str]], "tuple[int, str, str]"]


class PlaceError(Exception):
    """The server cannot be found or reached here; the message says what to do."""


@dataclass(frozen=True)
class Mount:
    """A directory of the host that a container sees."""

    source: str
    destination: str


@dataclass(frozen=True)
class Place:
    """A running server and where its files are. `container` is a name, `unit` that of systemd; either may be empty."""

    pid: int
    program: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    uid: int
    gid: int
    directory: str
    unix_socket: str = ""
    unit: str = ""
    container: str = ""
    mounts: tuple[Mount, ...] = ()
    proc: str = "/proc"

    @property
    def root(self) -> str:
        """Where the server's root directory is for this host."""
        return f"{self.proc}/{self.pid}/root" if self.container else "/"

    @property
    def name(self) -> str:
        """How to call it in messages."""
        return f"container {self.container}" if self.container else self.unit or f"process {self.pid}"

    @property
    def can_restart(self) -> bool:
        """Whether there is somebody to ask for a restart."""
        return bool(self.container or self.unit)

    def on_host(self, path: str) -> Path:
        """A path of the server as this host reaches it; links lead where the server would follow them."""
        return Path(resolved(self.root, path))

    def read(self, path: str) -> Optional[str]:
        try:
            return self.on_host(path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None

    def names(self, directory: str) -> Sequence[str]:
        try:
            return [entry.name for entry in self.on_host(directory).iterdir()]
        except OSError:
            return ()

    def outside(self, path: str) -> str:
        """The same directory for whoever writes on the host; empty where it is inside the container only."""
        if not self.container:
            return resolved("/", path)
        real = "/" + posixpath.relpath(resolved(self.root, path), self.root)
        for mount in sorted(self.mounts, key=lambda item: len(item.destination), reverse=True):
            if real == mount.destination or real.startswith(mount.destination.rstrip("/") + "/"):
                return posixpath.normpath(mount.source + "/" + posixpath.relpath(real, mount.destination))
        return ""


def resolved(root: str, path: str) -> str:
    """The path below this root with all links followed as a process with that root would follow them."""
    done: list[str] = []
    todo = [part for part in path.split("/") if part]
    for _step in range(_DEEPEST * 8):
        if not todo:
            break
        part = todo.pop(0)
        if part in (".", ".."):
            done = done[:-1] if part == ".." else done
            continue
        here = posixpath.join(root, *done, part)
        if Path(here).is_symlink():
            target = _link(here)
            if target.startswith("/"):
                done = []
            todo = [piece for piece in target.split("/") if piece] + todo
            continue
        done.append(part)
    return posixpath.join(root, *done)


def find_native(port: int, proc: str = "/proc") -> Optional[Place]:
    """The server of this host that listens on the port, or the only one if it listens on no port at all."""
    found = [pid for pid in _servers(proc) if not _contained(pid, proc)]
    listening = [pid for pid in found if port in _ports(pid, proc)]
    silent = [pid for pid in found if not _ports(pid, proc)]
    chosen = listening or (silent if len(silent) == 1 else [])
    return _place(chosen[0], proc) if chosen else None


def find_unit(unit: str, proc: str = "/proc") -> Optional[Place]:
    """The server that a unit of systemd has started."""
    found = [pid for pid in _servers(proc) if _unit(pid, proc) == unit]
    return _place(found[0], proc) if found else None


def contained_on(port: int, proc: str = "/proc") -> list[int]:
    """Servers in containers on this host's network that listen on the port, to name them to whoever forgot to."""
    return [pid for pid in _servers(proc) if _contained(pid, proc) and port in _ports(pid, proc)]


def find_container(name: str, command: Command, docker: str, proc: str = "/proc") -> Place:
    """The server in a container."""
    state = inspect(name, command, docker)
    first = int(state["State"].get("Pid") or 0)
    if not state["State"].get("Running") or not first:
        raise PlaceError(f"Container {name} does not run: start it, then run again.")
    space = _link(f"{proc}/{first}/ns/mnt")
    inside = [pid for pid in _servers(proc) if _link(f"{proc}/{pid}/ns/mnt") == space]
    if not inside:
        raise PlaceError(f"No MySQL or MariaDB server runs in container {name}: correct mysql_binlog_container.")
    mounts = tuple(
        Mount(str(item["Source"]), str(item["Destination"]))
        for item in state.get("Mounts") or ()
        if item.get("Source") and item.get("Destination")
    )
    return _place(inside[0], proc, name, mounts)


def inspect(name: str, command: Command, docker: str) -> Mapping[str, Any]:
    """What the engine says about a container."""
    code, out, err = command([docker, "container", "inspect", name])
    if code:
        raise PlaceError(f"Docker knows no container {name} ({err.strip() or code}): correct mysql_binlog_container.")
    found = json.loads(out)[0]
    return found if isinstance(found, dict) else {}


def container_names(pids: Sequence[int], command: Command, docker: str) -> list[str]:
    """The names of the containers that these processes run in, as far as the engine tells."""
    code, out, _err = command([docker, "ps", "--quiet", "--no-trunc"])
    if code or not out.split():
        return []
    code, out, _err = command([docker, "container", "inspect", "--format", "{{.Name}} {{.State.Pid}}", *out.split()])
    spaces = {_link(f"/proc/{pid}/ns/mnt") for pid in pids}
    listed = [line.split() for line in out.splitlines() if line.strip()]
    return [name.lstrip("/") for name, pid in listed if _link(f"/proc/{pid}/ns/mnt") in spaces]


def local(host: str) -> bool:
    """Whether an address is one of this host's own."""
    try:
        answers = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except OSError:
        return False
    for family, kind, protocol, _name, address in answers:
        try:
            with socket.socket(family, kind, protocol) as probe:
                probe.bind(address)
                return True
        except OSError:
            continue
    return False


def _place(pid: int, proc: str, container: str = "", mounts: tuple[Mount, ...] = ()) -> Place:
    status = dict(line.partition(":")[::2] for line in _text(f"{proc}/{pid}/status").splitlines())
    environment = dict(part.partition("=")[::2] for part in _text(f"{proc}/{pid}/environ").split("\0") if part)
    arguments = tuple(part for part in _text(f"{proc}/{pid}/cmdline").split("\0") if part)[1:]
    root = f"{proc}/{pid}/root" if container else ""
    directory = _link(f"{proc}/{pid}/cwd")
    path = _unix_socket(pid, proc)
    if path and not path.startswith("/"):
        path = posixpath.join(directory, path)
    return Place(
        pid=pid,
        program=_program(pid, proc),
        arguments=arguments,
        environment=environment,
        uid=int((status.get("Uid") or "0 0").split()[1]),
        gid=int((status.get("Gid") or "0 0").split()[1]),
        directory=directory,
        unix_socket=resolved(root, path) if path and container else path,
        unit="" if container else _unit(pid, proc),
        container=container,
        mounts=mounts,
        proc=proc,
    )


def _servers(proc: str) -> Iterator[int]:
    for entry in sorted(Path(proc).iterdir(), key=lambda item: item.name):
        if entry.name.isdigit() and posixpath.basename(_program(int(entry.name), proc)) in PROGRAMS:
            yield int(entry.name)


def _program(pid: int, proc: str) -> str:
    program = _link(f"{proc}/{pid}/exe")
    return program[: -len(" (deleted)")] if program.endswith(" (deleted)") else program


def _contained(pid: int, proc: str) -> bool:
    if _link(f"{proc}/{pid}/ns/mnt") == _link(f"{proc}/1/ns/mnt"):
        return False
    groups = _text(f"{proc}/{pid}/cgroup")
    return any(word in part for part in groups.split("/") for word in _CONTAINERS if part.startswith(word))


def _unit(pid: int, proc: str) -> str:
    for line in _text(f"{proc}/{pid}/cgroup").splitlines():
        last = line.strip().rpartition("/")[2]
        if last.endswith(".service"):
            return last
    return ""


def _ports(pid: int, proc: str) -> set[int]:
    """TCP ports that this process itself listens on."""
    own = _inodes(pid, proc)
    found = set()
    for table in ("tcp", "tcp6"):
        for line in _text(f"{proc}/{pid}/net/{table}").splitlines()[1:]:
            fields = line.split()
            if len(fields) > 9 and fields[3] == _LISTENING and fields[9] in own:
                found.add(struct.unpack(">H", bytes.fromhex(fields[1].rpartition(":")[2]))[0])
    return found


def _unix_socket(pid: int, proc: str) -> str:
    """The path of the socket that it listens on for MySQL's protocol."""
    own = _inodes(pid, proc)
    found = []
    for line in _text(f"{proc}/{pid}/net/unix").splitlines()[1:]:
        fields = line.split()
        # Flags 00010000: it accepts connections.
        if len(fields) > 7 and fields[3] == "00010000" and fields[6] in own and "mysqlx" not in fields[7]:
            found.append(fields[7])
    return next((path for path in found if not path.startswith("@")), "")


def _inodes(pid: int, proc: str) -> set[str]:
    found = set()
    try:
        for entry in Path(f"{proc}/{pid}/fd").iterdir():
            target = _link(str(entry))
            if target.startswith("socket:["):
                found.add(target[len("socket:[") : -1])
    except OSError:
        pass
    return found


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""

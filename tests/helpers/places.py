# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a hunt looks on a server: what Docker, the journal and the process list tell, and files that others reach.

Each place is a shell command whose output, or files whose content, goes through `grep` on the server itself, so that
nothing of it travels. REST answers and topics are asked for in tests/helpers/hunt_stack.py.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from tests.helpers.hunt import Find, Forms

WORK = "/run/hunt"
FORMS = f"{WORK}/forms"
TOLD = f"{WORK}/told"
SEEN = f"{WORK}/processes"
WATCH = "hunt-watch"


class Shell(Protocol):
    """What a server can do for a hunt."""

    def sh(self, script: str, *, stdin: str | None = None, check: bool = True, timeout: float = 180) -> str: ...


@dataclass(frozen=True)
class Place:
    """A command that tells something, or that names files, each ended by a NUL. It must tell at least something."""

    name: str
    script: str
    files: bool = False

    @property
    def search(self) -> str:
        """Says how many bytes there were to look through (for files: of their names), then what was found."""
        grep = f"xargs -0r grep -aoFH -f {FORMS} -- <" if self.files else f"grep -aoF -f {FORMS}"
        return (
            f"LC_ALL=C; export LC_ALL; umask 077; {{ {self.script}\n}} >{TOLD} 2>/dev/null; wc -c <{TOLD}; "
            f"{grep} {TOLD} 2>/dev/null | sort -u | head -n 200; rm -f {TOLD}"
        )


DOCKER = (
    Place("docker inspect, containers", "docker ps -aq | xargs -r docker inspect"),
    Place("docker inspect, images", "docker images -q | sort -u | xargs -r docker image inspect"),
    Place("docker history", "docker images -q | sort -u | xargs -r -n 1 docker history --no-trunc"),
    Place(
        "docker inspect, volumes and networks",
        "docker volume ls -q | xargs -r docker volume inspect; docker network ls -q | xargs -r docker network inspect",
    ),
    Place("docker events", "docker events --since 24h --until 0s --format '{{json .}}'"),
    Place("container logs", "for c in $(docker ps -aq); do docker logs $c 2>&1; done"),
    Place("docker compose config", "docker compose --project-directory /opt/event-log config"),
)
PROCESSES = (
    Place("process list", "ps auxww"),
    Place("command lines", "cat /proc/[0-9]*/cmdline"),
    Place(
        "environments of services",
        "for p in $(ps -eo pid=,uid= | awk '$2 != 0 {print $1}'); do cat /proc/$p/environ; done",
    ),
)
JOURNAL = (Place("journal", "journalctl --output export --no-pager"),)
# The first two by everybody's right to read; a directory that keeps others out may be opened by somebody one day.
UNSEEN = r"-path /proc -o -path /sys -o -path /srv/images -o -path /usr/share -o -path /usr/lib -o -path /usr/bin"


def files(leave_out: Iterable[str] = (), root: str = "/") -> tuple[Place, ...]:
    """Files that others may read, those that pass by, and the event log's own beside its secrets and its data."""
    unwanted = "".join(f" -o -path {shlex.quote(path)}" for path in (*leave_out, WORK))
    prune = rf"\( {UNSEEN}{unwanted} \) -prune -o"
    foreign = r"-perm -o=r -o -perm -g=r ! -gid 0"
    at = root.rstrip("/")
    tops = " ".join(f"{at}/{top}" for top in ("tmp", "run", "var/tmp", "var/log", "root", "dev/shm"))
    own = rf"\( -path {at}/opt/event-log/secrets{unwanted} \) -prune -o"
    return (
        Place("files that others may read", rf"find {root} -xdev {prune} -type f \( {foreign} \) -print0", files=True),
        Place("temporary files and logs", f"find {tops} {prune} -type f -print0 2>/dev/null", files=True),
        Place("the event log's own files", f"find {at}/opt/event-log {own} -type f -print0", files=True),
    )


def everywhere(leave_out: Iterable[str] = ()) -> tuple[Place, ...]:
    return (*DOCKER, *PROCESSES, *JOURNAL, *files(leave_out))


@contextmanager
def forms_on(server: Shell, forms: Forms) -> Iterator[None]:
    """The forms as a file on the server, which nobody else can read and no hunt looks into."""
    server.sh(f"mkdir -p -m 700 {WORK} && umask 077 && cat > {FORMS}", stdin=forms.lines)
    try:
        yield
    finally:
        server.sh(f"rm -f {FORMS}")


def hunt(server: Shell, forms: Forms, places: Iterable[Place]) -> list[Find]:
    """Everything of the forms in these places."""
    found: list[Find] = []
    with forms_on(server, forms):
        for place in places:
            size, *lines = server.sh(place.search, check=False, timeout=300).splitlines() or ["0"]
            if int(size) == 0:
                raise AssertionError(f"{place.name}: nothing there to look through, which proves nothing")
            for line in lines:
                where, _, match = line.partition(":") if place.files else ("", "", line)
                found.append(forms.told(f"{place.name} {where}".strip(), match))
    return sorted(set(found), key=str)


# Short commands come and go between two looks; so one is taken every few milliseconds while a playbook runs.
WATCHER = r"""
import os, sys, time
seen = set()
with open(sys.argv[1], "ab", buffering=0) as kept:
    while True:
        for process in filter(str.isdigit, os.listdir("/proc")):
            for what in ("cmdline", "environ"):
                try:
                    with open(f"/proc/{process}/{what}", "rb") as told:
                        text = told.read()
                except OSError:
                    continue
                if text and hash(text) not in seen:
                    seen.add(hash(text))
                    kept.write(what.encode() + b" " + text + b"\n")
        time.sleep(0.03)
"""


@contextmanager
def watched(server: Shell) -> Iterator[Place]:
    """Every command line and environment that is seen while this is open; the place where they are afterwards."""
    server.sh(f"mkdir -p -m 700 {WORK} && umask 077 && : > {SEEN} && cat > {WORK}/watch.py", stdin=WATCHER)
    server.sh(f"systemd-run --quiet --collect --unit={WATCH} python3 {WORK}/watch.py {SEEN}")
    try:
        yield Place("processes during the run", f"cat {SEEN}")
    finally:
        server.sh(f"systemctl stop {WATCH}", check=False)

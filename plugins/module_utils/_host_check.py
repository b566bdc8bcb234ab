# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a host unfit, as sentences: pure functions over what ``_host_read`` saw.

Every finding names the variable of the inventory, its value, what was found and what to do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping, Sequence

MB = 1024 * 1024


@dataclass(frozen=True)
class Finding:
    """One reason why the run must not go on."""

    variable: str
    value: object
    what: str
    fix: str

    def sentence(self) -> str:
        return f"{self.variable} is {self.value!r}: {self.what} {self.fix}"


@dataclass(frozen=True)
class Account:
    """A system user or group that is wanted, with the variables that name it."""

    name: str
    number: int
    number_variable: str
    kind: str  # "user" or "group"


@dataclass(frozen=True)
class Directory:
    """A directory that a role will use. ``existing`` entries are names inside it, ``lost+found`` left out."""

    path: str
    variable: str
    owner: int
    owner_variable: str
    min_free_mb: int
    is_directory: bool = True
    exists: bool = False
    uid: int = -1
    entries: Sequence[str] = field(default_factory=tuple)
    free_mb: int = 0
    device: str = ""
    read_only: bool = False


@dataclass(frozen=True)
class Port:
    """A TCP port that a role will listen on. ``holder`` describes who has it now, empty when it is free."""

    number: int
    variable: str
    holder: str = ""


def account_findings(wanted: Account, by_name: Mapping[str, int], by_number: Mapping[int, str]) -> list[Finding]:
    """Refuse a number that somebody else holds, and a name that has another number."""
    holder = by_number.get(wanted.number)
    if wanted.name in by_name and by_name[wanted.name] != wanted.number:
        return [
            Finding(
                wanted.number_variable,
                wanted.number,
                f"the {wanted.kind} {wanted.name} exists here with the number {by_name[wanted.name]}.",
                f"Set {wanted.number_variable}: {by_name[wanted.name]} for this host to use it.",
            )
        ]
    if holder is not None and holder != wanted.name:
        return [
            Finding(
                wanted.number_variable,
                wanted.number,
                f"that number belongs to the {wanted.kind} {holder} on this host, whose files it would share.",
                f"Set {wanted.number_variable} for this host to a free number, for example {free_number(by_number)}.",
            )
        ]
    return []


def free_number(taken: Mapping[int, str], start: int = 1001) -> int:
    number = start
    while number in taken:
        number += 1
    return number


def directory_findings(wanted: Directory) -> list[Finding]:
    """Refuse what is not a directory, what others filled, and a disk that is read-only or too full."""
    found = []

    def add(what: str, fix: str) -> None:
        found.append(Finding(wanted.variable, wanted.path, what, fix))

    if wanted.exists and not wanted.is_directory:
        add("it is there, but it is not a directory.", "Move it away or choose another path.")
        return found
    if wanted.exists and wanted.entries and wanted.uid != wanted.owner:
        sample = ", ".join(sorted(wanted.entries)[:3])
        add(
            f"it holds files ({sample}) and belongs to uid {wanted.uid}, "
            f"not to {wanted.owner} ({wanted.owner_variable}).",
            "If these are the event log's data, hand them over with "
            f"`chown -R {wanted.owner}:{wanted.owner} {wanted.path}` and run again; otherwise choose another path. "
            "Nothing was changed.",
        )
    if wanted.read_only:
        add("its file system is mounted read-only.", "Repair and remount it before the next run.")
    if wanted.free_mb < wanted.min_free_mb:
        add(
            f"only {wanted.free_mb} MB are free there, {wanted.min_free_mb} MB are needed.",
            "Make room, or choose a path on a larger disk.",
        )
    return found


def port_findings(wanted: Port) -> list[Finding]:
    if not wanted.holder:
        return []
    return [
        Finding(
            wanted.variable,
            wanted.number,
            f"that port is in use by {wanted.holder}.",
            f"Stop that program, or set {wanted.variable} to a free port.",
        )
    ]


def memory_findings(variable: str, value: object, needed_mb: int, total_mb: int) -> list[Finding]:
    if not needed_mb or total_mb >= needed_mb:
        return []
    return [
        Finding(
            variable,
            value,
            f"this host has {total_mb} MB of memory, and that needs {needed_mb} MB beside the rest of the server.",
            "Choose a smaller profile or give the server more memory.",
        )
    ]


def cluster_findings(variable: str, wanted: str, on_disk: str, path: str) -> list[Finding]:
    """Refuse data of another cluster; they are taken over only when the inventory names their id."""
    if not on_disk or on_disk == wanted:
        return []
    return [
        Finding(
            variable,
            wanted,
            f"the data in {path} belong to the cluster {on_disk}.",
            f"Set {variable}: {on_disk} if these are this site's data, or use another data directory. "
            "They are left as they are.",
        )
    ]


def marker_findings(variable: str, path: str, marked: bool, formatted: bool) -> list[Finding]:
    """Refuse to format a second time: a lost mount looks like an empty directory."""
    if not marked or formatted:
        return []
    return [
        Finding(
            variable,
            path,
            "this host's broker kept its data there, and now the directory is empty. Is the disk mounted?",
            "Mount it and run again. If the data are truly gone and it may start anew, "
            "remove the marker file `formatted` from the project's directory.",
        )
    ]


def message(findings: Sequence[Finding]) -> str:
    """Return all findings as one message."""
    lines = [finding.sentence() for finding in findings]
    if len(lines) == 1:
        return lines[0]
    return "\n".join([f"{len(lines)} things stand in the way:", *(f"{n}. {line}" for n, line in enumerate(lines, 1))])

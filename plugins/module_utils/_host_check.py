# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a host unfit, as sentences: pure functions over what ``_host_read`` saw.

Every finding names the variable of the inventory, its value, what was found and what to do.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Mapping, Sequence

MB = 1024 * 1024
#: A clock that is off by more than this is worth a warning.
CLOCK_WARNING_S = 300


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
    """A TCP port that a role will listen on. ``holder`` describes who has it now, empty when it is free.

    ``container`` and ``project`` (of Compose) name where that program runs, if it does in a container.
    """

    number: int
    variable: str
    holder: str = ""
    container: str = ""
    project: str = ""


@dataclass(frozen=True)
class Clock:
    """The host's clock beside the one that the playbook runs by, both in seconds since 1970."""

    here: float
    there: float
    variable: str
    tolerance_s: int
    earliest: float = 0  # no clock that is right says less

    @property
    def off_s(self) -> float:
        return self.here - self.there


@dataclass(frozen=True)
class Disk:
    """What may be filled below ``path``, and the room that there is for it: free, and held there already."""

    path: str
    variable: str
    may_fill_mb: int
    decided_by: Sequence[str]
    free_mb: int = 0
    held_mb: int = 0

    @property
    def room_mb(self) -> int:
        return self.free_mb + self.held_mb


def architecture_findings(variable: str, tested: Sequence[str], machine: str) -> list[Finding]:
    if not tested or machine in tested:
        return []
    return [
        Finding(
            variable,
            list(tested),
            f"this host's processor is {machine}, for which neither the image nor the packages are made.",
            f"Use a server with a 64-bit Intel or AMD processor, or add {machine} there to try images of your own.",
        )
    ]


def clock_findings(clock: Clock) -> list[Finding]:
    """Refuse a clock that is off by days: events, logs and what is kept for how long all go by it."""
    says = f"this host's clock says {written(clock.here)} (UTC), which is"
    if abs(clock.off_s) > clock.tolerance_s:
        stamp = f"{written(clock.there)} UTC"
        what = f"{says} {span(clock.off_s)}: where the playbook runs it is {stamp}."
    elif clock.here < clock.earliest - clock.tolerance_s:
        stamp = "YYYY-MM-DD HH:MM:SS UTC"
        what = f"{says} before this release of the event log was made ({written(clock.earliest)})."
    else:
        return []
    fix = (
        "Set whichever is wrong, this host's with `timedatectl set-ntp true`, or without internet with "
        f"`timedatectl set-ntp false; timedatectl set-time '{stamp}'; hwclock --systohc`. "
        "If it is wrong after every power cut, the main board needs a new battery."
    )
    return [Finding(clock.variable, clock.tolerance_s, what, fix)]


def clock_warnings(clock: Clock) -> list[str]:
    """Say so when it is off by minutes."""
    if clock_findings(clock) or abs(clock.off_s) <= CLOCK_WARNING_S:
        return []
    return [f"This host's clock is {span(clock.off_s)} against the one that the playbook runs by: set one of them."]


def written(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


def span(seconds: float) -> str:
    """How far a clock is off, in the unit that fits."""
    size = abs(seconds)
    units = (("years", 365 * 86400), ("days", 86400), ("hours", 3600), ("minutes", 60))
    unit, length = next((pair for pair in units if size >= 2 * pair[1]), ("seconds", 1))
    return f"{round(size / length)} {unit} {'fast' if seconds > 0 else 'slow'}"


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


def disk_warnings(wanted: Disk) -> list[str]:
    """Say so when the disk is full before old data make way for new ones."""
    if wanted.may_fill_mb <= 0 or wanted.room_mb >= wanted.may_fill_mb:
        return []
    return [
        f"{wanted.variable} is {wanted.path!r}: up to {wanted.may_fill_mb} MB may be kept there in time, by "
        f"{' and '.join(wanted.decided_by)}, and there is room for {wanted.room_mb} MB. "
        f"A full disk stops the event log. Set {wanted.variable} to a path on a larger disk, "
        f"or {wanted.decided_by[-1]} to less."
    ]


def hold_findings(variable: str, home: str, hold: str | None) -> list[Finding]:
    """Refuse what somebody put on hold; ``hold`` is the reason that they wrote down, ``None`` without a hold."""
    if hold is None:
        return []
    return [
        Finding(
            variable,
            home,
            f"{home}/hold is there ({hold or 'no reason given'}), so nothing was changed.",
            "When the reason is gone, remove that file on the host and run again.",
        )
    ]


def guard_findings(variable: str, home: str, hold: Mapping[str, str] | None) -> list[Finding]:
    """Refuse what the guard holds back: a run would start the worker, and it would read what it must not."""
    if not hold:
        return []
    what = f"the guard keeps the worker from reading on: {hold['what']} Nothing was changed."
    return [Finding(variable, home, what, f"{hold['remedy']} Then run again.".strip())]


def port_findings(wanted: Port) -> list[Finding]:
    if not wanted.holder:
        return []
    holder, stop = wanted.holder, "Stop that program"
    if wanted.container:
        holder, stop = f"the container {wanted.container}, {holder}", f"Stop it (`docker stop {wanted.container}`)"
    if wanted.project:
        holder = f"the Compose project {wanted.project}: {holder}"
        stop = f"Stop that project (`docker compose --project-name {wanted.project} stop`)"
    return [
        Finding(
            wanted.variable,
            wanted.number,
            f"that port is in use by {holder}.",
            f"{stop}, or set {wanted.variable} to a free port.",
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


def message(findings: Sequence[Finding]) -> str:
    """Return all findings as one message."""
    lines = [finding.sentence() for finding in findings]
    if len(lines) == 1:
        return lines[0]
    return "\n".join([f"{len(lines)} things stand in the way:", *(f"{n}. {line}" for n, line in enumerate(lines, 1))])

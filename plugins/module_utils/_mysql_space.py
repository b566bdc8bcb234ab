# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast the binary log grows, and whether the disk holds it for as long as it is kept. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import (
    DAY,
    ERROR,
    INFO,
    WARNING,
    BinlogFile,
    Finding,
    Source,
    Wanted,
)

MB = 1048576
# Less than a day says nothing about a week: the night, the dump, the import of yesterday.
SHORTEST_SPAN = DAY
ALMOST_FULL = 0.05
LITTLE = 1024 * MB
NOTHING = 100 * MB
SOON_DAYS = 90


@dataclass(frozen=True)
class Growth:
    """What was measured, over which time."""

    bytes_per_day: float
    seconds: int


@dataclass(frozen=True)
class Forecast:
    """What keeping the binary log for some days takes, and what there is."""

    days: float
    growth: Growth
    needed: int
    present: int
    free: int

    @property
    def exceeds(self) -> bool:
        """Whether the disk is full before the first file expires."""
        return self.needed - self.present > self.free

    @property
    def days_left(self) -> float:
        """After how many days the free space is used up, if nothing is removed meanwhile."""
        return self.free / self.growth.bytes_per_day if self.growth.bytes_per_day else float("inf")

    def __str__(self) -> str:
        return (
            f"The binary log grows by {size(self.growth.bytes_per_day)} a day (measured over "
            f"{self.growth.seconds / DAY:.3g} days); {self.days:.3g} days of it take {size(self.needed)}, it takes "
            f"{size(self.present)} now, and {size(self.free)} are free"
        )


def growth(files: Optional[Sequence[BinlogFile]], now: Optional[int]) -> Optional[Growth]:
    """Bytes a day since the oldest file was begun; None when that is not known or too recent."""
    if not files or not now or files[0].created is None or now - files[0].created < SHORTEST_SPAN:
        return None
    seconds = now - files[0].created
    return Growth(sum(file.size for file in files) * DAY / seconds, seconds)


def forecast(source: Source, days: float) -> Optional[Forecast]:
    """What keeping the binary log for so many days takes; None when growth or disk are not known."""
    measured = growth(source.binlog_files, source.now)
    if measured is None or source.disk is None:
        return None
    present = sum(file.size for file in source.binlog_files or ())
    return Forecast(days, measured, int(measured.bytes_per_day * days), present, source.disk.free)


def wanted_days(source: Source, wanted: Wanted) -> float:
    """For how many days the binary log is or will be kept: an expiry is lengthened, never shortened."""
    return max((source.expiry_seconds or 0) / DAY, wanted.longest_outage_days)


def expiry_exceeds_disk(source: Source, wanted: Wanted) -> Optional[Finding]:
    if source.expiry_seconds is None or source.text("log_bin") == "OFF":
        return None
    expected = forecast(source, wanted_days(source, wanted))
    if expected is None:
        return None
    if source.expiry_seconds == 0 and source.disk and expected.days_left < SOON_DAYS:
        what = f"{expected}. Nothing removes files: the disk is full in about {expected.days_left:.0f} days"
    elif source.expiry_seconds and expected.exceeds:
        what = f"{expected}"
    else:
        return None
    return Finding(
        "expiry_exceeds_disk",
        WARNING,
        f"{what} ({source.disk.directory if source.disk else ''}).",
        "A full disk stops the database, and OpenMRS with it.",
        "Make room or move the binary log to a larger disk. A shorter expiry costs changes after a long outage: "
        "declare the longest outage that you really expect.",
    )


def disk_nearly_full(source: Source, wanted: Wanted) -> Optional[Finding]:
    disk = source.disk
    if disk is None or (disk.free >= LITTLE and disk.free >= ALMOST_FULL * disk.total):
        return None
    return Finding(
        "disk_nearly_full",
        ERROR if disk.free < NOTHING else WARNING,
        f"The disk with the binary log ({disk.directory}) has {size(disk.free)} of {size(disk.total)} left.",
        "A full disk stops the database, and OpenMRS with it.",
        "Make room before the event log is set up.",
    )


def binlog_directory(source: Source, wanted: Wanted) -> Optional[Finding]:
    if not source.disk_problem:
        return None
    return Finding(
        "binlog_directory",
        WARNING,
        f"{wanted.binlog_directory} is not the directory of the binary log on this host: {source.disk_problem}.",
        "Whether the disk is large enough cannot be told.",
        "Give the directory as this host sees it; for a database in a container that is where its volume lies.",
    )


def binlog_other_disk(source: Source, wanted: Wanted) -> Optional[Finding]:
    if source.disk is None or not source.disk.separate:
        return None
    return Finding(
        "binlog_other_disk",
        INFO,
        f"The binary log lies on a disk of its own ({source.disk.directory}, {size(source.disk.free)} free).",
        "Its free space counts for the expiry, not that of the tables; without it mounted the database does not start.",
        "Nothing, as long as that disk is watched, too.",
    )


RULES = (disk_nearly_full, expiry_exceeds_disk, binlog_directory, binlog_other_disk)


def size(number: float) -> str:
    """Bytes for people."""
    if number >= 1024 * MB:
        return f"{number / MB / 1024:.3g} GB"
    return f"{number / MB:.3g} MB"

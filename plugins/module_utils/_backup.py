# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup of the event log, as data: what is in it, what its files are called, which of them go, how long it takes."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, Iterable, List, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError

#: The first member of every archive.
MANIFEST = "event-log-backup.json"
SUFFIX = ".tar.zst.age"
PART = ".part"
FORMAT = 1
MB = 1000 * 1000
#: Left free beside the archive, so that a backup never fills the disk that the database may lie on.
RESERVE = 100 * MB
#: Megabytes of data in a second that a slow and a fast server pack.
SLOW, FAST = 15, 120
_SITE = re.compile(r"[a-z0-9][a-z0-9-]*")


class BackupError(EventLogError):
    """A backup or a restore cannot be, or broke off."""


@dataclass(frozen=True)
class Places:
    """Where the event log of a host is."""

    home: Path
    data: Path
    secrets: Path

    def leaves(self) -> Tuple[Path, ...]:
        """The directories in which the services keep their data."""
        return self.data / "kafka/data", self.data / "zookeeper/data", self.data / "zookeeper/txns"

    def data_entries(self) -> List[Path]:
        """What there is of data: offsets, connectors, schema history and events are all topics."""
        found = [self.leaves()[0] / "log"]
        for leaf in self.leaves()[1:]:
            found += [leaf / name for name in ("myid", "version-2")]
        return [path for path in found if path.exists()]

    def entries(self) -> List[Path]:
        """All that goes into a backup. Settings and secrets come first."""
        settings = [self.home / name for name in ("compose.yaml", "config", "formatted")] + [self.secrets]
        return [path for path in settings if path.exists()] + self.data_entries()

    def allows(self, path: Path) -> bool:
        """Whether a backup may bring back this entry."""
        data = [
            self.leaves()[0] / "log",
            *(leaf / name for leaf in self.leaves()[1:] for name in ("myid", "version-2")),
        ]
        return path in [*(self.home / name for name in ("compose.yaml", "config", "formatted")), self.secrets, *data]


@dataclass(frozen=True)
class Parent:
    """A directory above an entry, for a server that does not have it."""

    path: str
    uid: int
    gid: int
    mode: int


@dataclass(frozen=True)
class Manifest:
    """What an archive says of itself."""

    site: str
    made: str
    home: str
    data: str
    secrets: str
    entries: Tuple[str, ...]
    parents: Tuple[Parent, ...]
    files: int
    bytes: int
    images: Tuple[str, ...] = ()
    format: int = FORMAT

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"

    @property
    def places(self) -> Places:
        return Places(Path(self.home), Path(self.data), Path(self.secrets))


def read_manifest(text: str) -> Manifest:
    """The manifest of an archive; what cannot be one is refused."""
    try:
        found: Dict[str, Any] = json.loads(text)
        if found["format"] != FORMAT:
            raise BackupError(f"the archive has the form {found['format']!r}, and this collection reads {FORMAT}")
        parents = tuple(Parent(**one) for one in found.pop("parents"))
        entries, images = tuple(map(str, found.pop("entries"))), tuple(map(str, found.pop("images")))
        return Manifest(entries=entries, parents=parents, images=images, **found)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupError(
            "the archive is none that the playbook backup has made: what it says of itself cannot be read"
        ) from error


def check_site(site: str) -> None:
    if not _SITE.fullmatch(site):
        raise BackupError(f"event_log_site is {site!r}: small letters, digits and dashes")


def stamp(seconds: float) -> str:
    """A moment in UTC, as it stands in names."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y%m%dT%H%M%SZ")


def name_of(site: str, moment: str) -> str:
    return f"event-log-{site}-{moment}{SUFFIX}"


def pattern_of(site: str) -> re.Pattern[str]:
    """Names that a backup of this site gives itself, and of no other site."""
    return re.compile(rf"event-log-{re.escape(site)}-\d{{8}}T\d{{6}}Z{re.escape(SUFFIX)}")


def superseded(names: Iterable[str], site: str, keep: int) -> List[str]:
    """Which backups of the site go, the oldest first; the name carries the time."""
    own = sorted(name for name in names if pattern_of(site).fullmatch(name))
    return own[: max(len(own) - max(keep, 1), 0)]


def leftovers(names: Iterable[str], site: str) -> List[str]:
    """Halves of backups that were cut off, and checksums of backups that are gone."""
    there = set(names)
    found = []
    for name in sorted(there):
        whole = (
            name[: -len(PART)] if name.endswith(PART) else name[: -len(".sha256")] if name.endswith(".sha256") else ""
        )
        if whole and pattern_of(site).fullmatch(whole) and (name.endswith(PART) or whole not in there):
            found.append(name)
    return found


def checksum_line(digest: str, name: str) -> str:
    """As sha256sum writes and reads it."""
    return f"{digest}  {name}\n"


def read_checksum(text: str) -> str:
    found = re.match(r"([0-9a-f]{64})(\s|$)", text)
    if not found:
        raise BackupError("the file .sha256 beside the backup holds no checksum")
    return found[1]


def mb(number: int) -> str:
    return f"{number / MB:.1f} MB"


def seconds_told(seconds: float) -> str:
    """A span of time in words, rounded up."""
    whole = max(int(seconds + 0.999), 1)
    return f"{whole} s" if whole < 90 else f"{(whole + 59) // 60} min"


def span_told(size: int) -> str:
    """How long the event log stands still for so much data."""
    around = 15  # to stop and to start
    return f"{seconds_told(around + size / FAST / MB)} to {seconds_told(2 * around + size / SLOW / MB)}"


def room_problem(size: int, free: int, directory: Path) -> str:
    """An archive is at most as large as what goes in. Empty when there is room."""
    if free >= size + RESERVE:
        return ""
    return (
        f"{directory} has {mb(free)} free, and the backup of {mb(size)} may take as much, with {mb(RESERVE)} left "
        "free. Make room, or name another directory in event_log_backup_dir"
    )

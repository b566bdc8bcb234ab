# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup made: a look first, then the event log stopped for the time of the copy, then the older ones thinned out."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils import _backup, _backup_pipe
from ansible_collections.openmrs.event_log.plugins.module_utils._backup import BackupError, Manifest, Parent, Places
from ansible_collections.openmrs.event_log.plugins.module_utils._backup_stack import Stack, State
from ansible_collections.openmrs.event_log.plugins.module_utils._guard_memory import write_whole

#: Beside compose.yaml: the host command tells by it when the last backup was made.
RECORD = "backup.json"


@dataclass(frozen=True)
class Wish:
    """What to back up, to whom and where to."""

    site: str
    places: Places
    directory: Path
    recipients: Tuple[str, ...]
    keep: int = 3
    timeout: float = 180


@dataclass(frozen=True)
class Found:
    """What a look has shown."""

    entries: Tuple[Path, ...]
    files: int
    size: int
    free: int
    state: State
    removes: Tuple[str, ...]


class Backup:
    """One backup of one host."""

    def __init__(self, stack: Stack, wish: Wish) -> None:
        self._stack = stack
        self._wish = wish

    def look(self) -> Found:
        """What would be done. Raises where it cannot be, and nothing was changed then."""
        wish = self._wish
        _backup.check_site(wish.site)
        entries = wish.places.entries()
        if not wish.places.data_entries() or not (wish.places.home / "compose.yaml").is_file():
            raise BackupError(
                f"there is no event log to back up: {wish.places.data} holds no data, or {wish.places.home} no project "
                "(event_log_data_dir, event_log_home)"
            )
        inside = [path for path in entries if within(wish.directory, path)]
        if inside:
            raise BackupError(
                f"event_log_backup_dir is {wish.directory}, which is inside {inside[0]}: that itself is backed up"
            )
        if (wish.places.home / "former/files.json").exists():
            raise BackupError(
                "a change of the stack was begun and is neither verified nor taken back: run the playbook site first"
            )
        if (wish.places.home / "restore.json").exists():
            raise BackupError("a restore was begun here and is not finished: run the playbook restore again first")
        state, hold = self._stack.look_well(), self._stack.hold()
        if hold and state.runs:
            raise BackupError(
                f"{wish.places.home}/hold is there ({hold}), and while it is nobody stops and starts the event log"
            )
        files, size = measure(entries)
        free = free_bytes(wish.directory)
        problem = _backup.room_problem(size, free, wish.directory)
        if problem:
            raise BackupError(problem)
        there = [path.name for path in wish.directory.glob("event-log-*")] if wish.directory.is_dir() else []
        coming = _backup.name_of(wish.site, _backup.stamp(time.time()))
        removes = [name for name in _backup.superseded([*there, coming], wish.site, wish.keep) if name != coming]
        return Found(tuple(entries), files, size, free, state, tuple(removes))

    def make(self) -> Dict[str, Any]:
        """Make it; what the task returns."""
        wish = self._wish
        self.look()
        lacking = _backup_pipe.missing_programs()
        if lacking:
            raise BackupError(f"{', '.join(lacking)} is not on this host; the role event_backup installs it")
        _backup_pipe.try_recipients(wish.recipients)
        wish.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with alone(wish.places.home):
            found = self.look()
            self._tidy(_backup.leftovers([path.name for path in wish.directory.iterdir()], wish.site))
            name = _backup.name_of(wish.site, _backup.stamp(time.time()))
            target = wish.directory / name
            if target.exists():
                raise BackupError(f"{target} is there already: a second has not passed since it was made")
            packed, stood = self._standing_still(found, target)
            there = [path.name for path in wish.directory.iterdir()]
            removed = _backup.superseded(there, wish.site, wish.keep)
            self._tidy([each for one in removed for each in (f"{one}.sha256", one)])
            record = {"file": str(target), "bytes": packed.bytes, "made": int(time.time())}
            write_whole(wish.places.home / RECORD, record)
        told = {"file": str(target), "bytes": packed.bytes, "sha256": packed.sha256}
        return {**told, "standstill": round(stood, 1), "removed": removed}

    def _standing_still(self, found: Found, target: Path) -> Tuple[_backup_pipe.Packed, float]:
        """Copy while nothing runs. However that ends, what ran before is started."""
        if not found.state.runs:
            return self._copy(target), 0.0
        began = self._stack.clock.now()
        with self._stack.watched(found.state):
            try:
                self._stack.stop(found.state)
                packed = self._copy(target)
            except BaseException as error:
                self._start_after(error, found.state)
                raise
            try:
                self._stack.start(found.state, self._wish.timeout)
            except BackupError as error:
                raise BackupError(f"the backup {target} is whole, but {error}") from error
        return packed, self._stack.clock.now() - began

    def _start_after(self, error: BaseException, state: State) -> None:
        try:
            self._stack.start(state, self._wish.timeout)
        except BackupError as another:
            raise BackupError(f"no backup was made: {error}; and {another}") from error

    def _copy(self, target: Path) -> _backup_pipe.Packed:
        """Write the archive and its checksum under names that count only once they are whole."""
        wish, before = self._wish, self._stack.look()
        entries = wish.places.entries()
        files, size = measure(entries)
        part = target.with_name(target.name + _backup.PART)
        with tempfile.TemporaryDirectory(prefix="event-log-backup-") as folder:
            manifest = Path(folder) / _backup.MANIFEST
            manifest.write_text(self._manifest(entries, files, size).to_json(), encoding="utf-8")
            packed = _backup_pipe.pack(manifest, entries, wish.recipients, part, size)
        try:
            if self._stack.look() != before:
                raise BackupError("somebody started or stopped containers during the copy, which is thrown away")
            sums = target.with_name(target.name + ".sha256")
            _write(sums, _backup.checksum_line(packed.sha256, target.name))
            part.rename(target)
            _backup_pipe.sync_directory(wish.directory)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                part.unlink()
            raise
        return packed

    def _manifest(self, entries: Sequence[Path], files: int, size: int) -> Manifest:
        places = self._wish.places
        return Manifest(
            site=self._wish.site,
            made=_backup.stamp(time.time()),
            home=str(places.home), data=str(places.data), secrets=str(places.secrets),
            entries=tuple(map(str, entries)),
            parents=tuple(parents_of(entries, places)),
            files=files,
            bytes=size,
            images=images_of(places.home / "config/event-log.json"),
        )  # fmt: skip

    def _tidy(self, names: Sequence[str]) -> None:
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                (self._wish.directory / name).unlink()


def measure(entries: Sequence[Path]) -> Tuple[int, int]:
    """Number of files, and bytes on the disk."""
    files = size = 0
    for entry in entries:
        for path in [entry, *(Path(top) / name for top, _dirs, names in os.walk(entry) for name in names)]:
            with contextlib.suppress(FileNotFoundError):
                found = path.lstat()
                files += 0 if path.is_dir() else 1
                size += found.st_blocks * 512
    return files, size


def parents_of(entries: Sequence[Path], places: Places) -> List[Parent]:
    """The event log's own directories above the entries, the outermost first."""
    roots = (places.home, places.data, places.secrets)
    above = {parent for path in entries for parent in path.parents if any(within(parent, root) for root in roots)}
    found = []
    for path in sorted(above):
        seen = path.stat()
        found.append(Parent(str(path), seen.st_uid, seen.st_gid, seen.st_mode & 0o7777))
    return found


def images_of(settings: Path) -> Tuple[str, ...]:
    """The image that the host command knows; without it what was brought back cannot start."""
    try:
        return (str(json.loads(settings.read_text(encoding="utf-8"))["image"]),)
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def within(path: Path, top: Path) -> bool:
    return path == top or top in path.parents


def free_bytes(directory: Path) -> int:
    """Bytes free where a directory is, or will be."""
    there = next(path for path in (directory, *directory.parents) if path.is_dir())
    found = os.statvfs(str(there))
    return found.f_bavail * found.f_frsize


def _write(path: Path, text: str) -> None:
    handle = os.open(str(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


@contextlib.contextmanager
def alone(directory: Path) -> Iterator[None]:
    """One backup or restore at a time on this host."""
    handle = os.open(str(directory), os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BackupError("another backup or restore is at work on this host") from error
        yield
    finally:
        os.close(handle)

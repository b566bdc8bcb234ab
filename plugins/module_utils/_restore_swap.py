# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backup holds put in the place of what is there, by renaming, with a way back.

First all of it is unpacked beside its place. Then a journal says what is renamed to what, and only then anything is.
Whoever finds the journal knows that a restore was begun and is neither verified nor taken back, and can take it back.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tarfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, List, Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils import _backup_pipe
from ansible_collections.openmrs.event_log.plugins.module_utils._backup import BackupError, Manifest, Parent

JOURNAL = "restore.json"
_NEW, _FORMER = ".restore-new", ".restore-former"
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Move:
    """One entry: where it belongs, and whether there was something before."""

    target: str
    had: bool
    comes: bool

    @property
    def place(self) -> Path:
        return Path(self.target)

    @property
    def staged(self) -> Path:
        return staged(self.place)

    @property
    def former(self) -> Path:
        return self.place.parent / _FORMER / self.place.name


def staged(entry: Path) -> Path:
    """Where an entry is unpacked to: on the disk of its place, so that a rename brings it there."""
    return entry.parent / _NEW / entry.name


def check_member(member: tarfile.TarInfo, entries: Sequence[Path]) -> None:
    """Refuse what could end up somewhere else than in one of the entries."""
    path = Path("/") / member.name
    if not any(path == entry or entry in path.parents for entry in entries) or ".." in path.parts:
        raise BackupError(f"the archive holds {member.name}, which belongs to no part of the event log")
    if not (member.isreg() or member.isdir()):
        raise BackupError(f"the archive holds {member.name}, which is neither a file nor a directory")


def check_plain(entries: Sequence[Path]) -> None:
    """Refuse what cannot be renamed."""
    for entry in entries:
        if os.path.ismount(str(entry)) or entry.is_symlink():
            raise BackupError(
                f"{entry} is a mount point or a link, and a restore could not put it aside. Nothing was changed"
            )


def unpack(archive: tarfile.TarFile, entries: Sequence[Path]) -> int:
    """Unpack all members beside their places, with owner, mode and time; return the number of files."""
    files, directories = 0, []
    for member in _backup_pipe.members(archive):
        check_member(member, entries)
        path = Path("/") / member.name
        entry = next(one for one in entries if path == one or one in path.parents)
        target = staged(entry) / path.relative_to(entry)
        if member.isdir():
            target.mkdir(mode=0o700)
            directories.append((target, member))
            continue
        source = archive.extractfile(member)
        if source is None:
            raise BackupError(f"the archive holds {member.name}, which cannot be read")
        _write(target, source, member)
        files += 1
    for target, member in reversed(directories):
        _owned(target, member)
    return files


def _write(target: Path, source: IO[bytes], member: tarfile.TarInfo) -> None:
    """A file; zeros become holes again."""
    handle = os.open(str(target), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        for chunk in iter(lambda: source.read(_CHUNK), b""):
            if chunk.count(0) == len(chunk):
                stream.seek(len(chunk), os.SEEK_CUR)
            else:
                stream.write(chunk)
        stream.truncate(member.size)
    _owned(target, member)


def _owned(path: Path, member: tarfile.TarInfo) -> None:
    if os.geteuid() == 0:
        os.chown(str(path), member.uid, member.gid)
    path.chmod(member.mode)
    os.utime(str(path), (member.mtime, member.mtime))


class Swap:
    """The renaming, its journal and its way back."""

    def __init__(self, home: Path) -> None:
        self._home = home

    @property
    def begun(self) -> bool:
        """Whether a restore was begun and is not settled."""
        return (self._home / JOURNAL).is_file()

    def prepare(self, manifest: Manifest, there: Sequence[Path]) -> List[Move]:
        """Make the directories above the entries and those to unpack into. Nothing of what is there changes."""
        for parent in manifest.parents:
            _make(parent)
        comes = [Path(entry) for entry in manifest.entries]
        moves = [Move(str(path), path in there, path in comes) for path in dict.fromkeys([*comes, *there])]
        self.clean(moves)
        for move in moves:
            move.staged.parent.mkdir(mode=0o700, exist_ok=True)
        return moves

    def carry_out(self, moves: Sequence[Move]) -> None:
        """Rename. A failure, or a power cut, leaves a journal by which all of it is taken back."""
        os.sync()
        path = self._home / JOURNAL
        made = path.with_name(path.name + ".new")
        with made.open("w", encoding="utf-8") as stream:
            os.fchmod(stream.fileno(), 0o600)
            json.dump({"moves": [asdict(move) for move in moves]}, stream, indent=2)
            stream.flush()
            os.fsync(stream.fileno())
        made.rename(path)
        _backup_pipe.sync_directory(self._home)
        for move in moves:
            if move.had:
                move.former.parent.mkdir(mode=0o700, exist_ok=True)
                move.place.rename(move.former)
            if move.comes:
                move.staged.rename(move.place)
        os.sync()

    def take_back(self) -> None:
        """Put the former state back; also after a carrying out, or a taking back, that was cut off."""
        moves = self._moves()
        for move in reversed(moves):
            if move.had:
                if os.path.lexists(str(move.former)):
                    _remove(move.place)
                    move.former.rename(move.place)
            elif not os.path.lexists(str(move.staged)):
                _remove(move.place)
        os.sync()
        self._settle(moves)

    def keep(self) -> None:
        """What was brought back is well: the former state goes."""
        self._settle(self._moves())

    def clean(self, moves: Sequence[Move]) -> None:
        """Remove what lies beside the places."""
        for folder in {parent for move in moves for parent in (move.staged.parent, move.former.parent)}:
            _remove(folder)

    def _settle(self, moves: Sequence[Move]) -> None:
        # The journal goes first: without it, what lies beside the places is only waste.
        with contextlib.suppress(FileNotFoundError):
            (self._home / JOURNAL).unlink()
        _backup_pipe.sync_directory(self._home)
        self.clean(moves)

    def _moves(self) -> List[Move]:
        try:
            found = json.loads((self._home / JOURNAL).read_text(encoding="utf-8"))["moves"]
            return [Move(**one) for one in found]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BackupError(f"the journal of a restore, {self._home / JOURNAL}, cannot be read: {error}") from error


def _make(parent: Parent) -> None:
    path = Path(parent.path)
    if path.is_dir():
        return
    path.mkdir(mode=0o700, parents=True)
    if os.geteuid() == 0:
        os.chown(str(path), parent.uid, parent.gid)
    path.chmod(parent.mode)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(str(path))
    else:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()

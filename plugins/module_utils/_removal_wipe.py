# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files overwritten before they are removed, so that their bytes are not left where they were. Nothing of Ansible.

Once, with zeros, to the disk and not only to memory. That is as far as a program comes: a solid-state disk, a file
system that never writes in place (Btrfs, ZFS), a snapshot and a backup keep what was there before. Only encryption
of the volume covers those.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Tuple

#: What is written at a time, whatever the size of the file.
CHUNK = 1024 * 1024
_ZEROS = memoryview(bytes(CHUNK))


@dataclass(frozen=True)
class Contents:
    """The files below what goes: those whose content goes with them, and those that have another name elsewhere."""

    files: Tuple[Path, ...] = ()
    shared: Tuple[Path, ...] = ()


def contents(paths: Iterable[Path]) -> Contents:
    """Return the regular files at and below paths, each content once; links are not followed.

    A file with another name outside is somebody else's too, a copy by hard links for one: only the name goes then.
    """
    names: Dict[Tuple[int, int], List[Path]] = {}
    links: Dict[Tuple[int, int], int] = {}
    for path in _files(paths):
        try:
            seen = path.lstat()
        except FileNotFoundError:
            continue
        if stat.S_ISREG(seen.st_mode):
            names.setdefault((seen.st_dev, seen.st_ino), []).append(path)
            links[seen.st_dev, seen.st_ino] = seen.st_nlink
    own = Counter({inode: len(found) for inode, found in names.items()})
    whole = [found[0] for inode, found in names.items() if own[inode] >= links[inode]]
    shared = [path for inode, found in names.items() if own[inode] < links[inode] for path in found]
    return Contents(tuple(whole), tuple(shared))


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_symlink() or not path.is_dir():
            yield path
            continue
        for folder, _folders, files in os.walk(path):
            yield from (Path(folder) / name for name in files)


def overwrite(found: Contents) -> None:
    """Overwrite all files; each is on the disk before the next. One that has gone meanwhile is none."""
    for path in found.files:
        try:
            handle = os.open(str(path), os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            seen = os.fstat(handle)
            if stat.S_ISREG(seen.st_mode):
                for start, end in _written(handle, seen.st_size):
                    _zero(handle, start, end)
                os.fsync(handle)
        finally:
            os.close(handle)


def _zero(handle: int, start: int, end: int) -> None:
    while start < end:
        start += os.pwrite(handle, _ZEROS[: min(CHUNK, end - start)], start)


def _written(handle: int, size: int) -> Iterator[Tuple[int, int]]:
    """The parts of a file that are on the disk. A hole holds nothing, and to fill it could fill the disk."""
    start = 0
    while start < size:
        try:
            start = os.lseek(handle, start, os.SEEK_DATA)
            end = os.lseek(handle, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole from here on
                return
            end = size  # a file system that does not know its holes
        yield start, min(end, size)
        start = end

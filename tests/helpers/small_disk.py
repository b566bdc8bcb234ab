# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small disk of its own, as a file: what a full disk does, without filling that of this machine."""

from __future__ import annotations

import contextlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

MIB = 1024**2
BALLAST = "dump-of-somebody.sql"


class NoDiskError(RuntimeError):
    """This machine lets nobody mount a file."""


@dataclass(frozen=True)
class SmallDisk:
    """Where it is mounted."""

    path: Path

    def percent(self) -> float:
        """Free, of what a process that is not root may use."""
        found = os.statvfs(self.path)
        return 100 * found.f_bavail / (found.f_bavail + found.f_blocks - found.f_bfree)

    def leave(self, percent: float) -> None:
        """Let somebody else's file grow or shrink until so much is free."""
        ballast = self.path / BALLAST
        ballast.touch()
        found = os.statvfs(self.path)
        size = (found.f_bavail + found.f_blocks - found.f_bfree) * found.f_frsize
        more = found.f_bavail * found.f_frsize - int(size * percent / 100)
        wanted = max(0, ballast.stat().st_blocks * 512 + more)
        os.truncate(ballast, wanted)
        if wanted:
            with ballast.open("r+b") as stream:
                os.posix_fallocate(stream.fileno(), 0, wanted)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoDiskError(f"{' '.join(command)}: {done.stderr.strip()}")


@contextlib.contextmanager
def mounted(directory: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Yield a disk with ext4, which keeps 5 % for root as it does on servers."""
    image, place = directory / "disk.img", directory / "disk"
    place.mkdir()
    with image.open("wb") as stream:
        stream.truncate(megabytes * MIB)
    _run("mkfs.ext4", "-q", str(image))
    _run("mount", "-o", "loop", str(image), str(place))
    try:
        yield SmallDisk(place)
    finally:
        _run("umount", str(place))

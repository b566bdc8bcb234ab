# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Power cuts for real: a disk under test whose backing file is copied by reflink at any moment.

The disk is ext4 on a loop device with direct I/O; its backing file lies on an XFS, itself in a file. What the copy
holds is what a power cut at that moment would have left: data that nobody had synced is missing in it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

FICLONE = 0x40049409
POOL_SIZE = "48G"  # sparse: what the copies share is there once
DISK_SIZE = "3G"


PATH = (
    f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"  # where the tools for disks are, also for who is not at home there
)


def run(*words: str, check: bool = True) -> str:
    environment = {**os.environ, "PATH": PATH}
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120, env=environment)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout.strip()


def unmount(at: Path) -> None:
    """A program that was killed holds its files for a moment longer."""
    for _ in range(50):
        with contextlib.suppress(AssertionError):
            run("umount", str(at))
            return
        time.sleep(0.1)
    # A program with mounts of its own, such as another test's, holds what was there when it began.
    run("umount", "--lazy", str(at))


def missing_tools() -> list[str]:
    """What this machine lacks: the package xfsprogs, or rights."""
    missing = [
        tool
        for tool in ("mkfs.xfs", "mkfs.ext4", "losetup", "unshare", "docker")
        if shutil.which(tool, path=PATH) is None
    ]
    return missing + (["root"] if os.geteuid() else [])


@dataclass(frozen=True)
class Disk:
    """A file that holds a whole disk, and where it is mounted."""

    file: Path
    at: Path

    def copy(self, target: Path) -> Path:
        """The disk as a power cut at this moment leaves it; done within milliseconds, while everything runs on."""
        with self.file.open("rb") as source, target.open("wb") as copy:
            fcntl.ioctl(copy.fileno(), FICLONE, source.fileno())
        return target

    @contextlib.contextmanager
    def mounted(self) -> Iterator[Path]:
        """The file system's own journal is replayed here, as at the next boot."""
        self.at.mkdir(parents=True, exist_ok=True)
        loop = run("losetup", "--direct-io=on", "--find", "--show", str(self.file))
        try:
            run("mount", "-t", "ext4", loop, str(self.at))
            try:
                yield self.at
            finally:
                unmount(self.at)
        finally:
            run("losetup", "--detach", loop)

    @contextlib.contextmanager
    def looked_into(self) -> Iterator[Path]:
        """The same for a moment: thousands of copies are looked into."""
        self.at.mkdir(parents=True, exist_ok=True)
        run("mount", "-t", "ext4", "-o", "loop", str(self.file), str(self.at))
        try:
            yield self.at
        finally:
            unmount(self.at)


@contextlib.contextmanager
def pool(root: Path) -> Iterator[Path]:
    """Yield a directory on an XFS of its own, which is gone afterwards with all that lies in it."""
    root.mkdir(parents=True, exist_ok=True)
    backing, at = root / "pool.xfs", root / "pool"
    at.mkdir(exist_ok=True)
    backing.unlink(missing_ok=True)
    run("truncate", "--size", POOL_SIZE, str(backing))
    run("mkfs.xfs", "-q", "-m", "reflink=1", str(backing))
    loop = run("losetup", "--direct-io=on", "--find", "--show", str(backing))
    # A sync of the disk under test ends in this machine's memory: only the copies have to know what was synced, and how
    # fast this machine's own disk is would be measured otherwise.
    cache = Path("/sys/block", Path(loop).name, "queue", "write_cache")
    with contextlib.suppress(OSError):
        cache.write_text("write through", encoding="ascii")
    try:
        run("mount", "-t", "xfs", loop, str(at))
        try:
            yield at
        finally:
            unmount(at)
    finally:
        run("losetup", "--detach", loop)
        backing.unlink()


def new_disk(file: Path, at: Path, size: str = DISK_SIZE) -> Disk:
    run("truncate", "--size", size, str(file))
    run("mkfs.ext4", "-q", "-F", "-E", "nodiscard", "-J", "size=16", str(file))
    return Disk(file, at)

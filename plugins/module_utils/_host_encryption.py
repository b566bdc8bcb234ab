# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what lies below a directory is encrypted on its disk, as far as the kernel says.

From the file system's mount down through what its block device is made of: a dm-crypt anywhere on the way encrypts
all that is above it. A disk, a controller or a virtual machine's host may encrypt by itself; nobody sees that here.
"""

from __future__ import annotations

import fcntl
import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

ENCRYPTED, PLAIN, UNSEEN = "encrypted", "plain", "unseen"
#: File systems that encrypt whatever they are on.
_ENCRYPTING = ("ecryptfs", "fuse.gocryptfs", "fuse.encfs", "fuse.cryfs", "fuse.securefs")
_ZFS = "`zfs get encryption` tells"
#: FS_IOC_GETFLAGS and FS_ENCRYPT_FL (Linux, include/uapi/linux/fs.h): an fscrypt policy holds for the directory.
_GETFLAGS, _ENCRYPT_FLAG = 0x80086601, 0x00000800
#: Devices on devices; more is a circle.
_DEEPEST = 16


@dataclass(frozen=True)
class AtRest:
    """What was found: one of the three states, and what it lies on, in words."""

    state: str
    what: str


@dataclass(frozen=True)
class Kernel:
    """Where the kernel says what is mounted and what devices are made of."""

    mountinfo: Path = Path("/proc/self/mountinfo")
    sys: Path = Path("/sys")


@dataclass(frozen=True)
class Mount:
    """A line of mountinfo (Linux, Documentation/filesystems/proc.rst, 3.5)."""

    number: str
    point: Path
    kind: str
    source: str


def warnings(variable: str, path: str, silence: str, found: AtRest) -> list[str]:
    """Say so where patient data would lie in the clear on a disk; never more than a warning."""
    if found.state == ENCRYPTED:
        return []
    what = f"it lies on {found.what}, which is not encrypted, so that whoever has the disk can read every event."
    fix = "Move it to an encrypted volume (LUKS)"
    if found.state == UNSEEN:
        what = f"it lies on {found.what}, and whether that is encrypted cannot be seen from here."
        fix = "Make sure that it is"
    below = f"If it is encrypted further down, which nobody sees from here, set {silence} to false"
    return [f"{variable} is {path!r}: {what} {fix}. {below}. See docs/security.md."]


def at_rest(path: Path, kernel: Kernel = Kernel(), depth: int = 0) -> AtRest:
    """Look at a directory, or at the one that it will be made in."""
    while not path.exists() and path != path.parent:
        path = path.parent
    path = Path(os.path.realpath(path))
    mount = mount_of(path, kernel)
    if mount is None:
        return AtRest(UNSEEN, f"{path}, of which the mount is not known")
    told = f"{mount.source} ({mount.kind})"
    if mount.kind in _ENCRYPTING or _has_policy(path):
        return AtRest(ENCRYPTED, told)
    if mount.kind == "zfs":
        return AtRest(UNSEEN, f"the ZFS dataset {mount.source} ({_ZFS})")
    devices = list(_devices(mount, kernel))
    if not devices:
        return AtRest(UNSEEN, told)
    states = {_device_state(device, kernel, depth) for device in devices}
    return AtRest(next(state for state in (PLAIN, UNSEEN, ENCRYPTED) if state in states), told)


def mount_of(path: Path, kernel: Kernel) -> Mount | None:
    """Return the mount that a path without links is in: the longest, and of equal ones the last."""
    found: Mount | None = None
    for line in kernel.mountinfo.read_text(encoding="utf-8", errors="replace").splitlines():
        head, _dash, tail = line.partition(" - ")
        fields, rest = head.split(), tail.split()
        if len(fields) < 5 or len(rest) < 2:
            continue
        mount = Mount(fields[2], Path(_plain(fields[4])), rest[0], _plain(rest[1]))
        within = mount.point == path or mount.point in path.parents
        if within and (found is None or len(mount.point.parts) >= len(found.point.parts)):
            found = mount
    return found


def _plain(field: str) -> str:
    """White space and backslashes stand as three octal digits."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)


def _devices(mount: Mount, kernel: Kernel) -> Iterator[Path]:
    """The block devices of a mount; of Btrfs all that the file system is spread over."""
    numbered = kernel.sys / "dev/block" / mount.number
    if numbered.exists():
        yield numbered
        return
    if not mount.source.startswith("/dev/"):
        return
    name = Path(os.path.realpath(mount.source)).name
    spread = [entry.parent for entry in kernel.sys.glob(f"fs/btrfs/*/devices/{name}")]
    for listed in [entry for folder in spread for entry in folder.iterdir()] or [kernel.sys / "class/block" / name]:
        device = kernel.sys / "class/block" / listed.name
        if device.exists():
            yield device


def _device_state(device: Path, kernel: Kernel, depth: int) -> str:
    if depth > _DEEPEST or not device.exists():
        return UNSEEN
    if _text(device / "dm/uuid").startswith("CRYPT-"):
        return ENCRYPTED
    below = list((device / "slaves").iterdir()) if (device / "slaves").is_dir() else []
    if below:
        states = {_device_state(one.resolve(), kernel, depth + 1) for one in below}
        return next(state for state in (PLAIN, UNSEEN, ENCRYPTED) if state in states)
    if (device / "partition").exists():
        return _device_state(device.resolve().parent, kernel, depth + 1)
    backing = _text(device / "loop/backing_file")
    return at_rest(Path(backing), kernel, depth + 1).state if backing else PLAIN


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _has_policy(path: Path) -> bool:
    """Whether the file system encrypts this directory by itself (fscrypt of ext4, F2FS and UBIFS)."""
    try:
        handle = os.open(str(path), os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        flags = struct.unpack("l", fcntl.ioctl(handle, _GETFLAGS, struct.pack("l", 0)))[0]
        return bool(flags & _ENCRYPT_FLAG)
    except OSError:
        return False  # a file system without such flags
    finally:
        os.close(handle)

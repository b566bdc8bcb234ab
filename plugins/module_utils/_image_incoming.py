# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory of a managed host in which copies of images arrive: nobody else's files are touched."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import List, Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError
from ansible_collections.openmrs.event_log.plugins.module_utils._image_plan import Space

ENDINGS = (".tar.zst", ".tar")
BASIS = "basis"
# Copies arrive in a directory of this name, which says itself whose it is.
OWN = "event-log-images"
MARKER = ".of-host-image"


class HostImageError(EventLogError):
    """Something on the host is not as it must be, or a command failed."""


def space(path: Path) -> Space:
    """Room where a directory is, or will be made."""
    there = path
    while not there.exists():
        there = there.parent
    found = os.statvfs(there)
    return Space(str(path), there.stat().st_dev, found.f_bavail * found.f_frsize)


def room(incoming: Path) -> Path:
    """Where copies arrive: in a directory of their own, for the one that was named may hold other things."""
    return incoming.resolve() / OWN


def _is_ours(work: Path) -> bool:
    return not work.is_symlink() and (work / MARKER).is_file()


def prepare(incoming: Path) -> Path:
    """Make that directory, with its mark."""
    work = room(incoming)
    if work.is_symlink() or (work.exists() and not _is_ours(work) and (not work.is_dir() or any(work.iterdir()))):
        raise HostImageError(
            f"{work} was not made for copies of images. Name another directory (event_images_incoming), or remove it."
        )
    made = not work.parent.exists()
    if made:
        work.parent.mkdir(parents=True)
        work.parent.chmod(0o755)
    work.mkdir(exist_ok=True)
    if not _is_ours(work):
        (work / MARKER).write_text("with its parent\n" if made else "", encoding="ascii")
    return work


def copies(work: Path) -> List[Path]:
    """What arrived, in whole or in part."""
    return [x for x in work.iterdir() if x.name.endswith(ENDINGS) and x.is_file()] if _is_ours(work) else []


def sweep(work: Path, kept: Sequence[str]) -> None:
    """Remove copies, and what was laid out for one; whatever else somebody put there stays."""
    basis = work / BASIS
    if basis.is_dir() and not basis.is_symlink():
        shutil.rmtree(basis)
    for copy in copies(work):
        if copy.name not in kept:
            copy.unlink()


def clear(incoming: Path) -> None:
    """Remove what arrived: it is loaded. Directories go if they were made for it and are empty."""
    work = room(incoming)
    if not _is_ours(work):
        return
    sweep(work, ())
    marker = work / MARKER
    if list(work.iterdir()) != [marker]:
        return
    made = marker.read_text(encoding="ascii") != ""
    marker.unlink()
    work.rmdir()
    if made and not any(work.parent.iterdir()):
        work.parent.rmdir()

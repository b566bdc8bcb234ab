# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the disk under the binary log, if it is one of this host. Only looks.

A directory of the right name may belong to another server, for paths inside a container mean nothing outside it: it
counts when it holds a file of the binary log with exactly the size that the server says.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Optional

from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import BinlogFile, Disk, Source


def with_disk(source: Source, directory: str = "") -> Source:
    """The source with the disk of its binary log; `directory` overrides where the server says that it lies."""
    basename = source.variables.get("log_bin_basename", "")
    given = directory or (str(Path(basename).parent) if basename.startswith("/") else "")
    if not given or (not directory and not source.binlog_files):
        return source
    problem = _stranger(Path(given), source.binlog_files, strict=not directory)
    if problem:
        return replace(source, disk_problem=problem) if directory else source
    try:
        return replace(source, disk=_disk(Path(given), source))
    except OSError as error:
        return replace(source, disk_problem=str(error)) if directory else source


def _stranger(directory: Path, files: Optional[tuple[BinlogFile, ...]], strict: bool) -> str:
    """Why the directory is not that of this binary log; empty when it is. Whoever may not look inside cannot tell."""
    if not directory.is_dir():
        return "there is no such directory"
    if not files:
        return ""
    oldest = files[0]
    try:
        size = (directory / oldest.name).stat().st_size
    except PermissionError:
        return "it may not be looked into" if strict else ""
    except OSError:
        return f"it does not hold {oldest.name}"
    # The file that is being written may have grown since it was asked for.
    same = size >= oldest.size if len(files) == 1 else size == oldest.size
    return "" if same else f"its {oldest.name} has another size than the server's"


def _disk(directory: Path, source: Source) -> Disk:
    room = os.statvfs(directory)
    return Disk(
        str(directory), room.f_blocks * room.f_frsize, room.f_bavail * room.f_frsize, _separate(directory, source)
    )


def _separate(directory: Path, source: Source) -> Optional[bool]:
    """Whether the tables lie elsewhere; only where the paths of the server are those of this host."""
    tables = source.variables.get("datadir", "")
    if not tables or Path(source.variables.get("log_bin_basename", "")).parent != directory:
        return None
    try:
        return Path(tables).stat().st_dev != directory.stat().st_dev
    except OSError:
        return None

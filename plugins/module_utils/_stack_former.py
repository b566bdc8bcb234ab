# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The former version of a set of files, kept aside while a change of them is not verified yet.

The directory is there as a whole or not at all: it is made under another name and then renamed. Whoever finds it knows
that a change was begun and neither verified nor taken back.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, Dict, Iterable, List

from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError
from ansible_collections.openmrs.event_log.plugins.module_utils._secret_file import write_atomically

_LIST = "files.json"
_NOTES = "change.json"


class FormerError(EventLogError):
    """What was kept aside cannot be used."""


def exists(directory: Path) -> bool:
    return (directory / _LIST).is_file()


def keep(directory: Path, paths: Iterable[Path]) -> bool:
    """Copy the files, with owner and mode; an earlier former version that is not settled yet is left as it is."""
    if exists(directory):
        return False
    making = directory.with_name(directory.name + ".new")
    shutil.rmtree(making, ignore_errors=True)
    shutil.rmtree(directory, ignore_errors=True)
    making.mkdir(mode=0o700)
    entries: List[Dict[str, Any]] = []
    for number, path in enumerate(paths):
        entry: Dict[str, Any] = {"path": str(path), "copy": None}
        if path.is_file():
            found = path.stat()
            entry.update(copy=f"{number:03d}", uid=found.st_uid, gid=found.st_gid, mode=found.st_mode & 0o7777)
            write_atomically(making / entry["copy"], path.read_bytes(), 0o600, os.getuid(), os.getgid())
        entries.append(entry)
    _write_json(making / _LIST, {"files": entries})
    making.rename(directory)
    _sync(directory.parent)
    return True


def put_back(directory: Path) -> List[str]:
    """Restore every file as it was, and remove what was not there; what is aside stays. Returns the paths."""
    try:
        entries = json.loads((directory / _LIST).read_text(encoding="utf-8"))["files"]
        changed = []
        for entry in entries:
            path = Path(entry["path"])
            if entry["copy"] is None:
                if path.exists():
                    path.unlink()
                    changed.append(str(path))
                continue
            content = (directory / entry["copy"]).read_bytes()
            if not path.is_file() or path.read_bytes() != content:
                changed.append(str(path))
            write_atomically(path, content, entry["mode"], entry["uid"], entry["gid"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FormerError(f"the former version in {directory} cannot be put back: {error}") from error
    return changed


def drop(directory: Path) -> None:
    """The change is settled. The list goes first: what is left of a removal that was cut off counts as nothing."""
    (directory / _LIST).unlink(missing_ok=True)
    shutil.rmtree(directory, ignore_errors=True)


def note(directory: Path, notes: Dict[str, Any]) -> None:
    _write_json(directory / _NOTES, notes)


def notes(directory: Path) -> Dict[str, Any]:
    """What was noted of the change; empty when it was not begun."""
    try:
        found = json.loads((directory / _NOTES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_json(path: Path, content: Dict[str, Any]) -> None:
    write_atomically(path, json.dumps(content, indent=2).encode(), 0o600, os.getuid(), os.getgid())


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

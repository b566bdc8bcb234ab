# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guard remembers, across power cuts: one JSON object in one file, of which every part has its own key.

The service, the start of the stack and the repair playbooks write it, each its own keys. So a save reads the file
anew, under a lock, and replaces no key but those that were put. Imports the standard library only: the guard runs this
very file on the host.
"""

from __future__ import annotations

import contextlib
import copy
import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any, Dict, Iterator, Set

DIRECTORY = Path("/var/lib/event-log/guard")
NAME = "memory.json"
VERSION = 1
#: What service, start and repairs all deal with: why the worker does not run, for which a person is needed or which
#: passes by itself, and which events are missing.
HOLD, WAITING, GAPS = "hold", "waiting", "gaps"
_MOST_BROKEN = 3  # what cannot be read is kept for whoever looks into it, but not for ever


class Memory:
    """The file as it was read, and what is to be changed in it."""

    def __init__(self, directory: Path, data: Dict[str, Any]) -> None:
        self.directory = directory
        self._data = data
        self._changed: Set[str] = set()

    @classmethod
    def load(cls, directory: Path = DIRECTORY) -> Memory:
        """Read what is remembered. A file that cannot be understood is put aside, and memory begins anew."""
        return cls(directory, _read(directory / NAME))

    def get(self, key: str, default: Any = None) -> Any:
        """A copy of what the key holds; without it the default, or an empty dictionary."""
        found = self._data.get(key)
        if found is None:
            return {} if default is None else default
        return copy.deepcopy(found)

    def put(self, key: str, value: Any) -> None:
        """Remember from the next save on; what is the same already is no change."""
        if self._data.get(key) != value or key in self._changed:
            self._data[key] = copy.deepcopy(value)
            self._changed.add(key)

    @property
    def changed(self) -> bool:
        """Whether there is something to save."""
        return bool(self._changed)

    def save(self) -> None:
        """Write what was put, so that a power cut leaves the whole of the old file or the whole of the new one."""
        if not self._changed:
            return
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(self.directory):
            there = _read(self.directory / NAME)
            there.update({key: self._data[key] for key in self._changed})
            write_whole(self.directory / NAME, {**there, "version": VERSION})
        self._data = there
        self._changed = set()


def _read(path: Path) -> Dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        return _begin_anew(path)
    try:
        data = json.loads(text)
    except ValueError:
        return _begin_anew(path)
    return data if isinstance(data, dict) and data.get("version") == VERSION else _begin_anew(path)


def _begin_anew(path: Path) -> Dict[str, Any]:
    with contextlib.suppress(OSError):
        path.replace(path.with_name(f"{NAME}.unreadable-{int(time.time())}"))
        kept = sorted(path.parent.glob(f"{NAME}.unreadable-*"), key=lambda one: one.stat().st_mtime)
        for one in kept[:-_MOST_BROKEN]:
            one.unlink()
    return {}


def write_whole(path: Path, data: Dict[str, Any]) -> None:
    """Write a small file, so that a power cut leaves the whole of the old one or the whole of the new one."""
    fresh = path.with_name(f"{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(data, stream, ensure_ascii=False, sort_keys=True)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(path)
    # Without this the new name itself may be lost.
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory / f"{NAME}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)

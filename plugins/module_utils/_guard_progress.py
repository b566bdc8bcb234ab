# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far long work is: a small file for each, written by who works and read by ``event-log status``.

Imports the standard library only: the host command has this very file as its ``progress.py``.
"""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Callable, Dict, Optional

#: In memory, so that no reboot leaves anything of work that it has ended; there only while something is under way.
DIRECTORY = Path("/run/event-log-progress")
BYTES = "bytes"
#: How the names of two kinds begin; the rest is the connector's.
FIRST, AGAIN = "first-reading-", "reading-again-"
_EVERY = 1.0  # seconds between two writes
_TELLS = 5.0  # seconds after which a rate says something
_FORGOTTEN = 6 * 3600.0  # after that nobody is at it any more


@dataclass(frozen=True)
class Work:
    """Some work, and how far it was at ``updated``. Times are seconds since 1970."""

    kind: str  # backup, image, first_reading, reading_again
    name: str  # of what; empty where there is one only
    done: int
    total: int  # 0: nobody knows
    unit: str  # bytes, rows, keys
    since: float
    updated: float
    first: int = 0  # what was done at ``since`` already, as of a copy that goes on
    about: bool = False  # whether the total is estimated
    pid: int = 0  # of the process that works, if it ends with it
    file: str = ""  # whose size says what is done

    @property
    def percent(self) -> Optional[int]:
        """None where the total is not known. Not all is done before the work has ended."""
        return min(99, 100 * self.done // self.total) if self.total > 0 else None

    def seconds_left(self) -> Optional[float]:
        """By what was done since the beginning; None as long as that says nothing, or the estimate was exceeded."""
        gone, moved = self.updated - self.since, self.done - self.first
        if gone < _TELLS or moved <= 0 or self.done >= self.total:
            return None
        return (self.total - self.done) * gone / moved


def as_data(work: Work) -> Dict[str, Any]:
    """For programs."""
    seconds = work.seconds_left()
    told = {key: getattr(work, key) for key in ("kind", "name", "done", "total", "unit", "about")}
    return {**told, "percent": work.percent, "seconds_left": None if seconds is None else round(seconds)}


class Record:
    """The file of one work. That it cannot be written is no reason not to work: nobody is told then."""

    def __init__(self, name: str, directory: Optional[Path] = None, clock: Callable[[], float] = time.time) -> None:
        self._path = (directory or DIRECTORY) / f"{name}.json"
        self._clock = clock
        self._written = 0.0
        self.work: Optional[Work] = None

    def begin(self, kind: str, name: str, total: int, unit: str = BYTES, **more: Any) -> None:
        """From now on. ``first`` and ``done`` begin alike."""
        now = self._clock()
        first = int(more.pop("first", 0))
        self.work = Work(kind, name, first, total, unit, now, now, first=first, **more)
        self._write()

    def moved(self, done: int) -> None:
        """So much is done; written once a second at most."""
        if self.work is None:
            return
        now = self._clock()
        # What has not moved keeps its time, by which a standstill is told.
        updated = now if done != self.work.done else self.work.updated
        self.work = replace(self.work, done=done, updated=updated)
        if not 0 <= now - self._written < _EVERY:
            self._write()

    def end(self) -> None:
        self.work = None
        with contextlib.suppress(OSError):
            self._path.unlink()
        with contextlib.suppress(OSError):
            self._path.parent.rmdir()  # unless there is another one

    def _write(self) -> None:
        """As a whole, for others read it at any moment."""
        self._written = self._clock()
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            fresh = self._path.with_suffix(".new")
            fresh.write_text(json.dumps(asdict(self.work) if self.work else {}), encoding="utf-8")
            fresh.replace(self._path)


def counted(pid: int, what: str) -> Optional[int]:
    """Bytes that a process has read (``rchar``) or written (``wchar``); None where Linux does not tell: proc(5), io."""
    try:
        told = Path(f"/proc/{pid}/io").read_text(encoding="ascii")
        return int(told.partition(f"{what}:")[2].split()[0])
    except (OSError, IndexError, ValueError):
        return None


def works(directory: Path, now: float) -> Dict[str, Work]:
    """What is under way, by name. What was broken off, or cannot be read, is not told."""
    try:
        paths = sorted(directory.glob("*.json"))
    except OSError:
        return {}
    found = {path.stem: _read(path) for path in paths}
    return {name: work for name, work in found.items() if work and now - work.updated < _FORGOTTEN}


def _read(path: Path) -> Optional[Work]:
    kinds = {one.name: {"str": str, "int": int, "float": float, "bool": bool}[str(one.type)] for one in fields(Work)}
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        work = Work(**{key: kinds[key](value) for key, value in told.items() if key in kinds})
        if work.file:
            seen = Path(work.file).stat()
            work = replace(work, done=seen.st_size, updated=max(work.since, seen.st_mtime))
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    return None if work.pid and not Path("/proc", str(work.pid)).exists() else work

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guard has done, and why: in the journal, in a file of bounded size, and counted.

An act that cannot be written down, because the disk is full, is done all the same.
"""

from __future__ import annotations

import contextlib
import json
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional

if TYPE_CHECKING:
    from .memory import Memory

NAME = "acts.jsonl"
KEY = "acts"
NOTICE = "<5>"  # sd-daemon(3)
_LARGEST = 512 * 1024  # beyond it the older half goes: some 1,500 acts stay


def say(words: str) -> None:
    """One line into the journal."""
    print(f"{NOTICE}{words}", flush=True)


def one_line(text: str, most: int = 400) -> str:
    """The text without line ends: a line is an act, in the journal and in the file."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def note(memory: Memory, act: str, reason: str, about: str = "", now: Optional[datetime] = None) -> None:
    """Tell of an act: a word like ``restart``, why, and what it was done to. The caller saves the memory."""
    entry = {
        "time": (now or datetime.now(timezone.utc)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "act": act,
        "reason": one_line(reason),
        "about": one_line(about),
    }
    say(f"{act}{' ' + entry['about'] if about else ''}: {entry['reason']}")
    counts = memory.get(KEY)
    memory.put(KEY, {**counts, act: int(counts.get(act, 0)) + 1})
    try:
        _append(memory.directory / NAME, json.dumps(entry, ensure_ascii=False))
    except OSError as error:
        say(f"{memory.directory / NAME} cannot be written: {error.strerror}")


def _append(path: Path, line: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > _LARGEST:
            _keep_the_newer_half(path)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+b", buffering=0) as stream:
        # A power cut may have left half a line: what follows begins one of its own.
        size = stream.seek(0, os.SEEK_END)
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        stream.write((b"\n" if torn else b"") + line.encode() + b"\n")
        os.fsync(descriptor)


def _keep_the_newer_half(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    shorter = path.with_suffix(".new")
    descriptor = os.open(shorter, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.writelines(lines[len(lines) // 2 :])
        stream.flush()
        os.fsync(stream.fileno())
    shorter.replace(path)


def recent(directory: Path, most: int = 20) -> List[Dict[str, Any]]:
    """The newest acts, the oldest of them first; a line that a power cut left half is passed over."""
    try:
        lines = (directory / NAME).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = []
    for line in lines[-most:]:
        with contextlib.suppress(ValueError):
            entry = json.loads(line)
            if isinstance(entry, dict):
                found.append(entry)
    return found

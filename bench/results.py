# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers, and how they are shown."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Sequence

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / ".cache" / "bench"


@dataclass(frozen=True)
class Measured:
    """What one way took, in seconds."""

    what: str
    count: int
    median: float
    p95: float
    least: float
    most: float

    @staticmethod
    def of(what: str, seconds: Sequence[float]) -> Measured:
        ordered = sorted(seconds)
        rank = math.ceil(0.95 * len(ordered)) - 1  # the nearest rank: a value that was measured
        return Measured(what, len(ordered), statistics.median(ordered), ordered[rank], ordered[0], ordered[-1])


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    models = [line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    system = [line.split("=", 1)[1].strip('"') for line in _lines("/etc/os-release") if line.startswith("PRETTY_NAME=")]
    return {
        "processors": os.cpu_count(),
        "processor": models[0] if models else platform.machine(),
        "memory_gb": round(memory / 1e9),
        "system": system[0] if system else platform.system(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text(encoding="utf-8").splitlines() if file.is_file() else []


def table(rows: Sequence[Measured]) -> str:
    """The rows in Markdown."""
    head = "| what | n | median s | p95 s | least s | most s |\n|---|---|---|---|---|---|\n"
    return head + "".join(
        f"| {row.what} | {row.count} | {row.median:.3f} | {row.p95:.3f} | {row.least:.3f} | {row.most:.3f} |\n"
        for row in rows
    )


def described(found: dict[str, Any]) -> str:
    """The machine and the versions in one line."""
    return ", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in found.items())


def write(name: str, rows: Sequence[Measured], facts: dict[str, Any], text: str, directory: Path = RESULTS) -> Path:
    """Keep a result as JSON and as Markdown; returns the path of the latter."""
    now = datetime.now(timezone.utc)
    directory.mkdir(parents=True, exist_ok=True)
    stem = directory / f"{name}-{now:%Y%m%dT%H%M%SZ}"
    content = {"benchmark": name, "at": f"{now:%Y-%m-%dT%H:%M:%SZ}", **facts, "seconds": [asdict(row) for row in rows]}
    stem.with_suffix(".json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    stem.with_suffix(".md").write_text(text, encoding="utf-8")
    return stem.with_suffix(".md")

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files as the event log leaves them, for the tests of its removal."""

from __future__ import annotations

from pathlib import Path
from typing import List

DATA = ("kafka/data/log/*-[0-9]*", "kafka/data/log/meta.properties", "kafka/data/log/*checkpoint*")
FILES = (
    "kafka/data/log/meta.properties",
    "kafka/data/log/recovery-point-offset-checkpoint",
    "kafka/data/log/openmrs.openmrs.person-0/00000000000000000000.log",
    "kafka/data/log/openmrs.openmrs.person-1/00000000000000000000.log",
    "kafka/data/log/__cluster_metadata-0/00000000000000000000.log",
)


def fill(root: Path, *names: str) -> Path:
    for name in names or FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x" * 5000)
    return root


def left(root: Path) -> List[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*")) if root.exists() else ["gone"]

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documents say, for tests that hold them to it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Dict

import yaml

ROOT = Path(__file__).resolve().parents[2]
MARKED = re.compile(r"<!-- test:(?P<name>[a-z-]+) -->\n```\w*\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


def marked_blocks(document: Path) -> Dict[str, str]:
    """The fenced blocks of a document that follow a line `<!-- test:NAME -->`, by that name."""
    return {found["name"]: found["text"] for found in MARKED.finditer(document.read_text(encoding="utf-8"))}


def readme_inventory() -> str:
    """The README's inventory of ten lines, as it is printed there."""
    return marked_blocks(ROOT / "README.md")["inventory"]


def readme_variables() -> Dict[str, Any]:
    """The variables that it sets."""
    loaded: Dict[str, Any] = yaml.safe_load(readme_inventory())["all"]["vars"]
    return loaded

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debezium's comma-separated lists of names: each is a regular expression for the whole name, in any case. Pure."""

from __future__ import annotations

import re
from typing import List


def literal(name: str) -> str:
    """Return a name as the expression that matches it alone."""
    return re.sub(r"([^A-Za-z0-9_])", r"\\\1", name)


def expressions(listed: str) -> List[str]:
    """Return the expressions of a list; a comma with a backslash before it belongs to one."""
    return [one.strip() for one in re.split(r"(?<!\\),", listed) if one.strip()]


def matches(listed: str, name: str) -> bool:
    """Return whether one expression of a list matches a name. What is no expression matches none."""
    for pattern in expressions(listed):
        try:
            if re.fullmatch(pattern, name, re.IGNORECASE):
                return True
        except re.error:
            continue
    return False

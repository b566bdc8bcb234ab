# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How log4j2 writes a line without what may be data: the rules of _scrub.py as one pattern. Pure: nothing of Ansible.

``%replace{pattern}{expression}{instead}`` of log4j2's PatternLayout takes a pattern, so one rule stands in the next.
An INFO says what a program does, and keeps its words but for statements and salts. What warns of something, or is told
only to those who raised a level, may quote what it stumbled over. Of a throwable the classes and first lines stay.
"""

from __future__ import annotations

from typing import Dict, Iterable

from ansible_collections.openmrs.event_log.plugins.module_utils._scrub import LINE, SALT, STATEMENTS, TRACE, Rule

HEAD, TAIL = "%d{ISO8601} %p ", " (%c)%n"
#: A message of several lines is told by its first.
_FIRST_LINE: Rule = (r"(?s)[\r\n].*", " ...")


def log_patterns(show_traces: bool) -> Dict[str, str]:
    """Return the patterns by level as they are written in a file of properties; ``other`` is for the rest."""
    if show_traces:
        plain = escaped(f"{HEAD}%m{TAIL}%ex")
        return {"info": plain, "other": plain}
    thrown = _replaced("%ex", (TRACE, *LINE))
    return {
        "info": escaped(HEAD + _replaced("%m", (SALT, *STATEMENTS)) + TAIL + thrown),
        "other": escaped(HEAD + _replaced("%m", (_FIRST_LINE, *LINE)) + TAIL + thrown),
    }


def _replaced(pattern: str, rules: Iterable[Rule]) -> str:
    for expression, instead in rules:
        # Letters of every script are letters, as they are to Python.
        pattern = f"%replace{{{pattern}}}{{(?U){expression}}}{{{instead}}}"
    return pattern


def escaped(text: str) -> str:
    """Return a value as java.util.Properties reads it."""
    return "".join(
        f"\\u{ord(char):04X}" if ord(char) > 126 else char for char in text.replace("\\", "\\\\").replace("\n", "\\n")
    )

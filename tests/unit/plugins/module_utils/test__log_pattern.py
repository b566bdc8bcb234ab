# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pattern of the logs is the table of _scrub.py; log4j2 itself is asked in tests/integration/workers."""

from __future__ import annotations

import re
from typing import List, Tuple

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.openmrs.event_log.plugins.filter import traces
from ansible_collections.openmrs.event_log.plugins.module_utils import _log_pattern as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._scrub import LINE, SALT, STATEMENTS, TRACE, applied

from tests.unit.plugins.module_utils.java_properties import read as read_properties

SCRUBBED = subject.log_patterns(False)


def read(pattern: str) -> str:
    return read_properties(f"x={pattern}\n")["x"]


def options(text: str, start: int) -> Tuple[List[str], int]:
    """Read options in braces as log4j2's PatternParser does: only the depth of braces counts, nothing escapes one."""
    found = []
    while start < len(text) and text[start] == "{":
        depth, begin = 1, start + 1
        start = begin
        while depth:
            depth += {"{": 1, "}": -1}.get(text[start], 0)
            start += 1
        found.append(text[begin : start - 1])
    return found, start


def written(pattern: str, message: str, thrown: str = "") -> str:
    """Return what a pattern writes of an event."""
    out, at = "", 0
    while at < len(pattern):
        if pattern.startswith("%replace", at):
            (inner, expression, instead), at = options(pattern, at + len("%replace"))
            assert expression.startswith("(?U)")
            out += applied(((expression[4:], instead),), written(inner, message, thrown))
        else:
            word = re.match(r"%ex|%m|%d\{ISO8601\}|%p|%c|%n|[^%]+", pattern[at:])
            assert word, pattern[at:]
            values = {"%ex": thrown, "%m": message, "%n": "\n", "%c": "a.B", "%p": "LEVEL", "%d{ISO8601}": "NOW"}
            out += values.get(word.group(), word.group())
            at += word.end()
    return out


def test_a_warning_is_scrubbed_by_every_rule_in_their_order() -> None:
    said = "row [1, Abebe] of couldn't 'Kebede' in column 'given_name'\nAbebe"
    thrown = "a.BException: no 'Abebe'\nAbebe\n\tat a.B.c(B.java:1)\nCaused by: c.D: x=Abebe\n\t... 3 more\n"
    assert written(read(SCRUBBED["other"]), said, thrown) == (
        "NOW LEVEL row <hidden> of couldn't <hidden> in column 'given_name' ... (a.B)\n"
        "a.BException: no <hidden>\nCaused by: c.D: x=<hidden>\n"
    )
    rules = (*LINE, TRACE)
    assert [rule for rule in rules if f"{{(?U){rule[0]}}}{{{rule[1]}}}" not in read(SCRUBBED["other"])] == []


def test_an_information_keeps_its_words_but_for_statements_and_salts() -> None:
    for said in ("KafkaServer id=1 started", "[x|task-0] Table 'openmrs.person' has port: 3306 (file: [a])\nnext"):
        assert written(read(SCRUBBED["info"]), said) == f"NOW LEVEL {said} (a.B)\n"
    said = "a.with.salt.Zq8s=b and\nINSERT INTO x\nVALUES (1, 'Abebe')"
    assert written(read(SCRUBBED["info"]), said, "a.BException: 'Abebe'\n") == (
        "NOW LEVEL a.with.salt.<hidden>=b and\nINSERT INTO <hidden> (a.B)\na.BException: <hidden>\n"
    )


def test_all_is_written_where_traces_are_shown() -> None:
    whole = subject.log_patterns(True)
    assert set(whole.values()) == {"%d{ISO8601} %p %m (%c)%n%ex"}
    assert traces.log_patterns("yes") == whole
    assert traces.log_patterns(False) == SCRUBBED
    with pytest.raises((AnsibleFilterError, TypeError)):
        traces.log_patterns("perhaps")


@pytest.mark.parametrize("rule", [*LINE, *STATEMENTS, SALT, TRACE])
def test_a_rule_is_read_alike_by_java(rule: Tuple[str, str]) -> None:
    expression, instead = rule
    assert options(f"{{{expression}}}{{{instead}}}", 0)[0] == [expression, instead], "braces do not pair"
    assert "${" not in expression + instead  # log4j2 would look it up
    assert "(?P" not in expression


def test_the_file_is_plain_ascii_and_one_line_each() -> None:
    for pattern in SCRUBBED.values():
        assert pattern.isascii()
        assert "\n" not in pattern

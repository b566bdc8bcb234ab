# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What other programs say, without what may be data: rows stand in the messages of converters, parsers and databases.

Pure: nothing of Ansible. The rules are a table of expressions that Python and Java read alike, because the worker's
own log is scrubbed by them too (see _log_pattern.py). A rule cannot know a name that stands in a sentence by itself:
hidden is what is quoted, in brackets or braces, assigned, said after words such as "value", and the text of statements.
"""

from __future__ import annotations

import re
from typing import Tuple

HIDDEN = "<hidden>"
LONGEST = 1000  # of one line
_READ = 4000  # of one line: nobody writes more of one, and expressions take their time
_LINES = 4  # of one trace: its own, and of the causes the last

Rule = Tuple[str, str]

# Marks of what stays, from the private use area: E000 and E001 are quotes, E002 an apostrophe, E003 and E004 brackets.
_QUOTES = "['\"`\\u201C\\u201D\\u2018\\u00AB\\u00BB]"
_STATEMENT = (
    r"(?i)\b(INSERT\s+(?:IGNORE\s+)?INTO|REPLACE\s+INTO|UPDATE\s+\S+\s+SET|DELETE\s+FROM|LOAD\s+DATA|SET\s+PASSWORD"
    r"|CALL\s+\w+\s*\(|SELECT\s+[^\n]{0,500}?\b(?:FROM|WHERE)"
    r"|(?:ALTER|CREATE|DROP|RENAME|TRUNCATE)\s+(?:(?:OR\s+REPLACE|TEMPORARY|ONLINE|UNIQUE|FULLTEXT|SPATIAL"
    r"|DEFINER\s*=\s*\S+|ALGORITHM\s*=\s*\S+)\s+)*(?:TABLE|VIEW|DATABASE|SCHEMA|INDEX|TRIGGER|PROCEDURE|FUNCTION"
    r"|USER|EVENT))\b"
)
# How a line with an exception begins: a class by Java's way to name them, or a cause.
_KIND = r"(?:Caused by: |Suppressed: |(?:[a-z]\w*\.)+[A-Z][\w$]*(?=:|\s*$))"
# Keys whose values are no columns of a table.
_OUR_KEYS = (
    "clientId|groupId|transactionalId|topic|partition|offset|epoch|leaderId|leaderUrl|nodeId|correlationId|generation"
    "|generationId|memberId|protocol|pos|position|port|version|timeout"
)

_READABLE: Rule = (rf"(?m)^(.{{{_READ}}}).+$", "$1")
#: The salt of a masked column is in the name of a property, which Debezium logs.
SALT: Rule = (r"(with\.salt\.)[^\s=]+", rf"$1{HIDDEN}")
#: A statement, to the end of the text.
STATEMENTS: Tuple[Rule, ...] = ((rf"{_STATEMENT}[\s\S]*", f"$1 {HIDDEN}"),)
#: For one line at a time, in this order.
LINE: Tuple[Rule, ...] = (
    ("[\\uE000-\\uE004]", ""),
    _READABLE,
    SALT,
    (rf"{_STATEMENT}.*", f"$1 {HIDDEN}"),
    (r"(?<=\w)'(?=[a-z]{1,2}\b)", "\ue002"),  # couldn't, the worker's
    # Names of things, where the word before says that it is one.
    (
        r"(?i)\b(users?|columns?|tables?|databases?|schema|topic|connector|property|configuration|class|plugin|file|host"
        r"|for key|contain the keys?|field|variable|group|data value for)\s(['\"`])((?:<redacted>|[\w.$@%/:+-])*)\2",
        "$1 \ue000$3\ue001",
    ),
    (r"\uE001@(['\"`])([\w.%:-]*)\1", "\ue001@\ue000$2\ue001"),
    (r"\bThe '([a-z]\w*(?:\.\w+)+)' value\b", "The \ue000$1\ue001 value"),
    (r"\bthe '(\w+)' key in the (offset|partition)\b", "the \ue000$1\ue001 key in the $2"),
    (r"(['\"])((?:[a-z]\w*\.){2,}[A-Z][\w$]*)\1", "\ue000$2\ue001"),
    # From the first quote to the last, for a statement has quotes in its quotes; and what was cut within one.
    (rf"(?m)(?<![\w\uE001]){_QUOTES}.*{_QUOTES}", HIDDEN),
    (rf"(?m)(?<![\w\uE001]){_QUOTES}.*$", HIDDEN),
    # At the beginning of a line, who speaks: [Worker clientId=…], [openmrs-connector|task-0].
    (r"(?m)^\[((?:\w+ )+(?:clientId|id|nodeId)=[^\]]*|[\w.-]+\|[\w-]+)\]", "\ue003$1\ue004"),
    (r"\b(Worker\w+)\x7Bid=([\w.-]+)\x7D", "$1 $2"),
    # {openmrs.openmrs.person=LEADER_NOT_AVAILABLE} and ${file:…} are no rows.
    (r"(?m)(?<!\$)\x7B(?![\w.-]+=[A-Z]+(?:_[A-Z]+)+\x7D)(?:.*\x7D|.*$)", HIDDEN),
    (r"(?m)\[(?!\])(?:.*\]|.*$)", HIDDEN),
    (r"\([^()\n]*,[^()\n]*\)", f"({HIDDEN})"),
    (
        rf"\b(?![^\uE003\n]{{0,200}}\uE004)(?!(?:{_OUR_KEYS})\s?=)"
        rf"([\w.-]{{1,80}}\s?=(?!\s?(?:<|null\b|[A-Z]+(?:_[A-Z]+)+\b))\s?)[^,;)\n]+",
        f"$1{HIDDEN}",
    ),
    (r"\b([a-z]+(?:_[a-z0-9]+)+)\s?:\s+(?!<)[^,;\n]+", f"$1: {HIDDEN}"),
    (
        r"(?im)\b((?:value|row|record|data|entry|string|text|content|payload|statement|query|ddl|sql|token|struct|key"
        r"|input|identifier|address)s?)\s?:\s+(?!<).+$",
        f"$1: {HIDDEN}",
    ),
    (
        r"(?im)\b((?:invalid|unexpected|incorrect|bad|illegal|malformed|unparseable)\s+(?:[a-z]+\s+)?(?:value|string|date"
        r"|datetime|time|timestamp|number|token|character|input|name|identifier))\s+(?!for\b|of\b|in\b|at\b|when\b"
        r"|while\b|type\b|<|\uE000|.*\bfor configuration\b)\S.*?(?=\s(?:for|of|in|at)\s|$)",
        f"$1 {HIDDEN}",
    ),
    (r"[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]+|\b0x[0-9A-Fa-f]{4,}\b", HIDDEN),
    ("[\\uE000-\\uE002]", "'"),
    ("\\uE003", "["),
    ("\\uE004", "]"),
    (rf"(?m)^(.{{{LONGEST}}}).+$", "$1 ..."),
)
#: Of a trace as Java writes it, the lines with the exceptions alone.
TRACE: Rule = (rf"(?m)^(?!\s*{_KIND}).*(?:\r?\n|$)", "")


def applied(rules: Tuple[Rule, ...], text: str) -> str:
    """Return the text after every rule, in their order."""
    for expression, instead in rules:
        text = re.sub(expression, re.sub(r"\$(\d)", r"\\g<\1>", instead), text)
    return text


def scrub(text: str) -> str:
    """Return what another program says, each line of it, without what may be data."""
    return applied(LINE, applied((_READABLE, *STATEMENTS), text))


def cut(trace: str) -> str:
    """Return of a trace the classes of its exceptions, each with the first line of what it says, scrubbed."""
    everything = [line.strip() for line in trace.splitlines() if line.strip()]
    lines = everything[:1] + [line for line in everything[1:] if re.match(_KIND, line)]
    if len(lines) > _LINES:
        lines = [lines[0], *lines[1 - _LINES :]]
    return "\n".join(scrub(line) for line in lines)

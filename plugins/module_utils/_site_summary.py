# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of each site in a run, as lines of at most 80 columns; pure."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from typing import Any, List, Mapping, Sequence

COLUMNS = 79  # a line of 80 characters already wraps in some terminals
LONGEST_NAME = 24
MOST_LINES = 3
#: What to do stands at the end of a verdict, and some languages take more room.
MOST_LINES_UNWELL = 10

OK, CHANGED, UNWELL = "ok", "changed", "unwell"
UNREACHED, UNFINISHED, UNREACHABLE, FAILED = "not reached", "not finished", "unreachable", "failed"
#: In the order of the table: who needs somebody comes last, where the eye is when the run ends.
ORDER = (OK, CHANGED, UNWELL, UNREACHED, UNFINISHED, UNREACHABLE, FAILED)
AGAIN = (UNREACHED, UNFINISHED, UNREACHABLE, FAILED)
#: Verdicts of `event-log status` that a person must look after although the run went well.
POOR = ("held", "ill", "down")

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
#: Messages that only say that there is another one.
_EMPTY = ("", "non-zero return code", "MODULE FAILURE", "Module result deserialization failed")
#: Frames that OpenSSH draws around what matters most.
_FRAME = re.compile(r"(?:@ )*@{3,}(?: @+)*|(?<=!) +@")
#: What Ansible says before the words that matter.
_PREFACES = re.compile(
    r"^(?:(?:Task|Action|Module) failed: |Failed to connect to the host via ssh: "
    r"|Data could not be sent to remote host .*?over ssh: )+"
)


@dataclass(frozen=True)
class Site:
    """What the run knows of one site."""

    name: str
    changed: int = 0
    failed: bool = False
    unreachable: bool = False
    reached: bool = True
    finished: bool = True
    task: str = ""
    reason: str = ""
    verdict: str = ""
    sentence: str = ""

    @property
    def result(self) -> str:
        if self.failed:
            return FAILED
        if self.unreachable:
            return UNREACHABLE
        if not self.reached:
            return UNREACHED
        if not self.finished:
            return UNFINISHED
        if self.verdict in POOR:
            return UNWELL
        return CHANGED if self.changed else OK


@dataclass(frozen=True)
class Line:
    """A line of the summary, and the result that gives it its colour."""

    text: str
    result: str = ""


def plain(text: str) -> str:
    """One line without control characters."""
    return " ".join(_ESCAPES.sub(" ", text).split())


def reason(result: Mapping[str, Any]) -> str:
    """Why a task failed, from what it returned: its message, and what a program said last."""
    items = [item for item in result.get("results") or [] if isinstance(item, Mapping) and _went_wrong(item)]
    if items:
        return reason(items[0])
    if result.get("censored") and not result.get("msg"):
        return "its output is hidden"
    said = plain(_FRAME.sub("", _PREFACES.sub("", plain(str(result.get("msg") or "")))).strip(" @"))
    if any(said.startswith(empty) if empty else not said for empty in _EMPTY):
        tail = [line for line in str(result.get("stderr") or result.get("module_stderr") or "").splitlines() if line]
        said = plain(tail[-1]) if tail else said or "no reason given"
    return said


def _went_wrong(item: Mapping[str, Any]) -> bool:
    return bool(item.get("failed") or item.get("unreachable"))


def short_task(name: str) -> str:
    """A task's name without its role's."""
    return plain(name).rsplit(" : ", 1)[-1]


def _changes(number: int) -> str:
    return f"{number} change{'s' * (number != 1)}"


def result_words(site: Site, predicted: bool) -> str:
    """The column beside the site's name."""
    if site.result == CHANGED:
        return f"would change {site.changed}" if predicted else f"changed {site.changed}"
    if site.result == UNWELL:
        begin = f"would change {site.changed}" if predicted else f"changed {site.changed}"
        return f"{begin if site.changed else 'ok'}, {site.verdict}"
    return "FAILED" if site.result == FAILED else site.result


def explanation(site: Site, predicted: bool) -> str:
    """The words that follow."""
    if site.result in (FAILED, UNREACHABLE):
        told = ": ".join(part for part in (site.task if site.failed else "", site.reason) if part)
        after = f"After {_changes(site.changed)}: " if site.changed and not predicted else ""
        return after + told
    if site.result == UNREACHED:
        return "The run ended before its turn: a whole batch had failed."
    if site.result == UNFINISHED:
        done = "" if predicted or not site.changed else f", after {_changes(site.changed)}"
        return f"The run ended before it was through here{done}."
    return site.sentence


def _wrapped(text: str, width: int, most: int = MOST_LINES) -> List[str]:
    return textwrap.wrap(text, width, max_lines=most, placeholder=" …") or [""]


def table(sites: Sequence[Site], predicted: bool) -> List[Line]:
    """A row for each site: name, result, words."""
    short = [len(site.name) for site in sites if len(site.name) <= LONGEST_NAME]
    name_width = max([*short, 4])
    result_width = max(len(result_words(site, predicted)) for site in sites)
    indent = " " * (name_width + result_width + 4)
    lines = []
    for site in sites:
        name = site.name
        if len(name) > name_width:
            lines.append(Line(name, site.result))
            name = ""
        head = f"{name:{name_width}}  {result_words(site, predicted):{result_width}}  "
        most = MOST_LINES_UNWELL if site.result == UNWELL else MOST_LINES
        first, *more = _wrapped(plain(explanation(site, predicted)), COLUMNS - len(indent), most)
        lines.append(Line((head + first).rstrip(), site.result))
        lines += [Line(indent + text, site.result) for text in more]
    return lines


def _counted(sites: Sequence[Site], predicted: bool) -> str:
    words = {CHANGED: "would change" if predicted else CHANGED, UNWELL: "ok but not well"}
    counts = [(word, sum(site.result == word for site in sites)) for word in ORDER]
    told = ", ".join(f"{number} {words.get(word, word)}" for word, number in counts if number)
    return f"{len(sites)} site{'s' * (len(sites) != 1)}: {told}."


def _named(title: str, names: Sequence[str]) -> List[str]:
    return textwrap.wrap(
        f"{title}: {', '.join(names)}", COLUMNS, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def summary(sites: Sequence[Site], predicted: bool = False) -> List[Line]:
    """The whole: a heading, the table, the counts, and who needs somebody."""
    if not sites:
        return []
    ordered = sorted(sites, key=lambda site: (ORDER.index(site.result), site.name))
    heading = "What a run would do, site by site (--check: nothing was changed)" if predicted else "Site by site"
    lines = [Line(heading), *table(ordered, predicted)]
    lines += [Line(""), *(Line(text) for text in textwrap.wrap(_counted(ordered, predicted), COLUMNS))]
    titles = {UNWELL: "Not well", UNREACHED: "Not reached", UNFINISHED: "Not finished"}
    for result in ORDER[2:]:
        names = [site.name for site in ordered if site.result == result]
        title = titles.get(result, result.capitalize())
        lines += [Line(text, result) for text in (_named(title, names) if names else [])]
    again = [site.name for site in ordered if site.result in AGAIN]
    if again and len(sites) > 1:
        # In one piece, to be copied.
        lines.append(Line(f"Again for these alone: --limit {','.join(again)}"))
    return lines

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes docs/troubleshooting.md. Run it after a change of the catalogue of words, or of what lies in docs/symptoms/:

python docs/generate_troubleshooting.py

A heading ``### @key @key`` in one of those texts becomes what ``event-log status`` says, in all languages, and what to
do about it, both from the catalogue. All else there is taken as it is.
"""

from __future__ import annotations

import json
import os
import re
import string
from pathlib import Path
from typing import Any, Dict, Iterator, List

import yaml

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "troubleshooting.md"
SOURCE = ROOT / "docs" / "symptoms"
CATALOGUE = ROOT / "roles" / "event_stack" / "files" / "event_log"
OTHERS = {"fr": "In French", "es": "in Spanish"}
#: Without these containers nothing works: the sentence begins with that.
GRAVE = ("missing", "exited", "exited.memory")
#: Begins with one of these.
BEGINNINGS = {"at_work": ("work.first_reading", "work.backup", "work.image")}
#: Has no words of its own: those of another message, of the forecast of the disk, or of an error.
ONLY_VALUES = ("worker_not_started", "disk_soon", "stack_on_hold", "stack_stopped")
#: What stands for a value in what is to be done.
SHOWN = {
    "home": "/opt/event-log",
    "start": "sudo systemctl start event-log",
    "name": "CONTAINER",
    "worker": "event-log-connect",
    "file": "/var/lib/event-log/guard/clock-is-right",
    "minutes": "5",
    "log": "the container",
}
_LONG = 40
_HEADING = re.compile(r"^### (@.+)$", re.MULTILINE)


def catalogue(language: str) -> Dict[str, Any]:
    found: Dict[str, Any] = json.loads((CATALOGUE / f"words_{language}.json").read_text(encoding="utf-8"))
    return found


def with_gaps(text: str) -> str:
    """A text of the catalogue with a mark where a value stands."""
    parts = [literal + ("" if name in (None, "at") else "…") for literal, name, _, _ in string.Formatter().parse(text)]
    return re.sub(r"…(?: … )?…", "…", "".join(parts))


def said(language: str, key: str) -> str:
    """What is seen; of a text that begins in several ways all of them, with a stroke between."""
    words = catalogue(language)
    if key in BEGINNINGS:
        colon = " : …" if language == "fr" else ": …"
        return "|".join(with_gaps(words[one]) + colon for one in BEGINNINGS[key])
    what = with_gaps(words[key]["what"])
    return with_gaps(words["down"]).replace("…", what, 1) if key in GRAVE else what


def to_do(key: str) -> str:
    """What is to be done, with the places that most sites have."""
    remedy = catalogue("en")[key]["remedy"]
    if remedy == "{remedy}":
        return ""
    parts = [text + (SHOWN.get(name, "…") if name else "") for text, name, _, _ in string.Formatter().parse(remedy)]
    return "".join(parts)


def messages() -> List[str]:
    """The keys of all messages that have words of their own."""
    return [key for key, entry in catalogue("en").items() if isinstance(entry, dict) and key not in ONLY_VALUES]


def entry(keys: List[str]) -> str:
    """Heading, remedy and the other languages of one symptom."""
    lines = ["### " + quoted("en", keys, '"', '"')]
    lines += [f"**To do.** {remedy}" for remedy in dict.fromkeys(filter(None, map(to_do, keys)))]
    lines.append("; ".join(f"{name}: {quoted(language, keys, '«', '»')}" for language, name in OTHERS.items()))
    return "\n\n".join(lines) + "\n"


def quoted(language: str, keys: List[str], before: str, after: str) -> str:
    """What is seen, each once; of several that begin with the same long words, these words."""
    sentences = list(dict.fromkeys(one for key in keys for one in said(language, key).split("|")))
    shared = os.path.commonprefix(sentences).rpartition(": ")[0]  # noqa: RUF071 - characters are meant
    if len(sentences) > 1 and len(shared) > _LONG:
        sentences = [f"{shared}: …"]
    return ", ".join(f"{before}{one}{after}" for one in sentences)


def failures() -> Iterator[str]:
    """The table of the failures that the design goes by."""
    yield "## The twenty failures"
    yield ""
    yield "| | failure | what is seen | prevented by | noticed by | repaired by |"
    yield "|---|---|---|---|---|---|"
    listed = yaml.safe_load((SOURCE / "failures.yml").read_text(encoding="utf-8"))
    for number, one in enumerate(listed, 1):
        cells = [str(one[part]) for part in ("failure", "seen", "prevented", "detected", "repaired")]
        yield f"| {number} | " + " | ".join(cells) + " |"


def page() -> str:
    """The whole page."""
    texts = [path.read_text(encoding="utf-8").rstrip() for path in sorted(SOURCE.glob("*.txt"))]
    body = "\n\n".join(texts)
    body = _HEADING.sub(lambda found: entry([key.lstrip("@") for key in found.group(1).split()]), body)
    first, _, rest = body.partition("\n")
    note = "<!-- Generated by docs/generate_troubleshooting.py from docs/symptoms and the catalogue of words. -->"
    return "\n".join([first, "", note, rest.rstrip(), "", *failures()]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

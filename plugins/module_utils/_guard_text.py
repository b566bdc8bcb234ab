# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables, sizes and times for people. Pure: the standard library, nothing else.

The host command has this file as its ``text.py``, by a link, for it stands alone on the server.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import List, Optional, Sequence

#: A byte is an "octet" in French.
_UNITS = {"fr": ("o", "Kio", "Mio", "Gio", "Tio")}
_UNITS_ELSEWHERE = ("B", "KiB", "MiB", "GiB", "TiB")
_COMMA = ("fr", "es")
#: Days, hours, minutes, seconds: one, and several.
_PERIODS = {
    "en": (("day", "days"), ("hour", "hours"), ("minute", "minutes"), ("second", "seconds")),
    "fr": (("jour", "jours"), ("heure", "heures"), ("minute", "minutes"), ("seconde", "secondes")),
    "es": (("día", "días"), ("hora", "horas"), ("minuto", "minutos"), ("segundo", "segundos")),
}


def localised(number: str, language: str = "en") -> str:
    """A number as it is written in a language: ``1.5`` as ``1,5``."""
    return number.replace(".", ",") if language in _COMMA else number


def human_bytes(number: int, language: str = "en") -> str:
    """1536 as ``1.5 KiB``."""
    units = _UNITS.get(language, _UNITS_ELSEWHERE)
    size = float(number)
    for unit in units[:-1]:
        if size < 1024:
            return f"{number} {unit}" if unit == units[0] else localised(f"{size:.1f} {unit}", language)
        size /= 1024
    return localised(f"{size:.1f} {units[-1]}", language)


def iso_utc(milliseconds: Optional[int]) -> Optional[str]:
    """Milliseconds since 1970 as ISO 8601 in UTC; None for no time and for one that no calendar knows."""
    if milliseconds is None:
        return None
    try:
        moment = datetime.fromtimestamp(milliseconds // 1000, tz=timezone.utc)
    except (OverflowError, ValueError, OSError):
        return None
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def local_time(milliseconds: Optional[int]) -> str:
    """The same in this host's time zone, to the second; ``-`` for no time."""
    if milliseconds is None:
        return "-"
    try:
        return f"{datetime.fromtimestamp(milliseconds // 1000).astimezone():%Y-%m-%d %H:%M:%S}"
    except (OverflowError, ValueError, OSError):
        return "?"


def duration(seconds: float, language: str = "en") -> str:
    """200000 as ``2 days``, 90 as ``90 seconds``: in the largest unit of which there are two."""
    units = tuple(zip((86400, 3600, 60, 1), _PERIODS.get(language, _PERIODS["en"])))
    size, words = next((one for one in units if seconds >= 2 * one[0]), units[-1])
    number = round(seconds / size)
    # Nothing at all is one in French: "0 seconde".
    return f"{number} {words[0] if number == 1 or (number == 0 and language == 'fr') else words[1]}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Columns under their heads, numbers to the right."""
    lines: List[Sequence[str]] = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths))
        ).rstrip()
        for line in lines
    )

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person is told of work that takes long: how far it is, and how long the rest takes."""

from __future__ import annotations

from typing import Any, Dict

from . import words
from .progress import BYTES, Work

#: Seconds without any progress that are told.
STILL = 120.0
_KINDS = {"backup": "work.backup", "image": "work.image", "first_reading": "work.first_reading"}


def key(one: Work, now: float) -> str:
    """Which text of the catalogue says it."""
    return "at_work.still" if now - one.updated > STILL else "at_work"


def told(one: Work, now: float) -> Dict[str, Any]:
    """The values of both texts."""
    what = words.phrase(_KINDS[one.kind], name=one.name) if one.kind in _KINDS else f"{one.kind} {one.name}".strip()
    share = "" if one.percent is None else f" ({one.percent} %)"
    return {"work": what, "amount": amount(one) + share, "left": left(one), "still": now - one.updated}


def left(one: Work) -> str:
    """``, about 3 minutes left``; empty where that cannot be told."""
    seconds = one.seconds_left()
    return "" if seconds is None else words.phrase("work.left", seconds=max(1.0, seconds))


def amount(one: Work) -> str:
    """``1.0 GiB of 4.0 GiB``, ``1200 of about 5000 rows``, ``1200 rows``."""
    done, total = (words.size(each) if one.unit == BYTES else str(each) for each in (one.done, one.total))
    if one.total:
        done = words.phrase("work.of_about" if one.about else "work.of", done=done, total=total)
    return done if one.unit == BYTES else words.phrase("work.rows", amount=done)

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Charts as SVG, to stand in a page: no script, no file of its own, colours by the page's style. Pure."""

from __future__ import annotations

from html import escape
from typing import Sequence, Tuple

WIDTH, HEIGHT = 320, 90
_TOP, _BOTTOM, _LEFT, _RIGHT = 6, 16, 4, 4
Point = Tuple[str, float]


def _frame(label: str, parts: Sequence[str]) -> str:
    inside = "".join(parts)
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">'
        f"<title>{escape(label)}</title>{inside}</svg>"
    )


def _x(place: int, count: int) -> float:
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * (place / max(1, count - 1))


def _y(share: float) -> float:
    return _TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - min(1.0, max(0.0, share)))


def _words(x: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.0f}" y="{HEIGHT - 4}" text-anchor="{anchor}">{escape(text)}</text>'


def growth(days: Sequence[Tuple[str, int, int]], limit: float, label: str) -> str:
    """How full a disk was: (day, bytes in use, bytes in all), and a line at the share that must not be reached."""
    usable = [(day, used / size) for day, used, size in days if size > 0]
    if len(usable) < 2:
        return ""
    points = " ".join(f"{_x(place, len(usable)):.1f},{_y(share):.1f}" for place, (_, share) in enumerate(usable))
    below = f"{_x(len(usable) - 1, len(usable)):.1f},{_y(0):.1f} {_x(0, len(usable)):.1f},{_y(0):.1f}"
    full = _y(1 - limit / 100)
    return _frame(
        label,
        [
            f'<polygon class="area" points="{points} {below}"/>',
            f'<polyline class="line" points="{points}"/>',
            f'<line class="limit" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{full:.1f}" y2="{full:.1f}"/>',
            _words(_LEFT, usable[0][0], "start"),
            _words(WIDTH - _RIGHT, usable[-1][0], "end"),
        ],
    )


def bars(days: Sequence[Point], label: str) -> str:
    """A number for each day."""
    if not days or not any(number for _, number in days):
        return ""
    top = max(number for _, number in days)
    width = (WIDTH - _LEFT - _RIGHT) / len(days)
    floor = HEIGHT - _BOTTOM
    drawn = "".join(
        f"M{_LEFT + place * width:.1f} {floor}v-{max(0.0, number) / top * (floor - _TOP):.1f}"
        f"h{max(1.0, width - 1):.1f}V{floor}z"
        for place, (_, number) in enumerate(days)
    )
    ends = [_words(_LEFT, days[0][0], "start"), _words(WIDTH - _RIGHT, days[-1][0], "end")]
    return _frame(label, [f'<path class="bar" d="{drawn}"/>', *(ends if len(days) > 1 else ends[:1])])

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page's colours: readable by light and by dark, by the measure of WCAG 2 (4.5 to 1 for text)."""

from __future__ import annotations

import re

import pytest

from tests.unit.role_files import ROOT

STYLE = (ROOT / "roles/fleet_status/templates/page.css.j2").read_text(encoding="utf-8")
SCHEMES = [dict(re.findall(r"--(\w+):(#\w+)", block)) for block in re.findall(r":root\{([^}]*)\}", STYLE)]


def luminance(colour: str) -> float:
    digits = colour[1:]
    wide = "".join(2 * one for one in digits) if len(digits) == 3 else digits
    parts = [int(wide[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_measured_right() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#fff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", SCHEMES[:2], ids=["light", "dark"])
@pytest.mark.parametrize("word", ["text", "soft", "link", "good", "warn", "bad", "calm"])
@pytest.mark.parametrize("ground", ["ground", "card"])
def test_words_can_be_read(scheme: dict[str, str], word: str, ground: str) -> None:
    assert contrast(scheme[word], scheme[ground]) >= 4.5


def test_there_are_two_schemes_with_the_same_names() -> None:
    assert set(SCHEMES[0]) == set(SCHEMES[1])

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of 40 made-up sites in a real browser, on a phone, a laptop and a wall."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import browser, made_fleet
from tests.helpers.browser import WIDTHS

SITES = 40
LARGEST = 500_000


@dataclass(frozen=True)
class Pages:
    folder: Path
    output: str

    @property
    def file(self) -> Path:
        return self.folder / "page/index.html"

    def browse(self, file: Path, width: int) -> tuple[str, list[str]]:
        return browser.browse(file, width, self.folder)

    def probe(self, width: int) -> Any:
        return browser.probe(self.file, width, self.folder)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    folder = tmp_path_factory.mktemp("fleet")
    done = made_fleet.ask(made_fleet.inventory(folder, SITES))
    assert done.returncode == 0, done.stdout + done.stderr
    return Pages(folder, done.stdout)


def test_every_site_is_on_it_and_in_the_summary(pages: Pages) -> None:
    away = SITES // made_fleet.AWAY_EVERY
    states = [one["state"] for one in json.loads((pages.folder / "page/sites.json").read_text())["sites"]]
    assert (len(states), states.count("unknown")) == (SITES, away)
    assert states == sorted(states, key=("down", "ill", "unknown", "held", "ok").index)
    assert f"{away} unreachable." in pages.output
    assert pages.file.stat().st_size < LARGEST


@pytest.mark.parametrize("width", WIDTHS)
def test_a_browser_shows_it_and_asks_nobody(pages: Pages, width: int) -> None:
    """The page forbids itself every request, so that one would be an error in the console."""
    shown, said = pages.browse(pages.file, width)
    assert said == []
    assert shown.count("<section") == SITES


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_stands_out_of_it_and_a_keyboard_gets_everywhere(pages: Pages, width: int) -> None:
    there = SITES - SITES // made_fleet.AWAY_EVERY
    assert pages.probe(width) == {"wider": 0, "focusable": True, "rows": SITES, "charts": 2 * there, "unnamed": 0}


def test_what_goes_wrong_only_later_is_on_it(pages: Pages) -> None:
    """Each site that answered has its certificates, backup, readers, binary log and versions on the page."""
    shown, _said = pages.browse(pages.file, 1280)
    there = SITES - SITES // made_fleet.AWAY_EVERY
    labels = re.findall(r"<dt>([^<]+)</dt>", shown)
    for label in ("Certificate of the database", "Last backup", "Longest outage", "Kafka", "Debezium", "Database"):
        assert labels.count(label) == there, label
    assert sum(label.startswith("Consumer group ") for label in labels) == 3 * there
    told = json.loads((pages.folder / "page/sites.json").read_text())["sites"]
    assert sum(bool((one["overview"] or {}).get("backup")) for one in told) == there


def test_a_request_would_be_seen(pages: Pages) -> None:
    """So that the silence of the console above means something."""
    asking = pages.folder / "asking.html"
    asking.write_text(pages.file.read_text().replace("</body>", '<img src="http://127.0.0.1:1/x.png"></body>'))
    _shown, said = pages.browse(asking, 1280)
    assert any("127.0.0.1:1" in line for line in said), said


@pytest.mark.parametrize(
    ("language", "words"),
    [("fr", ("Tous les sites", "Dernier événement")), ("es", ("Todos los sitios", "Último evento"))],
)
def test_in_another_language_it_says_so_and_nothing_stands_out_either(
    tmp_path: Path, language: str, words: tuple[str, ...]
) -> None:
    done = made_fleet.ask(made_fleet.inventory(tmp_path, 6), "-e", f"event_log_status_language={language}")
    assert done.returncode == 0, done.stdout + done.stderr
    pages = Pages(tmp_path, done.stdout)
    shown, said = pages.browse(pages.file, WIDTHS[0])
    assert said == []
    assert f'<html lang="{language}">' in shown
    assert [word for word in words if word not in shown] == []
    assert "All sites" not in shown
    assert pages.probe(WIDTHS[0])["wider"] == 0

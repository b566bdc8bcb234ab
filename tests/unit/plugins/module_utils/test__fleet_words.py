# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page's own words: whole in each language, all of them used, none of them left in English."""

from __future__ import annotations

import json
import re
import string
from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.openmrs.event_log.plugins.filter.fleet import fleet
from ansible_collections.openmrs.event_log.plugins.module_utils import _fleet, _fleet_words

from tests.unit.role_files import ROOT

TEXTS = _fleet_words._TEXTS
PAGE = "".join((ROOT / f"plugins/module_utils/_fleet_{part}.py").read_text() for part in ("page", "upkeep", "values"))
TEMPLATE = (ROOT / "roles/fleet_status/templates/page.html.j2").read_text(encoding="utf-8")
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=timezone.utc)


def placeholders(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


@pytest.mark.parametrize("key", sorted(TEXTS))
def test_a_text_is_there_in_each_language_with_the_same_values(key: str) -> None:
    texts = TEXTS[key]
    assert len(texts) == len(_fleet_words.LANGUAGES)
    assert all(text.strip() for text in texts)
    assert len({tuple(placeholders(text)) for text in texts}) == 1


def test_every_text_is_used_and_every_text_that_is_used_is_there() -> None:
    used = set(re.findall(r"__fleet_status_page\.words\.(\w+)", TEMPLATE))
    assert used <= set(_fleet_words.Words().fixed())
    used |= {key for key in TEXTS if f'"{key}"' in PAGE}
    assert used == set(TEXTS)


def test_no_word_of_the_template_is_in_one_language_only() -> None:
    body = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "", TEMPLATE.partition("<body>")[2], flags=re.DOTALL)
    assert re.findall(r"[A-Za-z]{3,}", re.sub(r"<[^>]*>", "", body)) == []
    assert re.findall(r'aria-label="([^"]+)"', body) == []


def test_why_a_site_is_away_is_said_in_the_same_words() -> None:
    english = _fleet_words.Words()
    assert (english("away.not_reached"), english("away.no_answer")) == (_fleet.NOT_REACHED, _fleet.NO_ANSWER)
    assert (english("away.older"), english("away.not_installed")) == (_fleet.OLDER, _fleet.NOT_INSTALLED)


def told(language: str) -> dict[str, Any]:
    overview = {
        "at": "2026-03-02T10:00:00.000Z",
        "verdict": "ill",
        "sentence": "Kafka est gelé.",
        "lag": {"heartbeat_age_seconds": 7200},
        "disk": {"free": 5 * 2**30, "free_percent": 10.0, "limits": {"drop": 7.5}},
    }
    answers: dict[str, dict[str, Any]] = {
        "hill": {"stdout": json.dumps(overview)},
        "lake": {"unreachable": True, "msg": "no route"},
    }
    found: dict[str, Any] = fleet(answers, language=language, now=NOW.isoformat())["page"]
    return found


@pytest.mark.parametrize(
    ("language", "title", "words", "behind", "free", "away"),
    [
        ("en", "Event logs", "ill", "2 hours", "10 % (5.0 GiB)", "Now not reached: no route. It was never heard of."),
        (
            "fr",
            "Journaux d&#x27;événements",
            "dégradé",
            "2 heures",
            "10 % (5,0 Gio)",
            "À présent : injoignable : no route.",
        ),
        ("es", "Registros de eventos", "degradado", "2 horas", "10 % (5,0 GiB)", "Ahora: sin contacto: no route."),
    ],
)
def test_the_page_speaks(language: str, title: str, words: str, behind: str, free: str, away: str) -> None:  # noqa: PLR0917
    page = told(language)
    assert (page["language"], page["title"]) == (language, title)
    sites = {one["name"]: one for one in page["sites"]}
    assert (sites["hill"]["words"], sites["hill"]["behind"], sites["hill"]["free"]) == (words, behind, free)
    assert sites["hill"]["sentence"] == "Kafka est gelé.", "as the site said it"
    assert sites["lake"]["away"].startswith(away)

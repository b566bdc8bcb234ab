# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/troubleshooting.md is made of the catalogue of words, and leaves nothing out."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType

import pytest

from tests.unit.role_files import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "generate_troubleshooting", ROOT / "docs" / "generate_troubleshooting.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(generator: ModuleType) -> None:
    assert generator.page() == PAGE, "run: python docs/generate_troubleshooting.py"


def test_every_message_is_told_once_and_no_other(generator: ModuleType) -> None:
    texts = "\n".join(path.read_text(encoding="utf-8") for path in sorted(generator.SOURCE.glob("*.txt")))
    told = re.findall(r"@(\S+)", "\n".join(re.findall(r"^### (@.+)$", texts, re.MULTILINE)))
    assert sorted(told) == sorted(generator.messages())
    assert "@" not in "".join(re.findall(r"^### .+$", PAGE, re.MULTILINE))


def test_what_has_no_words_of_its_own_is_in_the_catalogue(generator: ModuleType) -> None:
    assert set(generator.ONLY_VALUES) <= set(generator.catalogue("en"))
    assert set(generator.GRAVE) <= set(generator.messages())


def test_a_symptom_is_found_in_every_language(generator: ModuleType) -> None:
    for language, sentence in (("en", "Down: … has stopped"), ("fr", "En panne : … s'est arrêté"), ("es", "Caído: …")):
        assert sentence in generator.said(language, "exited")
        assert sentence in PAGE


def test_the_twenty_failures_each_with_what_is_seen_and_done() -> None:
    table = PAGE.partition("## The twenty failures")[2]
    rows = [re.split(r" (?<!\\)\| ", line.strip("| ")) for line in table.splitlines() if re.match(r"\| \d", line)]
    assert [int(row[0]) for row in rows] == list(range(1, 21))
    for row in rows:
        assert len(row) == 6, row
        assert all(cell.strip() for cell in row), row

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person is told of work that takes long."""

from __future__ import annotations

from dataclasses import replace
from typing import Iterator

import pytest
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log import words, worker
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log.progress import Work
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log.verdict import judge
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.described import connector, seen

GIB = 2**30
BACKUP = Work("backup", "", 3 * GIB, 10 * GIB, "bytes", since=1000.0, updated=1060.0)
FIRST = Work("first_reading", "c", 300, 1000, "rows", since=1000.0, updated=1060.0, about=True)
IMAGE = replace(BACKUP, kind="image", name="log:1", total=0)


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    yield
    words.speak("en")


def told(one: Work, now: float = 1061.0, name: str = "any") -> str:
    found = judge(seen(works={name: one}, now=now))
    assert found.verdict == "ok", "it is no fault"
    (also,) = found.as_text().splitlines()[1:]
    return also


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (BACKUP, "The backup: 3.0 GiB of 10.0 GiB (30 %), about 2 minutes left."),
        (replace(BACKUP, about=True), "The backup: 3.0 GiB of about 10.0 GiB (30 %), about 2 minutes left."),
        (IMAGE, "The image log:1 is copied here: 3.0 GiB."),
        (
            FIRST,
            "The connector c reads all tables for the first time: 300 of about 1000 rows (30 %), about 2 minutes left.",
        ),
        (
            replace(FIRST, done=1200),
            "The connector c reads all tables for the first time: 1200 of about 1000 rows (99 %).",
        ),
        (replace(FIRST, total=0), "The connector c reads all tables for the first time: 300 rows."),
        (replace(FIRST, done=999), "The connector c reads all tables for the first time: 999 of about 1000 rows (99 %),"
                                   " about 1 second left."),
        (replace(BACKUP, kind="another", name="x"), "another x: 3.0 GiB of 10.0 GiB (30 %), about 2 minutes left."),
    ],
)  # fmt: skip
def test_a_person_is_told_how_much_and_how_long(one: Work, said: str) -> None:
    assert told(one) == f"Also: {said}"


def test_work_that_stands_still_is_told_without_an_estimate() -> None:
    assert told(BACKUP, 1060.0 + 240) == "Also: The backup: 3.0 GiB of 10.0 GiB (30 %), and nothing more for 4 minutes."


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("fr", "La sauvegarde : 3,0 Gio sur 10,0 Gio (30 %), reste environ 2 minutes."),
        ("es", "La copia de seguridad: 3,0 GiB de 10,0 GiB (30 %), faltan aproximadamente 2 minutos."),
    ],
)
def test_it_is_told_in_the_language_of_the_site(language: str, said: str) -> None:
    words.speak(language)
    assert said in told(BACKUP)


def test_a_table_that_is_read_again_has_its_estimate_in_the_same_sentence() -> None:
    again = Work("reading_again", "openmrs.obs", 25, 100, "keys", since=1000.0, updated=1060.0)
    one = replace(worker.parse({"c": connector()})[0], reading="reading again openmrs.obs: 25 % (key 25 of 100)")
    found = judge(seen(connectors=[one], works={"reading-again-c": again}, now=1061.0))
    (note,) = found.findings
    assert note.what == "The connector c is reading again openmrs.obs: 25 % (key 25 of 100), about 3 minutes left."

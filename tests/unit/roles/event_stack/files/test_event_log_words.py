# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue of words is whole in every language, and the code uses what is in it and nothing else."""

from __future__ import annotations

import ast
import json
import string
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Set, Tuple

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _guard_history, _trace
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log import cli, verdict, words
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files import described

from tests.unit.role_files import ROOT

SOURCES = sorted(
    path
    for directory in ("roles/event_stack/files/event_log", "roles/event_guard/files/event_guard")
    for path in (ROOT / directory).rglob("*.py")
)
ENGLISH = words.catalogue("en")
#: Which argument of a call is a key.
PLACES = {"phrase": 0, "message": 0, "Said": 0, "of": 2}


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    yield
    words.speak("en")


def texts(entry: Any) -> List[str]:
    return [entry] if isinstance(entry, str) else [entry["what"], entry["remedy"]]


def placeholders(text: str) -> List[Tuple[str, str]]:
    return sorted((name, spec or "") for _, name, spec, _ in string.Formatter().parse(text) if name is not None)


def names(key: str) -> Set[str]:
    return {name for text in texts(ENGLISH[key]) for name, _ in placeholders(text)}


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_every_language_says_everything_with_the_same_values(language: str) -> None:
    there = words.catalogue(language)
    assert set(there) == set(ENGLISH)
    for key, entry in ENGLISH.items():
        assert isinstance(there[key], type(entry)), key
        for mine, theirs in zip(texts(entry), texts(there[key])):
            assert placeholders(mine) == placeholders(theirs), key
            assert bool(mine.strip()) == bool(theirs.strip()), key
            assert theirs == theirs.strip(), key
        assert texts(there[key])[0], key


@pytest.mark.parametrize("language", words.LANGUAGES[1:])
def test_commands_and_names_are_not_translated(language: str) -> None:
    for key, entry in ENGLISH.items():
        for mine, theirs in zip(texts(entry), texts(words.catalogue(language)[key])):
            for name in (
                "sudo ",
                "site.yml",
                "event_log_",
                "event_guard_",
                "repair_",
                "docker logs",
                "event-log sizes",
            ):
                assert mine.count(name) == theirs.count(name), (key, name)


def calls() -> Iterator[Tuple[Path, ast.Call, ast.expr]]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                place = PLACES.get(name, 99)
                if len(node.args) > place:
                    yield path, node, node.args[place]


def keys_of(expression: ast.expr) -> List[str]:
    if isinstance(expression, ast.IfExp):
        return keys_of(expression.body) + keys_of(expression.orelse)
    return [expression.value] if isinstance(expression, ast.Constant) and isinstance(expression.value, str) else []


def test_every_key_of_the_code_is_in_the_catalogue_with_its_values() -> None:
    seen = 0
    for path, call, expression in calls():
        given = {keyword.arg for keyword in call.keywords}
        for key in keys_of(expression):
            seen += 1
            assert key in ENGLISH, f"{path}:{call.lineno}: {key}"
            if None not in given and getattr(call.func, "id", "") != "Said":
                assert names(key) <= given, f"{path}:{call.lineno}: {key} needs {sorted(names(key))}"
    assert seen > 80, "calls are found"


def test_every_key_of_the_catalogue_is_used() -> None:
    said = {
        node.value
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert set(ENGLISH) - said == set()


def test_a_finding_has_its_words_from_the_catalogue() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding":
                pytest.fail(f"{path}:{node.lineno}: write Finding.of, with a key of the catalogue")


def test_what_modules_say_of_the_history_is_the_same() -> None:
    for key, text in _guard_history.TEXTS.items():
        assert ENGLISH[key] == {"what": text, "remedy": _guard_history.REMEDIES[key.partition(".")[0]]}


def test_what_modules_say_of_a_failure_is_the_same() -> None:
    causes: Dict[str, str] = {key: cause for key, cause, _ in _trace._CAUSES}
    assert causes == {key: text for key, text in ENGLISH.items() if key.startswith("cause.")}


@pytest.mark.parametrize(
    ("language", "written"),
    [
        ("en", "1.5 GiB, 2 days, 3.5 %, 2.5, 0 seconds"),
        ("fr", "1,5 Gio, 2 jours, 3,5 %, 2,5, 0 seconde"),
        ("es", "1,5 GiB, 2 días, 3,5 %, 2,5, 0 segundos"),
    ],
)
def test_sizes_times_and_numbers(language: str, written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "{size:size}, {took:duration}, {share:decimal} %, {limit:number}, {none:duration}"
    monkeypatch.setitem(words.catalogue(language), "trial", text)
    words.speak(language)
    told = words.phrase("trial", size=1.5 * 1024**3, took=200000, share=3.46, limit=2.5, none=0)
    assert told == written
    assert (words.size(1536 * 1024**2), words.period(200000), words.decimal(3.46)) == tuple(
        part.rstrip(" %") for part in written.split(", ")[:3]
    )


def test_a_moment_that_is_a_text_stays_one() -> None:
    assert words.moment("2026-01-02T03:04:05Z") == "2026-01-02T03:04:05Z"
    assert words.moment("") == words.moment(0) == words.moment(None) == "?"


def test_what_is_remembered_is_said_in_the_language_of_today() -> None:
    remembered = words.Said("binlog_off", {"at": " (db:3306)"}).as_data()
    assert remembered["what"] == "The database writes no binary log (db:3306)."
    words.speak("es")
    assert words.retold(remembered)[0] == "La base de datos no escribe registro binario (binlog) (db:3306)."
    assert words.retold({**remembered, "key": "of another version"})[0] == remembered["what"]
    assert words.retold({"what": "By hand.", "remedy": "Ask."}) == ("By hand.", "Ask.")


@pytest.mark.parametrize(
    ("language", "good", "bad"),
    [
        ("en", "Running: connector c reads openmrs, no event yet.", "has failed: the database refuses the login."),
        ("fr", "En marche : le connecteur c lit openmrs, aucun événement pour l'instant.", "la base refuse"),
        ("es", "En marcha: el conector c lee openmrs, aún no hay eventos.", "la base de datos rechaza"),
    ],
)
def test_the_verdict_is_told_in_the_language_and_its_ids_stay(language: str, good: str, bad: str) -> None:
    words.speak(language)
    assert verdict.judge(described.seen()).sentence == good
    failed = described.connector(tasks=("FAILED",), trace="org.x.E: Access denied for user x")
    told = verdict.judge(described.seen(connectors=verdict_connectors(failed))).as_data()
    assert (told["verdict"], told["findings"][0]["id"]) == ("ill", "connector_failed")
    assert bad in told["sentence"]


def verdict_connectors(entry: Dict[str, Any]) -> Any:
    return described.worker.parse({"c": entry})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    """Run a command with a language of the site, one of the environment, and what is typed."""
    path = tmp_path / "config" / "event-log.json"
    path.parent.mkdir()
    settings = {"image": "i", "bootstrap": "b", "data_dir": str(tmp_path), "project": "p", "uid": 1, "gid": 1}
    monkeypatch.setenv("EVENT_LOG_SETTINGS", str(path))
    monkeypatch.setattr(cli.sizes, "run", lambda *_, **__: "")

    def spoken(of_the_site: str, environment: str, *typed: str) -> str:
        path.write_text(json.dumps({**settings, "database": "d", "language": of_the_site}), encoding="utf-8")
        monkeypatch.setenv(words.ENVIRONMENT_VARIABLE, environment)
        words.speak("en")
        assert cli.main([*typed, "sizes"]) == 0
        return words.language()

    return spoken


def test_who_decides_the_language(asked: Callable[..., str]) -> None:
    assert asked("fr", "") == "fr"
    assert asked("fr", "es") == "es", "whoever asks from elsewhere"
    assert asked("fr", "es", "--language", "en") == "en", "whoever types"
    assert asked("fr", "tlh") == "fr"
    assert asked("tlh", "") == "en"

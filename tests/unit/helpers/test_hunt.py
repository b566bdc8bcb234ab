# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hunt finds what is there, in whatever writing, and refuses texts of which it could say nothing."""

from __future__ import annotations

import base64
import html
import json
import random
import shlex
import string
import urllib.parse
from typing import Callable

import pytest

from tests.helpers.hunt import Forms, NoHuntError, Prey, binary, name, pick, secret

SECRET = "Wr0ng:h=or\\se/'b\"at&té+y"
NAME = "Tsehaynesh"
ALPHABET = string.ascii_letters + string.digits + "=:\\/'\"&<>%+ é漢#!$"


def properties(text: str) -> str:
    return "".join(f"\\{one}" if one in "=:#!\\" else one for one in text)


WRITINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda text: f"before {text} after",
    "JSON": lambda text: json.dumps({"password": text}),
    "JSON as UTF-8": lambda text: json.dumps({"password": text}, ensure_ascii=False),
    "JSON in JSON": lambda text: json.dumps(json.dumps({"password": text})),
    "URL": lambda text: f"http://event-log:{urllib.parse.quote(text, safe='')}@127.0.0.1",
    "form": lambda text: urllib.parse.urlencode({"password": text}),
    "properties": lambda text: f"password={properties(text)}",
    "shell": lambda text: f"--password={shlex.quote(text)}",
    "HTML": lambda text: f"<td>{html.escape(text)}</td>",
    "Python": lambda text: f"{{'password': {text!r}}}",
    **{
        f"base64 behind {before} others": lambda text, before=before: base64.b64encode(  # type: ignore[misc]
            ("x" * before + text + ":more").encode()
        ).decode()
        for before in range(4)
    },
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(f"event-log:{text}".encode()).decode(),
}


@pytest.mark.parametrize("writing", WRITINGS)
def test_a_secret_is_found_in_every_writing(writing: str) -> None:
    forms = Forms([secret("the secret", SECRET), secret("another", "q8sZ4mP2xkL0")])
    found = forms.found("here", WRITINGS[writing](SECRET))
    assert {find.label for find in found} == {"the secret"}


@pytest.mark.parametrize("seed", range(20))
def test_any_secret_is_found_in_every_writing(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    text = "".join(chance.choice(ALPHABET) for _ in range(chance.randrange(12, 40))).strip().ljust(12, "z")
    forms = Forms([secret("it", text)])
    unseen = [writing for writing, write in WRITINGS.items() if not forms.found("here", write(text))]
    assert unseen == [], text


@pytest.mark.parametrize("writing", ["plain", "JSON", *(f"base64 behind {before} others" for before in range(4))])
@pytest.mark.parametrize("text", [NAME, "ከበደ አለሙ", "100GEJ"])
def test_a_name_is_found(writing: str, text: str) -> None:
    assert Forms([name("family name", text)]).found("here", WRITINGS[writing](text))


def test_nothing_is_found_where_nothing_is() -> None:
    noise = random.Random(1).randbytes(200_000)  # noqa: S311
    forms = Forms([secret("the secret", SECRET), name("family name", NAME)])
    assert forms.found("noise", base64.b64encode(noise).decode() + noise.hex() + "Tsehay nesh") == []


def test_what_is_found_does_not_tell_the_secret() -> None:
    prey = secret("the secret", SECRET)
    assert SECRET not in repr(prey)
    (find,) = Forms([prey]).found("a log", f"x {SECRET} y")
    assert str(find) == "a log: the secret (plain)"


@pytest.mark.parametrize("text", ["", "short", "aaaaaaaaaaaa", "abababababab", "openmrs-connector", "two\nlines of it"])
def test_texts_that_would_be_noise_are_refused(text: str) -> None:
    with pytest.raises(NoHuntError) as refused:
        secret("the password", text)
    assert str(refused.value).startswith("the password: ")
    assert not text or text not in str(refused.value)


def test_a_name_that_stands_everywhere_is_refused() -> None:
    for text in ("Anna", "xxxxxx", "Kampala"):
        with pytest.raises(NoHuntError):
            name("city", text, {"Kampala"})


def test_an_empty_text_proves_nothing() -> None:
    with pytest.raises(NoHuntError):
        Forms([secret("it", SECRET)]).found("here", "")
    with pytest.raises(NoHuntError):
        Forms([])


def test_a_key_that_is_no_text_is_found() -> None:
    key = bytes([0, 200, 10, *range(100, 124), 255, 0, 7])
    forms = Forms([binary("salt", key)])
    for text in (key.hex(), key.hex().upper(), base64.b64encode(b"x" + key + b"y").decode()):
        assert [find.label for find in forms.found("here", text)][:1] == ["salt"]
    assert forms.found("bytes", (b"..." + key + b"...").decode("utf-8", "surrogateescape"))
    with pytest.raises(NoHuntError):
        binary("salt", bytes(32))


def labels(prey: list[Prey]) -> list[str]:
    return [one.label for one in prey]


def test_names_are_picked_in_turn_without_those_of_every_day() -> None:
    rows = [("name", "Tsehaynesh"), ("name", "Abdirahman"), ("name", "Anna"), ("city", "Kampala"), ("id", "100GEJ")]
    assert labels(pick(rows, {"Kampala"}, 3)) == ["name 1", "id 1", "name 2"]
    assert labels(pick([*rows, rows[0]], {"Kampala"}, 3)) == ["name 1", "id 1", "name 2"], "a text counts once"
    with pytest.raises(NoHuntError):
        pick(rows, {"Kampala"}, 4)

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of age are judged by their shape, and a private one never gets into words."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _backup_key as subject

from tests.unit.plugins.module_utils.backup_rig import new_key

#: From the documentation of age and its test vectors.
PUBLIC = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
PRIVATE = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"


@pytest.mark.parametrize("value", [PUBLIC, [PUBLIC], f" {PUBLIC}\n", [PUBLIC, PUBLIC]])
def test_public_keys_are_taken_each_once(value: Any) -> None:
    assert subject.problems(value) == []
    assert subject.recipients(value) == (PUBLIC,)


@pytest.mark.parametrize("value", ["", [], None, ["", " "]])
def test_no_key_is_refused_with_the_way_to_one(value: Any) -> None:
    (words,) = subject.problems(value)
    for part in ("event_log_backup_recipient is not set", "age-keygen -o", "never on the server", "nobody can open"):
        assert part in words


@pytest.mark.parametrize("value", [PRIVATE, PRIVATE.lower(), [PUBLIC, PRIVATE], f"x {PRIVATE[:40]}"])
def test_a_private_key_is_refused_and_not_shown(value: Any) -> None:
    (words,) = subject.problems(value)
    assert "PRIVATE key" in words
    assert "make a new pair" in words
    assert PRIVATE[:25].lower() not in words.lower()


@pytest.mark.parametrize(
    ("value", "part"),
    [
        (PUBLIC[:-1], "mistyped"),
        (PUBLIC.replace("zvk", "zkv"), "mistyped"),
        (PUBLIC.upper(), "does not begin with age1"),
        ("ssh-ed25519AAAA", "SSH"),
        (f"{PUBLIC} {PUBLIC}", "several words"),
        ("age1yubikey1" + "q" * 60, "plugins"),
        ({"key": PUBLIC}, "neither a key nor a list"),
    ],
)
def test_what_is_no_public_key_is_refused_with_the_remedy(value: Any, part: str) -> None:
    (words,) = subject.problems(value)
    assert part in words
    assert "event_log_backup_recipient" in words


def test_of_several_keys_each_wrong_one_is_named_by_its_place() -> None:
    wrong = subject.problems([PUBLIC, PUBLIC[:-1], "secret-of-somebody"])
    assert ["key 2," in wrong[0], "key 3," in wrong[1]] == [True, True]
    assert "secret-of-somebody" not in "".join(wrong)


def test_every_single_mistake_is_found() -> None:
    for place in range(4, len(PUBLIC)):
        other = "q" if PUBLIC[place] != "q" else "p"
        assert not subject.is_bech32(PUBLIC[:place] + other + PUBLIC[place + 1 :], "age")


def test_the_file_of_age_keygen_opens_backups() -> None:
    key = new_key()
    assert subject.identity_problem(key.text) == ""
    assert subject.problems(key.public) == []


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "is empty"),
        ("# only a comment\n", "is empty"),
        (PUBLIC, "is a public key"),
        (PRIVATE[:-1], "no private key"),
        (f"{PRIVATE}\nmore", "no private key"),
        ("-----BEGIN AGE ENCRYPTED FILE-----\nYWdl", "passphrase"),
    ],
)
def test_what_opens_nothing_is_refused_and_not_shown(text: str, part: str) -> None:
    words = subject.identity_problem(text)
    assert part in words
    assert "GFPYYSJZ" not in words


def test_a_private_key_in_a_programs_words_is_taken_out() -> None:
    assert subject.scrub(f'line 1: malformed "{PRIVATE}"') == 'line 1: malformed "AGE-SECRET-KEY-…"'

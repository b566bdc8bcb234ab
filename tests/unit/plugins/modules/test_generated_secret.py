# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module generated_secret: made once, kept for ever, never rewritten."""

from __future__ import annotations

from pathlib import Path
from typing import List, Tuple

import pytest
from ansible_collections.openmrs.event_log.plugins.modules import generated_secret as subject

from tests.unit.plugins.modules.conftest import Call

Owners = List[Tuple[int, int]]


@pytest.fixture
def path(tmp_path: Path, owners: Owners) -> Path:
    return tmp_path / "made" / "for" / "connect_password"


def test_the_ladder_of_check_and_run(call: Call, path: Path, owners: Owners, tmp_path: Path) -> None:
    foretold = call(subject, check=True, path=str(path))
    assert foretold["changed"]
    assert list(tmp_path.iterdir()) == [], "check mode wrote"
    made = call(subject, path=str(path))
    assert made["changed"]
    assert owners == [(0, 0)]
    path.chmod(0o600)
    kept = path.read_bytes()
    assert kept == f"{made['secret']}\n".encode()
    for check in (True, False):
        again = call(subject, check=check, path=str(path))
        assert (again["changed"], again["secret"]) == (False, made["secret"])
    assert (path.read_bytes(), owners) == (kept, [(0, 0)])
    assert foretold["secret"] != made["secret"], "the throw-away secret of check mode is not random"


def test_only_root_may_look(call: Call, path: Path) -> None:
    call(subject, path=str(path))
    assert path.stat().st_mode & 0o7777 == 0o400
    assert path.parent.stat().st_mode & 0o7777 == 0o700


@pytest.mark.parametrize(("length", "wanted"), [(None, 32), (12, 12), (64, 64)])
def test_the_length_is_the_wanted_one(call: Call, path: Path, length: int, wanted: int) -> None:
    options = {} if length is None else {"length": length}
    assert len(call(subject, path=str(path), **options)["secret"]) == wanted


def test_a_short_secret_is_refused_before_anything_is_made(call: Call, path: Path, tmp_path: Path) -> None:
    result = call(subject, path=str(path), length=11)
    assert result["failed"]
    assert result["msg"] == "length is 11: ask for at least 12 characters."
    assert list(tmp_path.iterdir()) == []


def test_a_kept_secret_may_be_short_and_of_any_characters(call: Call, path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(" wörter \n", encoding="utf-8")
    result = call(subject, path=str(path))
    assert (result["changed"], result["secret"]) == (False, " wörter ")


@pytest.mark.parametrize("content", ["", "\n"])
@pytest.mark.parametrize("check", [True, False])
def test_an_empty_file_is_refused_and_named(call: Call, path: Path, content: str, check: bool) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(content)
    result = call(subject, check=check, path=str(path))
    assert result["failed"]
    assert result["msg"] == f"{path} is empty: remove it, and the next run makes a new secret."
    assert path.read_text() == content

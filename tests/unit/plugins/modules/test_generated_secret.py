# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module generated_secret: made once, kept for ever, rewritten only when that is asked for."""

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
    foretold = call(subject, check=True, paths={"rest": str(path)})
    assert foretold["changed"]
    assert list(tmp_path.iterdir()) == [], "check mode wrote"
    made = call(subject, paths={"rest": str(path)})
    assert made["changed"]
    assert owners == [(0, 0)]
    path.chmod(0o600)
    kept = path.read_bytes()
    assert kept == f"{made['secrets']['rest']}\n".encode()
    for check in (True, False):
        again = call(subject, check=check, paths={"rest": str(path)})
        assert (again["changed"], again["secrets"]["rest"]) == (False, made["secrets"]["rest"])
    assert (path.read_bytes(), owners) == (kept, [(0, 0)])
    assert foretold["secrets"]["rest"] != made["secrets"]["rest"], "the throw-away secret of check mode is not random"


def test_only_root_may_look(call: Call, path: Path) -> None:
    call(subject, paths={"rest": str(path)})
    assert path.stat().st_mode & 0o7777 == 0o400
    assert {parent.stat().st_mode & 0o7777 for parent in (path.parent, path.parent.parent)} == {0o700}


@pytest.mark.parametrize(("length", "wanted"), [(None, 32), (12, 12), (64, 64)])
def test_the_length_is_the_wanted_one(call: Call, path: Path, length: int, wanted: int) -> None:
    options = {} if length is None else {"length": length}
    assert len(call(subject, paths={"rest": str(path)}, **options)["secrets"]["rest"]) == wanted


def test_a_short_secret_is_refused_before_anything_is_made(call: Call, path: Path, tmp_path: Path) -> None:
    result = call(subject, paths={"rest": str(path)}, length=11)
    assert result["failed"]
    assert result["msg"] == "length is 11: ask for at least 12 characters."
    assert list(tmp_path.iterdir()) == []


def test_a_kept_secret_may_be_short_and_of_any_characters(call: Call, path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(" wörter \n", encoding="utf-8")
    result = call(subject, paths={"rest": str(path)})
    assert (result["changed"], result["secrets"]["rest"]) == (False, " wörter ")


@pytest.mark.parametrize("content", ["", "\n"])
@pytest.mark.parametrize("check", [True, False])
def test_an_empty_file_is_refused_and_named(call: Call, path: Path, content: str, check: bool) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(content)
    result = call(subject, check=check, paths={"rest": str(path)})
    assert result["failed"]
    assert result["msg"] == f"{path} is empty: remove it, and the next run makes a new secret."
    assert path.read_text() == content


def test_several_secrets_and_renewal_of_one(call: Call, tmp_path: Path, owners: Owners) -> None:
    paths = {name: str(tmp_path / "made" / name) for name in ("one", "two")}
    first = call(subject, paths=paths)
    assert first["former"] == {}
    foretold = call(subject, check=True, paths=paths, renew=["two"])
    assert foretold["changed"]
    assert (tmp_path / "made" / "two").read_text() == f"{first['secrets']['two']}\n"
    second = call(subject, paths=paths, renew=["two", "unknown"])
    assert (second["changed"], second["former"]) == (True, {"two": first["secrets"]["two"]})
    assert second["secrets"]["one"] == first["secrets"]["one"]
    assert second["secrets"]["two"] != first["secrets"]["two"]
    third = call(subject, paths=paths)
    assert (third["changed"], third["secrets"], third["former"]) == (False, second["secrets"], {})


def test_what_is_to_be_renewed_and_was_never_made_has_no_former(call: Call, path: Path) -> None:
    made = call(subject, paths={"rest": str(path)}, renew=["rest"])
    assert (made["changed"], made["former"]) == (True, {})

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module versioned_secret: one name per content, readable by one account, and no more versions than wanted."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._secret_file import KEY_NAME
from ansible_collections.openmrs.event_log.plugins.modules import versioned_secret as subject

from tests.unit.plugins.modules.conftest import Call

Owners = List[Tuple[int, int]]
ME = (os.getuid(), os.getgid())
IS_ROOT = os.getuid() == 0
DIRECTORY_MODE = 0o500 if IS_ROOT else 0o700


class Secrets:
    """A directory of secrets, and the module called on it."""

    def __init__(self, call: Call, directory: Path) -> None:
        self._call = call
        self.directory = directory

    def put(self, content: str = "password=first-word\n", check: bool = False, **options: Any) -> Dict[str, Any]:
        file = {"directory": str(self.directory), "stem": "database", "content": content}
        file.update({key: options.pop(key) for key in ("stem", "suffix") if key in options})
        arguments = {"owner": ME[0], "group": ME[1], **options}
        done = self._call(subject, check=check, files=[file], **arguments)
        (name,) = done["filenames"].values()
        removed = [Path(path).name for path in done["removed"]]
        return {**done, "filename": name, "path": str(self.directory / name), "removed": removed}

    def names(self) -> List[str]:
        return sorted(path.name for path in self.directory.iterdir() if path.name != KEY_NAME)


@pytest.fixture
def secrets(call: Call, owners: Owners, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Secrets:
    # Who is not root cannot write into a directory of mode 0500.
    monkeypatch.setattr(subject, "DIRECTORY_MODE", DIRECTORY_MODE)
    return Secrets(call, tmp_path / "secrets" / "connect")


def state(path: Path) -> Tuple[int, int, int]:
    found = path.stat()
    return found.st_mode & 0o7777, found.st_uid, found.st_gid


def test_the_mode_is_meant_for_one_reader() -> None:
    assert (subject.DIRECTORY_MODE, subject.FILE_MODE) == (0o500, 0o400)


def test_the_ladder_of_check_and_run(secrets: Secrets) -> None:
    assert secrets.put(check=True)["changed"]
    assert not secrets.directory.parent.exists(), "check mode wrote"
    made = secrets.put()
    assert made["changed"]
    assert re.fullmatch(r"database-[0-9a-f]{8}\.properties", made["filename"])
    assert made["filenames"] == {"database": made["filename"]}
    for check in (True, False):
        again = secrets.put(check=check)
        assert (again["changed"], again["filename"], again["removed"]) == (False, made["filename"], [])
    assert secrets.names() == [made["filename"]]


def test_modes_and_owners(secrets: Secrets, owners: Owners) -> None:
    path = Path(secrets.put()["path"])
    assert state(secrets.directory) == (DIRECTORY_MODE, *ME)
    assert state(path) == (0o400, *ME)
    assert (secrets.directory / KEY_NAME).stat().st_mode & 0o7777 == 0o400
    assert owners == [ME, (0, 0), ME], "directory and file belong to the reader, the key to root"
    path.chmod(0o600)
    assert path.read_bytes() == b"password=first-word\n"


@pytest.mark.skipif(not IS_ROOT, reason="only root can give files away")
def test_the_wanted_account_gets_directory_and_file_but_not_the_key(secrets: Secrets) -> None:
    path = Path(secrets.put(owner=1234, group=2345)["path"])
    assert state(secrets.directory) == (0o500, 1234, 2345)
    assert state(path) == (0o400, 1234, 2345)
    assert state(secrets.directory / KEY_NAME) == (0o400, 0, 0)
    assert not secrets.put(owner=1234, group=2345)["changed"]


def test_a_rotation_is_foretold_by_its_name_and_keeps_the_former_file(secrets: Secrets) -> None:
    first = secrets.put()["filename"]
    foretold = secrets.put("password=second-word\n", check=True)
    assert secrets.names() == [first]
    second = secrets.put("password=second-word\n")
    assert (foretold["changed"], foretold["filename"]) == (second["changed"], second["filename"])
    assert second["changed"]
    assert second["filename"] != first
    assert secrets.names() == sorted([first, second["filename"]])
    back = secrets.put()
    assert (back["changed"], back["filename"]) == (False, first), "the same content has the same name again"


def test_the_name_tells_nothing_to_who_guesses(secrets: Secrets, call: Call, tmp_path: Path) -> None:
    elsewhere = Secrets(call, tmp_path / "elsewhere")
    assert secrets.put()["filename"] != elsewhere.put()["filename"], "the digits do not depend on a key of the host"
    keys = [(made.directory / KEY_NAME).read_bytes() for made in (secrets, elsewhere)]
    assert keys[0] != keys[1]
    assert {len(key) for key in keys} == {32}


def test_stem_and_suffix_are_part_of_the_name(secrets: Secrets) -> None:
    names = [secrets.put()["filename"], secrets.put(stem="rest", suffix=".conf")["filename"]]
    assert names[1].startswith("rest-")
    assert names[1].endswith(".conf")
    digits = {re.split(r"[-.]", name)[1] for name in names}
    assert len(digits) == 1, "one key for the directory"
    assert secrets.names() == sorted(names)


def aged(secrets: Secrets, count: int) -> List[str]:
    """Names of so many versions, the oldest first."""
    made = []
    for number in range(count):
        made.append(secrets.put(f"password=number-{number}\n", keep=99)["filename"])
        os.utime(secrets.directory / made[-1], (1000 + number, 1000 + number))
    return made


@pytest.mark.parametrize(("keep", "left"), [(99, 6), (6, 6), (5, 5), (3, 3), (2, 2), (1, 1), (0, 1), (-1, 1)])
def test_old_versions_are_removed_beyond_the_wanted_number(secrets: Secrets, keep: int, left: int) -> None:
    old = aged(secrets, 5)
    foretold = secrets.put(check=True, keep=keep)
    assert secrets.names() == sorted(old)
    done = secrets.put(keep=keep)
    assert sorted(done["removed"]) == sorted(foretold["removed"]) == sorted(old[: 6 - left])
    assert secrets.names() == sorted([*old[6 - left :], done["filename"]])
    assert not secrets.put(keep=keep)["changed"]


def test_versions_that_stay_are_told_and_go_when_only_one_is_wanted(secrets: Secrets) -> None:
    old = aged(secrets, 1)
    done = secrets.put()
    assert done["former"] == [str(secrets.directory / old[0])]
    assert secrets.put(check=True, keep=1)["changed"]
    last = secrets.put(keep=1)
    assert (last["removed"], last["former"], secrets.names()) == (old, [], [done["filename"]])
    assert not secrets.put(keep=1)["changed"]


def test_by_default_three_versions_stay(secrets: Secrets) -> None:
    old = aged(secrets, 5)
    assert secrets.put()["removed"] == [old[2], old[1], old[0]]


def test_the_wanted_version_stays_though_it_is_the_oldest(secrets: Secrets) -> None:
    old = aged(secrets, 4)
    done = secrets.put("password=number-0\n", keep=2)
    assert done["filename"] == old[0]
    assert done["changed"]
    assert secrets.names() == sorted([old[0], old[3]])


def test_files_that_are_not_versions_of_it_are_left_alone(secrets: Secrets) -> None:
    secrets.put()
    others = [
        "rest-0123abcd.properties",
        "old-database-0123abcd.properties",
        "database-notes.properties",
        "database-0123ABCD.properties",
        "database-0123abcde.properties",
        "database-0123abcd.conf",
    ]
    for name in others:
        (secrets.directory / name).write_text("mine")
    done = secrets.put("password=second-word\n", keep=0)
    assert secrets.names() == sorted([*others, done["filename"]])


@pytest.mark.parametrize("damage", ["mode", "content", "directory", "gone"])
def test_what_was_changed_by_hand_is_mended(secrets: Secrets, damage: str) -> None:
    path = Path(secrets.put()["path"])
    key = (secrets.directory / KEY_NAME).read_bytes()
    if damage == "directory":
        secrets.directory.chmod(0o755)
    elif damage == "gone":
        path.unlink()
    else:
        path.chmod(0o644)
    if damage == "content":
        path.write_text("password=tampered\n")
        path.chmod(0o400)
    assert secrets.put(check=True)["changed"]
    assert secrets.put()["changed"]
    assert state(secrets.directory) == (DIRECTORY_MODE, *ME)
    assert state(path) == (0o400, *ME)
    path.chmod(0o600)
    assert path.read_text() == "password=first-word\n"
    assert (secrets.directory / KEY_NAME).read_bytes() == key


def test_the_secret_is_in_no_result(secrets: Secrets) -> None:
    assert "first-word" not in json.dumps([secrets.put(check=True), secrets.put(), secrets.put()])


def several(call: Call, root: Path, check: bool = False) -> Dict[str, Any]:
    files = [
        {"directory": str(root / "one"), "stem": "first", "content": "word=one\n"},
        {"directory": str(root / "one"), "stem": "second", "suffix": ".conf", "content": "word-two"},
        {"directory": str(root / "two"), "stem": "client", "content": "word-three"},
    ]
    return call(subject, check=check, files=files, owner=ME[0], group=ME[1])


def test_several_in_one_call(call: Call, secrets: Secrets, tmp_path: Path, owners: Owners) -> None:
    assert several(call, tmp_path, check=True)["changed"]
    assert not (tmp_path / "one").exists()
    made = several(call, tmp_path)
    assert (made["changed"], sorted(made["filenames"])) == (True, ["client", "first", "second"])
    assert (tmp_path / "one" / made["filenames"]["second"]).read_text() == "word-two"
    assert len({(tmp_path / name / KEY_NAME).read_bytes() for name in ("one", "two")}) == 2
    for check in (True, False):
        again = several(call, tmp_path, check=check)
        assert (again["changed"], again["filenames"]) == (False, made["filenames"])


def test_one_stem_for_two_files_is_refused(call: Call, tmp_path: Path) -> None:
    file = {"directory": str(tmp_path / "x"), "stem": "same", "content": "word-one"}
    told = call(subject, files=[file, file], owner=ME[0], group=ME[1])
    assert told["failed"]
    assert told["msg"] == "same is the stem of several files: give each its own."
    assert not (tmp_path / "x").exists()

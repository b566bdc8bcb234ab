# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module file_set: exactly these files and directories, told beforehand, and nothing else touched."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _stack_former
from ansible_collections.openmrs.event_log.plugins.modules import file_set as subject

from tests.unit.plugins.modules.conftest import Call

Owners = List[Tuple[int, int]]
ME = {"uid": os.getuid(), "gid": os.getgid()}
OWNER = f"owner {ME['uid']} group {ME['gid']}"


def project(folder: Path, **differences: Any) -> Dict[str, Any]:
    """A small project of two directories and two files."""
    config = folder / "config"
    return {
        "directories": [{"path": str(folder), **ME}, {"path": str(config), "mode": "0750", **ME}],
        "files": [
            {"path": str(config / "server.properties"), "content": "a=1\nü=2\n", "mode": "0640", **ME},
            {"path": str(folder / "run"), "content": "", "mode": "0755", **ME, **differences},
        ],
    }


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_the_ladder_of_check_and_run(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    foretold = call(subject, check=True, **project(folder))
    assert list(tmp_path.iterdir()) == [], "check mode wrote"
    done = call(subject, **project(folder))
    assert (foretold["changed"], done["changed"]) == (True, True)
    assert (foretold["changed_paths"], foretold["diff"]) == (done["changed_paths"], done["diff"])
    assert done["changed_paths"] == [
        str(folder / name).rstrip("/") for name in ("", "config", "config/server.properties", "run")
    ]
    for check in (True, False):
        again = call(subject, check=check, **project(folder))
        assert (again["changed"], again["changed_paths"], again["diff"]) == (False, [], [])


def test_content_and_modes_whatever_the_umask(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    before = os.umask(0o077)
    try:
        call(subject, **project(folder))
    finally:
        os.umask(before)
    assert (folder / "config" / "server.properties").read_bytes() == "a=1\nü=2\n".encode()
    assert (folder / "run").read_bytes() == b""
    paths = (folder, folder / "config", folder / "config" / "server.properties", folder / "run")
    assert [mode(path) for path in paths] == [0o755, 0o750, 0o640, 0o755]


def test_without_a_word_root_owns_and_everybody_reads(call: Call, owners: Owners, tmp_path: Path) -> None:
    files = [{"path": str(tmp_path / "d" / "f"), "content": "x"}]
    call(subject, directories=[{"path": str(tmp_path / "d")}], files=files)
    assert owners == [(0, 0), (0, 0)]
    assert (mode(tmp_path / "d"), mode(tmp_path / "d" / "f")) == (0o755, 0o644)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_owners_are_set_and_a_wrong_one_is_mended(call: Call, tmp_path: Path) -> None:
    options: Dict[str, Any] = {
        "directories": [{"path": str(tmp_path / "d"), "uid": 11, "gid": 12}],
        "files": [{"path": str(tmp_path / "d" / "f"), "content": "x", "uid": 13, "gid": 14}],
    }
    call(subject, **options)
    for name, uid, gid in (("d", 11, 12), ("d/f", 13, 14)):
        path = tmp_path / name
        assert (path.stat().st_uid, path.stat().st_gid) == (uid, gid)
        for wrong in ((0, gid), (uid, 0)):
            os.chown(path, *wrong)
            assert call(subject, **options)["changed_paths"] == [str(path)]
            assert (path.stat().st_uid, path.stat().st_gid) == (uid, gid)


def test_the_diff_of_a_new_and_of_a_changed_file_is_its_content(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    made = call(subject, **project(folder, content="first\n"))
    assert made["diff"][0] == {
        "header": str(folder), "before": "absent\n", "after": f"{OWNER} mode 0755\n"
    }  # fmt: skip
    assert made["diff"][3] == {"header": str(folder / "run"), "before": "", "after": "first\n"}
    changed = call(subject, **project(folder, content="second\n"))
    assert changed["diff"] == [{"header": str(folder / "run"), "before": "first\n", "after": "second\n"}]
    assert (folder / "run").read_text() == "second\n"


def test_a_new_empty_file_is_a_change_that_can_be_seen(call: Call, tmp_path: Path) -> None:
    made = call(subject, **project(tmp_path / "project"))
    assert made["diff"][3] == {
        "header": str(tmp_path / "project" / "run"), "before": "absent\n", "after": f"{OWNER} mode 0755\n"
    }  # fmt: skip


@pytest.mark.parametrize("name", ["config", "run"])
def test_a_wrong_mode_is_mended_and_told(call: Call, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "project"
    call(subject, **project(folder))
    right = mode(folder / name)
    (folder / name).chmod(0o711)
    foretold = call(subject, check=True, **project(folder))
    assert mode(folder / name) == 0o711
    done = call(subject, **project(folder))
    assert mode(folder / name) == right
    told = {"before": f"{OWNER} mode 0711\n", "after": f"{OWNER} mode {right:04o}\n"}
    assert foretold["diff"] == done["diff"] == [{"header": str(folder / name), **told}]


def test_a_file_that_is_not_text_is_replaced(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    call(subject, **project(folder))
    (folder / "run").write_bytes(b"\xff\xfe")
    done = call(subject, **project(folder, content="text"))
    assert done["diff"] == [{"header": str(folder / "run"), "before": "��", "after": "text"}]


def test_what_is_not_named_is_left_alone(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "mine").write_text("mine")
    (folder / "config" / "mine").chmod(0o604)
    call(subject, **project(folder))
    assert ((folder / "config" / "mine").read_text(), mode(folder / "config" / "mine")) == ("mine", 0o604)
    assert sorted(path.name for path in folder.rglob("*")) == ["config", "mine", "run", "server.properties"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"directories": [{"path": "{0}/no/parent"}]}, "{0}/no/parent cannot be made, for {0}/no is not there. Make"),
        ({"directories": [{"path": "{0}/file"}]}, "{0}/file: File exists"),
        ({"files": [{"path": "{0}/folder", "content": "x"}]}, "{0}/folder: Is a directory"),
        ({"files": [{"path": "{0}/folder", "content": "x", "mode": "rw"}]}, "{0}/folder: mode 'rw' is not octal"),
        ({"files": [{"path": "{0}/folder"}]}, "missing required arguments: content"),
    ],
)
def test_what_cannot_be_made_is_named(
    call: Call, tmp_path: Path, owners: Owners, options: Dict[str, Any], told: str
) -> None:
    (tmp_path / "file").write_text("kept")
    (tmp_path / "folder").mkdir()
    filled = {
        key: [{name: value.format(tmp_path) for name, value in item.items()} for item in items]
        for key, items in options.items()
    }
    result = call(subject, **filled)
    assert result["failed"]
    assert told.format(tmp_path) in result["msg"]
    assert "exception" not in result or "Traceback" not in result["exception"]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "kept"


def test_the_former_files_are_kept_before_the_first_is_changed(call: Call, tmp_path: Path) -> None:
    folder, former = tmp_path / "project", tmp_path / "project" / "former"
    first = call(subject, former=str(former), **project(folder, content="first"))
    assert (first["former_kept"], former.exists()) == (False, False), "there was nothing to keep"
    again = call(subject, former=str(former), **project(folder, content="first"))
    assert (again["former_kept"], former.exists()) == (False, False), "there was nothing to do"
    foretold = call(subject, check=True, former=str(former), **project(folder, content="second"))
    assert (foretold["changed"], foretold["former_kept"], former.exists()) == (True, False, False)
    second = call(subject, former=str(former), **project(folder, content="second"))
    assert second["former_kept"] is True
    third = call(subject, former=str(former), **project(folder, content="third"))
    assert third["former_kept"] is False, "the second version was never settled"
    _stack_former.put_back(former)
    assert (folder / "run").read_text() == "first"


def test_secret_files_are_written_and_their_content_is_nowhere(call: Call, tmp_path: Path) -> None:
    def put(word: str, check: bool = False) -> Dict[str, Any]:
        path = {"path": str(tmp_path / "client.properties"), "uid": os.getuid(), "gid": os.getgid()}
        content = {path["path"]: f"password={word}\n"}
        former = str(tmp_path / "former")
        return call(subject, check=check, secret_files=[path], secret_contents=content, former=former)

    results = [put("first-word", check=True), put("first-word"), put("other-word", check=True), put("other-word")]
    assert [result["changed"] for result in results] == [True] * 4
    assert not put("other-word")["changed"]
    assert "-word" not in json.dumps(results)
    assert results[3]["diff"][0]["after"] == "<not shown, changed>\n"
    assert (tmp_path / "client.properties").read_text() == "password=other-word\n"
    assert (tmp_path / "client.properties").stat().st_mode & 0o7777 == 0o400
    assert results[3]["former_kept"]
    assert [path.read_text() for path in (tmp_path / "former").glob("0*")] == ["password=first-word\n"]


def test_a_secret_file_without_content_is_refused(call: Call, tmp_path: Path) -> None:
    told = call(subject, secret_files=[{"path": str(tmp_path / "x")}])
    assert told["failed"]
    assert told["msg"] == f"{tmp_path}/x is one of secret_files and has no content in secret_contents"

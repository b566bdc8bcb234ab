# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A way back for files: all of them or nothing, also when the run is killed in between."""

from __future__ import annotations

import os
from pathlib import Path
from typing import List

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _stack_former as subject


@pytest.fixture
def files(tmp_path: Path) -> List[Path]:
    """Two files that are there, with modes of their own, and one that is not."""
    paths = [tmp_path / "compose.yaml", tmp_path / "config", tmp_path / "new"]
    paths[0].write_bytes(b"old \xff")
    paths[0].chmod(0o640)
    paths[1].write_text("old too")
    paths[1].chmod(0o755)
    return paths


def change(files: List[Path]) -> None:
    for path in files:
        path.write_text("new")
        path.chmod(0o600)


def test_everything_is_put_back_and_what_was_not_there_goes(tmp_path: Path, files: List[Path]) -> None:
    former = tmp_path / "former"
    assert subject.keep(former, files) is True
    change(files)
    assert subject.put_back(former) == [str(path) for path in files]
    assert (files[0].read_bytes(), files[1].read_text(), files[2].exists()) == (b"old \xff", "old too", False)
    assert [path.stat().st_mode & 0o7777 for path in files[:2]] == [0o640, 0o755]
    assert subject.put_back(former) == [], "a second time there is nothing to do"


def test_only_root_can_look_into_it(tmp_path: Path, files: List[Path]) -> None:
    former = tmp_path / "former"
    subject.keep(former, files)
    assert former.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in former.iterdir()} == {0}


def test_what_is_not_settled_is_not_overwritten(tmp_path: Path, files: List[Path]) -> None:
    former = tmp_path / "former"
    subject.keep(former, files)
    change(files)
    assert subject.keep(former, files) is False
    subject.put_back(former)
    assert files[1].read_text() == "old too"


def test_a_copy_that_was_cut_off_counts_as_nothing(tmp_path: Path, files: List[Path]) -> None:
    former = tmp_path / "former"
    (tmp_path / "former.new").mkdir()
    (tmp_path / "former.new" / "000").write_text("half")
    former.mkdir()
    (former / "change.json").write_text("{}")
    assert not subject.exists(former)
    assert subject.keep(former, files) is True
    assert subject.notes(former) == {}
    assert not (tmp_path / "former.new").exists()


def test_notes_come_back_and_go_with_it(tmp_path: Path, files: List[Path]) -> None:
    former = tmp_path / "former"
    assert subject.notes(former) == {}
    subject.keep(former, files)
    subject.note(former, {"connectors": ["c"]})
    assert subject.notes(former) == {"connectors": ["c"]}
    subject.drop(former)
    assert not former.exists()
    subject.drop(former)


def test_a_broken_list_is_an_error_in_words(tmp_path: Path, files: List[Path]) -> None:
    former = tmp_path / "former"
    subject.keep(former, files)
    (former / "000").unlink()
    with pytest.raises(subject.FormerError, match="cannot be put back"):
        subject.put_back(former)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_owners_come_back(tmp_path: Path, files: List[Path]) -> None:
    os.chown(files[0], 11, 12)
    subject.keep(tmp_path / "former", files)
    os.chown(files[0], 0, 0)
    files[0].write_text("new")
    subject.put_back(tmp_path / "former")
    assert (files[0].stat().st_uid, files[0].stat().st_gid) == (11, 12)

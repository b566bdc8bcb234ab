# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a directory is ours and goes, and what is somebody else's and stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._removal_trees import Tree, look, remove

from tests.unit.plugins.module_utils.removal_files import DATA, FILES, fill, left


def test_a_tree_that_is_wholly_ours_goes_wholly(tmp_path: Path) -> None:
    found = look(Tree(fill(tmp_path / "data"), DATA, owner=os.getuid()))
    assert found.whole
    assert found.topics == ("openmrs.openmrs.person",)
    assert found.size >= 5000 * len(FILES)
    assert found.foreign == ()
    remove(found)
    assert left(tmp_path / "data") == ["gone"]
    assert not look(found.tree).goes


@pytest.mark.parametrize(
    "foreign",
    [
        "notes.txt",
        "kafka/backup.tar",
        "kafka/data/other/file",
        "kafka/data/log/notes",
        "mysql/ibdata1",
    ],
)
def test_what_is_not_ours_stays_and_is_told(tmp_path: Path, foreign: str) -> None:
    data = fill(tmp_path / "data", *FILES, foreign)
    found = look(Tree(data, DATA))
    assert len(found.foreign) == 1
    assert str(data / foreign).startswith(str(found.foreign[0]))
    remove(found)
    kept = {foreign, *(str(parent) for parent in Path(foreign).parents)} - {"."}
    assert left(data) == sorted(kept)
    assert not look(found.tree).goes, "a second run has nothing to do"


def test_what_belongs_to_another_user_is_not_ours_whatever_its_name(tmp_path: Path) -> None:
    data = fill(tmp_path / "data")
    found = look(Tree(data, DATA, owner=os.getuid() + 1))
    assert not found.own
    assert len(found.foreign) == 5


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make files of two owners")
def test_what_is_roots_goes_where_it_is_named_and_nowhere_else(tmp_path: Path) -> None:
    data = fill(tmp_path / "data", *FILES, "guard/memory.json", "guard-of-somebody/x")
    for path in (data, *data.rglob("*")):
        if "guard" not in str(path.relative_to(data)):
            os.chown(path, 1001, 1001)
    found = look(Tree(data, DATA, owner=1001, roots=("guard",)))
    assert data / "guard" in found.own
    assert found.foreign == (data / "guard-of-somebody",)
    os.chown(data / "guard", 1002, 1002)
    assert data / "guard" in look(Tree(data, DATA, owner=1001, roots=("guard",))).foreign


def test_what_is_ours_and_stays_is_not_foreign(tmp_path: Path) -> None:
    home = fill(tmp_path / "home", "compose.yaml", "config/a", "secrets/connect/x", "formatted")
    tree = Tree(home, ("compose.yaml", "config"), kept=("secrets", "formatted"))
    found = look(tree)
    assert (found.names(), found.foreign, found.whole) == (["compose.yaml", "config"], (), False)
    remove(found)
    assert left(home) == ["formatted", "secrets", "secrets/connect", "secrets/connect/x"]
    last = look(Tree(home, ("formatted", "secrets/connect", "secrets/connect_password")))
    assert last.whole
    remove(last)
    assert not home.exists()


def test_a_mount_point_and_a_link_stay_emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = fill(tmp_path / "disk")
    (disk / "lost+found").mkdir()
    link = tmp_path / "data"
    link.symlink_to(disk)
    found = look(Tree(link, DATA))
    assert found.foreign == ()
    remove(found)
    assert left(disk) == ["lost+found"]
    assert link.is_symlink()
    mounted = fill(tmp_path / "mounted")
    monkeypatch.setattr(os.path, "ismount", lambda path: str(path) == str(mounted / "kafka/data"))
    found = look(Tree(mounted, DATA))
    remove(found)
    assert left(mounted) == ["kafka", "kafka/data"]


def test_empty_directories_of_ours_go_and_an_empty_one_of_somebody_else_does_not(tmp_path: Path) -> None:
    (tmp_path / "data/kafka/data").mkdir(parents=True)
    found = look(Tree(tmp_path / "data", DATA))
    assert found.whole
    remove(found)
    (tmp_path / "data/others").mkdir(parents=True)
    assert not look(Tree(tmp_path / "data", DATA)).goes


def test_nothing_there_is_nothing_to_do(tmp_path: Path) -> None:
    assert not look(Tree(tmp_path / "data", DATA)).goes

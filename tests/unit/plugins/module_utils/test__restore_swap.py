# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is put into place by renaming can be taken back at every point at which it may have been cut off."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path
from typing import Dict, List

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _restore_swap as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._backup import BackupError, Manifest, Parent
from ansible_collections.openmrs.event_log.plugins.module_utils._restore_swap import Move, Swap

ENTRIES = ("home/config", "home/compose.yaml", "data/log", "data/fresh")


class CutOffError(Exception):
    """The power went."""


def manifest(folder: Path) -> Manifest:
    entries = tuple(str(folder / name) for name in ENTRIES)
    parents = (Parent(str(folder / "home"), 0, 0, 0o755), Parent(str(folder / "data"), 0, 0, 0o750))
    return Manifest("s", "t", "h", "d", "s", entries, parents, 0, 0)


def prepared(folder: Path) -> List[Move]:
    """A host with a former state, and what is to come beside it."""
    for name in ("home/config/a", "home/compose.yaml", "data/log/0", "data/old"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("former")
    there = [folder / name for name in ("home/config", "home/compose.yaml", "data/log", "data/old")]
    moves = Swap(folder / "home").prepare(manifest(folder), there)
    for name in (
        "home/.restore-new/config/a",
        "home/.restore-new/compose.yaml",
        "data/.restore-new/log/0",
        "data/.restore-new/fresh",
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("new")
    return moves


def contents(folder: Path) -> Dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


FORMER = {"data/log/0": "former", "data/old": "former", "home/compose.yaml": "former", "home/config/a": "former"}
NEW = {"data/fresh": "new", "data/log/0": "new", "home/compose.yaml": "new", "home/config/a": "new"}


def test_what_comes_takes_the_place_and_the_former_goes_once_it_is_well(tmp_path: Path) -> None:
    swap = Swap(tmp_path / "home")
    moves = prepared(tmp_path)
    assert not swap.begun
    swap.carry_out(moves)
    assert swap.begun
    kept = {name: text for name, text in contents(tmp_path).items() if ".restore-former" in name}
    assert kept == {
        "data/.restore-former/log/0": "former",
        "data/.restore-former/old": "former",
        "home/.restore-former/compose.yaml": "former",
        "home/.restore-former/config/a": "former",
    }
    swap.keep()
    assert (contents(tmp_path), swap.begun) == (NEW, False)


def test_it_is_taken_back_as_a_whole(tmp_path: Path) -> None:
    swap = Swap(tmp_path / "home")
    swap.carry_out(prepared(tmp_path))
    swap.take_back()
    assert (contents(tmp_path), swap.begun) == (FORMER, False)


RENAMES = 9  # the journal, four that come, four that go


@pytest.mark.parametrize("at", range(RENAMES + 1))
def test_wherever_it_was_cut_off_it_can_be_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    moves = prepared(tmp_path)
    real, count = Path.rename, iter(range(100))

    def rename(self: Path, target: Path) -> Path:
        if next(count) == at:
            raise CutOffError
        return real(self, target)

    swap = Swap(tmp_path / "home")
    monkeypatch.setattr(Path, "rename", rename)
    try:
        swap.carry_out(moves)
        cut = False
    except CutOffError:
        cut = True
    monkeypatch.setattr(Path, "rename", real)
    assert cut == (at < RENAMES)
    if swap.begun:
        swap.take_back()
    else:
        swap.clean(moves)
        (tmp_path / "home/restore.json.new").unlink()
    assert contents(tmp_path) == FORMER


@pytest.mark.parametrize("at", range(4))
def test_a_taking_back_that_was_cut_off_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    swap = Swap(tmp_path / "home")
    swap.carry_out(prepared(tmp_path))
    real, count = Path.rename, iter(range(100))

    def rename(self: Path, target: Path) -> Path:
        if next(count) == at:
            raise CutOffError
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(CutOffError):
        swap.take_back()
    monkeypatch.setattr(Path, "rename", real)
    Swap(tmp_path / "home").take_back()
    assert contents(tmp_path) == FORMER


def test_directories_above_are_made_as_they_were(tmp_path: Path) -> None:
    Swap(tmp_path / "home").prepare(manifest(tmp_path), [])
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("home", "data")] == [0o755, 0o750]


def test_a_journal_that_cannot_be_read_is_no_reason_to_guess(tmp_path: Path) -> None:
    (tmp_path / "restore.json").write_text("{")
    with pytest.raises(BackupError, match="cannot be read"):
        Swap(tmp_path).take_back()


def test_links_and_mount_points_are_not_put_aside(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(BackupError, match="Nothing was changed"):
        subject.check_plain([tmp_path / "link"])
    with pytest.raises(BackupError, match="/proc is a mount point"):
        subject.check_plain([Path("/proc")])
    subject.check_plain([tmp_path])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("e/other/a", tarfile.REGTYPE),
        ("e/log/../../etc/passwd", tarfile.REGTYPE),
        ("e", tarfile.DIRTYPE),
        ("e/log/link", tarfile.SYMTYPE),
        ("e/log/device", tarfile.CHRTYPE),
        ("e/log/hard", tarfile.LNKTYPE),
        ("e/logs/a", tarfile.REGTYPE),
    ],
)
def test_members_that_could_end_up_elsewhere_are_refused(name: str, kind: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.type = kind
    with pytest.raises(BackupError, match="the archive holds"):
        subject.check_member(member, [Path("/e/log")])


def test_files_come_with_owner_mode_time_and_holes(tmp_path: Path) -> None:
    source = tmp_path / "e/log"
    source.mkdir(parents=True)
    (source / "a").write_bytes(b"\0" * 70000 + b"x" + b"\0" * (5 << 20))
    (source / "a").chmod(0o640)
    os.utime(source / "a", (1000, 1000))
    source.chmod(0o550)
    owner = (1001, 1002) if os.geteuid() == 0 else (os.getuid(), os.getgid())
    if os.geteuid() == 0:
        os.chown(source / "a", *owner)
        os.chown(source, *owner)
    with tarfile.open(tmp_path / "t.tar", "w") as archive:
        archive.add(source, arcname=str(source).lstrip("/"))
    (tmp_path / "e/.restore-new").mkdir()
    with tarfile.open(tmp_path / "t.tar", "r|") as archive:
        assert subject.unpack(archive, [source]) == 1
    made = tmp_path / "e/.restore-new/log"
    found = (made / "a").stat()
    assert (made / "a").read_bytes() == (source / "a").read_bytes()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777, found.st_mtime) == (*owner, 0o640, 1000)
    assert found.st_blocks * 512 < 1 << 20
    assert made.stat().st_mode & 0o777 == 0o550
    assert (made.stat().st_uid, made.stat().st_gid) == owner

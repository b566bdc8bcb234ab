# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is removed for real is zeros before it is gone, seen through handles that outlive the names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, List

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _removal_trees as trees
from ansible_collections.openmrs.event_log.plugins.module_utils import _removal_wipe as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._removal import tree_told

WORD = b"the name of a patient\n"


def put(path: Path, content: bytes = WORD) -> IO[bytes]:
    """Write a file and keep it open."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path.open("rb")


def wiped(folder: Path, *own: str) -> None:
    found = trees.look(trees.Tree(folder, own, wipe=True))
    assert found.goes
    trees.remove(found)


def test_every_byte_is_zero_before_a_file_is_gone(tmp_path: Path) -> None:
    sizes = (1, 4096, subject.CHUNK - 1, subject.CHUNK + 1, 3 * subject.CHUNK)
    handles = [put(tmp_path / f"data/{size}/log", b"x" * size) for size in sizes]
    wiped(tmp_path / "data", "*")
    assert not (tmp_path / "data").exists()
    for size, handle in zip(sizes, handles):
        assert handle.read() == bytes(size)
        assert os.fstat(handle.fileno()).st_nlink == 0


def test_a_file_by_itself_and_one_that_nobody_may_write(tmp_path: Path) -> None:
    handle = put(tmp_path / "home/secrets/password")
    (tmp_path / "home/secrets/password").chmod(0o400 if os.getuid() == 0 else 0o600)
    wiped(tmp_path / "home", "secrets/password")
    assert handle.read() == bytes(len(WORD))


def test_without_wipe_nothing_is_written(tmp_path: Path) -> None:
    handle = put(tmp_path / "home/compose.yaml")
    trees.remove(trees.look(trees.Tree(tmp_path / "home", ("*",))))
    assert handle.read() == WORD


def test_what_stays_is_not_touched(tmp_path: Path) -> None:
    put(tmp_path / "data/own/log")
    put(tmp_path / "data/notes")
    wiped(tmp_path / "data", "own")
    assert (tmp_path / "data/notes").read_bytes() == WORD


def test_links_go_and_what_they_lead_to_stays(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere/file")
    put(tmp_path / "data/log/inside")
    (tmp_path / "data/log/to-file").symlink_to(tmp_path / "elsewhere/file")
    (tmp_path / "data/log/to-folder").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data/to-folder").symlink_to(tmp_path / "elsewhere")
    wiped(tmp_path / "data", "*")
    assert not (tmp_path / "data").exists()
    assert (tmp_path / "elsewhere/file").read_bytes() == WORD


def test_a_link_that_takes_the_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere")
    put(tmp_path / "data/log")
    found = subject.contents([tmp_path / "data"])
    (tmp_path / "data/log").unlink()
    (tmp_path / "data/log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        subject.overwrite(found)
    assert (tmp_path / "elsewhere").read_bytes() == WORD


def test_a_file_with_another_name_elsewhere_keeps_its_content_and_that_is_told(tmp_path: Path) -> None:
    """A copy made of hard links is not ours to destroy."""
    handle = put(tmp_path / "data/own/single")
    put(tmp_path / "data/own/log")
    (tmp_path / "backup").mkdir()
    os.link(tmp_path / "data/own/log", tmp_path / "backup/log")
    found = trees.look(trees.Tree(tmp_path / "data", ("own",), wipe=True))
    assert tree_told(found).endswith("bytes, overwritten first but for 1 file with another name elsewhere)")
    trees.remove(found)
    assert not (tmp_path / "data").exists()
    assert (tmp_path / "backup/log").read_bytes() == WORD
    assert handle.read() == bytes(len(WORD))


def test_a_file_whose_names_all_go_is_overwritten(tmp_path: Path) -> None:
    handle = put(tmp_path / "data/a/log")
    (tmp_path / "data/b").mkdir()
    os.link(tmp_path / "data/a/log", tmp_path / "data/b/log")
    found = trees.look(trees.Tree(tmp_path / "data", ("a", "b"), wipe=True))
    assert found.shared == 0
    trees.remove(found)
    assert handle.read() == bytes(len(WORD))


def test_holes_stay_holes_and_what_is_between_them_is_zero(tmp_path: Path) -> None:
    path = tmp_path / "data/index"
    handle = put(path, b"")
    with path.open("r+b") as file:
        for place in (0, 10 * subject.CHUNK):
            file.seek(place)
            file.write(WORD)
        file.truncate(500 * subject.CHUNK)
        os.fsync(file.fileno())
    before = path.stat().st_blocks
    if before * 512 >= path.stat().st_size:
        pytest.skip("this file system knows no holes")
    subject.overwrite(subject.contents([path]))
    seen = os.fstat(handle.fileno())
    assert seen.st_size == 500 * subject.CHUNK
    assert seen.st_blocks <= before + 16
    assert handle.read(len(WORD)) == bytes(len(WORD))
    handle.seek(10 * subject.CHUNK)
    assert handle.read(len(WORD)) == bytes(len(WORD))


def test_a_file_system_that_knows_no_holes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lseek(handle: int, position: int, whence: int) -> int:
        raise OSError(22, "Invalid argument")

    handle = put(tmp_path / "log", b"x" * 5000)
    monkeypatch.setattr(os, "lseek", lseek)
    subject.overwrite(subject.contents([tmp_path / "log"]))
    monkeypatch.undo()
    assert handle.read() == bytes(5000)


def test_each_file_is_on_the_disk_and_no_more_than_a_chunk_is_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: List[str] = []
    written: List[int] = []
    sync, write = os.fsync, os.pwrite

    def fsync(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        sync(handle)

    def pwrite(handle: int, data: bytes, place: int) -> int:
        written.append(len(data))
        return write(handle, data[: len(data) // 2 or 1], place)  # a disk may take less than it was given

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "pwrite", pwrite)
    handles = [put(tmp_path / "data" / name, b"x" * 3 * subject.CHUNK) for name in ("a", "b")]
    subject.overwrite(subject.contents([tmp_path / "data"]))
    assert sorted(synced) == ["a", "b"]
    assert max(written) == subject.CHUNK
    assert [handle.read() for handle in handles] == [bytes(3 * subject.CHUNK)] * 2


def test_what_is_no_file_or_gone_is_left_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    put(tmp_path / "log")
    found = subject.contents([tmp_path / "pipe", tmp_path / "log", tmp_path / "nowhere"])
    assert found.files == (tmp_path / "log",)
    (tmp_path / "log").unlink()
    subject.overwrite(found)


def test_a_listing_says_how_much_is_overwritten(tmp_path: Path) -> None:
    put(tmp_path / "data/openmrs.openmrs.person-0/log", b"x" * 3_000_000)
    put(tmp_path / "home/secrets/password")
    data = trees.look(trees.Tree(tmp_path / "data", ("*-[0-9]*",), wipe=True))
    secrets = trees.look(trees.Tree(tmp_path / "home", ("secrets",), wipe=True))
    assert tree_told(data) == f"{tmp_path}/data (1 topic, {data.size / 1e6:.1f} MB, overwritten first)"
    assert tree_told(secrets) == f"{tmp_path}/home ({secrets.size} bytes, overwritten first)"

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store: written whole or not at all, and never believed without its checksum."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Sequence

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _image_archive as archives
from ansible_collections.openmrs.event_log.plugins.module_utils import _image_store as stores
from ansible_collections.openmrs.event_log.plugins.module_utils._image_build import sha256

from tests.unit.plugins.module_utils.image_archives import LAYERS, saved

pytestmark = pytest.mark.skipif(shutil.which("zstd") is None, reason="there is no zstd on this machine")


class Engine:
    """Saves an archive as docker does, and packs it as zstd does."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.done: list[str] = []

    def __call__(self, command: Sequence[str], what: str) -> None:
        self.done.append(what)
        if command[0] == "docker":
            Path(command[3]).write_bytes(self.content)
        else:
            subprocess.run(command, check=True)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    stores.write(Engine(saved()), "shop:1", tmp_path / "store")
    return tmp_path / "store"


def described(store: Path) -> archives.Described:
    found = stores.find(store, "shop:1")
    assert found is not None
    return found


def test_an_archive_is_written_with_checksum_and_description(store: Path) -> None:
    assert sorted(path.name for path in store.iterdir()) == [
        "shop-1.json",
        "shop-1.tar.zst",
        "shop-1.tar.zst.sha256",
    ]
    found = described(store)
    assert found.plain_size == len(saved())
    assert found.archive_sha256 == sha256(store / "shop-1.tar.zst")
    assert [layer.size for layer in found.layers] == [len(layer) for layer in LAYERS]
    assert all(0 < layer.packed_size < layer.size for layer in found.layers)
    stores.check(store, found)
    assert stores.everything(store) == [found]


def test_an_archive_of_something_else_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(archives.ArchiveError, match="holds other:2"):
        stores.write(Engine(saved("other:2")), "shop:1", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_zstd_it_is_written_plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = stores.write(Engine(saved()), "shop:1", tmp_path / "store")
    assert (found.archive, found.archive_size) == ("shop-1.tar", len(saved()))
    assert stores.unpacked(tmp_path / "store", found) == tmp_path / "store" / "shop-1.tar"


@pytest.mark.parametrize("missing", ["shop-1.json", "shop-1.tar.zst", "shop-1.tar.zst.sha256"])
def test_a_part_that_is_missing_makes_it_none(store: Path, missing: str) -> None:
    (store / missing).unlink()
    assert stores.find(store, "shop:1") is None


@pytest.mark.parametrize("what", ["cut", "changed", "checksum"])
def test_damage_is_found_before_a_line_carries_it(store: Path, what: str) -> None:
    archive, found = store / "shop-1.tar.zst", described(store)
    content = archive.read_bytes()
    if what == "cut":
        archive.write_bytes(content[:-1])
    elif what == "changed":
        archive.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    else:
        (store / "shop-1.tar.zst.sha256").write_text("0" * 64)
    with pytest.raises(archives.ArchiveError, match=r"images\.yml"):
        stores.check(store, found)
    assert stores.sound(store, "shop:1") is None
    # The remedy that was printed.
    stores.write(Engine(saved()), "shop:1", store)
    assert stores.sound(store, "shop:1") == found


@pytest.mark.parametrize("text", [b"", b'{"image": ', b"[]", b'{"image": "shop:1"}', b"\xff\xfe"])
def test_a_description_that_cannot_be_read_is_none(store: Path, text: bytes) -> None:
    (store / "shop-1.json").write_bytes(text)
    (store / "extra-1.json").write_bytes(text)
    assert stores.find(store, "shop:1") is None
    assert stores.sound(store, "shop:1") is None
    assert stores.everything(store) == []


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_a_run_that_ends_while_it_writes_leaves_nothing_that_passes(
    store: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """The archive is of other contents than the one that was there: none of the three files may go with another."""
    real = Path.replace
    done: list[Path] = []

    def replaced(path: Path, target: Path) -> Path:
        if len(done) == steps:
            raise KeyboardInterrupt
        done.append(target)
        return real(path, target)

    monkeypatch.setattr(Path, "replace", replaced)
    with pytest.raises(KeyboardInterrupt):
        stores.write(Engine(saved(layers=(b"other " * 99,))), "shop:1", store)
    monkeypatch.undo()
    found = stores.sound(store, "shop:1")
    assert (found is not None) == (steps == 0)
    assert found is None or found.plain_size == len(saved())
    again = stores.write(Engine(saved()), "shop:1", store)
    assert stores.sound(store, "shop:1") == again
    assert sorted(path.name for path in store.iterdir() if "sha256" in path.name) == ["shop-1.tar.zst.sha256"]


def test_it_is_unpacked_once_and_checked_each_time(store: Path) -> None:
    plain = stores.unpacked(store, described(store))
    assert plain.read_bytes() == saved()
    before = plain.stat().st_mtime_ns
    assert stores.unpacked(store, described(store)).stat().st_mtime_ns == before
    plain.write_bytes(b"x" * len(saved()))
    with pytest.raises(archives.ArchiveError, match="does not unpack"):
        stores.unpacked(store, described(store))
    assert stores.unpacked(store, described(store)).read_bytes() == saved()


def test_a_former_version_is_not_kept_unpacked(store: Path) -> None:
    for name in (".shop+0.tar", ".shop-of-others+1.tar"):
        (store / name).touch()
    stores.unpacked(store, described(store))
    assert sorted(path.name for path in store.glob(".*.tar")) == [".shop+1.tar", ".shop-of-others+1.tar"]


def test_a_store_that_is_not_ours_is_unpacked_elsewhere(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(stores.os, "access", lambda _path, _mode: False)
    plain = stores.unpacked(store, described(store))
    assert plain.parent == tmp_path / "home/.cache/event-log/images"
    assert plain.read_bytes() == saved()
    assert len(list(store.iterdir())) == 3


def test_what_is_unpacked_is_not_listed(store: Path) -> None:
    stores.unpacked(store, described(store))
    assert [found.archive for found in stores.everything(store)] == ["shop-1.tar.zst"]

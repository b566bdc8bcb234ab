# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundle as a directory, and what it is made of."""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
import tarfile
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import List, Sequence, Tuple

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _bundle, _bundle_parts
from ansible_collections.openmrs.event_log.plugins.module_utils._bundle import Piece
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError, InputError

CONF = Piece("bundle.conf", content=b"format=1\n")


def write(root: Path, *pieces: Piece) -> List[str]:
    changes = _bundle.plan(root, [CONF, *pieces])
    _bundle.carry_out(root, changes)
    return changes.changed_paths


def test_a_second_run_writes_nothing(tmp_path: Path) -> None:
    root = tmp_path / "b"
    assert write(root, Piece("wheels/a", content=b"1")) == ["bundle.conf", "wheels/a", "SHA256SUMS"]
    assert write(root, Piece("wheels/a", content=b"1")) == []


def test_only_what_differs_is_written_and_strays_go(tmp_path: Path) -> None:
    write(tmp_path, Piece("wheels/a", content=b"1"), Piece("wheels/b", content=b"2"))
    assert write(tmp_path, Piece("wheels/a", content=b"3")) == ["wheels/a", "wheels/b", "SHA256SUMS"]
    assert (tmp_path / "wheels/a").read_bytes() == b"3"
    assert not (tmp_path / "wheels/b").exists()


def test_a_damaged_file_of_the_same_size_is_mended(tmp_path: Path) -> None:
    write(tmp_path, Piece("images/a", content=b"12345"))
    (tmp_path / "images/a").write_bytes(b"12x45")
    assert write(tmp_path, Piece("images/a", content=b"12345")) == ["images/a"]


def test_what_a_copy_that_was_cut_left_goes(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "images/.part-x1").write_bytes(b"half")
    write(tmp_path)
    assert not (tmp_path / "images").exists()


def test_what_a_killed_run_left_in_the_inventory_and_the_root_goes(tmp_path: Path) -> None:
    write(tmp_path)
    left = [tmp_path / name for name in (".part-x1", "inventory/.part-x2", "inventory/group_vars/all/.part-x3")]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    assert set(write(tmp_path)) == {path.relative_to(tmp_path).as_posix() for path in left}
    assert not [path for path in left if path.exists()]
    assert ".part-" not in (tmp_path / "SHA256SUMS").read_text()
    assert write(tmp_path) == []


def test_files_of_a_person_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/holiday.jpg").write_bytes(b"x")
    (tmp_path / "notes.txt").write_bytes(b"x")
    write(tmp_path)
    assert (tmp_path / "images/holiday.jpg").exists(), "this was no bundle yet"
    write(tmp_path)
    assert (tmp_path / "notes.txt").exists()


def test_checksums_are_over_everything_the_inventory_too(tmp_path: Path) -> None:
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory/hosts.yml").write_bytes(b"h")
    write(tmp_path, Piece("a", content=b"1"))
    lines = {line[66:]: line[:64] for line in (tmp_path / "SHA256SUMS").read_text().splitlines()}
    assert lines["inventory/hosts.yml"] == hashlib.sha256(b"h").hexdigest()
    assert set(lines) == {"a", "bundle.conf", "inventory/hosts.yml"}
    (tmp_path / "inventory/hosts.yml").write_bytes(b"i")
    assert write(tmp_path, Piece("a", content=b"1")) == ["SHA256SUMS"]


@pytest.mark.parametrize("name", ["/abs", "../out", "a:b", "inventory/x", "SHA256SUMS"])
def test_names_that_cannot_be_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        _bundle.plan(tmp_path, [Piece(name, content=b"")])


def test_names_that_are_one_on_a_stick_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="twice"):
        _bundle.plan(tmp_path, [Piece("A", content=b""), Piece("a", content=b"")])


def test_a_stick_that_is_too_small_is_refused_before_the_first_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=3))
    changes = _bundle.plan(tmp_path / "not" / "yet", [Piece("a", content=b"1234")])
    with pytest.raises(InputError, match="are free there"):
        _bundle.check_space(tmp_path / "not" / "yet", changes)
    assert not (tmp_path / "not").exists()


def test_the_archives_of_images_are_found_by_name(tmp_path: Path) -> None:
    (tmp_path / "shop-1.2.tar.zst").write_bytes(b"x")
    (tmp_path / "desk-3.tar").write_bytes(b"x")
    found = _bundle.find_archives(["shop:1.2", "desk:3"], str(tmp_path))
    assert [Path(path).name for path in found] == ["shop-1.2.tar.zst", "desk-3.tar"]
    assert _bundle.find_archives([], "") == []


def test_an_image_that_is_not_there_is_told_at_home(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no archive of shop:1"):
        _bundle.find_archives(["shop:1"], str(tmp_path))
    with pytest.raises(InputError, match="event_log_images_dir"):
        _bundle.find_archives(["shop:1"], "")
    with pytest.raises(InputError, match=r"images\.yml"):
        _bundle.from_images([str(tmp_path / "missing.tar.zst")], "amd64")


def test_the_description_is_one_line_each() -> None:
    assert _bundle.conf_text({"site": "a", "format": "1"}) == "format=1\nsite=a\n"
    with pytest.raises(InputError):
        _bundle.conf_text({"site": "a\nb"})


def collection(tmp_path: Path, *only: str) -> _bundle_parts.Collection:
    for name in ("galaxy.yml", "plugins/filter/f.py", "plugins/modules/m.py", "plugins/filter/__pycache__/f.pyc",
                 "playbooks/group_vars/all.yml", "playbooks/host_vars/other/vault.yml",
                 "tests/unit/t.py", "inventories/x/secret.yml", "roles/r/tasks/main.yml", ".git/config"):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("version: 1.2.3\n")
    return _bundle_parts.Collection("a.b", tmp_path, only)


def names(content: bytes) -> List[str]:
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return tar.getnames()


def test_a_collection_is_what_a_run_needs_and_equal_bytes_each_time(tmp_path: Path) -> None:
    packed = collection(tmp_path)
    content = _bundle_parts.packed(packed)
    (tmp_path / "galaxy.yml").touch()
    assert content == _bundle_parts.packed(packed)
    kept = ["galaxy.yml", "plugins/filter/f.py", "plugins/modules/m.py", "roles/r/tasks/main.yml"]
    assert names(content) == [f"ansible_collections/a/b/{name}" for name in kept]
    assert packed.archive_name == "a-b-1.2.3.tar.gz"
    assert gzip.decompress(content)


def test_parts_of_a_collection_can_be_enough(tmp_path: Path) -> None:
    assert names(_bundle_parts.packed(collection(tmp_path, "plugins/filter"))) == [
        "ansible_collections/a/b/plugins/filter/f.py"
    ]


def test_the_room_that_a_run_needs_is_counted_in_blocks(tmp_path: Path) -> None:
    wheel = tmp_path / "w.whl"
    with zipfile.ZipFile(wheel, "w") as opened:
        opened.writestr("x", b"1" * 5000)
    content = _bundle_parts.packed(collection(tmp_path / "c", "plugins/filter"))
    assert _bundle_parts.unpacked_size([content], [wheel]) == 8192 + 4096


def wheels(tmp_path: Path, text: str = "a==1\n") -> _bundle_parts.Wheels:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(text)
    return _bundle_parts.Wheels(requirements, "3.13", "amd64", tmp_path / "cache")


def test_packages_are_fetched_once_for_a_list(tmp_path: Path) -> None:
    calls: List[Sequence[str]] = []

    def run(command: Sequence[str]) -> Tuple[int, str, str]:
        calls.append(command)
        (Path(command[command.index("--dest") + 1]) / "a-1-py3-none-any.whl").write_bytes(b"w")
        return 0, "", ""

    first = wheels(tmp_path)
    assert not first.present
    first.fetch(["pip"], run)
    assert first.present
    assert [path.name for path in first.files()] == ["a-1-py3-none-any.whl"]
    assert list(calls[0])[list(calls[0]).index("--python-version") :][:2] == ["--python-version", "3.13"]
    assert "manylinux_2_17_x86_64" in calls[0]
    assert not wheels(tmp_path, "a==2\n").present


def test_two_runs_at_once_may_fetch_the_same(tmp_path: Path) -> None:
    def run(command: Sequence[str]) -> Tuple[int, str, str]:
        (Path(command[command.index("--dest") + 1]) / "a.whl").write_bytes(b"w")
        if not list(tmp_path.glob("cache/wheels-*")):
            wheels(tmp_path).fetch(["pip"], run_other)
        return 0, "", ""

    def run_other(command: Sequence[str]) -> Tuple[int, str, str]:
        (Path(command[command.index("--dest") + 1]) / "a.whl").write_bytes(b"w")
        return 0, "", ""

    wheels(tmp_path).fetch(["pip"], run)
    assert [path.name for path in wheels(tmp_path).files()] == ["a.whl"]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [wheels(tmp_path).directory.name]


def test_a_fetch_that_fails_leaves_nothing_and_says_why(tmp_path: Path) -> None:
    with pytest.raises(EventLogError, match="no such package"):
        wheels(tmp_path).fetch(["pip"], lambda _command: (1, "", "no such package"))
    assert not wheels(tmp_path).present
    assert list((tmp_path / "cache").iterdir()) == []

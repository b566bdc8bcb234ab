# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is damaged does not get into a bundle: its checksums would vouch for it."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _bundle
from ansible_collections.openmrs.event_log.plugins.module_utils._bundle_checks import check_set
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError, InputError
from ansible_collections.openmrs.event_log.plugins.module_utils._image_archive import Described


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def image(architecture: str = "amd64") -> bytes:
    """An image with one layer, as "docker save" writes it."""
    layer = b"layer" * 1000
    config = json.dumps({"architecture": architecture, "rootfs": {"diff_ids": [f"sha256:{sha(layer)}"]}}).encode()
    manifest = [{"Config": f"{sha(config)}.json", "RepoTags": ["shop:1"], "Layers": ["l/layer.tar"]}]
    members = {f"{sha(config)}.json": config, "l/layer.tar": layer, "manifest.json": json.dumps(manifest).encode()}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def stored(store: Path, content: bytes, architecture: str = "amd64") -> Path:
    """An archive as the playbook images.yml leaves it."""
    described = Described(
        image="shop:1", identifier="sha256:0", architecture=architecture, archive="shop-1.tar",
        archive_size=len(content), archive_sha256=sha(content), plain_size=len(content), plain_sha256=sha(content),
        layers=(),
    )  # fmt: skip
    (store / "shop-1.tar").write_bytes(content)
    (store / "shop-1.tar.sha256").write_text(f"{sha(content)}  shop-1.tar\n")
    (store / "shop-1.json").write_text(described.as_text())
    return store / "shop-1.tar"


def test_an_archive_takes_along_what_lies_beside_it(tmp_path: Path) -> None:
    archive = stored(tmp_path, b"image")
    (tmp_path / "other.tar").write_bytes(b"x")
    pieces = _bundle.from_images([str(archive)], "amd64")
    assert [piece.name for piece in pieces] == ["images/shop-1.tar", "images/shop-1.tar.sha256", "images/shop-1.json"]


@pytest.mark.parametrize("content", [b"imag", b"imagf"], ids=["cut off", "changed"])
def test_an_archive_that_is_not_what_was_written_is_refused(tmp_path: Path, content: bytes) -> None:
    archive = stored(tmp_path, b"image")
    archive.write_bytes(content)
    with pytest.raises(EventLogError, match=r"cut off|damaged") as refused:
        _bundle.from_images([str(archive)], "amd64")
    assert "images.yml" in str(refused.value)


def test_a_description_that_is_cut_and_a_checksum_that_is_missing_are_refused(tmp_path: Path) -> None:
    archive = stored(tmp_path, b"image")
    (tmp_path / "shop-1.tar.sha256").unlink()
    with pytest.raises(EventLogError, match="a checksum should lie beside"):
        _bundle.from_images([str(archive)], "amd64")
    (tmp_path / "shop-1.json").write_text('{"image": "sh')
    with pytest.raises(EventLogError, match="does not describe an archive"):
        _bundle.from_images([str(archive)], "amd64")


@pytest.mark.parametrize("described", [True, False])
def test_an_image_for_another_processor_is_told_at_home(tmp_path: Path, described: bool) -> None:
    archive = stored(tmp_path, image("arm64"), "arm64")
    if not described:
        (tmp_path / "shop-1.json").unlink()
    with pytest.raises(InputError, match="is for arm64, and the server has amd64"):
        _bundle.from_images([str(archive)], "amd64")


@pytest.mark.parametrize(
    "packed", [False, pytest.param(True, marks=pytest.mark.skipif(not shutil.which("zstd"), reason="needs zstd"))]
)
def test_an_archive_that_nothing_describes_is_read_to_its_end(tmp_path: Path, packed: bool) -> None:
    archive = tmp_path / "shop-1.tar"
    archive.write_bytes(image())
    if packed:
        subprocess.run(["zstd", "-q", "--rm", str(archive)], check=True)
        archive = tmp_path / "shop-1.tar.zst"
    assert [piece.name for piece in _bundle.from_images([str(archive)], "amd64")] == [f"images/{archive.name}"]
    Path(f"{archive}.sha256").write_text(f"{sha(b'other')}  x\n")
    with pytest.raises(InputError, match="not what its checksum says"):
        _bundle.from_images([str(archive)], "amd64")
    content = archive.read_bytes()
    archive.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="cannot be used"):
        _bundle.from_images([str(archive)], "amd64")


def package_set(directory: Path) -> Path:
    (directory / "x.deb").write_bytes(b"package")
    (directory / "Packages").write_bytes(b"Package: x\n")
    lines = [f"{sha(b'package')}  x.deb\n", f"{sha(b'Package: x' + bytes([10]))}  Packages\n"]
    (directory / "SHA256SUMS").write_text("".join(lines))
    return directory


def test_a_set_that_is_whole_is_taken(tmp_path: Path) -> None:
    check_set(package_set(tmp_path))


def test_a_list_that_was_cut_names_not_every_file(tmp_path: Path) -> None:
    listed = package_set(tmp_path) / "SHA256SUMS"
    listed.write_text(listed.read_text().splitlines(keepends=True)[0])
    with pytest.raises(InputError, match="SHA256SUMS"):
        check_set(tmp_path)


@pytest.mark.parametrize("name", ["x.deb", "Packages", "SHA256SUMS"])
def test_a_set_with_a_damaged_or_missing_file_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    path = package_set(tmp_path) / name
    path.write_bytes(path.read_bytes()[:-2] + b"~\n")
    with pytest.raises(InputError, match=rf"{name}.* packages\.yml"):
        check_set(tmp_path)
    path.unlink()
    with pytest.raises(InputError, match=rf"{name}.* packages\.yml"):
        check_set(tmp_path)

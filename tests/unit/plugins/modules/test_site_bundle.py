# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module site_bundle: a directory that is whole, told beforehand, and written once."""

from __future__ import annotations

import hashlib
import shutil
import stat
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._image_archive import Described
from ansible_collections.openmrs.event_log.plugins.modules import site_bundle as subject

from tests.unit.plugins.modules.conftest import Call

#: A pip that makes a package out of nothing, where it is told to.
PIP = """
import sys, zipfile
directory = sys.argv[sys.argv.index("--dest") + 1]
with zipfile.ZipFile(directory + "/ansible_core-1-py3-none-any.whl", "w") as wheel:
    wheel.writestr("ansible/__init__.py", "")
print("fetched", file=open(directory + "/../calls", "a"))
"""


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


IMAGE = Described(
    image="shop:1", identifier="sha256:0", architecture="amd64", archive="shop-1.tar.zst", archive_size=5,
    archive_sha256=sha("image"), plain_size=5, plain_sha256=sha("image"), layers=(),
)  # fmt: skip


@pytest.fixture
def options(tmp_path: Path) -> Dict[str, Any]:
    texts = {
        "collection/galaxy.yml": "version: 0.1.0\n",
        "collection/playbooks/site.yml": "[]\n",
        "requirements.txt": "ansible-core==1\n",
        "pip.py": PIP,
        "packages/Packages": "Package: x\n",
        "packages/SHA256SUMS": f"{sha('Package: x' + chr(10))}  Packages\n",
        "images/shop-1.tar.zst": "image",
        "images/shop-1.tar.zst.sha256": f"{sha('image')}  shop-1.tar.zst\n",
        "images/shop-1.json": IMAGE.as_text(),
        "install.sh": "#!/bin/sh\n",
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return {
        "path": str(tmp_path / "stick/hilltop"),
        "site": "hilltop",
        "release": "debian-13",
        "python": "3.13",
        "collections": [{"name": "openmrs.event_log", "path": str(tmp_path / "collection")}],
        "requirements": str(tmp_path / "requirements.txt"),
        "pip": [sys.executable, str(tmp_path / "pip.py")],
        "packages": str(tmp_path / "packages"),
        "images": ["shop:1"],
        "store": str(tmp_path / "images"),
        "files": [{"name": "install.sh", "path": str(tmp_path / "install.sh")}, {"name": "README.txt", "content": "x"}],
        "cache_dir": str(tmp_path / "cache"),
    }


def files(root: Path) -> Dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_ladder_of_check_and_run(call: Call, options: Dict[str, Any], tmp_path: Path) -> None:
    foretold = call(subject, check=True, **options)
    assert foretold["changed"]
    assert not (tmp_path / "stick").exists()
    assert not (tmp_path / "cache").exists()
    done = call(subject, **options)
    written = files(tmp_path / "stick/hilltop")
    assert sorted(written) == sorted(done["changed_paths"])
    assert set(written) == {
        "README.txt", "SHA256SUMS", "bundle.conf", "collections/openmrs-event_log-0.1.0.tar.gz",
        "images/shop-1.tar.zst", "images/shop-1.tar.zst.sha256", "images/shop-1.json", "install.sh",
        "packages/debian-13/Packages", "packages/debian-13/SHA256SUMS",
        "wheels/ansible_core-1-py3-none-any.whl",
    }  # fmt: skip
    assert done["size"] == sum(len(content) for name, content in written.items() if name != "SHA256SUMS")
    for check in (True, False):
        again = call(subject, check=check, **options)
        assert (again["changed"], again["changed_paths"], again["number"]) == (False, [], done["number"])
    assert (tmp_path / "cache/calls").read_text() == "fetched\n"
    assert files(tmp_path / "stick/hilltop") == written


def test_what_install_needs_to_know_is_in_one_file(call: Call, options: Dict[str, Any], tmp_path: Path) -> None:
    call(subject, **options)
    lines = (tmp_path / "stick/hilltop/bundle.conf").read_text().splitlines()
    conf = dict(line.split("=", 1) for line in lines)
    assert (conf["site"], conf["release"], conf["python"], conf["architecture"]) == (
        "hilltop", "debian-13", "3.13", "amd64",
    )  # fmt: skip
    assert int(conf["room_kb"]) > 64 * 1024
    assert stat.S_IMODE((tmp_path / "stick/hilltop/install.sh").stat().st_mode) & 0o111


def test_only_what_is_new_is_written(call: Call, options: Dict[str, Any], tmp_path: Path) -> None:
    first = call(subject, **options)
    (tmp_path / "collection/playbooks/site.yml").write_text("[ ]\n")
    second = call(subject, **options)
    assert second["changed_paths"] == ["collections/openmrs-event_log-0.1.0.tar.gz", "SHA256SUMS"]
    assert second["number"] != first["number"]


def test_an_inventory_that_will_change_is_foretold(call: Call, options: Dict[str, Any], tmp_path: Path) -> None:
    call(subject, **options)
    foretold = call(subject, check=True, **options, inventory_changed=True)
    (tmp_path / "stick/hilltop/inventory").mkdir()
    (tmp_path / "stick/hilltop/inventory/hosts.yml").write_text("all: {}\n")
    done = call(subject, **options, inventory_changed=True)
    assert foretold["changed_paths"] == done["changed_paths"] == ["SHA256SUMS"]
    assert (foretold["number"], len(done["number"])) == ("", 12)


def test_packages_that_are_not_fetched_yet_replace_nothing_by_name_and_need_room(
    call: Call, options: Dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(subject, **options)
    (tmp_path / "requirements.txt").write_text("ansible-core==2\n")
    foretold = call(subject, check=True, **options)
    assert "wheels" in foretold["changed_paths"]
    assert not [path for path in foretold["changed_paths"] if path.endswith(".whl")]
    assert foretold["number"] == ""
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=8 << 20))
    assert "needs 16 MB, and 8 MB are free" in call(subject, check=True, **options)["msg"]


def test_a_failed_fetch_and_a_missing_image_are_told_and_write_nothing(
    call: Call, options: Dict[str, Any], tmp_path: Path
) -> None:
    assert "shop:2" in call(subject, **{**options, "images": ["shop:2"]})["msg"]
    broken = [sys.executable, "-c", "raise SystemExit('no such package')"]
    options["cache_dir"] = str(tmp_path / "another")
    assert "no such package" in call(subject, **{**options, "pip": broken})["msg"]
    assert not (tmp_path / "stick").exists()


@pytest.mark.parametrize("name", ["images/shop-1.tar.zst", "packages/Packages"])
def test_what_is_damaged_at_home_is_told_there(call: Call, options: Dict[str, Any], tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text((tmp_path / name).read_text()[:-1])
    assert Path(name).name in call(subject, **options)["msg"]
    assert not (tmp_path / "stick").exists()


def test_packages_and_images_may_be_left_out(call: Call, options: Dict[str, Any], tmp_path: Path) -> None:
    call(subject, **{**options, "packages": None, "images": []})
    assert not [name for name in files(tmp_path / "stick/hilltop") if name.startswith(("packages", "images"))]
    with zipfile.ZipFile(tmp_path / "stick/hilltop/wheels/ansible_core-1-py3-none-any.whl") as wheel:
        assert wheel.namelist() == ["ansible/__init__.py"]

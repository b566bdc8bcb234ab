# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module that writes the store, run whole against a docker command that keeps its images in a file."""

from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from tests.unit.plugins.module_utils.image_archives import saved

DOCKER = r"""#!/bin/sh
echo "docker $*" >> "$STATE/calls"
case "$1 $2" in
  "image inspect") grep -qxF "$3" "$STATE/images" || { echo "Error: No such image: $3" >&2; exit 1; }
    echo '[{"Id": "sha256:1", "Size": 42}]' ;;
  "pull --quiet") [ -e "$STATE/registry" ] || { echo "no such host" >&2; exit 1; }; echo "$3" >> "$STATE/images" ;;
  "save --output") cp "$STATE/saved" "$3" ;;
  *) exit 99 ;;
esac
"""


class Bench:
    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.state, self.store, tools = directory / "state", directory / "store", directory / "tools"
        for path in (self.state, tools):
            path.mkdir()
        (self.state / "images").write_text("")
        (self.state / "calls").touch()
        (self.state / "saved").write_bytes(saved("shop:1"))
        (tools / "docker").write_text(DOCKER)
        (tools / "docker").chmod(0o755)
        for name in ("sh", "grep", "cp"):
            (tools / name).symlink_to(str(shutil.which(name)))
        monkeypatch.setenv("PATH", str(tools))
        monkeypatch.setenv("STATE", str(self.state))
        self.capsys, self.temporary = capsys, directory / "tmp"

    def run(self, check: bool = False, **arguments: Any) -> dict[str, Any]:
        module = importlib.import_module("ansible_collections.openmrs.event_log.plugins.modules.image_archive")
        own = {"_ansible_check_mode": check, "_ansible_remote_tmp": str(self.temporary)}
        with patch_module_args({"store": str(self.store), **arguments, **own}), pytest.raises(SystemExit):
            module.main()
        result: dict[str, Any] = json.loads(self.capsys.readouterr().out)
        return result

    def calls(self, word: str) -> int:
        return sum(f" {word} " in call for call in (self.state / "calls").read_text().splitlines())


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bench:
    return Bench(tmp_path, monkeypatch, capsys)


def test_check_run_check_run(bench: Bench) -> None:
    (bench.state / "images").write_text("shop:1\n")
    predicted = bench.run(check=True, images=["shop:1"])
    assert (predicted["changed"], predicted["written"], predicted["archives"]) == (True, ["shop:1"], [])
    assert not bench.store.exists()
    real = bench.run(images=["shop:1"])
    assert (real["changed"], real["written"]) == (True, ["shop:1"])
    for check in (True, False):
        again = bench.run(check=check, images=["shop:1"])
        assert (again["changed"], again["written"]) == (False, [])
        assert again["archives"] == real["archives"]
    assert bench.calls("save") == 1
    assert bench.calls("pull") == 0


@pytest.mark.parametrize("what", ["archive", "size", "checksum", "description"])
def test_what_is_damaged_is_written_anew(bench: Bench, what: str) -> None:
    (bench.state / "images").write_text("shop:1\n")
    real = bench.run(images=["shop:1"])
    archive = bench.store / real["archives"][0]["archive"]
    content = archive.read_bytes()
    if what in ("archive", "size"):
        archive.write_bytes(content[:-1] if what == "size" else bytes([content[0] ^ 1]) + content[1:])
    else:
        (bench.store / (f"{archive.name}.sha256" if what == "checksum" else "shop-1.json")).write_text("{")
    assert "failed" not in bench.run()
    assert bench.run(check=True, images=["shop:1"])["written"] == ["shop:1"]
    again = bench.run(images=["shop:1"])
    assert (again["written"], again["archives"]) == (["shop:1"], real["archives"])
    for check in (True, False):
        assert bench.run(check=check, images=["shop:1"])["changed"] is False


def test_a_listing_needs_no_engine(bench: Bench) -> None:
    assert bench.run()["listing"] == []
    (bench.state / "images").write_text("shop:1\n")
    bench.run(images=["shop:1"])
    (bench.state / "calls").write_text("")
    (line,) = bench.run()["listing"]
    assert line.startswith("shop:1 for amd64")
    assert (bench.state / "calls").read_text() == ""


def test_a_missing_image_is_pulled(bench: Bench) -> None:
    assert "no such host" in bench.run(images=["shop:1"])["msg"]
    (bench.state / "registry").touch()
    assert bench.run(images=["shop:1"])["changed"] is True


@pytest.mark.parametrize("image", ["shop", "host:5000/shop", "shop@sha256:12"])
def test_an_image_without_a_tag_has_no_name_in_an_archive(bench: Bench, image: str) -> None:
    said = bench.run(images=[image])["msg"]
    assert f"images holds {image}: name each with a tag" in said
    assert (bench.state / "calls").read_text() == ""


def test_an_image_that_may_be_missing_is_told_and_fails_nothing(bench: Bench) -> None:
    (bench.state / "images").write_text("shop:1\n")
    result = bench.run(images=["shop:1"], optional=["other/page:1"])
    assert (result["changed"], result["written"]) == (True, ["shop:1"])
    assert [image["image"] for image in result["absent"]] == ["other/page:1"]
    assert result["absent"][0]["why"] == "no such host"
    again = bench.run(images=["shop:1"], optional=["other/page:1"])
    assert (again["changed"], len(again["absent"])) == (False, 1)


def test_an_image_that_may_be_missing_is_pulled_and_kept_where_it_can_be(bench: Bench) -> None:
    (bench.state / "registry").touch()
    (bench.state / "saved").write_bytes(saved("page:1"))
    result = bench.run(optional=["page:1"])
    assert (result["changed"], result["written"], result["absent"]) == (True, ["page:1"], [])
    assert [archive["image"] for archive in result["archives"]] == ["page:1"]
    assert bench.run(optional=["page:1"])["changed"] is False

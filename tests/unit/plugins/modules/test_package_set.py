# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module, run whole against a docker command that hands out a small set."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Dict

import pytest
from ansible_collections.openmrs.event_log.plugins.modules import package_set as subject

from tests.unit.plugins.modules.conftest import Call

# Knows the commands that the module uses. `cp` out of the container hands out one package of the version in $STATE.
DOCKER = r"""#!/bin/sh
echo "$*" >> "$STATE/calls"
case "$1 $2" in
  "image inspect") grep -qxF "$3" "$STATE/images" || { echo "Error: No such image: $3" >&2; exit 1; }
    echo '[{"Id": "sha256:1", "Size": 42}]' ;;
  "pull --quiet") echo "lookup registry: no such host" >&2; exit 1 ;;
  "create --env") echo c0ffee ;;
  "cp "*:/set/.)
    [ ! -e "$STATE/half" ] || { echo "read: connection reset" >&2; exit 1; }
    version=$(cat "$STATE/version"); name=zstd_${version}_amd64.deb
    echo "zstd $version" > "$3/$name"
    printf 'Package: zstd\nVersion: %s\nArchitecture: amd64\nFilename: ./%s\nSize: 9\nSHA256: 0\n\n' \
      "$version" "$name" > "$3/Packages" ;;
  cp\ *) ;;
  "start --attach") [ ! -e "$STATE/broken" ] || { echo "E: Unable to locate package zstd"; exit 100; } ;;
  "rm --force") ;;
  *) exit 99 ;;
esac
"""


class Bench:
    def __init__(self, folder: Path, call: Call) -> None:
        self.state, self.set, self.scripts = folder / "state", folder / "sets" / "debian-13", folder / "scripts"
        for path in (self.state, self.scripts):
            path.mkdir()
        (self.state / "images").write_text("debian:trixie-slim\n")
        (self.state / "version").write_text("1.5.6")
        (self.state / "calls").touch()
        (self.scripts / "make-set").write_text("make\n")
        (self.scripts / "install-packages").write_text("install\n")
        self.call, self.log = call, folder / "log"

    def run(self, check: bool = False, **options: Any) -> Dict[str, Any]:
        usual = {"release": "debian-13", "base": "debian:trixie-slim", "groups": {"zstd": ["zstd"]}}
        places = {"path": str(self.set), "scripts": str(self.scripts), "log_path": str(self.log)}
        return self.call(subject, check, **{**places, **usual, **options})

    @property
    def calls(self) -> str:
        return (self.state / "calls").read_text()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call) -> Bench:
    made = Bench(tmp_path, call)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "docker").write_text(DOCKER)
    (tools / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.setenv("STATE", str(made.state))
    return made


def test_the_ladder(bench: Bench) -> None:
    predicted = bench.run(check=True)
    assert (predicted["changed"], predicted["made"], predicted["count"]) == (True, True, 0)
    assert not bench.set.exists()
    assert bench.calls == ""
    made = bench.run()
    assert (made["changed"], made["count"], made["bytes"], made["updated"]) == (True, 1, 9, [])
    bench.state.joinpath("calls").write_text("")
    for check in (True, False):
        again = bench.run(check=check)
        assert (again["changed"], again["count"], again["bytes"]) == (False, 1, 9)
    assert bench.calls == ""


def test_what_a_set_consists_of(bench: Bench) -> None:
    bench.run()
    names = {path.name for path in bench.set.iterdir()}
    assert names == {"Packages", "SHA256SUMS", "install-packages", "set.json", "wanted", "zstd_1.5.6_amd64.deb"}
    lines = [line.split("  ") for line in (bench.set / "SHA256SUMS").read_text().splitlines()]
    sums = {name: total for total, name in lines}
    assert set(sums) == names - {"SHA256SUMS"}
    for name, total in sums.items():
        assert hashlib.sha256((bench.set / name).read_bytes()).hexdigest() == total
    assert (bench.set / "install-packages").stat().st_mode & 0o777 == 0o755
    assert [path.name for path in bench.set.parent.iterdir()] == ["debian-13"], "something is left over"
    assert bench.calls.rstrip().endswith("rm --force --volumes c0ffee")


def test_newer_versions_come_when_they_are_asked_for(bench: Bench) -> None:
    bench.run()
    (bench.state / "version").write_text("1.5.7")
    assert bench.run()["changed"] is False
    renewed = bench.run(refresh="2026-11-24")
    assert renewed["updated"] == ["zstd 1.5.6 -> 1.5.7"]
    assert f"cp {bench.set}/. c0ffee:/former" in bench.calls
    assert [path.name for path in bench.set.glob("*.deb")] == ["zstd_1.5.7_amd64.deb"]


def test_a_new_installer_goes_into_the_set_without_a_download(bench: Bench) -> None:
    bench.run()
    bench.state.joinpath("calls").write_text("")
    (bench.scripts / "install-packages").write_text("better\n")
    assert bench.run()["changed"] is True
    assert (bench.set / "install-packages").read_text() == "better\n"
    assert bench.calls == ""
    assert bench.run()["changed"] is False


def test_a_set_from_which_a_file_was_taken_is_made_again(bench: Bench) -> None:
    bench.run()
    (bench.set / "zstd_1.5.6_amd64.deb").unlink()
    assert bench.run()["changed"] is True
    assert (bench.set / "zstd_1.5.6_amd64.deb").is_file()


@pytest.mark.parametrize(
    ("failure", "told"), [("broken", "Unable to locate package zstd"), ("half", "connection reset")]
)
def test_a_failure_leaves_the_former_set_as_it_was(bench: Bench, failure: str, told: str) -> None:
    bench.run()
    before = {path.name: path.read_bytes() for path in bench.set.iterdir()}
    (bench.state / failure).touch()
    refused = bench.run(refresh="later")
    assert refused["failed"]
    assert told in refused["msg"]
    assert {path.name: path.read_bytes() for path in bench.set.iterdir()} == before
    assert [path.name for path in bench.set.parent.iterdir()] == ["debian-13"]
    assert "rm --force --volumes c0ffee" in bench.calls.splitlines()[-1]


def test_a_set_that_lacks_something_is_not_taken(bench: Bench) -> None:
    refused = bench.run(groups={"zstd": ["zstd"], "rsync": ["rsync"]})
    assert "The set of debian-13 lacks rsync." in refused["msg"]
    assert not bench.set.exists()


def test_a_system_whose_image_cannot_be_had_is_skipped_and_says_why(bench: Bench) -> None:
    result = bench.run(release="ubuntu-22.04", base="ubuntu:22.04")
    assert (result["skipped"], result["changed"], result["made"]) == (True, False, False)
    assert result["msg"].startswith("skipped ubuntu-22.04: the image ubuntu:22.04 is not here and cannot be pulled (")
    assert "no such host" in result["msg"]
    assert not bench.set.exists()


def test_the_index_tells_the_server_what_it_needs_to_know(bench: Bench) -> None:
    bench.run()
    said = json.loads((bench.set / "set.json").read_text())
    assert (said["release"], said["architecture"], said["groups"]) == ("debian-13", "amd64", {"zstd": ["zstd"]})
    assert said["files"] == {"zstd": "zstd_1.5.6_amd64.deb"}

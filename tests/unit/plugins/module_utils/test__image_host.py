# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done on the host, against a docker command that keeps its images in files."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _image_build
from ansible_collections.openmrs.event_log.plugins.module_utils import _image_host as hosts
from ansible_collections.openmrs.event_log.plugins.module_utils._image_archive import ArchiveError

from tests.unit.plugins.module_utils.image_archives import saved, sha, write
from tests.unit.plugins.module_utils.image_rig import HERE, NEW, OLD, OTHER, Rig, rig

__all__ = ["rig"]


def test_a_look_sees_the_images_of_the_same_name_and_what_runs(rig: Rig) -> None:
    rig.have(f"{OLD} 01", "mysql:9 02")
    (rig.state / "running").write_text("sha256:01\n")
    host = rig.look()
    assert [(x.reference, x.layers, x.in_use) for x in host.present] == [(OLD, ("l1", "l2"), True)]
    assert host.architecture == HERE
    assert host.engine.path == str(rig.state)
    assert host.engine.free > 0


def test_a_loaded_image_has_the_time_that_it_was_made_at(rig: Rig) -> None:
    """Docker 20.10 says 0001-01-01 of when it was loaded, which is no time."""
    rig.have("shop:a 03", "shop:b 02", "shop:c 01")
    host = rig.look()
    assert {x.reference: x.tagged for x in host.present} == {
        "shop:a": "2026-03",
        "shop:b": "2026-02",
        "shop:c": "2026-01",
    }
    former = host.former(NEW)
    assert former is not None
    assert former.reference == "shop:a"
    (rig.state / "tags").touch()
    assert [x.tagged for x in rig.look().present] == ["2027-03", "2027-02", "2027-01"]


@pytest.mark.parametrize("metadata", [{}, {"Metadata": None}, {"Metadata": {}}, {"Metadata": {"LastTagTime": ""}}])
def test_an_engine_may_say_nothing_of_when_an_image_came(metadata: dict[str, Any]) -> None:
    assert hosts.came({"Created": "2026", **metadata}) == "2026"
    assert hosts.came(metadata) == ""


def test_a_look_without_an_engine_says_what_can_be_known(rig: Rig) -> None:
    (rig.state / "refuses").touch()
    assert rig.look().present == ()
    (rig.tools / "docker").unlink()
    host = rig.look()
    assert (host.architecture, host.present, host.engine.path) == (HERE, (), "/var/lib/docker")


def test_a_look_sees_which_rsync_the_host_has(rig: Rig) -> None:
    assert rig.look().rsync == ""
    (rig.tools / "rsync").write_text("#!/bin/sh\necho 'rsync  version 3.1.3  protocol version 31'\n")
    (rig.tools / "rsync").chmod(0o755)
    assert rig.look().rsync == "3.1.3"


@pytest.mark.parametrize("packed", [False, True])
def test_a_look_sees_how_large_a_lying_archive_is_unpacked(rig: Rig, tmp_path: Path, packed: bool) -> None:
    archive = write(tmp_path / "shop-2.tar", saved(NEW))
    if packed:
        subprocess.run(["zstd", "-q", "--rm", "--ultra", "-T0", "-12", "--long=27", str(archive)], check=True)
    assert rig.look(str(tmp_path)).lying[NEW].plain == (len(saved(NEW)) if packed else 0)


@pytest.mark.parametrize("question", ["info --format", "image ls", "ps --all", "image inspect"])
def test_an_engine_that_takes_a_question_and_never_answers_is_refused(
    rig: Rig, question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_image_build, "LOOK_SECONDS", 1)
    rig.have(f"{OLD} 01")
    (rig.state / "hangs").write_text(question)
    with pytest.raises(hosts.HostImageError, match=r"did not answer one within 1 s.*systemctl restart docker"):
        rig.look()


def test_questions_end_within_twenty_seconds(rig: Rig) -> None:
    assert _image_build.bounded(["docker", "info"]) == ["timeout", "-k", "5", "20", "docker", "info"]
    (rig.tools / "timeout").unlink()
    assert _image_build.bounded(["docker", "info"]) == ["docker", "info"]


def test_an_archive_is_found_by_its_name_or_where_it_was_named(rig: Rig, tmp_path: Path) -> None:
    assert rig.look(str(tmp_path / "stick")).lying == {}
    archive = write(tmp_path / "stick" / "shop-2.tar", saved(NEW))
    assert rig.look(str(tmp_path / "stick")).lying[NEW].path == str(archive)
    assert rig.look("", str(archive)).lying[NEW].path == str(archive)
    assert rig.look(str(archive)).lying[NEW].problem == ""
    rig.have(f"{NEW} 01")
    assert rig.look(str(archive)).lying == {}, "what is there is not looked for"


def test_a_file_counts_for_the_first_image_or_by_its_name(tmp_path: Path) -> None:
    named, other = tmp_path / "shop-2.tar.zst", tmp_path / "mine.tar"
    for path in (named, other):
        path.touch()
    assert hosts.find_archive([str(named)], NEW, first=False) == named
    assert hosts.find_archive([str(other)], NEW, first=True) == other
    assert hosts.find_archive([str(other)], NEW, first=False) is None


@pytest.mark.parametrize("how", ["cut", "changed"])
def test_an_archive_that_is_not_what_its_checksum_says_is_refused_while_looking(rig: Rig, how: str) -> None:
    archive = write(rig.state / "shop-2.tar", saved(NEW))
    content = archive.read_bytes()
    archive.write_bytes(content[:-1] if how == "cut" else b"x" + content[1:])
    assert "cut off or was changed" in rig.look(str(archive)).lying[NEW].problem


@pytest.mark.parametrize("packed", [False, True])
def test_a_sound_archive_is_loaded_as_the_engine_wrote_it(rig: Rig, tmp_path: Path, packed: bool) -> None:
    content = saved(NEW, architecture=HERE)
    archive = write(tmp_path / "a.tar", content)
    if packed:
        subprocess.run(["zstd", "-q", str(archive)], check=True)
        archive = tmp_path / "a.tar.zst"
    rig.engine.load(NEW, archive)
    assert (rig.state / "loaded").read_bytes() == content


def refused(rig: Rig, archive: Path, expected: str = "") -> str:
    with pytest.raises(hosts.HostImageError) as caught:
        rig.engine.load(NEW, archive, expected)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (saved(NEW, architecture=OTHER), f"is for {OTHER}, and this host is {HERE}"),
        (saved("other:1", architecture=HERE), "it holds other:1, and not shop:2"),
        (saved(NEW, architecture=HERE, other_layer=b"swapped"), "not what its digest says"),
        (saved(NEW, architecture=HERE)[:2000], "cut off"),
    ],
)
def test_nothing_is_loaded_that_is_not_what_was_wanted(rig: Rig, tmp_path: Path, content: bytes, word: str) -> None:
    archive = tmp_path / "a.tar"
    archive.write_bytes(content)
    said = refused(rig, archive)
    assert word in said
    assert "Nothing was loaded" in said
    assert not (rig.state / "loaded").exists()


def test_a_packed_archive_that_is_cut_off_is_refused(rig: Rig, tmp_path: Path) -> None:
    plain = write(tmp_path / "a.tar", saved(NEW, architecture=HERE))
    subprocess.run(["zstd", "-q", str(plain)], check=True)
    packed = tmp_path / "a.tar.zst"
    packed.write_bytes(packed.read_bytes()[:-9])
    refused(rig, packed)
    assert not (rig.state / "loaded").exists()
    with pytest.raises(ArchiveError, match="zstd cannot read it"), hosts.unpacked(packed) as stream:
        stream.read()


def test_a_copy_that_is_not_what_was_sent_is_refused(rig: Rig, tmp_path: Path) -> None:
    content = saved(NEW, architecture=HERE)
    archive = tmp_path / "a.tar"
    archive.write_bytes(content)
    assert "not what was sent" in refused(rig, archive, "0" * 64)
    rig.engine.load(NEW, archive, sha(content))


def test_without_zstd_the_engine_unpacks_and_a_failure_says_what_may_help(rig: Rig, tmp_path: Path) -> None:
    (rig.tools / "zstd").unlink()
    archive = tmp_path / "a.tar.zst"
    archive.write_bytes(b"packed")
    rig.engine.load(NEW, archive)
    assert (rig.state / "loaded").read_bytes() == b"packed"
    (rig.state / "broken").touch()
    assert "apt-get install zstd" in refused(rig, archive)


def test_an_engine_that_fails_or_has_nothing_afterwards_is_not_taken_for_success(rig: Rig, tmp_path: Path) -> None:
    archive = write(tmp_path / "a.tar", saved(NEW, architecture=HERE))
    (rig.state / "forgets").touch()
    assert "yet the engine has no shop:2" in refused(rig, archive)
    (rig.state / "broken").touch()
    assert "no space left" in refused(rig, archive)


def test_a_pulled_image_gets_the_name_that_the_site_has_for_it(rig: Rig) -> None:
    (rig.state / "registry").touch()
    rig.engine.pull(NEW, "registry.example:5000/shop@sha256:12", 60)
    assert rig.calls[-3:] == [
        "docker pull --quiet registry.example:5000/shop@sha256:12",
        f"docker tag registry.example:5000/shop@sha256:12 {NEW}",
        "docker image rm registry.example:5000/shop@sha256:12",
    ]
    rig.engine.pull(NEW, NEW, 60)
    assert rig.calls[-1] == f"docker pull --quiet {NEW}"


def test_the_registry_s_name_stays_if_it_was_there_before(rig: Rig) -> None:
    (rig.state / "registry").touch()
    rig.have("reg.example/shop:2 04")
    rig.engine.pull(NEW, "reg.example/shop:2", 60)
    assert rig.calls[-1] == f"docker tag reg.example/shop:2 {NEW}"


def test_a_registry_that_is_not_reached_is_named_with_the_ways_out(rig: Rig) -> None:
    with pytest.raises(hosts.HostImageError) as caught:
        rig.engine.pull(NEW, f"registry.example/{NEW}", 60)
    for word in (f"registry.example/{NEW}", "no such host", "docker login", "event_images_registry", "archive"):
        assert word in str(caught.value)


def test_an_image_that_a_container_needs_stays(rig: Rig) -> None:
    (rig.state / "running").write_text("shop:0\n")
    assert rig.engine.remove(["shop:0", OLD]) == [OLD]


def test_a_registry_is_asked_only_for_what_is_not_here(rig: Rig, tmp_path: Path) -> None:
    ask = {"page:1": "reg/page:1", "here:1": "reg/here:1"}
    rig.have("here:1 01")
    found = rig.engine.look("hilltop", list(ask), [], rig.incoming, ask)
    assert found.unreached == {"page:1": "lookup registry: no such host"}
    assert [call for call in rig.calls if "manifest" in call] == ["docker manifest inspect reg/page:1"]
    (rig.state / "registry").touch()
    assert rig.engine.look("hilltop", list(ask), [], rig.incoming, ask).unreached == {}
    lying = tmp_path / "page-1.tar"
    lying.write_bytes(b"x" * 100)
    (rig.state / "registry").unlink()
    assert rig.engine.look("hilltop", list(ask), [str(tmp_path)], rig.incoming, ask).unreached == {}


def test_a_registry_that_does_not_answer_is_not_waited_for(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_image_build, "LOOK_SECONDS", 1)
    (rig.state / "hangs").write_text("manifest inspect\n")
    found = rig.engine.look("hilltop", ["page:1"], [], rig.incoming, {"page:1": "page:1"})
    assert found.unreached["page:1"].startswith("no answer within")

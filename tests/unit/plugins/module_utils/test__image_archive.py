# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An archive is believed only as far as its digests go, whatever it was done to."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _image_archive as archives
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.plugins.module_utils.image_archives import LAYERS, add, saved, sha

DESCRIBED = archives.Described(
    image="shop:1",
    identifier="sha256:1",
    architecture="amd64",
    archive="shop-1.tar.zst",
    archive_size=100,
    archive_sha256="a" * 64,
    plain_size=300,
    plain_sha256="b" * 64,
    layers=(archives.Layer("sha256:2", 300, 90),),
)


def read(content: bytes) -> archives.Contents:
    return archives.choose(archives.read(io.BytesIO(content)), "shop:1")


@pytest.mark.parametrize("oci", [False, True])
def test_both_layouts_are_read(oci: bool) -> None:
    contents = read(saved(oci=oci, architecture="arm64"))
    assert contents.architecture == "arm64"
    assert [layer.diff_id for layer in contents.layers] == [f"sha256:{sha(x)}" for x in LAYERS]
    assert [layer.size for layer in contents.layers] == [len(x) for x in LAYERS]
    assert contents.references == ("shop:1",)


def test_a_layer_that_is_a_link_to_another_counts() -> None:
    """Engines before 25 write a layer that occurs twice as a symbolic link."""
    config = json.dumps({"architecture": "amd64", "rootfs": {"diff_ids": [f"sha256:{sha(b'x')}"] * 2}}).encode()
    manifest = [{"Config": f"{sha(config)}.json", "RepoTags": ["shop:1"], "Layers": ["a/layer.tar", "b/layer.tar"]}]
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        add(archive, "a/layer.tar", b"x")
        link = tarfile.TarInfo("b/layer.tar")
        link.type, link.linkname = tarfile.SYMTYPE, "../a/layer.tar"
        archive.addfile(link)
        add(archive, f"{sha(config)}.json", config)
        add(archive, "manifest.json", json.dumps(manifest).encode())
    assert read(out.getvalue()).files == ("a/layer.tar", "a/layer.tar")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (saved(other_layer=b"something else"), "not what its digest says"),
        (saved(other_layer=b"something else", oci=True), "not what its digest says"),
        (saved(leave_out="1/layer.tar"), "is missing"),
        (saved(leave_out="manifest.json"), "has no manifest.json"),
        (saved("other:2"), "it holds other:2, and not shop:1"),
        (b"", "cut off, damaged, or no archive"),
        (b"<html>not found</html>" * 100, "cut off, damaged, or no archive"),
    ],
)
def test_what_is_wrong_is_said(content: bytes, word: str) -> None:
    with pytest.raises(archives.ArchiveError, match=word):
        read(content)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_cut_and_no_changed_byte_of_what_counts_goes_unseen(data: st.DataObject) -> None:
    whole = saved()
    good = read(whole)
    if data.draw(st.booleans(), label="cut"):
        # The blocks of zeros at the end say nothing.
        changed = whole[: data.draw(st.integers(0, len(whole.rstrip(b"\0"))), label="at")][:-1]
    else:
        at = data.draw(st.integers(0, len(whole) - 1), label="at")
        changed = whole[:at] + bytes([whole[at] ^ 0x20]) + whole[at + 1 :]
    try:
        found = read(changed)
    except archives.ArchiveError:
        return
    # Times, owners and padding of the tar itself are nobody's digest.
    assert (found.identifier, found.layers) == (good.identifier, good.layers)


def test_a_description_survives_being_written() -> None:
    assert archives.parse_description(DESCRIBED.as_text(), "here") == DESCRIBED


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"layers": 1}', DESCRIBED.as_text().replace("300", '"x"')])
def test_a_description_that_is_none_is_named(text: str) -> None:
    with pytest.raises(archives.ArchiveError, match=r"/store/shop-1\.json does not describe"):
        archives.parse_description(text, "/store/shop-1.json")


@pytest.mark.parametrize(
    ("reference", "stem", "repository"),
    [
        ("shop:1.2-ab", "shop-1.2-ab", "shop"),
        ("host:5000/a/b:1", "host_5000_a_b-1", "host:5000/a/b"),
        ("mysql", "mysql-latest", "mysql"),
        ("host:5000/mysql", "host_5000_mysql-latest", "host:5000/mysql"),
    ],
)
def test_files_are_named_after_the_image(reference: str, stem: str, repository: str) -> None:
    assert archives.stem_of(reference) == stem
    assert archives.repository_of(reference) == repository


def test_a_digest_is_no_part_of_the_name() -> None:
    assert archives.repository_of("a/b@sha256:12") == "a/b"
    assert "/" not in archives.stem_of("a/b@sha256:12")


def test_machines_are_called_as_images_call_them() -> None:
    assert [archives.machine(name) for name in ("x86_64", "aarch64", "amd64", "riscv64")] == [
        "amd64",
        "arm64",
        "amd64",
        "riscv64",
    ]


def test_an_archive_in_words() -> None:
    large = replace(DESCRIBED, archive_size=98_400_000, plain_size=294_000_000)
    assert archives.in_words(large) == "shop:1 for amd64: 98 MB (294 MB unpacked), shop-1.tar.zst"


@pytest.mark.parametrize(
    ("head", "size"),
    [
        (b"\x28\xb5\x2f\xfd\x20\x07" + b"x" * 12, 7),
        (b"\x28\xb5\x2f\xfd\x60\x01\x00" + b"x" * 11, 257),
        (b"\x28\xb5\x2f\xfd\x84\x58\x00\x00\x00\x12" + b"x" * 8, 0x12000000),
        (b"\x28\xb5\x2f\xfd\xc4\x58" + (6 * 10**9).to_bytes(8, "little") + b"x" * 4, 6 * 10**9),
        (b"\x28\xb5\x2f\xfd\xc3\x58DICT" + (5).to_bytes(8, "little"), 5),
        (b"\x28\xb5\x2f\xfd\x04\x58" + b"x" * 12, 0),
        (b"\x28\xb5\x2f\xfd\xc4\x58\x01", 0),
        (b"\x1f\x8b" + b"x" * 16, 0),
        (b"", 0),
    ],
)
def test_a_packed_archive_says_how_large_it_is_unpacked(head: bytes, size: int) -> None:
    assert archives.frame_size(head) == size

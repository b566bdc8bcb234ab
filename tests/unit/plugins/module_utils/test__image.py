"""The name of an image says what is in it, and nothing else."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _image
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import InputError
from hypothesis import given
from hypothesis import strategies as st

PLAIN = _image.Inputs(name="shop", version="1.2", files=(("Dockerfile", b"FROM x\n"), ("a/b", b"1")))


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text("FROM x\n")
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b").write_text("1")
    return tmp_path


def test_a_tag_is_the_version_and_twelve_digits() -> None:
    assert PLAIN.reference == f"shop:1.2-{PLAIN.digest[:12]}"
    assert len(PLAIN.digest) == 64


@pytest.mark.parametrize(
    "change",
    [
        {"files": (("Dockerfile", b"FROM x\n"), ("a/b", b"2"))},
        {"files": (("Dockerfile", b"FROM x\n"), ("a/c", b"1"))},
        {"files": (("Dockerfile", b"FROM x\n"),)},
        {"revision": 2},
        {"base": "debian:bookworm"},
        {"target": "builder"},
        {"build_args": {"A": "1"}},
    ],
    ids=",".join,
)
def test_whatever_decides_the_contents_changes_the_tag(change: dict[str, Any]) -> None:
    assert replace(PLAIN, **change).tag != PLAIN.tag


def test_order_of_files_and_arguments_is_no_difference() -> None:
    turned = replace(PLAIN, files=tuple(reversed(PLAIN.files)), build_args={"B": "2", "A": "1"})
    assert turned.tag == replace(PLAIN, build_args={"A": "1", "B": "2"}).tag


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
trees = st.dictionaries(names, st.binary(max_size=4), max_size=4).map(lambda tree: tuple(tree.items()))


@given(trees, trees)
def test_two_trees_share_a_digest_only_if_they_are_the_same(one: Any, other: Any) -> None:
    same = sorted(one) == sorted(other)
    assert (replace(PLAIN, files=one).digest == replace(PLAIN, files=other).digest) is same


def test_modes_times_and_what_git_and_python_keep_are_no_part_of_a_context(context: Path) -> None:
    before = _image.read_context(context)
    (context / "a/b").chmod(0o755)
    os.utime(context / "a/b", (1, 1))
    for path in (".git/HEAD", "a/__pycache__/b.pyc"):
        (context / path).parent.mkdir()
        (context / path).write_text("x")
    assert _image.read_context(context) == before == (("Dockerfile", b"FROM x\n"), ("a/b", b"1"))


def test_a_link_counts_by_where_it_points_and_is_not_followed(context: Path) -> None:
    (context / "loop").symlink_to(context, target_is_directory=True)
    (context / "dead").symlink_to("nowhere")
    found = dict(_image.read_context(context))
    assert found["dead"] == b"nowhere"
    assert found["loop"] == str(context).encode()
    assert len(found) == 4


def test_a_context_without_dockerfile_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Dockerfile"):
        _image.read_context(tmp_path)


def test_the_version_is_the_given_one_else_that_of_the_context(context: Path) -> None:
    with pytest.raises(InputError, match="VERSION"):
        _image.read_version(context, None)
    (context / "VERSION").write_text("4.3\n")
    assert _image.read_version(context, None) == "4.3"
    assert _image.read_version(context, "5") == "5"
    (context / "other").mkdir()
    assert _image.read_version(context, None, "other") == "4.3"
    (context / "other" / "VERSION").write_text("3.9\n")
    assert _image.read_version(context, None, "other") == "3.9"
    assert _image.read_version(context, "5", "other") == "5"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"name": "Shop"}, "name"),
        ({"name": "shop:1"}, "name"),
        ({"name": "-x"}, "name"),
        ({"version": "1/2"}, "version"),
        ({"version": "-1"}, "version"),
        ({"version": ""}, "version"),
        ({"revision": 0}, "revision"),
    ],
)
def test_what_docker_would_refuse_is_refused_first(change: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError, match=f"^{word} is"):
        _image.check(replace(PLAIN, **change))


@pytest.mark.parametrize("name", ["shop", "a/b_c.d-e", "host:5000/a/b"])
def test_ordinary_names_pass(name: str) -> None:
    _image.check(replace(PLAIN, name=name))


def test_the_command_carries_every_input_and_no_secret() -> None:
    inputs = replace(PLAIN, target="last", build_args={"A": "1"}, revision=3)
    proxies = {"https_proxy": "http://me:secret@proxy:1", "HOME": "/root", "NO_PROXY": ""}
    command = _image.build_command(inputs, Path("/ctx"), Path("/ca.pem"), proxies)
    text = " ".join(command)
    assert command[:2] == ["docker", "build"]
    assert command[-1] == "/ctx"
    for part in (
        f"--tag {inputs.reference}",
        "--build-arg BASE=debian:trixie-slim",
        "--build-arg REVISION=3",
        "--build-arg A=1",
        "--build-arg https_proxy --",
        "--secret id=ca,src=/ca.pem",
        "--target last",
    ):
        assert part in text
    assert "secret@" not in text
    assert "NO_PROXY" not in text


def test_certificates_and_target_are_left_out_when_there_are_none() -> None:
    command = _image.build_command(PLAIN, Path("/ctx"), None, {})
    assert {"--secret", "--target"} & set(command) == set()


@pytest.mark.parametrize(
    ("base", "suite"),
    [
        ("debian:trixie-slim", "trixie"),
        ("debian:bookworm", "bookworm"),
        ("debian", None),
        ("mysql:8.4", None),
        ("x/debian:trixie", None),
        ("debian:13", None),
    ],
)
def test_only_a_debian_suite_can_be_made_here(base: str, suite: str | None) -> None:
    assert _image.suite_of(base) == suite


def test_the_mirror_is_that_of_a_suite_and_not_of_its_security_updates() -> None:
    lines = (
        "bookworm-security http://one/debian-security/\n"
        "bookworm-updates http://two/debian/\n"
        "bookworm http://three/debian/\n"
    )
    assert _image.mirror_of(lines) == "http://three/debian/"


@pytest.mark.parametrize("text", ["", "jammy http://mirror/ubuntu/\n", "bookworm file:/media/debian\n", "nonsense"])
def test_no_mirror_is_guessed(text: str) -> None:
    assert _image.mirror_of(text) is None


def test_an_image_is_read_from_what_docker_prints() -> None:
    assert _image.parse_inspect(json.dumps([{"Id": "sha256:1", "Size": 5, "More": {}}])) == _image.Found("sha256:1", 5)


def test_missing_is_told_from_unreachable() -> None:
    assert _image.is_missing("Error: No such image: shop:1")
    assert not _image.is_missing("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.")


def test_a_tail_is_the_end() -> None:
    assert _image.tail("\n".join(str(number) for number in range(100)) + "\n\n", 2) == "98\n99"

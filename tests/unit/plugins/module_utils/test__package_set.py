# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What decides about a set of packages, and what stands in its index."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Dict

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _package_set as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import InputError

WANTED = subject.Wanted(
    release="debian-12",
    base="debian:bookworm-slim",
    groups={"engine": ("docker.io", "iptables"), "rsync": ("rsync",)},
    later=subject.Later("trixie", ("docker-compose",)),
    scripts=(("install-packages", b"one"), ("make-set", b"two")),
)
INDEX = """Package: zstd
Version: 1:1.5.4
Architecture: amd64
Description: fast
 Package: not this one
Filename: ./zstd_1.5.4_amd64.deb
Size: 7
SHA256: ab

Package: ca-certificates
Version: 2023
Architecture: all
Filename: ca-certificates_2023_all.deb
Size: 5
SHA256: cd

"""


def test_the_packages_are_those_of_all_purposes_once() -> None:
    twice = replace(WANTED, groups={**WANTED.groups, "more": ("rsync", "zstd")})
    assert twice.packages == ("docker.io", "iptables", "rsync", "zstd")


def test_the_order_of_the_wishes_does_not_matter() -> None:
    turned = {name: tuple(reversed(names)) for name, names in reversed(list(WANTED.groups.items()))}
    assert replace(WANTED, groups=turned).key == WANTED.key


@pytest.mark.parametrize(
    "change",
    [
        {"release": "debian-13"},
        {"groups": {"rsync": ("rsync",)}},
        {"groups": {"engine": ("docker.io", "iptables"), "copying": ("rsync",)}},
        {"later": subject.Later("forky", ("docker-compose",))},
        {"later": subject.Later()},
        {"scripts": (("install-packages", b"one"), ("make-set", b"2"))},
        {"refresh": "2026-11-24"},
    ],
)
def test_other_wishes_make_another_set(change: Dict[str, Any]) -> None:
    other = replace(WANTED, **change)
    assert (other.key, other.files_key) != (WANTED.key, WANTED.files_key)
    assert other.files_key != WANTED.files_key


def test_a_new_installer_is_no_reason_to_collect_the_packages_again() -> None:
    other = replace(WANTED, scripts=(("install-packages", b"1"), ("make-set", b"two")))
    assert other.key != WANTED.key
    assert other.files_key == WANTED.files_key


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"release": "Debian 12"}, "release is 'Debian 12'"),
        ({"release": "../debian-12"}, "release is '../debian-12'"),
        ({"groups": {}}, "no packages"),
        ({"groups": {"rsync": ("rsync; reboot",)}}, "rsync; reboot"),
        ({"groups": {"rsync": ("--yes",)}}, "--yes"),
        ({"later": subject.Later("trixie", ("$(id)",))}, "id"),
        ({"later": subject.Later("trixie", ())}, "both a suite and the packages"),
    ],
)
def test_what_a_shell_would_read_as_something_else_is_refused(change: Dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=r"release|groups|later") as refused:
        subject.check(replace(WANTED, **change))
    assert told in str(refused.value)


def test_the_index_is_read_by_paragraphs() -> None:
    certificates, zstd = subject.parse_index(INDEX)
    assert zstd == subject.Package("zstd", "1:1.5.4", "amd64", "zstd_1.5.4_amd64.deb", 7, "ab")
    assert (certificates.name, certificates.file) == ("ca-certificates", "ca-certificates_2023_all.deb")
    assert subject.parse_index("") == []


def test_what_the_set_says_of_itself() -> None:
    said = subject.describe(WANTED, subject.parse_index(INDEX), "2026-11-24")
    assert (said["release"], said["architecture"], said["made"], said["bytes"]) == (
        "debian-12",
        "amd64",
        "2026-11-24",
        12,
    )
    assert said["versions"] == {"ca-certificates": "2023", "zstd": "1:1.5.4"}
    assert subject.key_of(json.dumps(said)) == WANTED.key
    assert WANTED.wanted_lines == "engine docker.io iptables\nrsync rsync\n"


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", "3"])
def test_an_index_that_cannot_be_read_has_no_key(text: str) -> None:
    assert subject.key_of(text) == ""


@pytest.mark.parametrize(("architecture", "told"), [("all", "no architecture"), ("arm64", "amd64.*arm64")])
def test_one_set_is_for_one_kind_of_machine(architecture: str, told: str) -> None:
    packages = subject.parse_index(INDEX)
    odd = [replace(packages[0], architecture=architecture), *(packages[1:] if architecture == "arm64" else [])]
    with pytest.raises(InputError, match=told):
        subject.architecture_of(odd)


def test_what_a_set_lacks() -> None:
    assert subject.missing_from(WANTED, subject.parse_index(INDEX)) == ["docker.io", "iptables", "rsync"]


@pytest.mark.parametrize(
    ("base", "lines", "mirror"),
    [
        (
            "debian:trixie-slim",
            "bookworm http://a/debian\nbookworm-security http://b/debian-security/",
            "http://b/debian-security/",
        ),
        ("debian:trixie-slim", "bookworm http://a/debian", ""),
        ("debian:trixie-slim", "jammy-security http://a/ubuntu", ""),
        ("ubuntu:22.04", "bookworm-security http://b/debian-security", ""),
    ],
)
def test_security_updates_come_from_where_this_machine_has_them(base: str, lines: str, mirror: str) -> None:
    assert subject.security_mirror(lines, base) == mirror

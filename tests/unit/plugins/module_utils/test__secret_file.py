# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets as files: random, named after their content, never open or half written for a moment."""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path
from typing import List

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _secret_file as subject


def test_a_generated_secret_has_its_length_and_needs_no_escape_anywhere() -> None:
    for length in (12, 32, 500):
        secret = subject.generate(length)
        assert len(secret) == length
        assert secret.isascii()
        assert secret.isalnum()
    assert len({subject.generate(12) for _ in range(50)}) == 50


def test_a_long_secret_uses_the_whole_alphabet() -> None:
    assert set(subject.generate(20000)) == set(subject.ALPHABET)


def test_the_version_is_the_beginning_of_an_hmac_with_the_key() -> None:
    wanted = hmac.new(b"key", b"content", hashlib.sha256).hexdigest()[:8]
    assert subject.version(b"key", b"content") == wanted
    assert subject.version(b"other", b"content") != wanted
    assert subject.version(b"key", b"contents") != wanted
    assert subject.versioned_name("rest", ".properties", b"key", b"content") == f"rest-{wanted}.properties"


def test_the_key_keeps_its_name() -> None:
    # Under another name it would be made anew, and every secret of every site would get another name.
    assert subject.KEY_NAME == ".version-key"


def write(path: Path, content: bytes, mode: int = 0o400) -> None:
    subject.write_atomically(path, content, mode, os.getuid(), os.getgid())


@pytest.mark.parametrize("mode", [0o400, 0o640, 0o755])
def test_a_written_file_has_content_mode_and_owner_whatever_the_umask(tmp_path: Path, mode: int) -> None:
    before = os.umask(0o777)
    try:
        write(tmp_path / "f", b"\x00\xffwords", mode)
    finally:
        os.umask(before)
    found = (tmp_path / "f").stat()
    assert (found.st_mode & 0o7777, found.st_uid, found.st_gid) == (mode, os.getuid(), os.getgid())
    (tmp_path / "f").chmod(0o600)
    assert (tmp_path / "f").read_bytes() == b"\x00\xffwords"


def test_the_file_is_complete_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: List[object] = []
    rename = Path.rename

    def look(self: Path, target: Path) -> Path:
        seen.extend([self.parent, self.stat().st_mode & 0o7777, self.stat().st_size, target.exists()])
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", look)
    write(tmp_path / "f", b"12345", 0o440)
    assert seen == [tmp_path, 0o440, 5, False]


def test_the_secret_is_written_only_when_mode_and_owner_are_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: List[int] = []
    monkeypatch.setattr(os, "fchown", lambda handle, _uid, _gid: sizes.append(os.fstat(handle).st_size))
    write(tmp_path / "f", b"12345")
    assert sizes == [0]


@pytest.mark.parametrize("step", ["fchmod", "fchown", "fsync"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    write(tmp_path / "f", b"old", 0o600)

    def fail(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / "f", b"new", 0o600)
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
    assert (tmp_path / "f").read_bytes() == b"old"

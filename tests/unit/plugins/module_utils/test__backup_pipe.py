# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tar, zstd and age themselves: what comes out can be opened with the key alone, and what is wrong with it is found."""

from __future__ import annotations

import hashlib
import os
import resource
import time
from pathlib import Path
from typing import List

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _backup_pipe as subject
from ansible_collections.openmrs.event_log.plugins.module_utils import _guard_progress
from ansible_collections.openmrs.event_log.plugins.module_utils._backup import MANIFEST, BackupError
from ansible_collections.openmrs.event_log.plugins.module_utils._backup_pipe import Identity, Packed
from ansible_collections.openmrs.event_log.plugins.module_utils._guard_progress import Record, Work

from tests.unit.plugins.module_utils.backup_rig import PATIENT, Key, files, new_key


@pytest.fixture(scope="module")
def key() -> Key:
    return new_key()


def packed(folder: Path, *keys: Key) -> Packed:
    (folder / "log/topic-0").mkdir(parents=True)
    (folder / "log/topic-0/0.log").write_bytes(PATIENT * 100000)
    with (folder / "log/topic-0/0.index").open("wb") as stream:
        stream.truncate(10 << 20)
    (folder / MANIFEST).write_text("{}")
    return subject.pack(folder / MANIFEST, [folder / "log"], [key.public for key in keys], folder / "out")


def names(file: Path, identity: Identity) -> List[str]:
    with subject.opened(file, identity) as archive:
        assert subject.first_member(archive) == "{}"
        return [Path(member.name).name for member in subject.members(archive)]


def test_an_archive_is_opened_with_each_of_its_keys_by_pipe_or_by_file(tmp_path: Path, key: Key) -> None:
    second = new_key()
    told = packed(tmp_path, key, second)
    (tmp_path / "key").write_text(second.text)
    content = (tmp_path / "out").read_bytes()
    assert told == Packed(len(content), hashlib.sha256(content).hexdigest())
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o600
    for identity in (Identity(key.text), Identity(file=tmp_path / "key")):
        assert names(tmp_path / "out", identity) == ["log", "topic-0", "0.index", "0.log"]


def test_how_far_it_is_is_told_while_it_lasts_and_not_afterwards(
    tmp_path: Path, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_guard_progress, "DIRECTORY", tmp_path / "progress")
    monkeypatch.setattr(_guard_progress, "_EVERY", 0.0)
    told: List[Work] = []

    class Seen(Record):
        def moved(self, done: int) -> None:
            super().moved(done)
            told.extend(_guard_progress.works(tmp_path / "progress", time.time()).values())

    monkeypatch.setattr(subject, "Record", Seen)
    size = 64 << 20
    (tmp_path / "random").write_bytes(os.urandom(size))
    (tmp_path / MANIFEST).write_text("{}")
    subject.pack(tmp_path / MANIFEST, [tmp_path / "random"], [key.public], tmp_path / "out", size)
    counts = [one.done for one in told]
    assert len(counts) > 10 and counts == sorted(counts)
    assert 0 < counts[0] < size * 0.8, "zstd takes some megabytes before it gives any"
    assert size * 0.9 < counts[-1] < size * 1.1, "tar reads its own libraries as well, and little more"
    assert {(one.kind, one.total) for one in told} == {("backup", size)}
    assert not (tmp_path / "progress").exists()


def test_nothing_of_it_can_be_read_without_a_key(tmp_path: Path, key: Key) -> None:
    packed(tmp_path, key)
    content = (tmp_path / "out").read_bytes()
    for clear in (PATIENT, PATIENT.split()[0], b"topic-0", MANIFEST.encode(), b"\x28\xb5\x2f\xfd"):
        assert clear not in content
    with pytest.raises(BackupError, match="another key than event_log_restore_identity"):
        names(tmp_path / "out", Identity(new_key().text))


@pytest.mark.parametrize("damage", ["cut at the end", "cut in the middle", "a bit", "empty", "cut between chunks"])
def test_damage_is_found_before_the_archive_counts_as_read(tmp_path: Path, key: Key, damage: str) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more/random").write_bytes(os.urandom(300000))
    (tmp_path / MANIFEST).write_text("{}")
    subject.pack(tmp_path / MANIFEST, [tmp_path / "more"], [key.public], tmp_path / "out")
    content = (tmp_path / "out").read_bytes()
    header = content.index(b"\n--- ") + 1
    start = content.index(b"\n", header) + 1 + 16
    wrong = {
        "cut at the end": content[:-1],
        "cut in the middle": content[: len(content) // 2],
        "a bit": content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
        "empty": b"",
        "cut between chunks": content[: start + 3 * (65536 + 16)],
    }[damage]
    (tmp_path / "out").write_bytes(wrong)
    with pytest.raises(BackupError, match="cannot be read to its end"):
        names(tmp_path / "out", Identity(key.text))


def test_what_cannot_be_packed_leaves_nothing(tmp_path: Path, key: Key) -> None:
    (tmp_path / MANIFEST).write_text("{}")
    with pytest.raises(BackupError, match=r"could not be made: tar ended with 2.*none: Cannot stat"):
        subject.pack(tmp_path / MANIFEST, [tmp_path / "none"], [key.public], tmp_path / "out")
    assert files(tmp_path) == [MANIFEST]


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, key: Key) -> None:
    (tmp_path / MANIFEST).write_text("{}")
    (tmp_path / "random").write_bytes(os.urandom(3 << 20))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(BackupError, match="could not be written: File too large"):
            subject.pack(tmp_path / MANIFEST, [tmp_path / "random"], [key.public], tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files(tmp_path) == [MANIFEST, "random"]


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path, key: Key) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(BackupError, match="File exists"):
        packed(tmp_path, key)
    assert (tmp_path / "out").read_text() == "mine"


def test_age_itself_is_asked_whether_it_takes_the_keys(key: Key) -> None:
    subject.try_recipients([key.public])
    with pytest.raises(BackupError, match="age refuses event_log_backup_recipient"):
        subject.try_recipients([key.public, "age1nonsense"])


def test_a_key_that_age_refuses_is_not_in_its_words(tmp_path: Path, key: Key) -> None:
    packed(tmp_path, key)
    wrong = key.secret[:-1] + ("Q" if key.secret[-1] != "Q" else "P")
    with pytest.raises(BackupError) as failed:
        names(tmp_path / "out", Identity(wrong))
    assert key.secret[:30] not in str(failed.value)

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guard remembers: nothing is lost by a power cut, and nobody undoes what another wrote."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _guard_memory as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._guard_memory import Memory


def test_what_was_put_is_there_after_a_save_and_not_before(tmp_path: Path) -> None:
    memory = Memory.load(tmp_path)
    memory.put("history", {"openmrs": {"newest": {"file": "binlog.000003", "pos": 4}}})
    assert Memory.load(tmp_path).get("history") == {}
    memory.save()
    assert Memory.load(tmp_path).get("history") == {"openmrs": {"newest": {"file": "binlog.000003", "pos": 4}}}
    assert json.loads((tmp_path / "memory.json").read_text())["version"] == 1


def test_what_nobody_put_is_empty_or_the_default(tmp_path: Path) -> None:
    memory = Memory.load(tmp_path)
    assert (memory.get("hold"), memory.get("gaps", [])) == ({}, [])


def test_the_file_is_for_root_alone(tmp_path: Path) -> None:
    directory = tmp_path / "guard"
    memory = Memory.load(directory)
    memory.put("hold", {"id": "binlog_purged"})
    memory.save()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "memory.json").stat().st_mode) == 0o600


def test_a_save_keeps_what_another_wrote_meanwhile(tmp_path: Path) -> None:
    service, playbook = Memory.load(tmp_path), Memory.load(tmp_path)
    playbook.put("gaps", [{"table": "obs"}])
    playbook.save()
    service.put("healing", {"openmrs": {"failures": 1}})
    service.save()
    assert Memory.load(tmp_path).get("gaps") == [{"table": "obs"}]
    assert service.get("gaps") == [{"table": "obs"}]


def test_a_lifted_hold_is_not_brought_back_by_one_who_only_read_it(tmp_path: Path) -> None:
    first = Memory.load(tmp_path)
    first.put("hold", {"id": "binlog_purged"})
    first.save()
    service = Memory.load(tmp_path)
    service.put("hold", {"id": "binlog_purged"})  # the same: no change
    repair = Memory.load(tmp_path)
    repair.put("hold", {})
    repair.save()
    service.put("acts", {"restart": 1})
    service.save()
    assert Memory.load(tmp_path).get("hold") == {}


def test_what_is_handed_out_is_a_copy(tmp_path: Path) -> None:
    memory = Memory.load(tmp_path)
    memory.put("acts", {"restart": 1})
    memory.get("acts")["restart"] = 9
    assert memory.get("acts") == {"restart": 1}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 2}', b"\xff\xfe", b'{"version": 1'])
def test_what_cannot_be_read_is_put_aside_and_memory_begins_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "memory.json").write_bytes(content)
    memory = Memory.load(tmp_path)
    assert memory.get("history") == {}
    [kept] = tmp_path.glob("memory.json.unreadable-*")
    assert kept.read_bytes() == content
    memory.put("acts", {"restart": 1})
    memory.save()
    assert Memory.load(tmp_path).get("acts") == {"restart": 1}


def test_only_a_few_unreadable_files_are_kept(tmp_path: Path) -> None:
    for number in range(5):
        kept = tmp_path / f"memory.json.unreadable-{number}"
        kept.write_text("x")
        os.utime(kept, (number, number))
    (tmp_path / "memory.json").write_text("{")
    Memory.load(tmp_path)
    left = {path.name for path in tmp_path.glob("memory.json.unreadable-*")}
    assert {"memory.json.unreadable-3", "memory.json.unreadable-4"} < left
    assert len(left) == 3


def test_the_file_and_its_name_are_synced_before_a_save_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []

    def fsync(descriptor: int) -> None:
        synced.append((Path(f"/proc/self/fd/{descriptor}").resolve().name, (tmp_path / "memory.json").exists()))

    monkeypatch.setattr(subject.os, "fsync", fsync)
    memory = Memory.load(tmp_path)
    memory.put("acts", {"restart": 1})
    memory.save()
    assert synced == [("memory.json.new", False), (tmp_path.name, True)]


def test_a_save_that_fails_leaves_the_former_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory.load(tmp_path)
    memory.put("acts", {"restart": 1})
    memory.save()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(subject.os, "fsync", full)
    memory.put("acts", {"restart": 2})
    with pytest.raises(OSError, match="No space"):
        memory.save()
    assert Memory.load(tmp_path).get("acts") == {"restart": 1}
    monkeypatch.undo()
    memory.save()
    assert Memory.load(tmp_path).get("acts") == {"restart": 2}

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup brought back to a made-up host: verified first, never over data that nobody gave up, and with a way back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Tuple

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _restore, _restore_swap
from ansible_collections.openmrs.event_log.plugins.module_utils._backup import BackupError, Places
from ansible_collections.openmrs.event_log.plugins.module_utils._backup_make import Backup
from ansible_collections.openmrs.event_log.plugins.module_utils._backup_make import Wish as BackupWish
from ansible_collections.openmrs.event_log.plugins.module_utils._backup_pipe import Identity
from ansible_collections.openmrs.event_log.plugins.module_utils._backup_stack import Stack
from ansible_collections.openmrs.event_log.plugins.module_utils._restore import Restore, Wish

from tests.unit.plugins.module_utils.backup_rig import Key, Rig, files, new_key


@pytest.fixture(scope="module")
def key() -> Key:
    return new_key()


def stack(rig: Rig) -> Stack:
    return Stack(rig.run, rig.places.home, "event-log", rig.folder / "none")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: Key) -> Tuple[Rig, Path]:
    """A host, and a backup of it."""
    rig = Rig(tmp_path)
    monkeypatch.setenv("PATH", rig.path)
    wish = BackupWish("hill", rig.places, rig.backups, (key.public,), timeout=5)
    made = Backup(stack(rig), wish).make()
    (rig.bin / "did").unlink()
    return rig, Path(made["file"])


def restore(rig: Rig, file: Path, key: Key, **given: Any) -> Restore:
    wish = {"site": "hill", "places": rig.places, "file": file, "identity": Identity(key.text), "timeout": 5, **given}
    return Restore(rig.run, stack(rig), Wish(**wish))


def move_on(rig: Rig) -> None:
    (rig.places.data / "kafka/data/log/openmrs.openmrs.person-0/0.log").write_text("later")
    (rig.places.home / "compose.yaml").write_text("services: {later: {}}\n")


def empty(rig: Rig) -> None:
    shutil.rmtree(rig.places.data)


def test_what_was_lost_is_as_it_was(host: Tuple[Rig, Path], key: Key) -> None:
    rig, file = host
    before = rig.contents()
    empty(rig)
    one = restore(rig, file, key)
    plan = one.plan()
    assert (plan.done, plan.starts, plan.manifest.site) == (False, True, "hill")
    result = one.carry_out(plan)
    assert rig.contents() == before
    assert (rig.did, rig.runs, result["started"]) == (["stop", "up", "up", "up"], True, True)
    assert not (rig.places.home / "hold").exists()
    told = json.loads((rig.places.data / "kafka/data/restored.json").read_text())
    assert told["made"] == plan.manifest.made


def test_a_bare_host_gets_the_files_and_waits_for_its_image(host: Tuple[Rig, Path], key: Key) -> None:
    rig, file = host
    # That a backup was made is known where it was made.
    before = {name: what for name, what in rig.contents().items() if "lib" not in name and name != "home/backup.json"}
    kept = rig.folder / "elsewhere" / file.name
    kept.parent.mkdir()
    shutil.copy(file, kept)
    empty(rig)
    shutil.rmtree(rig.places.home)
    (rig.bin / "containers").write_text("")
    (rig.bin / "no-image").touch()
    one = restore(rig, kept, key)
    plan = one.plan()
    assert [words.split()[0:3] for words in plan.notes] == [["There", "is", "no"], ["The", "image", "event-log:1"]]
    assert one.carry_out(plan)["started"] is False
    assert rig.contents() == before
    assert rig.did == []
    assert (rig.places.home.stat().st_mode & 0o777) == 0o755


def test_a_backup_is_brought_back_once(host: Tuple[Rig, Path], key: Key) -> None:
    rig, file = host
    empty(rig)
    one = restore(rig, file, key)
    one.carry_out(one.plan())
    move_on(rig)
    assert restore(rig, file, key).plan().done
    assert restore(rig, file, key, over="hill").plan().done
    empty(rig)
    assert not restore(rig, file, key).plan().done


def test_data_that_are_there_are_replaced_only_where_the_site_is_named(host: Tuple[Rig, Path], key: Key) -> None:
    rig, file = host
    before = rig.contents()
    move_on(rig)
    moved = rig.contents()
    for over in ("", "other"):
        with pytest.raises(BackupError, match="-e event_log_restore_over=hill"):
            restore(rig, file, key, over=over).plan()
    assert rig.contents() == moved
    one = restore(rig, file, key, over="hill")
    one.carry_out(one.plan())
    assert rig.contents() == before


def test_what_does_not_start_is_taken_back(host: Tuple[Rig, Path], key: Key) -> None:
    rig, file = host
    move_on(rig)
    moved = rig.contents()
    (rig.bin / "ill").touch()
    one = restore(rig, file, key, over="hill")
    with pytest.raises(BackupError, match=r"the former state is in its place again: .*unhealthy"):
        one.carry_out(one.plan())
    assert (rig.contents(), rig.runs, (rig.places.home / "hold").exists()) == (moved, True, False)
    assert not (rig.places.data / "kafka/data/.restore-former").exists()


@pytest.mark.parametrize("where", ["carry_out", "_mark"])
def test_a_failure_in_the_middle_leaves_the_former_state_running(
    host: Tuple[Rig, Path], key: Key, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    rig, file = host
    move_on(rig)
    moved = rig.contents()

    def fail(*_given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_restore_swap.Swap if where == "carry_out" else Restore, where, fail)
    one = restore(rig, file, key, over="hill")
    with pytest.raises(BackupError, match=r"the former state is in its place: .*No space left"):
        one.carry_out(one.plan())
    monkeypatch.undo()
    assert [name for name in files(rig.places.home) if "restore.json" in name or name == "hold"] == []
    assert rig.contents() == moved
    assert rig.runs


class PowerCutError(BaseException):
    """Nothing runs after it."""


def test_after_a_power_cut_nothing_starts_and_the_next_run_goes_on(
    host: Tuple[Rig, Path], key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, file = host
    before = rig.contents()
    move_on(rig)
    real = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if self.name == "log":
            raise PowerCutError
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    monkeypatch.setattr(_restore_swap.Swap, "take_back", lambda _self: (_ for _ in ()).throw(PowerCutError()))
    one = restore(rig, file, key, over="hill")
    with pytest.raises(PowerCutError):
        one.carry_out(one.plan())
    monkeypatch.undo()
    monkeypatch.setenv("PATH", rig.path)
    assert (rig.places.home / "hold").read_text().startswith("A restore was begun")
    assert not rig.runs
    again = restore(rig, file, key, over="hill")
    again.carry_out(again.plan())
    assert (rig.contents(), rig.runs, (rig.places.home / "hold").exists()) == (before, True, False)


def refused(rig: Rig, words: str, one: Restore) -> None:
    before = rig.contents()
    with pytest.raises(BackupError, match=words):
        one.plan()
    assert (rig.contents(), rig.did) == (before, [])


def test_it_is_refused_before_anything_is_touched(
    host: Tuple[Rig, Path], key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, file = host
    refused(rig, "there is no such file on this host", restore(rig, file.with_name("none"), key))
    refused(rig, "another key than event_log_restore_identity", restore(rig, file, new_key()))
    refused(rig, "a backup of the site hill, and this is valley", restore(rig, file, key, site="valley", over="valley"))
    other = Places(rig.places.home, rig.folder / "other", rig.places.secrets)
    refused(rig, "let event_log_home", restore(rig, file, key, places=other))
    (rig.places.home / "hold").write_text("new disk")
    refused(rig, r"hold is there \(new disk\)", restore(rig, file, key, over="hill"))
    (rig.places.home / "hold").unlink()
    (rig.bin / "no-image").touch()
    refused(rig, "the image event-log:1.*not on this host", restore(rig, file, key, over="hill"))
    (rig.bin / "no-image").unlink()
    monkeypatch.setattr(_restore, "free_bytes", lambda _path: 1000)
    refused(rig, "0.0 MB free", restore(rig, file, key, over="hill"))
    content = file.read_bytes()
    file.write_bytes(content[:-1])
    refused(rig, "its checksum is not the one", restore(rig, file, key, over="hill"))
    file.with_name(f"{file.name}.sha256").unlink()
    refused(rig, "cannot be read to its end", restore(rig, file, key, over="hill"))


def test_an_archive_with_other_files_than_it_says_is_refused(
    host: Tuple[Rig, Path], key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, _file = host
    monkeypatch.setattr(
        Backup,
        "_manifest",
        lambda self, entries, files, size, real=Backup._manifest: real(self, entries, files + 1, size),
    )
    wish = BackupWish("hill", rig.places, rig.folder / "more", (key.public,), timeout=5)
    made = Backup(stack(rig), wish).make()
    (rig.bin / "did").unlink()
    refused(rig, "went into it", restore(rig, Path(made["file"]), key, over="hill"))


def test_a_failure_to_unpack_changes_nothing(host: Tuple[Rig, Path], key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    rig, file = host
    before = rig.contents()

    def fail(*_given: object) -> None:
        raise OSError(28, "No space left on device", "x")

    monkeypatch.setattr(_restore_swap, "_write", fail)
    one = restore(rig, file, key, over="hill")
    with pytest.raises(BackupError, match=r"cannot be unpacked: No space left on device \(x\)"):
        one.carry_out(one.plan())
    assert (rig.contents(), rig.did, rig.runs) == (before, [], True)

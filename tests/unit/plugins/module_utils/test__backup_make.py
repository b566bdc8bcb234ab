# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup of a made-up host by the real tools: all of it, with the event log stopped, and started however it ends."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any, List

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _backup, _backup_make, _backup_pipe
from ansible_collections.openmrs.event_log.plugins.module_utils._backup import BackupError
from ansible_collections.openmrs.event_log.plugins.module_utils._backup_make import Backup, Wish
from ansible_collections.openmrs.event_log.plugins.module_utils._backup_pipe import Identity
from ansible_collections.openmrs.event_log.plugins.module_utils._backup_stack import Stack

from tests.unit.plugins.module_utils.backup_rig import PATIENT, Key, Rig, files, new_key


@pytest.fixture(scope="module")
def key() -> Key:
    return new_key()


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    made = Rig(tmp_path)
    monkeypatch.setenv("PATH", made.path)
    return made


def backup(rig: Rig, key: Key, **given: Any) -> Backup:
    stack = Stack(rig.run, rig.places.home, "event-log", rig.folder / "none")
    wish = {
        "site": "hill",
        "places": rig.places,
        "directory": rig.backups,
        "recipients": (key.public,),
        "timeout": 5,
        **given,
    }
    return Backup(stack, Wish(**wish))


def test_a_backup_has_all_of_it_and_nothing_clear(rig: Rig, key: Key) -> None:
    result = backup(rig, key).make()
    file = Path(result["file"])
    assert files(rig.backups) == [file.name, f"{file.name}.sha256"]
    assert [path.stat().st_mode & 0o777 for path in (rig.backups, file)] == [0o700, 0o600]
    assert file.stat().st_size == result["bytes"] < 100000
    assert PATIENT not in file.read_bytes()
    subprocess.run(["sha256sum", "--check", "--status", f"{file.name}.sha256"], cwd=rig.backups, check=True)
    with _backup_pipe.opened(file, Identity(key.text)) as archive:
        manifest = _backup.read_manifest(_backup_pipe.first_member(archive))
        names = [f"/{member.name}" for member in _backup_pipe.members(archive) if member.isreg()]
    assert (manifest.site, manifest.images, manifest.files) == ("hill", ("event-log:1",), len(names))
    there = [path for top in ("home", "data") for path in (rig.folder / top).rglob("*") if path.is_file()]
    left_out = ("/lib/", "/home/backup.json")
    assert sorted(names) == sorted(str(path) for path in there if not any(one in str(path) for one in left_out))
    assert {(Path(one.path).name, one.mode) for one in manifest.parents} >= {("data", 0o750)}


def test_the_event_log_is_stopped_for_the_copy_and_started_again(
    rig: Rig, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: List[bool] = []
    real = _backup_pipe.pack

    def watch(*given: Any) -> Any:
        seen.append(rig.runs)
        return real(*given)

    monkeypatch.setattr(_backup_pipe, "pack", watch)
    result = backup(rig, key).make()
    assert (seen, rig.did, rig.runs) == ([False], ["stop", "up"], True)
    assert 0 < result["standstill"] < 30
    record = json.loads((rig.places.home / "backup.json").read_text())
    assert (record["file"], record["bytes"]) == (result["file"], result["bytes"])
    assert abs(record["made"] - time.time()) < 60


def test_what_does_not_run_is_not_started(rig: Rig, key: Key) -> None:
    rig.containers(runs=False)
    assert backup(rig, key).make()["standstill"] == 0
    assert (rig.did, rig.runs) == ([], False)


@pytest.mark.parametrize("error", [BackupError("no"), KeyboardInterrupt(), OSError(5, "broken")])
def test_it_is_started_however_the_copy_ends(
    rig: Rig, key: Key, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*_given: object) -> None:
        raise error

    monkeypatch.setattr(_backup_pipe, "pack", fail)
    with pytest.raises(type(error)):
        backup(rig, key).make()
    assert (rig.did, rig.runs, files(rig.backups)) == (["stop", "up"], True, [])


def test_a_copy_during_which_somebody_started_it_is_thrown_away(
    rig: Rig, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = _backup_pipe.pack

    def interfere(*given: Any) -> Any:
        rig.containers()
        return real(*given)

    monkeypatch.setattr(_backup_pipe, "pack", interfere)
    with pytest.raises(BackupError, match="started or stopped containers"):
        backup(rig, key).make()
    assert files(rig.backups) == []


def test_the_newest_stay_with_what_others_put_beside(rig: Rig, key: Key) -> None:
    rig.backups.mkdir()
    old = [_backup.name_of("hill", f"2025010{day}T000000Z") for day in (1, 2, 3)]
    beside = ["event-log-hill-notes.txt", _backup.name_of("hill-top", "20250101T000000Z")]
    half = f"{_backup.name_of('hill', '20250104T000000Z')}.part"
    for name in [*old, f"{old[0]}.sha256", half, *beside]:
        (rig.backups / name).write_text("x")
    assert backup(rig, key).look().removes == tuple(old[:1])
    result = backup(rig, key).make()
    assert result["removed"] == old[:1]
    new = Path(result["file"]).name
    assert files(rig.backups) == sorted([*old[1:], *beside, new, f"{new}.sha256"])


def refused(rig: Rig, key: Key, words: str, **given: Any) -> None:
    before = rig.contents()
    for act in (backup(rig, key, **given).look, backup(rig, key, **given).make):
        with pytest.raises(BackupError, match=words):
            act()
    assert (rig.did, rig.contents(), rig.backups.exists()) == ([], before, False)


def test_it_is_refused_before_anything_is_touched(rig: Rig, key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(rig, key, "inside .*/secrets", directory=rig.places.secrets / "backups")
    refused(rig, key, "event_log_site", site="Hill Top")
    (rig.places.home / "hold").write_text("new disk")
    refused(rig, key, r"hold is there \(new disk\)")
    (rig.places.home / "hold").unlink()
    (rig.places.home / "former").mkdir()
    (rig.places.home / "former/files.json").write_text("{}")
    refused(rig, key, "neither verified nor taken back")
    (rig.places.home / "former/files.json").unlink()
    (rig.places.home / "restore.json").write_text("{}")
    refused(rig, key, "a restore was begun here")
    (rig.places.home / "restore.json").unlink()
    monkeypatch.setattr(_backup_make, "free_bytes", lambda _path: 1000)
    refused(rig, key, "0.0 MB free")
    monkeypatch.undo()
    (rig.places.home / "compose.yaml").unlink()
    refused(rig, key, "there is no event log to back up")


def test_with_a_hold_a_stack_that_stands_is_backed_up_and_left_standing(rig: Rig, key: Key) -> None:
    rig.containers(runs=False)
    (rig.places.home / "hold").write_text("new disk")
    backup(rig, key).make()
    assert (rig.did, (rig.places.home / "hold").exists()) == ([], True)


def test_a_whole_backup_is_told_although_the_event_log_does_not_become_well(
    rig: Rig, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ill(*_given: object) -> None:
        raise BackupError("broker is unhealthy")

    monkeypatch.setattr(Stack, "start", ill)
    with pytest.raises(BackupError, match=r"the backup .*\.age is whole, but broker is unhealthy"):
        backup(rig, key).make()
    assert len(files(rig.backups)) == 2


def test_one_at_a_time(rig: Rig, key: Key) -> None:
    with _backup_make.alone(rig.places.home), pytest.raises(BackupError, match="another backup or restore"):
        backup(rig, key).make()
    assert rig.did == []


def test_two_within_a_second_are_two_names_or_a_refusal(rig: Rig, key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    first = backup(rig, key).make()
    with pytest.raises(BackupError, match="is there already"):
        backup(rig, key).make()
    assert Path(first["file"]).exists()

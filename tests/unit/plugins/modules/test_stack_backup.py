# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules stack_backup and stack_restore as Ansible runs them: what they say, and that no key is in it."""

from __future__ import annotations

import json
import shutil
import signal
import time
from pathlib import Path
from typing import Any, Dict, Iterator

import pytest
from ansible_collections.openmrs.event_log.plugins.modules import stack_backup, stack_restore

from tests.unit.plugins.module_utils.backup_rig import Key, Rig, files, new_key
from tests.unit.plugins.modules.conftest import Call


@pytest.fixture(scope="module")
def key() -> Key:
    return new_key()


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    made = Rig(tmp_path)
    monkeypatch.setenv("PATH", made.path)
    kept = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)}
    yield made
    for number, handler in kept.items():
        signal.signal(number, handler)


def options(rig: Rig, **given: Any) -> Dict[str, Any]:
    return {
        "site": "hill",
        "home": str(rig.places.home),
        "data_dir": str(rig.places.data),
        "project": "event-log",
        "command": str(rig.folder / "none"),
        "timeout": 5,
        **given,
    }


def backup(call: Call, rig: Rig, key: Key, check: bool = False, **given: Any) -> Dict[str, Any]:
    given = {"recipients": [key.public], "directory": str(rig.backups), **given}
    return call(stack_backup, check=check, **options(rig, **given))


def restore(call: Call, rig: Rig, file: str, check: bool = False, **given: Any) -> Dict[str, Any]:
    return call(stack_restore, check=check, **options(rig, file=file, **given))


def test_a_backup_is_foretold_made_and_made_again(
    call: Call, rig: Rig, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    foretold = backup(call, rig, key, check=True)
    assert (foretold["changed"], foretold["runs"], rig.backups.exists(), rig.did) == (True, True, False, [])
    (line,) = foretold["told"]
    assert line.startswith("7 files, 0.1 MB, into ")
    assert "stands still for 15 s to 31 s" in line
    done = backup(call, rig, key, keep=1)
    assert (done["changed"], Path(done["file"]).is_file(), done["removed"]) == (True, True, [])
    assert done["diff"] == {"before": "", "after": f"{done['file']}\n"}
    later = time.time() + 5
    monkeypatch.setattr(time, "time", lambda: later)
    again = backup(call, rig, key, keep=1)
    assert again["removed"] == [Path(done["file"]).name]
    assert again["diff"] == {"before": f"{done['file']}\n", "after": f"{again['file']}\n"}


def test_a_private_key_is_refused_and_in_no_output(call: Call, rig: Rig, key: Key) -> None:
    for value in (key.secret, key.text):
        result = backup(call, rig, key, recipients=[value])
        assert "PRIVATE key" in result["msg"]
        assert key.secret[:30] not in json.dumps(result)
    assert (rig.backups.exists(), rig.did) == (False, [])


def test_nothing_to_back_up_is_a_failure_in_words(call: Call, rig: Rig, key: Key) -> None:
    shutil.rmtree(rig.places.data)
    assert "there is no event log to back up" in backup(call, rig, key)["msg"]


@pytest.mark.parametrize("by", ["text", "file"])
def test_a_restore_is_foretold_done_and_not_done_again(call: Call, rig: Rig, key: Key, by: str) -> None:
    file = backup(call, rig, key)["file"]
    before = rig.contents()
    shutil.rmtree(rig.places.data)
    (rig.folder / "key").write_text(key.text)
    given: Dict[str, Any] = {"identity": key.text} if by == "text" else {"identity_file": str(rig.folder / "key")}
    foretold = restore(call, rig, file, check=True, **given)
    assert (foretold["changed"], foretold["started"], rig.places.data.exists()) == (True, True, False)
    assert "is whole: 7 files" in foretold["told"][0]
    assert "goes to where no data are" in foretold["told"][1]
    assert "binary log must still hold" in foretold["told"][2]
    done = restore(call, rig, file, **given)
    assert (done["changed"], done["started"], rig.contents()) == (True, True, before)
    for check in (True, False):
        again = restore(call, rig, file, check=check, **given)
        assert (again["changed"], again["told"][1]) == (
            False,
            "It was brought back already, and its data are there: nothing is changed.",
        )
    assert key.secret[:30] not in json.dumps([foretold, done, again])


@pytest.mark.parametrize(
    ("text", "words"), [("age1…", "is a public key"), ("AGE-SECRET-KEY-1ABC", "no private key"), ("#", "is empty")]
)
def test_what_opens_nothing_is_refused(call: Call, rig: Rig, key: Key, text: str, words: str) -> None:
    file = backup(call, rig, key)["file"]
    assert words in restore(call, rig, file, identity=text)["msg"]
    (rig.folder / "key").write_text(text)
    assert words in restore(call, rig, file, identity_file=str(rig.folder / "key"))["msg"]


def test_a_key_that_ansible_has_written_to_the_disk_is_refused(
    call: Call, rig: Rig, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stack_restore.written_by_ansible(b"python3\0/root/.ansible/tmp/x/AnsiballZ_stack_restore.py\0")
    assert not stack_restore.written_by_ansible(b"/usr/bin/python3\0")
    file = backup(call, rig, key)["file"]
    monkeypatch.setattr(stack_restore, "written_by_ansible", lambda _line: True)
    assert "writes modules to the host's disk" in restore(call, rig, file, identity=key.text)["msg"]


def test_programs_that_are_missing_are_named(call: Call, rig: Rig, key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(rig.bin))
    for name in ("cut", "dirname", "sed"):
        (rig.bin / name).symlink_to(f"/usr/bin/{name}" if Path(f"/usr/bin/{name}").exists() else f"/bin/{name}")
    assert "tar, zstd, age is not on this host" in backup(call, rig, key)["msg"]
    assert "zstd, age is not on this host" in restore(call, rig, "/x", identity=key.text)["msg"]
    assert files(rig.backups) == []

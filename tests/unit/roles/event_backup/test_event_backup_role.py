# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role on made-up hosts, really: refusals before anything is changed, a backup, a restore; nobody sees a key."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

from tests.unit.plugins.module_utils.backup_rig import PATIENT, Key, Rig, files, new_key
from tests.unit.role_files import ROOT
from tests.unit.roles.role_runs import Outcome, check

BACKUP = [{"ansible.builtin.import_role": {"name": "openmrs.event_log.event_backup"}}]
RESTORE = [{"ansible.builtin.import_role": {"name": "openmrs.event_log.event_backup", "tasks_from": "restore"}}]


@pytest.fixture(scope="module")
def key() -> Key:
    return new_key()


def variables(rig: Rig, **given: Any) -> Dict[str, Any]:
    return {
        "event_log_site": "hill",
        "event_log_home": str(rig.places.home),
        "event_log_data_dir": str(rig.places.data),
        "event_log_backup_dir": str(rig.backups),
        "event_backup_command": str(rig.folder / "none"),
        "event_backup_start_timeout": 5,
        "path": rig.path,
        **given,
    }


def hosts(folder: Path, cases: Dict[str, Dict[str, Any]]) -> Tuple[Dict[str, Rig], Dict[str, Dict[str, Any]]]:
    rigs = {name: Rig(folder / name) for name in cases}
    return rigs, {name: variables(rigs[name], **given) for name, given in cases.items()}


def test_without_a_good_key_nothing_is_changed(tmp_path: Path, key: Key) -> None:
    cases: Dict[str, Dict[str, Any]] = {
        "unset": {},
        "private": {"event_log_backup_recipient": key.secret},
        "among": {"event_log_backup_recipient": [key.public, key.secret]},
        "cut": {"event_log_backup_recipient": key.public[:-1]},
        "none": {"event_log_backup_recipient": key.public, "event_backup_keep": 0},
    }
    rigs, given = hosts(tmp_path, cases)
    outcomes = check(tmp_path, BACKUP, given, really=True)
    words = {
        "unset": "event_log_backup_recipient is not set",
        "private": "key 1, is a PRIVATE key, which is not shown",
        "among": "key 2, is a PRIVATE key, which is not shown",
        "cut": "was cut or mistyped",
        "none": "event_backup_keep is 0",
    }
    for name, part in words.items():
        assert part in outcomes[name].failure, name
        assert "nothing was changed" in outcomes[name].failure
        assert key.secret[:30] not in json.dumps([result for _, result in outcomes[name].results])
        assert (rigs[name].did, rigs[name].backups.exists()) == ([], False)
        assert len(outcomes[name].results) <= 2, "refused at the first task"


def test_a_private_key_is_in_no_output_however_much_is_asked_for(tmp_path: Path, key: Key) -> None:
    rig = Rig(tmp_path)
    said = run_verbosely(tmp_path, BACKUP, variables(rig, event_log_backup_recipient=key.secret))
    assert "PRIVATE key" in said
    assert key.secret[16:40] not in said


def run_verbosely(folder: Path, tasks: List[Dict[str, Any]], given: Dict[str, Any]) -> str:
    """What Ansible says at most; its own setting of pipelining must not matter."""
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": {"one": {**local, **given}}}}))
    play = [{"hosts": "all", "gather_facts": False, "environment": {"PATH": "{{ path }}"}, "tasks": tasks}]
    (folder / "play.yml").write_text(json.dumps(play))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    (folder / "ansible.cfg").write_text(f"[defaults]\ncollections_path = {ROOT / '.cache'}\n")
    environment.update(ANSIBLE_CONFIG=str(folder / "ansible.cfg"), ANSIBLE_PIPELINING="false")
    command = [sys.executable, "-m", "ansible", "playbook", "-vvv", "--diff", "-i", "hosts.json", "play.yml"]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=240
    )
    return done.stdout + done.stderr


def message(outcome: Outcome, task: str) -> str:
    return " ".join(str(outcome.result(task)["msg"]).split())


def test_a_backup_is_told_before_made_and_told_after(tmp_path: Path, key: Key) -> None:
    cases: Dict[str, Dict[str, Any]] = {
        "runs": {"event_log_backup_recipient": key.public},
        "stands": {"event_log_backup_recipient": [key.public]},
    }
    rigs, given = hosts(tmp_path, cases)
    rigs["stands"].containers(runs=False)
    foretold = check(tmp_path, BACKUP, given)
    assert {name: one.failure for name, one in foretold.items()} == {"runs": "", "stands": ""}
    assert [files(rig.backups) for rig in rigs.values()] == [[], []]
    done = check(tmp_path, BACKUP, given, really=True)
    for name, rig in rigs.items():
        assert done[name].failure == ""
        assert done[name].changed == foretold[name].changed == ["Back the event log up"]
        (archive, checksum) = files(rig.backups)
        assert checksum == f"{archive}.sha256"
        assert archive in message(done[name], "Say what was made")
        assert PATIENT not in (rig.backups / archive).read_bytes()
        assert "7 files" in message(done[name], "Say how much it is, and how long it takes")
    assert "stands still for" in message(done["runs"], "Say how much it is, and how long it takes")
    assert "Nothing runs" in message(done["stands"], "Say how much it is, and how long it takes")
    assert [rig.runs for rig in rigs.values()] == [True, False]


def test_a_restore_wants_a_file_a_key_and_the_right_site(tmp_path: Path, key: Key) -> None:
    cases = {
        "nothing": {},
        "other": {"event_log_restore": "/x", "event_log_restore_identity": "/y", "event_log_restore_over": "valley"},
        "absent": {"event_log_restore": "/x", "event_log_restore_identity": "/y"},
    }
    _rigs, given = hosts(tmp_path, cases)
    outcomes = check(tmp_path, RESTORE, given, really=True)
    assert "event_log_restore is not set" in outcomes["nothing"].failure
    assert "event_log_restore_identity is not set" in outcomes["nothing"].failure
    assert "event_log_restore_over is valley, and this host is the site hill" in outcomes["other"].failure
    assert "event_log_restore_identity is /y, and it cannot be read: No such file" in outcomes["absent"].failure


def test_what_was_lost_comes_back_and_a_second_run_changes_nothing(tmp_path: Path, key: Key) -> None:
    rig = Rig(tmp_path / "one")
    given = {"one": variables(rig, event_log_backup_recipient=key.public)}
    check(tmp_path, BACKUP, given, really=True)
    before, archive = rig.contents(), rig.backups / files(rig.backups)[0]
    shutil.rmtree(rig.places.data)
    (tmp_path / "key").write_text(key.text)
    given = {"one": variables(rig, event_log_restore=str(archive), event_log_restore_identity=str(tmp_path / "key"))}
    foretold = check(tmp_path, RESTORE, given)["one"]
    assert (foretold.failure, foretold.changed, rig.places.data.exists()) == ("", ["Bring the backup back"], False)
    assert "is whole: 7 files" in message(foretold, "Say what is brought back")
    done = check(tmp_path, RESTORE, given, really=True)["one"]
    assert (done.failure, done.changed) == ("", foretold.changed)
    assert rig.contents() == before
    assert "is in its place, and healthy" in message(done, "Say what became of it")
    again = check(tmp_path, RESTORE, given, really=True)["one"]
    assert (again.failure, again.changed) == ("", [])
    for outcome in (foretold, done, again):
        assert key.secret[:30] not in json.dumps([result for _, result in outcome.results])


def test_the_key_reaches_neither_the_disk_nor_the_output(tmp_path: Path, key: Key) -> None:
    rig = Rig(tmp_path / "one")
    given = {"one": variables(rig, event_log_backup_recipient=key.public)}
    check(tmp_path, BACKUP, given, really=True)
    archive = rig.backups / files(rig.backups)[0]
    shutil.rmtree(rig.places.data)
    (tmp_path / "key").write_text(key.text)
    wanted = variables(rig, event_log_restore=str(archive), event_log_restore_identity=str(tmp_path / "key"))
    said = run_verbosely(tmp_path, RESTORE, wanted)
    assert "is in its place, and healthy" in said, said[-3000:]
    assert key.secret[16:40] not in said
    assert "AnsiballZ_command.py" in said, "other modules become files: pipelining is off"
    assert "AnsiballZ_stack_restore.py" not in said, "the module, with the key in it, became a file"


def test_programs_that_are_missing_are_foretold(tmp_path: Path, key: Key) -> None:
    rig = Rig(tmp_path / "one")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "cut", "sed", "dirname", "env", "mkdir", "chmod", "rm", "ls", "sleep", "echo", "cat", "tty"):
        (tools / name).symlink_to(shutil.which(name) or "/bin/false")
    path = f"{rig.bin}:{tools}"
    given = {"one": variables(rig, event_log_backup_recipient=key.public, path=path)}
    outcome = check(tmp_path, BACKUP, given)["one"]
    assert outcome.changed[0] == "Install what packs and encrypts"
    assert outcome.failure == ""
    wanted = variables(rig, path=path, event_log_restore="/x", event_log_restore_identity="/y")
    foreseen = check(tmp_path, RESTORE, {"one": wanted})["one"]
    assert (foreseen.failure, foreseen.changed) == ("", ["Install what packs and encrypts", "Bring the backup back"])

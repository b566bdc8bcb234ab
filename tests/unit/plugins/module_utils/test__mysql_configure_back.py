# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways back: whatever fails on one, the next step of it is tried, and the message says how things stand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, List, Sequence

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure_back as back
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure_look as look
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_facts as facts
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_look import ConfigureError
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_place import Place
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import Failure
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import ConnectError

from tests.unit.plugins.module_utils.test__mysql_configure_run import Stage, ensure, set_up


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return set_up(tmp_path, monkeypatch)


def test_what_a_restart_does_not_bring_is_a_note_and_never_another_restart(stage: Stage) -> None:
    stage.kind, stage.running = "mysql-8.4", {"innodb_buffer_pool_size": "134217728"}
    stage.shown = {"innodb_buffer_pool_size": "1610612736", "log_bin_basename": "/var/lib/mysql/binlog"}
    stage.restarts = [True]
    further = {"innodb_buffer_pool_size": "1500M"}
    first = ensure(stage, further, restart=True)
    assert (first["restarted"], first["waiting"]) == (True, [])
    assert "innodb_buffer_pool_size is 1610612736 though the server was started with 1500M" in first["notes"][0]
    stage.running, stage.started = stage.shown, stage.ours.stat().st_mtime + 5
    stage.done.clear()
    again = ensure(stage, further, restart=True)
    assert (again["changed"], again["restarted"], again["waiting"], stage.done) == (False, False, [], [])
    assert again["notes"] == first["notes"]


def test_a_server_that_was_not_started_since_goes_on_waiting(stage: Stage) -> None:
    stage.kind, stage.running = "mysql-8.4", {"innodb_buffer_pool_size": "134217728"}
    further = {"innodb_buffer_pool_size": "1500M"}
    ensure(stage, further)
    stage.started = stage.ours.stat().st_mtime - 3600
    assert ensure(stage, further)["waiting"] == ["innodb_buffer_pool_size (now 134217728, wanted 1500M)"]


@pytest.mark.parametrize("trouble", [OSError(28, "No space left on device"), MemoryError()])
def test_a_former_file_that_cannot_be_written_back_does_not_keep_the_server_down(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    stage.ours.write_text("[mysqld]\nlog_bin = hospital\n")
    stage.restarts = [False, True]
    written = []

    def write(path: Path, content: bytes, *_: Any) -> None:
        written.append(path)
        if len(written) > 1:
            raise trouble

    monkeypatch.setattr(back, "write_atomically", write)
    with pytest.raises(ConfigureError) as caught:
        ensure(stage, restart=True)
    assert stage.restarts == []
    assert "THE FILE COULD NOT BE PUT BACK" in str(caught.value)
    assert "It runs again all the same." in str(caught.value)


@pytest.mark.parametrize("trouble", [OSError(5, "Input/output error"), MemoryError()])
def test_a_log_that_cannot_be_read_does_not_keep_the_server_down(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    stage.restarts = [False, True]

    def read(place: Place, error_log: str = "") -> str:
        assert stage.restarts == [], "the log comes last"
        raise trouble

    monkeypatch.setattr(stage, "log", read)
    with pytest.raises(ConfigureError, match=r"(?s)It runs again with its former configuration\..*cannot be read"):
        ensure(stage, restart=True)
    assert not stage.ours.exists()


def test_a_host_that_fails_on_the_way_does_not_keep_the_file(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.restarts = [True, True]

    def wait(*_: Any) -> None:
        raise ValueError("what Docker said was no JSON")

    monkeypatch.setattr(stage, "wait", wait)
    with pytest.raises(ConfigureError, match="IT DOES NOT ANSWER"):
        ensure(stage, restart=True)
    assert (stage.restarts, stage.ours.exists()) == ([], False)


@pytest.mark.parametrize(
    ("persisted", "taken_back"), [({}, "RESET PERSIST binlog_format"), ("MIXED", "SET PERSIST binlog_format = 'MIXED'")]
)
def test_what_the_server_keeps_itself_is_taken_back_as_it_was(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, persisted: Any, taken_back: str
) -> None:
    stage.kind, stage.running = "mysql-8.0", {"binlog_format": "STATEMENT", "sync_binlog": "0"}
    stage.persisted = {"binlog_format": persisted} if persisted else {}
    stage.denied = {"sync_binlog": 1227}
    monkeypatch.setattr(look, "look", lambda *_: replace(stage.seen(), place=None))
    with pytest.raises(ConfigureError, match=r"sync_binlog = 1 was refused"):
        ensure(stage, persist=True)
    assert stage.done[1:] == [taken_back, "SET GLOBAL binlog_format = 'STATEMENT'"]


def test_a_server_that_breaks_off_leaves_word_of_what_was_set(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    query = stage.query

    def breaks(statement: str, values: Sequence[str] = ()) -> List[Any]:
        if "sync_binlog" in statement:
            raise ConnectError(Failure(facts.LOST, 2013, "gone"))
        return query(statement, values)

    monkeypatch.setattr(stage, "query", breaks)
    with pytest.raises(ConfigureError, match=r"not taken back: SET GLOBAL binlog_format = 'ROW'\)"):
        ensure(stage)
    assert not stage.ours.exists()

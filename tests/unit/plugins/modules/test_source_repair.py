# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as Ansible calls it: the ladder of calls, and failures in its result."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Iterator

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._source_repair import Database
from ansible_collections.openmrs.event_log.plugins.modules import source_repair

from tests.unit.plugins.module_utils.fake_connect import FakeConnect
from tests.unit.plugins.modules.conftest import Call


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dict[str, Any]]:
    worker = FakeConnect()
    worker.register("c", {"connector.class": "C"}, "RUNNING RUNNING")
    worker.offsets["c"] = [{"partition": {"server": "p"}, "offset": {"file": "binlog.000001", "pos": 4}}]
    monkeypatch.setattr(source_repair, "look", lambda *_: Database("binlog.000009:8", {"binlog.000009": 8}))
    server = worker.serve()
    yield {
        "url": f"http://127.0.0.1:{server.server_address[1]}", "name": "c", "reason": "binlog_gap",
        "database_login": {"login_user": "capture", "login_password": "secret-of-the-database"}, "database": "openmrs",
        "tables": ["person"], "memory": str(tmp_path), "configs_topic": "configs", "producer": ["false"],
    }  # fmt: skip
    server.shutdown()


def test_the_ladder_of_calls(options: Dict[str, Any], call: Call) -> None:
    rungs = [call(source_repair, check=check, **options) for check in (True, False, True, False)]
    assert [rung["changed"] for rung in rungs] == [True, True, False, False]
    assert rungs[0]["actions"] == rungs[1]["actions"] and rungs[0]["diff"] == rungs[1]["diff"]
    assert "binlog.000001" in rungs[0]["diff"]["after"] and rungs[2]["diff"] == {"before": "", "after": ""}


def test_what_cannot_be_done_fails_with_a_reason_and_changes_nothing(options: Dict[str, Any], call: Call) -> None:
    failed = call(source_repair, **{**options, "fill": "incremental"})
    assert failed["failed"] and "signal table" in failed["msg"] and failed["actions"] == []
    nobody = call(source_repair, **{**options, "url": "http://127.0.0.1:9", "worker": "no-such-worker"})
    assert nobody["failed"] and "there is no worker no-such-worker" in nobody["msg"]
    assert not list(Path(options["memory"]).iterdir())


def test_a_held_worker_is_marked_by_exactly_one_record(
    options: Dict[str, Any], call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ansible would add an empty line, at which Kafka's tool fails."""
    kept = tmp_path / "kept"
    engine = tmp_path / "docker"
    engine.write_text('#!/bin/sh\n[ "$1" = inspect ] && echo false || exit 3\n', encoding="utf-8")
    engine.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    producer = ["sh", "-c", f"cat > {kept}", "sh"]
    down = {**options, "url": "http://127.0.0.1:9", "anyway": True, "producer": producer, "memory": str(tmp_path / "m")}
    failed = call(source_repair, **down)
    assert failed["actions"] == ["record_gap", "mark_stopped"], failed
    assert kept.read_bytes() == b'target-state-c\t{"state": "PAUSED", "state.v2": "STOPPED"}\n'

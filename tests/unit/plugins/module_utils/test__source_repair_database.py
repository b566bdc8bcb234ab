# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a repair takes from the database's answers. On real servers: tests/faults/source."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _source_repair_database as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import StateError
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import UNREACHABLE, Failure, Refusal
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import (
    ConnectError,
    Login,
    StatementError,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_server import parse_server

LOGIN = Login("db", 3306, "capture", "secret")
CAPTURED = subject.Captured("openmrs", ["person", "obs"], "event_log.debezium_signal")
ANSWERS: Dict[str, List[Dict[str, Any]]] = {
    "SHOW MASTER STATUS": [{"File": "binlog.000009", "Position": 800}],
    "SHOW BINARY LOGS": [{"Log_name": "binlog.000009", "File_size": 800}],
    "SELECT table_name": [{"name": "person", "rows_there": 40}, {"name": "users", "rows_there": 9}],
    "SELECT 1 FROM `event_log`.`debezium_signal`": [],
}


class Session:
    """Answers what begins as one of the statements; refuses all else."""

    server = parse_server("8.0.12")

    def __init__(self, answers: Dict[str, List[Dict[str, Any]]]) -> None:
        self._answers = answers

    def query(self, statement: str, _values: Sequence[Any] = ()) -> List[Dict[str, Any]]:
        for begin, rows in self._answers.items():
            if statement.startswith(begin):
                return rows
        raise StatementError(Refusal(statement, 1142, "denied"))

    def close(self) -> None:
        pass


def look(monkeypatch: pytest.MonkeyPatch, answers: Dict[str, Any], keyless: Sequence[str] = ()) -> subject.Database:
    monkeypatch.setattr(subject, "open_connection", lambda _login: Session(answers))
    monkeypatch.setattr(subject.SignalSource, "keyless", lambda _self, _tables: list(keyless))
    return subject.look(LOGIN, CAPTURED)


def test_position_files_and_size_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert look(monkeypatch, ANSWERS) == subject.Database(
        "binlog.000009:800", {"binlog.000009": 800}, {"person": 40}, True
    )


def test_signals_need_the_table_and_keys_of_what_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not look(monkeypatch, ANSWERS, ["obs"]).signals
    without = {begin: rows for begin, rows in ANSWERS.items() if "signal" not in begin}
    assert not look(monkeypatch, without).signals


def test_a_database_without_a_binary_log_has_no_position(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = look(monkeypatch, {"SELECT": [], "SHOW MASTER STATUS": []})
    assert (seen.position, seen.files) == ("", {})


def test_a_database_that_cannot_be_asked_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_login: Login) -> Any:
        raise ConnectError(Failure(UNREACHABLE, 0, "Connection refused"))

    monkeypatch.setattr(subject, "open_connection", refuse)
    with pytest.raises(StateError, match="db:3306 cannot be asked, nothing was changed: Connection refused"):
        subject.look(LOGIN, CAPTURED)

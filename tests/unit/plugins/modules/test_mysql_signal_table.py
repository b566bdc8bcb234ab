# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of signals: made where it is missing, taken where it is right, refused where it is somebody else's."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import Refusal
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import StatementError
from ansible_collections.openmrs.event_log.plugins.modules import mysql_signal_table as subject

from tests.unit.plugins.modules.conftest import Call


class Server:
    """A database that has such a table, or has not, and may refuse."""

    def __init__(self, columns: Optional[List[str]], refuses: str = "") -> None:
        self.columns = columns
        self.refuses = refuses
        self.ran: List[str] = []

    def query(self, statement: str, values: Sequence[Any] = ()) -> List[Dict[str, Any]]:
        assert not values
        if statement.startswith("SHOW COLUMNS"):
            if self.columns is None:
                raise StatementError(Refusal(statement, 1146, "no such table"))
            return [{"Field": name} for name in self.columns]
        if self.refuses and statement.startswith(self.refuses):
            raise StatementError(Refusal(statement, 1044, "Access denied"))
        self.ran.append(statement)
        return []

    def close(self) -> None:
        self.ran.append("closed")


def made(monkeypatch: pytest.MonkeyPatch, server: Server) -> Server:
    monkeypatch.setattr(subject, "open_connection", lambda _login: server)
    return server


def test_it_is_made_in_a_database_of_its_own(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    server = made(monkeypatch, Server(None))
    result = call(subject)
    assert server.ran == [
        "CREATE DATABASE IF NOT EXISTS `event_log`",
        "CREATE TABLE IF NOT EXISTS `event_log`.`debezium_signal` (id VARCHAR(64) NOT NULL PRIMARY KEY, "
        "type VARCHAR(32) NOT NULL, data VARCHAR(2048) NULL)",
        "closed",
    ]
    assert (result["changed"], result["present"]) == (True, False)
    assert result["diff"]["after"] == {"event_log.debezium_signal": "present"}


def test_check_mode_says_so_and_makes_nothing(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    server = made(monkeypatch, Server(None))
    assert call(subject, check=True)["changed"] is True
    assert server.ran == ["closed"]


@pytest.mark.parametrize("columns", [["id", "type", "data"], ["ID", "TYPE", "DATA", "note"]])
def test_one_that_is_there_is_taken(call: Call, monkeypatch: pytest.MonkeyPatch, columns: List[str]) -> None:
    server = made(monkeypatch, Server(columns))
    result = call(subject)
    assert (result["changed"], result["present"], server.ran) == (False, True, ["closed"])


def test_one_of_somebody_else_is_refused(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    server = made(monkeypatch, Server(["id", "name"]))
    assert "has the columns id, name and not id, type, data" in call(subject)["msg"]
    assert server.ran == ["closed"]


def test_it_is_taken_away_without_its_database(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    server = made(monkeypatch, Server(["id", "type", "data"]))
    assert call(subject, state="absent")["changed"] is True
    assert server.ran == ["DROP TABLE `event_log`.`debezium_signal`", "closed"]
    assert call(subject, state="absent", name="event_log.other")["statements"] == ["DROP TABLE `event_log`.`other`"]


def test_a_refusal_says_what_it_takes_and_how_to_do_without(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    made(monkeypatch, Server(None, refuses="CREATE DATABASE"))
    message = call(subject)["msg"]
    assert "Access denied" in message
    assert "event_log_signal_table: ''" in message


@pytest.mark.parametrize("name", ["debezium_signal", "a.b.c", "event-log.signal", "a.`b`", ""])
def test_odd_names_are_refused(call: Call, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    made(monkeypatch, Server(None))
    assert "is not database.table" in call(subject, name=name)["msg"]

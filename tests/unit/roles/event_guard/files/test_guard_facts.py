# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database is asked once an hour what changes rarely, and sooner when it did not answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Optional, cast

import pytest
from event_guard import database, facts
from event_guard.database import Capture, DatabaseError, Session
from event_guard.memory import Memory
from event_guard.settings import Guard
from event_log.settings import Settings

NOW = 1_800_000_000.0
HOUR = 3600.0


class Asked:
    """A server that says its variables; no certificate, as one without TLS."""

    def __init__(self, variables: Dict[str, Any]) -> None:
        self.variables = variables
        self.closed = 0

    def _rows(self, statement: str) -> List[Any]:
        name = statement.partition("@@")[2]
        if name not in self.variables:
            error = DatabaseError(f"db says: Unknown system variable '{name}' (1193)")
            error.__cause__ = ValueError(1193, "unknown")
            raise error
        return [(self.variables[name],)]

    version, expiry, _variable = Session.version, Session.expiry, Session._variable

    def certificate(self) -> Optional[bytes]:
        return None

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(
    ("variables", "expiry"),
    [
        ({"expire_logs_days": 10}, 864000),
        ({"expire_logs_days": 0}, 0),
        ({"binlog_expire_logs_seconds": 2592000, "expire_logs_days": 0}, 2592000),
        ({"binlog_expire_logs_seconds": 0, "expire_logs_days": 3}, 259200),
        ({"binlog_expire_logs_seconds": 0}, 0),
        ({"binlog_expire_logs_seconds": 99, "binlog_expire_logs_auto_purge": 0}, 0),
        ({"binlog_expire_logs_seconds": 99, "binlog_expire_logs_auto_purge": 1}, 99),
        ({}, None),
    ],
)
def test_the_expiry_of_every_version(variables: Dict[str, Any], expiry: Optional[int]) -> None:
    told = facts.told(cast(Session, Asked({"version": "10.11.6-MariaDB-log", **variables})))
    assert told == {"version": "10.11.6", "expiry": expiry, "certificate_until": None}


def test_it_asks_once_an_hour_and_sooner_after_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Asked({"version": "8.0.40", "binlog_expire_logs_seconds": 7})
    asked: List[float] = []
    memory, now = Memory.load(tmp_path), NOW

    def session(_capture: Capture) -> Asked:
        asked.append(now)
        if len(asked) == 1:
            raise DatabaseError("away")
        return server

    monkeypatch.setattr(facts, "_TURN", {})
    monkeypatch.setattr(facts, "Session", session)
    monkeypatch.setattr(database, "capture_of", lambda _settings: Capture("c", "o", "db", 3306, "u", "/p"))
    for later in (0, 599, 600, 4000, 4200):
        now = NOW + later
        facts.step(cast(Settings, None), Guard(directory=tmp_path), memory, now)
    assert asked == [NOW, NOW + 600, NOW + 4200]
    assert server.closed == 2
    assert memory.get("database") == {
        "version": "8.0.40",
        "expiry": 7,
        "certificate_until": None,
        "address": "db:3306",
    }

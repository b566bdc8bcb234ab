# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module connector_snapshot as Ansible runs it: what reaches the database, and that no password comes out."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterator, List, Sequence

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_signals
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import Login
from ansible_collections.openmrs.event_log.plugins.modules import connector_snapshot as subject

from tests.unit.plugins.module_utils.fake_connect import FakeConnect
from tests.unit.plugins.module_utils.test__connector_snapshot import CONFIG, reading, store
from tests.unit.plugins.modules.conftest import Call

LOGIN = {"login_host": "db", "login_port": 3307, "login_user": "event_log", "login_password": "secret-word"}


class Session:
    """A database session that answers, and writes down what it was asked."""

    def __init__(self, fake: FakeConnect) -> None:
        self.fake = fake
        self.server = self
        self.status_statement = "SHOW MASTER STATUS"
        self.logins: List[Login] = []
        self.asked: List[Any] = []

    def __call__(self, login: Login) -> Session:
        self.logins.append(login)
        return self

    def query(self, statement: str, values: Sequence[Any] = ()) -> List[Dict[str, Any]]:
        self.asked.append((statement, *values))
        if statement.startswith("INSERT"):
            store(self.fake, reading("person"))
        return [{"keyed": 1, "File": "binlog.000002", "Position": 800}]

    def close(self) -> None:
        self.asked.append("closed")


@pytest.fixture
def fake() -> Iterator[FakeConnect]:
    made = FakeConnect()
    made.register("n", CONFIG, "RUNNING RUNNING")
    store(made, {"file": "binlog.000002", "pos": 157})
    server = made.serve()
    made.connection = type(made.connection)(f"http://127.0.0.1:{server.server_address[1]}")
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def session(fake: FakeConnect, monkeypatch: pytest.MonkeyPatch) -> Session:
    made = Session(fake)
    monkeypatch.setattr(_mysql_signals, "open_connection", made)
    return made


def told(call: Call, fake: FakeConnect, **options: Any) -> Dict[str, Any]:
    given = {"name": "n", "tables": ["person", "person"], "database_login": LOGIN, **options}
    return call(subject, url=fake.connection.url, **given)


def test_the_table_is_made_known_before_the_signal_is_written(call: Call, fake: FakeConnect, session: Session) -> None:
    result = told(call, fake)
    assert session.logins[0] == Login("db", 3307, "event_log", "secret-word")
    statements = [one[0].split(" (")[0] for one in session.asked if one != "closed"]
    table = "`event_log`.`debezium_signal`"
    assert statements == [
        _mysql_signals.KEYLESS.split(" (")[0],
        f"CREATE TABLE IF NOT EXISTS {table}",
        f"DELETE FROM {table} WHERE type LIKE 'snapshot-window-%' OR type = 'log'",  # noqa: S608
        "COMMIT",
        f"CREATE TABLE IF NOT EXISTS {table}", f"INSERT INTO {table}", "COMMIT", "SHOW MASTER STATUS",
    ]  # fmt: skip
    assert (result["tables"], result["signals"]) == (["open-mrs.person"], ["execute-snapshot"])
    assert "secret-word" not in json.dumps(result)
    assert "pw-123456" not in json.dumps(result)


def test_check_mode_writes_nothing(call: Call, fake: FakeConnect, session: Session) -> None:
    result = call(subject, check=True, url=fake.connection.url, name="n", tables=["person"], database_login=LOGIN)
    assert (result["changed"], result["tables"]) == (True, ["open-mrs.person"])
    assert [one[0] for one in session.asked if one != "closed"] == [_mysql_signals.KEYLESS]


def test_a_database_that_lets_nobody_in_is_told(call: Call, fake: FakeConnect) -> None:
    result = told(call, fake, database_login={**LOGIN, "login_host": "127.0.0.1", "login_port": 1})
    assert "event_log cannot log in to the database at 127.0.0.1:1" in result["msg"]
    assert fake.writes == []

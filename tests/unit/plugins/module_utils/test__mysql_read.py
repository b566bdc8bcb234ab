# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a source, with scripted answers: which statements are run, and what becomes of refusals."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_facts as facts
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_read as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_columns import columns_of
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import (
    Column,
    Failure,
    Refusal,
    Table,
    Wanted,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import ConnectError, Login, StatementError
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_server import parse_server

from tests.unit.plugins.module_utils.mysql_sources import VERSIONS, WANTED, ids

LOGIN = Login("127.0.0.1", 3306, "event_log", "secret-word")
NO_TABLE = "FLUSH LOCAL TABLES `openmrs`.`event log: no such table`"
HARMLESS = ("SELECT ", "SHOW ", "USE ", "SET SESSION lock_wait_timeout = 10", NO_TABLE)


class Scripted:
    """A connection whose answers are chosen by how the statement begins; what has none is answered with no rows."""

    def __init__(self, kind: str, answers: Dict[str, Any]) -> None:
        self.server: Any = parse_server(VERSIONS[kind])
        self.tls_problem = ""
        self.plugin = "mysql_native_password"
        self.heads: List[str] = []
        self.closed = False
        self.said: List[str] = []
        self._answers = {
            "SELECT VERSION()": [{"version": VERSIONS[kind], "account": "event_log@%"}],
            "SHOW GRANTS": [
                {"g": "GRANT RELOAD, SHOW DATABASES, REPLICATION SLAVE ON *.* TO a"},
                {"g": "GRANT SELECT ON `openmrs`.* TO a"},
            ],
            "SHOW GLOBAL VARIABLES": [{"Variable_name": "log_bin", "Value": "ON"}],
            "SHOW DATABASES": [{"Database": "openmrs"}],
            "SELECT TABLE_NAME AS t, TABLE_TYPE": [
                {"t": "patient", "kind": "BASE TABLE", "engine": "InnoDB"},
                {"t": "person", "kind": "BASE TABLE", "engine": "InnoDB"},
            ],
            "SELECT TABLE_NAME AS t, COLUMN_NAME AS c FROM information_schema.STATISTICS": [
                {"t": "patient", "c": "patient_id"},
                {"t": "person", "c": "a"},
                {"t": "person", "c": "b"},
            ],
            **answers,
        }

    def query(self, statement: str, values: Sequence[Any] = ()) -> List[Dict[str, Any]]:
        self.said.append(statement)
        for beginning in sorted(self._answers, key=len, reverse=True):
            if statement.startswith(beginning):
                answer = self._answers[beginning]
                if isinstance(answer, int):
                    raise StatementError(Refusal(statement, answer, "no"))
                if isinstance(answer, Exception):
                    raise answer
                return list(answer)
        return []

    def binlog_created(self, file: str) -> Any:
        self.heads.append(file)
        answer = self._answers.get("dump", 1_700_000_000)
        if isinstance(answer, int) and answer < 10_000:
            raise StatementError(Refusal("COM_BINLOG_DUMP", answer, "no"))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Any:
    def run(kind: str, answers: Dict[str, Any], wanted: facts.Wanted = WANTED, login: Login = LOGIN) -> Any:
        connection = Scripted(kind, answers)
        monkeypatch.setattr(subject, "open_connection", lambda login: connection)
        source = subject.read_source(login, wanted)
        assert connection.closed
        return source, connection

    return run


@pytest.mark.parametrize("kind", sorted(VERSIONS))
def test_a_sound_database_is_read_without_writing_or_locking(read: Any, kind: str) -> None:
    source, connection = read(kind, {})
    assert ids(source) == {}
    assert [statement for statement in connection.said if not statement.startswith(HARMLESS)] == []
    assert not any("LOCK IN" in statement or "FOR UPDATE" in statement for statement in connection.said)


@pytest.mark.parametrize(
    ("kind", "status", "replicas"),
    [
        ("mysql-5.7", "SHOW MASTER STATUS", "SHOW SLAVE HOSTS"),
        ("mysql-8.0", "SHOW MASTER STATUS", "SHOW SLAVE HOSTS"),
        ("mysql-8.4", "SHOW BINARY LOG STATUS", "SHOW REPLICAS"),
        ("mysql-9.7", "SHOW BINARY LOG STATUS", "SHOW REPLICAS"),
        ("mariadb-10.11", "SHOW MASTER STATUS", "SHOW SLAVE HOSTS"),
        ("mariadb-11.8", "SHOW MASTER STATUS", "SHOW SLAVE HOSTS"),
    ],
)
def test_each_version_is_asked_in_its_own_words(read: Any, kind: str, status: str, replicas: str) -> None:
    _source, connection = read(kind, {})
    asked = set(connection.said)
    assert {status, replicas, "SHOW BINARY LOGS"} <= asked
    assert len(asked & {"SHOW MASTER STATUS", "SHOW BINARY LOG STATUS"}) == 1


def test_facts_come_out_as_they_went_in(read: Any) -> None:
    source, _connection = read(
        "mysql-8.4",
        {
            "SHOW SESSION STATUS": [{"Variable_name": "Ssl_cipher", "Value": "TLS_AES_256_GCM_SHA384"}],
            "SHOW BINARY LOG STATUS": [
                {"File": "b.000002", "Position": 157, "Binlog_Do_DB": "openmrs,other", "Binlog_Ignore_DB": ""}
            ],
            "SHOW BINARY LOGS": [{"Log_name": "b.000001", "File_size": 10}, {"Log_name": "b.000002", "File_size": 157}],
            "SHOW REPLICAS": [{"Server_Id": 7, "Host": "h", "Port": 3306, "Source_Id": 1, "Replica_UUID": "u-1"}],
            "SELECT @@global.time_zone": [{"name": "SYSTEM", "system_name": "EAT", "utc_offset": 180}],
            "SELECT TABLE_NAME AS t, COLUMN_NAME AS c FROM information_schema.COLUMNS": [{"t": "person", "c": "wide"}],
        },
    )
    assert source.tls == "TLS_AES_256_GCM_SHA384"
    assert source.binlog_position == "b.000002:157"
    assert source.binlog_do_db == ("openmrs", "other")
    assert [(one.name, one.size) for one in source.binlog_files] == [("b.000001", 10), ("b.000002", 157)]
    assert source.replicas == (facts.Replica(7, "h", "u-1"),)
    assert source.time_zone == facts.TimeZone("SYSTEM", "EAT", 180)
    assert source.tables["person"] == Table("person", primary_key=("a", "b"), wide_columns=("wide",))


def test_active_roles_are_named_to_show_grants(read: Any) -> None:
    _source, connection = read("mysql-8.0", {"SELECT CURRENT_ROLE()": [{"roles": "`r`@`%`"}]})
    assert "SHOW GRANTS FOR CURRENT_USER() USING `r`@`%`" in connection.said
    _source, connection = read("mysql-8.0", {"SELECT CURRENT_ROLE()": [{"roles": "NONE"}]})
    assert "SHOW GRANTS" in connection.said


def test_an_old_replica_list_without_a_host_is_understood(read: Any) -> None:
    source, _connection = read("mariadb-10.11", {"SHOW SLAVE HOSTS": [{"Server_id": 7, "Host": "", "Port": 3306}]})
    assert source.replicas == (facts.Replica(7),)


@pytest.mark.parametrize(
    ("statement", "code", "expected"),
    [
        ("SHOW MASTER STATUS", 1227, {"grant_replication_client": "error"}),
        ("SHOW BINARY LOGS", 1227, {"grant_replication_client": "error"}),
        ("SHOW BINARY LOGS", 1381, {}),
        ("SHOW DATABASES", 1227, {}),
        ("SHOW SLAVE HOSTS", 1227, {}),
        ("FLUSH ", 1227, {"grant_reload": "error"}),
        ("SHOW CREATE TABLE", 1142, {"grant_select": "error"}),
        ("SELECT UNIX_TIMESTAMP", 1227, {}),
        ("USE ", 1049, {"database_unknown": "error"}),
        ("USE ", 1044, {"grant_select": "error"}),
        ("SELECT * FROM `openmrs`.`person`", 1146, {"table_missing": "error"}),
        ("SELECT * FROM `openmrs`.`person`", 1142, {"grant_select": "error"}),
    ],
)
def test_a_refused_statement_becomes_a_finding_and_the_rest_is_still_read(
    read: Any, statement: str, code: int, expected: Dict[str, str]
) -> None:
    source, _connection = read("mysql-8.0", {statement: code})
    assert ids(source) == expected
    assert source.variables == {"log_bin": "ON"}


FILES = [{"Log_name": f"b.00000{number}", "File_size": number} for number in (1, 2, 3)]


def test_of_many_files_the_newest_and_the_oldest_are_dated(read: Any) -> None:
    source, connection = read("mysql-8.0", {"SHOW BINARY LOGS": FILES, "SELECT UNIX_TIMESTAMP": [{"now": 17}]})
    assert connection.heads == ["b.000003", "b.000001"]
    assert [file.created for file in source.binlog_files] == [1_700_000_000, None, 1_700_000_000]
    assert source.tried == ("flush", "binlog_dump")
    assert source.now == 17


def test_a_single_file_is_asked_for_once_and_an_unknown_one_without_a_name(read: Any) -> None:
    assert read("mysql-8.0", {"SHOW BINARY LOGS": FILES[:1]})[1].heads == ["b.000001"]
    assert read("mysql-8.0", {"SHOW BINARY LOGS": 1227})[1].heads == [""]


def test_a_binlog_that_is_off_is_not_asked_for(read: Any) -> None:
    source, connection = read("mysql-8.0", {"SHOW GLOBAL VARIABLES": [{"Variable_name": "log_bin", "Value": "OFF"}]})
    assert connection.heads == []
    assert source.tried == ("flush",)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (1227, {"grant_replication_slave": "error"}),
        (1236, {"binlog_unreadable": "error"}),
        (ConnectError(Failure(facts.LOST, 2013, "timed out")), {}),
    ],
)
def test_a_binlog_that_is_not_sent(read: Any, answer: Any, expected: Dict[str, str]) -> None:
    source, connection = read("mysql-8.0", {"SHOW BINARY LOGS": FILES, "dump": answer})
    assert ids(source) == expected
    assert connection.heads == ["b.000003"]


def test_an_administrator_flushes_nothing(read: Any) -> None:
    source, connection = read("mysql-8.0", {}, facts.Wanted("h", 1, "root", "openmrs", check_access=False))
    assert NO_TABLE not in connection.said
    assert source.tried == ("binlog_dump",)


def test_over_a_socket_the_plugin_says_nothing_about_the_connectors_login(read: Any) -> None:
    assert read("mysql-8.0", {})[0].plugin == "mysql_native_password"
    assert read("mysql-8.0", {}, WANTED, Login("", 0, "a", "b", unix_socket="/run/s"))[0].plugin == ""


def test_the_structure_of_tables_is_read_and_that_of_views_is_not(read: Any) -> None:
    views = [
        {"t": "person", "kind": "VIEW", "engine": None},
        {"t": "patient", "kind": "BASE TABLE", "engine": "InnoDB"},
    ]
    _source, connection = read("mysql-8.0", {"SELECT TABLE_NAME AS t, TABLE_TYPE": views})
    assert [said for said in connection.said if said.startswith("SHOW CREATE")] == [
        "SHOW CREATE TABLE `openmrs`.`patient`"
    ]


def test_nothing_is_judged_when_the_connection_breaks_off(read: Any) -> None:
    lost = ConnectError(Failure(facts.LOST, 2013, "gone"))
    source, _connection = read("mysql-8.0", {"SHOW DATABASES": lost})
    assert ids(source) == {"connection_lost": "error"}
    assert source.server is not None


def test_a_failed_login_is_a_fact_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(login: Login) -> Any:
        raise ConnectError(Failure(facts.LOGIN, 1045, "denied"), parse_server("8.0.12"))

    monkeypatch.setattr(subject, "open_connection", refuse)
    assert ids(subject.read_source(LOGIN, WANTED)) == {"login_refused": "error"}


def test_names_of_tables_are_quoted(read: Any) -> None:
    wanted = facts.Wanted("h", 1, "u", "odd`db", ("odd`table",))
    _source, connection = read("mysql-8.0", {}, wanted)
    assert "SELECT * FROM `odd``db`.`odd``table` LIMIT 0" in connection.said


def test_a_server_that_does_not_tell_cases_apart_finds_the_stored_name(read: Any) -> None:
    wanted = facts.Wanted("h", 1, "u", "openmrs", ("Person",))
    source, _connection = read("mysql-8.0", {}, wanted)
    assert source.tables["Person"].name == "person"


def test_every_variable_that_is_judged_is_asked_for() -> None:
    judged = set()
    for path in Path(subject.__file__).parent.glob("_mysql_*.py"):
        judged |= set(re.findall(r'source\.(?:number|text)\(\s*"([a-z_]+)"', path.read_text(encoding="utf-8")))
    assert len(judged) > 10
    assert judged - set(subject.VARIABLES) == set()
    assert "log_bin_trust_function_creators" in subject.VARIABLES


def test_the_columns_of_captured_tables_with_those_of_the_key() -> None:
    def listed(*rows: Tuple[str, str, str]) -> List[Dict[str, Any]]:
        return [{"t": table, "c": column, "kind": kind} for table, column, kind in rows]

    answers: Dict[str, Any] = {
        "SELECT TABLE_NAME AS t, COLUMN_NAME AS c, DATA_TYPE": listed(
            ("person", "a", "int"), ("person", "note", "TEXT"), ("pairs", "x", "varchar"), ("pairs", "y", "int")
        ),
        "SELECT TABLE_NAME AS t, COLUMN_NAME AS c FROM information_schema.STATISTICS": [
            {"t": "person", "c": "note"}, {"t": "pairs", "c": "x"},
        ],
    }  # fmt: skip

    def rows(_key: str, statement: str, _values: Any) -> Optional[List[Dict[str, Any]]]:
        return next((answer for start, answer in answers.items() if statement.startswith(start)), None)

    wanted = Wanted(host="h", port=1, user="u", database="openmrs", tables=("person", "pairs"))
    # Where there is a primary key, a unique one is not the events' key.
    assert columns_of(rows, wanted, {"person": ["a"]}) == {
        "person": (Column("a", "int", True), Column("note", "text")),
        "pairs": (Column("x", "varchar", True), Column("y", "int")),
    }
    assert columns_of(lambda *_: None, wanted, {}) == {}

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the administrator gets in, and what is said where he or the settings files are out of reach."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Optional, Sequence

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure_look as subject
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure_refuse as refuse
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_facts as facts
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure import Request
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_look import ConfigureError
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_place import Mount, Place, PlaceError
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import Failure
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import ConnectError, Login
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_server import parse_server

from tests.unit.plugins.module_utils.mysql_sources import VERSIONS, WANTED, good
from tests.unit.plugins.module_utils.test__mysql_configure import present

SOCKET = "/run/mysqld/mysqld.sock"
PLACE = Place(7, "/usr/sbin/mysqld", (), {}, 999, 999, "/var/lib/mysql", SOCKET, "mysql.service")
LOGIN = Login("127.0.0.1", 3306, "root", "")


@dataclass
class Finder:
    """A host on which a server may be found, or only a container named."""

    place: Optional[Place] = None
    names: Sequence[str] = ()

    def find(self, container: str, port: int) -> Optional[Place]:
        if container == "gone":
            raise PlaceError("Docker knows no container gone")
        return self.place

    def help(self, place: Place) -> str:
        return ""

    def containers_on(self, port: int) -> Sequence[str]:
        return self.names


def administer(monkeypatch: pytest.MonkeyPatch, login: Login, place: Optional[Place], works: str) -> Login:
    tried = []

    def connect(way: Login) -> Any:
        tried.append(way.unix_socket or way.host)
        if tried[-1] != works:
            raise ConnectError(Failure(facts.LOGIN, 1045, "Access denied"))
        return object()

    monkeypatch.setattr(subject, "open_connection", connect)
    return subject._administer(login, place)[0]


@pytest.mark.parametrize(
    ("socket", "password", "works", "used"),
    [("", "", SOCKET, SOCKET), ("", "p", "127.0.0.1", ""), ("/other.sock", "p", "/other.sock", "/other.sock")],
)
def test_the_administrator_comes_by_the_socket_and_else_by_password(
    monkeypatch: pytest.MonkeyPatch, socket: str, password: str, works: str, used: str
) -> None:
    login = Login("127.0.0.1", 3306, "root", password, unix_socket=socket)
    assert administer(monkeypatch, login, PLACE, works).unix_socket == used


def test_an_administrator_who_is_refused_everywhere_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigureError, match="mysql_binlog_admin_password") as caught:
        administer(monkeypatch, Login("127.0.0.1", 3306, "root", "p"), PLACE, "nothing")
    assert f"{SOCKET}: Access denied; 127.0.0.1:3306: Access denied" in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "names", "words"),
    [
        ("mysql-8.0", ["openmrs-db"], ["runs in container openmrs-db: set mysql_binlog_container"]),
        ("mysql-8.0", [], ["mysql_binlog_mode: verify", "mysql_binlog_persist"]),
        ("mariadb-10.11", [], ["mysql_binlog_mode: verify", "mysql_binlog_container"]),
    ],
)
def test_a_server_out_of_reach_is_refused_with_the_ways_there_are(
    kind: str, names: Sequence[str], words: Sequence[str]
) -> None:
    server = present(kind).source.server
    host: Any = Finder(names=names)
    assert server is not None
    said = refuse.out_of_reach(server, Login("127.0.0.1", 3306, "root", ""), host)
    assert [word for word in words if word not in said] == []
    assert ("mysql_binlog_persist" in said) == (kind == "mysql-8.0" and not names)


class Session:
    """An administrator's session that knows some variables."""

    on = True

    def __init__(self, kind: str) -> None:
        self.server: Any = parse_server(VERSIONS[kind])

    def query(self, statement: str, values: Sequence[Any] = ()) -> Any:
        if "log_bin_basename" in statement:
            return [{"base": "/var/lib/mysql/mysql-bin" if self.on else None, "data": "/var/lib/mysql/"}]
        if "performance_schema.variables_by_thread" in statement:
            return [{"n": "binlog_format", "v": "STATEMENT", "c": 3}]
        if "persisted_variables" in statement:
            return [{"n": "SYNC_BINLOG", "v": "100"}]
        known = {"log_error": "stderr", "max_binlog_size": "1073741824"}
        return [{"Variable_name": name, "Value": known[name]} for name in values if name in known]

    def close(self) -> None:
        pass


def look(monkeypatch: pytest.MonkeyPatch, request: Request, kind: str = "mysql-8.0", **spoilt: str) -> subject.Seen:
    source = good(kind)
    source = source.__class__(**{**source.__dict__, "variables": {**source.variables, **spoilt}})
    monkeypatch.setattr(subject, "open_connection", lambda login: Session(kind))
    monkeypatch.setattr(subject, "read_source", lambda login, wanted: source)
    host: Any = Finder(PLACE)
    return subject.look(LOGIN, request, host, "", persist=False)


def test_the_look_gathers_what_a_plan_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = look(monkeypatch, Request(WANTED, further={"max_binlog_size": "100M"}))
    assert (seen.login.unix_socket, seen.place_name) == (SOCKET, "mysql.service")
    assert seen.present.persisted == {"sync_binlog": "100"}
    assert seen.present.source.variables["max_binlog_size"] == "1073741824"
    assert seen.notes[0].startswith("3 open sessions still have binlog_format = STATEMENT")


def test_a_variable_that_the_server_does_not_have_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigureError, match=r"mysql_binlog_settings names max_binlog_sise, .* Nothing was changed"):
        look(monkeypatch, Request(WANTED, further={"max_binlog_sise": "1"}))


def test_what_no_setting_cures_is_refused_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = WANTED.__class__(**{**WANTED.__dict__, "tables": ("persn",), "server_id": 1})
    with pytest.raises(ConfigureError) as caught:
        look(monkeypatch, Request(wanted))
    assert "[server_id_clash]" in str(caught.value)
    assert "cannot be made ready by settings" in str(caught.value)


@pytest.mark.parametrize(("container", "directory"), [("", ""), ("db", "/srv/data")])
def test_the_binary_log_of_a_container_is_found_through_its_mounts(container: str, directory: str) -> None:
    place = replace(PLACE, container=container, mounts=(Mount("/srv/data", "/var/lib/mysql"),))
    session: Any = Session("mysql-8.0")
    assert subject._binlog_directory(session, place, Request(WANTED)) == (directory, directory)


def test_what_settings_cure_is_no_reason_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    assert look(monkeypatch, Request(WANTED), log_bin="OFF", binlog_format="MIXED").server.number == "8.0.12"

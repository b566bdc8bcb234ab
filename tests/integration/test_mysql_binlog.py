# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The binary log of a real server, its disk, and what only an administrator sees; other readers are left alone."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._guard_binlog import COM_BINLOG_DUMP
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import Login, open_connection
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_space import forecast, growth

from tests.integration.conftest import wait_until
from tests.integration.mysql_servers import ADMIN, CASES, PASSWORD, Server, started


@pytest.fixture(scope="module", params=CASES)
def server(request: pytest.FixtureRequest) -> Server:
    return started(request.param, request.config).made_ready()


def test_the_heads_of_the_binary_log_are_read(server: Server) -> None:
    source = server.look()
    assert source.now is not None
    assert source.binlog_files
    for file in (source.binlog_files[0], source.binlog_files[-1]):
        assert file.created is not None
        assert 0 <= source.now - file.created < 3600
    assert source.tried == ("flush", "binlog_dump")
    assert source.plugin in ("mysql_native_password", "caching_sha2_password")


def test_no_other_reader_is_disturbed(server: Server) -> None:
    """A reader that waits for events, as the connector and replicas do, has the same session before and after."""
    reader = open_connection(Login("127.0.0.1", server.flavour.port, "event_log", PASSWORD))
    reader.query("SET @master_binlog_checksum = 'NONE', @mariadb_slave_capability = 4")
    driver = reader._driver
    file = server.look().binlog_files[-1].name  # type: ignore[index]
    driver._execute_command(COM_BINLOG_DUMP, struct.pack("<IHI", 4, 0, 184201) + file.encode())
    driver._read_packet()
    waiting = "SELECT id, command FROM information_schema.processlist WHERE command = 'Binlog Dump'"
    before = server.execute(waiting)
    server.judge(server_id=184200)
    assert before.strip()
    # The look's own sessions end by themselves.
    wait_until(lambda: server.execute(waiting) == before, 60, "only the first reader to be there")
    reader.close()


def test_growth_is_measured_and_compared_with_the_disk(server: Server, tmp_path: Path) -> None:
    """A file that was begun ten days ago, as the server believes, and a directory with the very same files."""
    server.execute("SET TIMESTAMP = UNIX_TIMESTAMP() - 864000; FLUSH BINARY LOGS")
    newest = server.look().binlog_files[-1].name  # type: ignore[index]
    server.execute(f"SET TIMESTAMP = DEFAULT; PURGE BINARY LOGS TO '{newest}'; FLUSH BINARY LOGS")
    source = server.look()
    measured = growth(source.binlog_files, source.now)
    assert measured is not None
    assert 863000 < measured.seconds < 868000
    directory = source.variables["log_bin_basename"].rpartition("/")[0]
    copied = ["docker", "cp", f"{server.name}:{directory}/{newest}", str(tmp_path)]
    subprocess.run(copied, check=True, capture_output=True)
    found = server.look(binlog_directory=str(tmp_path))
    assert found.disk is not None
    assert found.disk.total > found.disk.free
    assert forecast(found, 14) is not None
    assert server.ids(binlog_directory="/proc") == {"binlog_directory": "warning"}
    server.execute("PURGE BINARY LOGS BEFORE NOW()")


def test_an_administrator_looks_over_the_socket(server: Server) -> None:
    source = server.look(user="root", password="", unix_socket=server.socket, check_access=False)
    assert source.failure is None
    assert source.account == "root@localhost"
    known = {"user": "root", "password": "", "unix_socket": server.socket, "check_access": False}
    assert server.ids(**known) == {}
    server.execute("SET GLOBAL net_write_timeout = 5")
    judged = server.judge(**known)
    server.execute(judged.remedy.sql)
    assert [one.id for one in judged.findings] == ["net_timeouts"]
    assert server.ids(**known) == {}


def test_an_administrator_who_is_refused_is_given_no_sql(server: Server) -> None:
    judged = server.judge(user=ADMIN, password="wrong-word", check_access=False)
    assert [one.id for one in judged.findings] == ["admin_login_refused"]
    assert judged.remedy.sql == ""


@pytest.mark.full
def test_a_server_without_a_network_is_seen_and_opened_over_its_socket(server: Server) -> None:
    server.shell(f"printf '[mysqld]\nskip-networking\n' >> {server.flavour.drop_in}")
    subprocess.run(["docker", "restart", server.name], check=True, capture_output=True)
    known = {"user": "root", "password": "", "check_access": False}
    wait_until(
        lambda: server.look(unix_socket=server.socket, **known).failure is None, 40, "the server to answer its socket"
    )
    assert server.ids() == {"server_unreachable": "error"}
    judged = server.judge(unix_socket=server.socket, **known)
    server.paste(judged)
    assert {one.id for one in judged.findings} == {"skip_networking"}
    assert server.ids() == {}

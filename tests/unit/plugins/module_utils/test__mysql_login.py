# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logging in, against a scripted server on loopback: what each misfortune is called, and what is not sent."""

from __future__ import annotations

import socket
import struct
import threading
from typing import Iterator, List, Optional

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_facts as facts
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_login as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import ConnectError, Login, open_connection

SSL_CAPABILITY = 0x800
CAPABILITIES = 0x00FF_F7FF & ~SSL_CAPABILITY


def packet(number: int, payload: bytes) -> bytes:
    return struct.pack("<I", len(payload))[:3] + bytes([number]) + payload


def greeting(version: str, tls: bool = False) -> bytes:
    capabilities = CAPABILITIES | (SSL_CAPABILITY if tls else 0)
    return packet(
        0,
        b"\x0a" + version.encode() + b"\0" + struct.pack("<I", 7) + b"saltsalt" + b"\0"
        + struct.pack("<H", capabilities & 0xFFFF) + b"\x21" + struct.pack("<H", 2)
        + struct.pack("<H", capabilities >> 16) + bytes([21]) + b"\0" * 10 + b"saltsaltsalt\0"
        + b"mysql_native_password\0",
    )  # fmt: skip


def error(number: int, code: int, message: str) -> bytes:
    return packet(number, b"\xff" + struct.pack("<H", code) + b"#28000" + message.encode())


class Script:
    """Answers each connection with the next bytes whenever the client has said something, then hangs up."""

    def __init__(self, *connections: List[bytes]) -> None:
        self.heard: List[bytes] = []
        self._connections = list(connections)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(10)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        for answers in self._connections:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            with client:
                client.settimeout(10)
                for index, answer in enumerate(answers):
                    if index:
                        self.heard.append(client.recv(65536))
                    client.sendall(answer)
                client.shutdown(socket.SHUT_WR)
                self.heard.append(client.recv(65536))

    def close(self) -> None:
        self._listener.close()
        self._thread.join(10)


@pytest.fixture
def scripts() -> Iterator[List[Script]]:
    started: List[Script] = []
    yield started
    for script in started:
        script.close()


def failure(
    scripts: List[Script], *connections: List[bytes], mode: str = "preferred", ca: Optional[str] = None
) -> ConnectError:
    script = Script(*connections)
    scripts.append(script)
    with pytest.raises(ConnectError) as caught:
        open_connection(Login("127.0.0.1", script.port, "event_log", "secret-word", ssl_mode=mode, ca_cert=ca))
    return caught.value


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1045, facts.LOGIN),
        (1698, facts.LOGIN),
        (1862, facts.ACCOUNT_UNUSABLE),
        (3118, facts.ACCOUNT_UNUSABLE),
        (4151, facts.ACCOUNT_UNUSABLE),
        (3159, facts.TLS_REQUIRED),
        (1203, facts.BUSY),
        (1251, facts.PLUGIN),
        (9999, facts.OTHER),
    ],
)
def test_a_refused_login(scripts: List[Script], code: int, kind: str) -> None:
    raised = failure(scripts, [greeting("8.0.12"), error(2, code, "as it says")])
    assert (raised.failure.kind, raised.failure.code, raised.failure.message) == (kind, code, "as it says")
    assert raised.server is not None
    assert raised.server.version == (8, 0, 12)


@pytest.mark.parametrize(("code", "kind"), [(1130, facts.HOST_REFUSED), (1129, facts.HOST_REFUSED), (1040, facts.BUSY)])
def test_a_server_that_refuses_before_its_greeting(scripts: List[Script], code: int, kind: str) -> None:
    raised = failure(scripts, [error(0, code, "not from there")])
    assert (raised.failure.kind, raised.failure.message) == (kind, "not from there")
    assert raised.server is None


def test_the_greeting_of_mariadb_is_understood(scripts: List[Script]) -> None:
    raised = failure(scripts, [greeting("5.5.5-10.11.6-MariaDB-0+deb12u1"), error(2, 1045, "denied")])
    assert raised.server is not None
    assert (raised.server.flavour, raised.server.version) == ("mariadb", (10, 11, 6))


def test_a_port_where_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectError) as caught:
        open_connection(Login("127.0.0.1", port, "event_log", "secret-word"))
    assert caught.value.failure.kind == facts.UNREACHABLE
    assert "refused" in caught.value.failure.message


def test_a_socket_that_is_not_there() -> None:
    with pytest.raises(ConnectError) as caught:
        open_connection(Login("", 0, "event_log", "secret-word", unix_socket="/nonexistent/mysqld.sock"))
    assert caught.value.failure.kind == facts.UNREACHABLE


def test_a_name_that_nobody_knows() -> None:
    with pytest.raises(ConnectError) as caught:
        open_connection(Login("no-such-host.invalid", 3306, "event_log", "secret-word"))
    assert caught.value.failure.kind == facts.UNREACHABLE


@pytest.mark.parametrize("said", [b"SSH-2.0-OpenSSH_9.2p1\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
def test_something_else_on_that_port(scripts: List[Script], said: bytes) -> None:
    raised = failure(scripts, [said] if said else [])
    assert raised.failure.kind == facts.NOT_A_DATABASE


def test_something_that_never_says_a_word() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        login = Login("127.0.0.1", port, "event_log", "secret-word", connect_timeout=1, read_timeout=1)
        with pytest.raises(ConnectError) as caught:
            open_connection(login)
    assert caught.value.failure.kind == facts.NOT_A_DATABASE
    assert "timed out" in caught.value.failure.message


@pytest.mark.parametrize("mode", ["required", "verify_ca", "verify_identity"])
def test_no_login_is_sent_where_tls_is_wanted_and_not_offered(scripts: List[Script], mode: str) -> None:
    raised = failure(scripts, [greeting("8.0.12")], mode=mode)
    scripts[0].close()
    assert raised.failure.kind == facts.TLS
    assert "offers no TLS" in raised.failure.message
    assert b"event_log" not in b"".join(scripts[0].heard)


def test_a_broken_handshake_is_given_up_only_where_tls_is_just_preferred(scripts: List[Script]) -> None:
    nonsense = [greeting("5.7.22", tls=True), b"\x15\x03\x01\x00\x02\x02\x46"]
    raised = failure(scripts, nonsense, [greeting("5.7.22", tls=True), error(2, 1045, "seen without TLS")])
    assert raised.failure.message == "seen without TLS"
    raised = failure(scripts, nonsense, mode="required")
    assert raised.failure.kind == facts.TLS
    assert raised.server is not None


def test_a_certificate_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ConnectError) as caught:
        open_connection(Login("127.0.0.1", 1, "a", "secret-word", ssl_mode="verify_ca", ca_cert="/nonexistent/ca.pem"))
    assert caught.value.failure.kind == facts.TLS
    assert "/nonexistent/ca.pem" in caught.value.failure.message


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "pymysql", None)
    with pytest.raises(subject.MissingLibraryError) as caught:
        open_connection(Login("127.0.0.1", 1, "a", "secret-word"))
    assert caught.value.name == "PyMySQL"


def test_missing_cryptography_is_named(scripts: List[Script], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pymysql._auth._have_cryptography", False)
    switch = packet(2, b"\xfe" + b"caching_sha2_password\0" + b"saltsaltsaltsaltsalt\0")
    script = Script([greeting("8.0.12"), switch, packet(4, b"\x01\x04"), packet(6, b"\x01-----BEGIN PUBLIC KEY-----")])
    scripts.append(script)
    with pytest.raises(subject.MissingLibraryError) as caught:
        open_connection(Login("127.0.0.1", script.port, "event_log", "secret-word"))
    assert caught.value.name == "cryptography"

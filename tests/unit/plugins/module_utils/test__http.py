# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The transport: what it sends, and which error each misfortune becomes."""

from __future__ import annotations

import base64
import socket
import threading
from pathlib import Path
from typing import Any, Dict, Type

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _http as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import (
    BadAnswerError,
    InputError,
    InterruptedRequestError,
    RequestError,
    TlsError,
    UnknownHostError,
    UnreachableError,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._http import Connection, Transport

from tests.unit.plugins.module_utils.scripted_http import ScriptedServer


def test_a_request_as_it_goes_out(worker: ScriptedServer) -> None:
    worker.expect("PUT", "/base/a%20b", {"ok": 1}, 201, body={"x": 1})
    response = Transport(Connection(worker.url + "/base/", "me", "pässword")).send("PUT", "/a%20b", b'{"x": 1}')
    assert (response.status, response.body, response.content_type) == (201, b'{"ok": 1}', "application/json")
    assert worker.authorizations == ["Basic " + base64.b64encode("me:pässword".encode()).decode()]


def test_without_a_user_no_login_is_sent_not_even_from_netrc(
    worker: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    worker.expect("GET", "/", {})
    Transport(Connection(worker.url)).send("GET", "/")
    assert worker.authorizations == [None]


def test_an_http_error_is_a_response(worker: ScriptedServer) -> None:
    worker.fails("GET", "/x", 409, "no", body=None)
    response = Transport(Connection(worker.url)).send("GET", "/x")
    assert response.status == 409
    assert "no" in response.text()


def test_a_redirect_is_not_followed(worker: ScriptedServer) -> None:
    worker.expect("POST", "/x", status=302, headers={"Location": "https://login.example/"}, body={})
    response = Transport(Connection(worker.url)).send("POST", "/x", b"{}")
    assert (response.status, response.location) == (302, "https://login.example/")


def test_proxies_are_not_used_for_loopback(worker: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    worker.expect("GET", "/", {})
    assert Transport(Connection(worker.url)).send("GET", "/").status == 200


def test_elsewhere_the_environments_proxy_is_used(worker: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", worker.url)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    worker.expect("GET", "http://connect.example:8083/connectors", {})
    assert Transport(Connection("http://connect.example:8083")).send("GET", "/connectors").status == 200


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:1", True), ("http://127.9.9.9", True),
        ("http://localhost:1", True), ("http://[::1]:1", True),
        ("http://LOCALHOST.:1", True), ("http://x.localhost", True), ("http://10.0.0.1", False),
        ("http://localhost.example.org", False), ("http://connect", False),
    ],
)  # fmt: skip
def test_loopback(url: str, loopback: bool) -> None:
    assert Connection(url).is_loopback is loopback


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"url": "127.0.0.1:8083"}, "url: '127.0.0.1:8083' is not the address"),
        ({"url": "ftp://h"}, "is not the address"), ({"url": "http://"}, "is not the address"),
        ({"url": "http://h:x"}, "is not the address"), ({"url": "http://h/?a=b"}, "is not the address"),
        ({"url": "http://u:pw-123456@h"}, "url: a login does not belong in the address"),
        ({"ca_path": "/no/such"}, "ca_path: there is no file /no/such"),
        ({"client_cert": "/no/such"}, "client_cert: there is no file"),
        ({"client_key": "/no/such"}, "client_key: there is no file"),
        ({"timeout": 0}, "timeout: 0 is not a number of seconds above 0"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_before_anything_is_sent(options: Dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told) as caught:
        Transport(Connection(**{"url": "http://h", **options}))
    assert "pw-123456" not in caught.value.message


def failed(url: str, timeout: float = 5) -> RequestError:
    with pytest.raises(RequestError) as caught:
        Transport(Connection(url, timeout=timeout)).send("GET", "/x")
    assert caught.value.message.startswith(f"GET {url}/x: ")
    assert caught.value.details()["method"] == "GET"
    return caught.value


def test_connection_refused(late_worker: ScriptedServer) -> None:
    error = failed(late_worker.url)
    assert type(error) is UnreachableError
    assert (error.transient, error.unclear) == (True, False)
    assert "connection refused; is the worker running" in error.message


def test_a_name_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_args: Any, **_options: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = failed("http://no-such-host.localhost:8083")
    assert type(error) is UnknownHostError
    assert error.transient is False


@pytest.mark.parametrize("behaviour", ["drop", "cut", "hang"])
def test_a_connection_that_breaks_leaves_the_outcome_unclear(worker: ScriptedServer, behaviour: str) -> None:
    worker.expect("GET", "/x", {"a": 1}, behaviour=behaviour)
    error = failed(worker.url, timeout=0.3)
    assert type(error) is InterruptedRequestError
    assert error.unclear


def speaking(first_words: bytes) -> socket.socket:
    """Return a listening socket whose client is told these words (a database, say)."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        peer, _ = listener.accept()
        peer.recv(1000)
        peer.sendall(first_words)
        peer.close()

    threading.Thread(target=serve, daemon=True).start()
    return listener


@pytest.mark.parametrize(
    ("scheme", "kind", "told"),
    [("http", BadAnswerError, "does not speak HTTP"), ("https", TlsError, "TLS failed")],
)
def test_another_service_at_that_port(scheme: str, kind: Type[RequestError], told: str) -> None:
    with speaking(b"J\x00\x00\x00\n8.4.0-mysql\r\n\r\n") as listener:
        error = failed(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}")
    assert type(error) is kind
    assert error.transient is False
    assert told in error.message


def test_an_answer_without_end_is_given_up(worker: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "LARGEST", 10)
    worker.expect("GET", "/x", {"long": "enough"})
    assert "larger than 10 bytes" in failed(worker.url).message

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Transport: one HTTP request, one response or one typed error. Knows nothing of connectors."""

from __future__ import annotations

import errno
import http.client
import ipaddress
import socket
import ssl
import urllib.error
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Optional, Tuple, Type, Union
from urllib.parse import urlsplit

from ansible.module_utils.urls import Request, make_context
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import (
    BadAnswerError,
    InputError,
    InterruptedRequestError,
    RequestError,
    TlsError,
    UnknownHostError,
    UnreachableError,
)

AGENT = "ansible openmrs.event_log"
LARGEST = 64 * 1024 * 1024  # no answer of a worker comes near; a stray download does


@dataclass(frozen=True)
class Connection:
    """Where a worker is and how to log in."""

    url: str
    username: Optional[str] = None
    password: Optional[str] = None
    validate_certs: bool = True
    ca_path: Optional[str] = None
    client_cert: Optional[str] = None
    client_key: Optional[str] = None
    timeout: float = 30.0

    def check(self) -> None:
        """Refuse what cannot work before anything is sent."""
        try:
            parts = urlsplit(self.url)
            port_fits = parts.port is None or parts.port > 0
        except ValueError:
            parts, port_fits = urlsplit(""), False
        if "@" in parts.netloc:
            raise InputError("url: a login does not belong in the address; give url_username and url_password")
        extra = parts.query or parts.fragment
        if parts.scheme not in ("http", "https") or not parts.hostname or not port_fits or extra:
            raise InputError(f"url: {self.url!r} is not the address of a worker, such as http://127.0.0.1:8083")
        for option in ("ca_path", "client_cert", "client_key"):
            path = getattr(self, option)
            if path and not Path(path).is_file():
                raise InputError(f"{option}: there is no file {path} on the managed host")
        if self.timeout <= 0:
            raise InputError(f"timeout: {self.timeout} is not a number of seconds above 0")

    @property
    def is_loopback(self) -> bool:
        """Return whether the worker is on the managed host itself."""
        host = (urlsplit(self.url).hostname or "").rstrip(".")
        if host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True)
class Response:
    """What came back, whatever its status."""

    status: int
    body: bytes
    content_type: str = ""
    location: str = ""

    def text(self) -> str:
        return self.body.decode("utf-8", errors="replace")


class Transport:
    """Send requests over one connection's settings."""

    def __init__(self, connection: Connection) -> None:
        connection.check()
        self.connection = connection
        self._base = connection.url.rstrip("/")
        self._session: Optional[Request] = None

    def address(self, path: str) -> str:
        """Return the whole URL of a path, which is quoted already."""
        return self._base + path

    def send(self, method: str, path: str, body: Optional[bytes] = None, timeout: Optional[float] = None) -> Response:
        """Send one request. Any HTTP status is a response; everything else is an error."""
        url = self.address(path)
        try:
            try:
                return _read(self._open(method, url, body, timeout or self.connection.timeout), method, url)
            except urllib.error.HTTPError as exc:
                return _read(exc, method, url)
        except (OSError, http.client.HTTPException) as exc:
            _raise(exc, method, url)

    def _open(self, method: str, url: str, body: Optional[bytes], timeout: float) -> http.client.HTTPResponse:
        if self._session is None:
            self._session = self._begin()
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        response: http.client.HTTPResponse = self._session.open(method, url, body, headers, timeout=timeout)
        return response

    def _begin(self) -> Request:
        link = self.connection
        # Reading the host's authorities costs more than a request, so it is done once, and for https only.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if urlsplit(link.url).scheme == "https":
            context = make_context(
                cafile=link.ca_path,
                validate_certs=link.validate_certs,
                client_cert=link.client_cert,
                client_key=link.client_key,
            )
        return Request(
            context=context,
            # A proxy cannot reach this host's loopback; elsewhere the environment's proxies count.
            use_proxy=not link.is_loopback,
            url_username=link.username,
            url_password=link.password,
            force_basic_auth=link.username is not None,
            use_netrc=False,
            # A worker never redirects; a login page does, and following would turn a write into a read.
            follow_redirects="none",
            http_agent=AGENT,
        )


def _read(answer: Union[http.client.HTTPResponse, urllib.error.HTTPError], method: str, url: str) -> Response:
    status = int(answer.getcode() or 0)
    with answer:
        body = answer.read(LARGEST + 1)
    announced = answer.headers.get("Content-Length", "")
    if len(body) > LARGEST:
        raise BadAnswerError(f"{method} {url}: the answer is larger than {LARGEST} bytes", method, url, status)
    if announced.isdigit() and len(body) < int(announced):
        raise InterruptedRequestError(f"{method} {url}: the connection broke within the answer", method, url, status)
    return Response(status, body, answer.headers.get("Content-Type", ""), answer.headers.get("Location", ""))


def _raise(exc: Exception, method: str, url: str) -> NoReturn:
    """Turn what Python's libraries raise into one of our errors."""
    cause = exc.reason if isinstance(exc, urllib.error.URLError) else exc
    connecting = isinstance(exc, urllib.error.URLError)
    raise _typed(cause, connecting)(f"{method} {url}: {_words(cause)}", method, url) from exc


# The first that fits counts: some of these are kinds of others (RemoteDisconnected is a ConnectionError).
_KINDS: Tuple[Tuple[Tuple[Type[BaseException], ...], Type[RequestError]], ...] = (
    ((ssl.SSLError, ssl.CertificateError), TlsError),
    ((socket.gaierror,), UnknownHostError),
    ((ConnectionRefusedError,), UnreachableError),
    ((ConnectionError, TimeoutError, socket.timeout, http.client.IncompleteRead), InterruptedRequestError),
    ((http.client.HTTPException,), BadAnswerError),
)


def _typed(cause: object, connecting: bool) -> Type[RequestError]:
    for kinds, error in _KINDS:
        if isinstance(cause, kinds):
            return error
    if isinstance(cause, OSError) and cause.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN):
        return UnreachableError
    return InterruptedRequestError if connecting else BadAnswerError


def _words(cause: object) -> str:
    if isinstance(cause, ConnectionRefusedError):
        return "connection refused; is the worker running, and is this its address?"
    if isinstance(cause, socket.gaierror):
        return f"the host's name is not known ({cause})"
    if isinstance(cause, (TimeoutError, socket.timeout)):
        return "no answer in time"
    if isinstance(cause, ssl.SSLError):
        return f"TLS failed: {cause}"
    if isinstance(cause, http.client.BadStatusLine) and not isinstance(cause, ConnectionError):
        return "what answers there does not speak HTTP"
    return str(cause) or type(cause).__name__

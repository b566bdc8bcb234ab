# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that knows exactly which requests come in which order, and a clock that does not wait."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Dict, List, Optional

from ansible_collections.openmrs.event_log.plugins.module_utils._connect_api import Clock

ANY = object()


@dataclass
class Exchange:
    """One request as it must come, and what it gets."""

    method: str
    path: str
    body: Any
    status: int
    reply: bytes
    headers: Dict[str, str] = field(default_factory=dict)
    behaviour: str = "answer"  # or "drop": read and close; "hang": read and stay silent; "cut": break off in the answer


class ScriptedServer:
    """Answers on an ephemeral port of 127.0.0.1. ``finish`` fails on anything that was not as written."""

    def __init__(self) -> None:
        self.script: List[Exchange] = []
        self.problems: List[str] = []
        self.authorizations: List[Optional[str]] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._server: Optional[ThreadingHTTPServer] = None
        # The port is taken at once and lent to the server later: until then a connection is refused.
        self._reserved = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler, bind_and_activate=False)
        self._reserved.server_bind()
        self.port: int = self._reserved.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def expect(
        self,
        method: str,
        path: str,
        reply: Any = None,
        status: int = 200,
        *,
        body: Any = None,
        raw: Optional[bytes] = None,
        content_type: str = "application/json",
        headers: Optional[Dict[str, str]] = None,
        behaviour: str = "answer",
    ) -> ScriptedServer:
        """Write the next line of the script."""
        content = raw if raw is not None else (b"" if reply is None else json.dumps(reply).encode())
        sent = {"Content-Type": content_type, **(headers or {})}
        self.script.append(Exchange(method, path, body, status, content, sent, behaviour))
        return self

    def fails(self, method: str, path: str, status: int, message: str, *, body: Any = ANY) -> ScriptedServer:
        """Write an error as Kafka Connect gives it."""
        return self.expect(method, path, {"error_code": status, "message": message}, status, body=body)

    def start(self) -> None:
        """Begin to listen."""
        server, script = self._reserved, self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                script._handle(self)

            do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server.RequestHandlerClass = Handler
        server.daemon_threads = True
        server.server_activate()
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self._server = server

    def finish(self) -> None:
        """Stop, and fail if the requests were not those of the script."""
        self._over.set()
        if self._server is not None:
            self._server.shutdown()
        self._reserved.server_close()
        left = [f"{exchange.method} {exchange.path}" for exchange in self.script]
        assert not self.problems, "\n".join(self.problems)
        assert not left, f"never requested: {left}"

    def _handle(self, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers.get("Content-Length") or 0)
        content = json.loads(request.rfile.read(length)) if length else None
        with self._lock:
            self.authorizations.append(request.headers.get("Authorization"))
            exchange = self._next(request.command, request.path, content)
        if exchange.behaviour == "hang":
            self._over.wait(5)
        if exchange.behaviour in ("hang", "drop"):
            request.close_connection = True
            return
        request.send_response(exchange.status)
        for name, value in exchange.headers.items():
            request.send_header(name, value)
        extra = 10 if exchange.behaviour == "cut" else 0
        request.send_header("Content-Length", str(len(exchange.reply) + extra))
        request.end_headers()
        request.wfile.write(exchange.reply)
        request.close_connection = True

    def _next(self, method: str, path: str, content: Any) -> Exchange:
        expected = self.script.pop(0) if self.script else None
        if expected is None or (expected.method, expected.path) != (method, path):
            wanted = f"{expected.method} {expected.path}" if expected else "nothing"
            self.problems.append(f"expected {wanted}, got {method} {path} {content}")
        elif expected.body is not ANY and expected.body != content:
            self.problems.append(f"{method} {path}: expected body {expected.body}, got {content}")
        else:
            return expected
        return Exchange(method, path, ANY, 418, b'{"error_code": 418, "message": "not in the script"}')


class FakeClock(Clock):
    """Time that passes only in pauses; something may happen in them."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.pauses = 0
        self.events: Dict[int, Callable[[], None]] = {}

    def now(self) -> float:
        return self.time

    def pause(self, seconds: float) -> None:
        assert seconds >= 0
        self.time += max(seconds, 0.001)
        self.pauses += 1
        self.events.pop(self.pauses, lambda: None)()

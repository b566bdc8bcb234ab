# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands before a worker: writes down each request with the status of its answer, and lets a test step in between."""

from __future__ import annotations

import contextlib
import http.client
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Callable, Iterator


@dataclass
class Proxy:
    """``before`` and ``after`` see "METHOD /path" of each request; one that returns True breaks the connection off."""

    port: int
    seen: list[str] = field(default_factory=list)
    before: Callable[[str], bool] = lambda line: False
    after: Callable[[str], bool] = lambda line: False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def writes(self) -> list[str]:
        return [line for line in self.seen if not line.startswith("GET") and "/validate" not in line]


@contextlib.contextmanager
def before_worker(port: int) -> Iterator[Proxy]:
    """Yield a proxy that sends everything on to a port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            line = f"{self.command} {self.path}"
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                if proxy.before(line):
                    raise OSError("broken off before the worker saw it")
                with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120)) as link:
                    link.request(self.command, self.path, body or None, dict(self.headers))
                    answer = link.getresponse()
                    content = answer.read()
                if proxy.after(line):
                    raise OSError("broken off before the answer was passed on")
            except (OSError, http.client.HTTPException):
                proxy.seen.append(f"{line} -")
                self.close_connection = True
                return
            proxy.seen.append(f"{line} {answer.status}")
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers.get("Content-Type") or "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    for method in ("GET", "PUT", "POST", "DELETE", "PATCH"):
        setattr(Handler, f"do_{method}", Handler.answer)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        proxy = Proxy(server.server_address[1])
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield proxy
        finally:
            server.shutdown()

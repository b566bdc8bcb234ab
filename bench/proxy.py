# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy on loopback that notes which requests pass through it."""

from __future__ import annotations

import contextlib
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Iterator

PASSED_ON = ("Accept", "Authorization", "Content-Type")


class _Handler(BaseHTTPRequestHandler):
    target = ""
    seen: list[str] = []
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def _pass_on(self) -> None:
        self.seen.append(f"{self.command} {self.path}")
        length = int(self.headers.get("Content-Length", 0))
        headers = {name: self.headers[name] for name in PASSED_ON if name in self.headers}
        request = urllib.request.Request(  # noqa: S310 - the worker's own address
            self.target + self.path, self.rfile.read(length) or None, headers, method=self.command
        )
        try:
            with self.opener.open(request, timeout=90) as answer:
                self._answer(answer.status, answer.headers.get("Content-Type", ""), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                self._answer(error.code, error.headers.get("Content-Type", ""), error.read())

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = _pass_on  # noqa: N815 - named so by the library

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def counting(target: str) -> Iterator[tuple[str, list[str]]]:
    """Give the address of a proxy in front of `target`, and the list that it fills."""
    seen: list[str] = []
    handler = type("Handler", (_Handler,), {"target": target.rstrip("/"), "seen": seen})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", seen
        finally:
            server.shutdown()
            thread.join()

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A line between the worker and its database that can be cut: a relay on 127.0.0.1.

While it is cut, nothing gets through and nobody is told: connections stay open, and new ones get no answer, as where
packets are dropped. Afterwards the old connections either go on, as TCP does by sending again, or are dead for ever at
both ends, as behind a router that has forgotten them.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import List

_ALL_AT_ONCE = 65536
_RESET = struct.pack("ii", 1, 0)


class Line:
    """Everything that is sent to ``port`` goes to another port of this host, until it is cut."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._through = threading.Event()
        self._through.set()
        self._over = False
        self._dead: List[socket.socket] = []  # kept, so that their ends stay open
        self._open: List[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> Line:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._over = True
        self._through.set()
        self._listener.close()
        for one in [*self._open, *self._dead]:
            one.close()

    def cut(self) -> None:
        self._through.clear()

    def mend(self, forgotten: bool = False) -> None:
        """Let through again; with ``forgotten`` only what is connected from now on."""
        if forgotten:
            self._dead, self._open = [*self._dead, *self._open], []
        self._through.set()

    def reset(self) -> None:
        """End every connection at once, with both ends told."""
        was, self._open = self._open, []
        for one in was:
            with contextlib.suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                one.shutdown(socket.SHUT_RDWR)
                one.close()

    def _accept(self) -> None:
        while not self._over:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        self._open.append(near)
        self._through.wait()
        if near not in self._open:
            return
        try:
            far = socket.create_connection(("127.0.0.1", self._to))
        except OSError:
            near.close()
            return
        self._open.append(far)
        for one, other in ((near, far), (far, near)):
            threading.Thread(target=self._relay, args=(one, other), daemon=True).start()

    def _relay(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                data = one.recv(_ALL_AT_ONCE)
                self._through.wait()
                if one in self._dead:
                    return  # neither passed on nor closed
                if not data:
                    break
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

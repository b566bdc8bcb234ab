# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A broker that takes connections and says nothing is silent; one that answers, refuses or closes is not."""

from __future__ import annotations

import socket
import threading
from typing import Callable, Iterator, List

import pytest
from event_guard import broker

Serve = Callable[[socket.socket], None]


@pytest.fixture
def listening() -> Iterator[Callable[[Serve], str]]:
    """Something that listens, and what it does with each connection."""
    sockets: List[socket.socket] = []

    def begin(serve: Serve) -> str:
        sockets.append(socket.create_server(("127.0.0.1", 0)))

        def one() -> None:
            link, _ = sockets[0].accept()
            with link:
                serve(link)

        threading.Thread(target=one, daemon=True).start()
        return f"127.0.0.1:{sockets[0].getsockname()[1]}"

    yield begin
    for one in sockets:
        one.close()


def test_one_that_answers_is_asked_for_its_versions(listening: Callable[[Serve], str]) -> None:
    asked: List[bytes] = []

    def serve(link: socket.socket) -> None:
        asked.append(link.recv(100))
        link.sendall(b"\0\0\0\4")

    assert broker.silent(f"{listening(serve)},127.0.0.2:1") is False
    # Size, key 18, version 0, correlation 1, no client's name: the Kafka protocol's ApiVersions request.
    assert asked == [bytes([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 255, 255])]


def test_one_that_closes_the_connection_is_not_silent(listening: Callable[[Serve], str]) -> None:
    assert broker.silent(listening(lambda link: None)) is False


def test_one_whose_connections_only_the_kernel_takes_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as nobody_accepts:
        assert broker.silent(f"127.0.0.1:{nobody_accepts.getsockname()[1]}") is True


@pytest.mark.parametrize("bootstrap", ["127.0.0.1:1", "127.0.0.1", "", "127.0.0.1:x"])
def test_one_that_is_not_there_is_not_silent(bootstrap: str) -> None:
    assert broker.silent(bootstrap) is False

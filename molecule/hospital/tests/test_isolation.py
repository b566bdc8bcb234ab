# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S101 - what pytest asserts
"""What each server can reach of the world: the control node, and nothing else. Asked on the servers, over SSH."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
from pathlib import Path
from typing import Any, Iterator

import pytest

from tests.helpers.hospital import CLINIC, DISTRICT, Site, hosts
from tests.helpers.server import eventually

testinfra_hosts = hosts()
# A machine elsewhere that the control node reaches: what proves that the probe would see one.
NEIGHBOUR = "eventlog-test-bait"
PORT = 28099
SILENT = 3  # seconds without an answer

PROBE = f"""
import concurrent.futures, socket, sys
def ask(target):
    address, port = target.rsplit(":", 1)
    try:
        socket.create_connection((address, int(port)), timeout={SILENT}).close()
    except OSError:
        return ""
    return target
with concurrent.futures.ThreadPoolExecutor(16) as pool:
    print(*filter(None, pool.map(ask, sys.argv[1:])))
"""


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True, timeout=120).stdout.strip()


@pytest.fixture(scope="module")
def bait() -> Iterator[str]:
    """The address of a web server outside of the servers' networks, which the control node reaches."""
    with contextlib.suppress(subprocess.CalledProcessError):
        docker("rm", "-f", NEIGHBOUR)
    serve = f"import http.server as h; h.HTTPServer(('', {PORT}), h.SimpleHTTPRequestHandler).serve_forever()"
    docker("run", "-d", "--name", NEIGHBOUR, "--entrypoint", "python3", "eventlog-test-server:local", "-c", serve)
    try:
        address = docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", NEIGHBOUR)
        eventually(lambda: socket.socket().connect_ex((address, PORT)) == 0, 20, "the bait answers", pause=0.2)
        yield address
    finally:
        docker("rm", "-f", NEIGHBOUR)


def outside() -> list[str]:
    """Addresses of the world beyond the control node: its router, its name servers."""
    routes = Path("/proc/net/route").read_text(encoding="ascii").splitlines()[1:]
    gateways = [line.split()[2] for line in routes if line.split()[1] == "00000000" and line.split()[2] != "00000000"]
    routers = [socket.inet_ntoa(bytes.fromhex(gateway)[::-1]) for gateway in gateways]
    names = re.findall(r"^nameserver ([0-9.]+)$", Path("/etc/resolv.conf").read_text(encoding="utf-8"), re.MULTILINE)
    targets = [f"{address}:{port}" for address in routers for port in (22, 53, 80, 443)]
    return targets + [f"{address}:53" for address in names if not address.startswith("127.")]


def reached(host: Any, *targets: str) -> list[str]:
    return str(host.check_output(f"python3 -c '{PROBE}' {' '.join(targets)}")).split()


def test_the_control_node_is_reached(host: Any, listening: int) -> None:
    gateway = host.check_output("echo ${SSH_CONNECTION%% *}")
    assert reached(host, f"{gateway}:{listening}") == [f"{gateway}:{listening}"]


@pytest.fixture
def listening() -> Iterator[int]:
    """A port of the control node that anybody may connect to."""
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104 - on the servers' networks, for a moment
        yield server.getsockname()[1]


def test_nothing_else_answers(host: Any, bait: str) -> None:
    others = [f"{site.address}:22" for site in (CLINIC, DISTRICT) if site.name != name_of(host)]
    assert others
    assert reached(host, f"{bait}:{PORT}", *others, *outside()) == []


def name_of(host: Any) -> str:
    return str(host.check_output("hostname"))


def test_no_name_is_resolved(host: Any) -> None:
    """Neither the package mirror that its own configuration names, nor another server."""
    assert host.run("getent ahosts $(hostname)").rc == 0
    mirror = host.check_output("grep -rhoE 'https?://[^/ ]+' /etc/apt/sources.list* | head -n 1 | cut -d/ -f3")
    assert mirror
    other = Site("eventlog-test-district" if "clinic" in name_of(host) else "eventlog-test-clinic")
    found = host.run(f"for name in {mirror} {other.name}; do timeout 4 getent ahosts $name & done; wait")
    assert found.stdout == ""


def test_only_the_key_opens_the_door(host: Any) -> None:
    site = Site(name_of(host))
    words = [word if not word.endswith("/key") else "/dev/null" for word in site.ssh_words()]
    done = subprocess.run([*words, "true"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 255
    assert "Permission denied" in done.stderr

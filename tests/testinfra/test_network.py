"""What a converged server offers to its network: nothing."""

from __future__ import annotations

import contextlib
import json
import subprocess
from dataclasses import dataclass
from typing import Any, Iterator

import pytest

from tests.helpers.server import Server
from tests.helpers.stack_mode import ports

NEIGHBOUR = "eventlog-test-neighbour"
SERVER_IMAGE = "eventlog-test-server:local"
BAIT = 28099  # a port that is open on purpose: what proves that the probes would see an open one

PROBE = """
import socket, sys
for target in sys.argv[1:]:
    address, port = target.rsplit(":", 1)
    try:
        socket.create_connection((address, int(port)), timeout=2).close()
        print(target)
    except OSError:
        pass
"""


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True, timeout=120).stdout


@dataclass(frozen=True)
class Listener:
    address: str
    port: int

    @property
    def loopback(self) -> bool:
        return self.address.startswith("127.") or self.address in ("::1", "::ffff:127.0.0.1")


def listeners(host: Any) -> list[Listener]:
    found = []
    for line in host.check_output("ss -Hltn").splitlines():
        address, _, port = line.split()[3].rpartition(":")
        found.append(Listener(address.strip("[]").split("%")[0], int(port)))
    return found


def own_ports(host: Any) -> dict[str, int]:
    return ports(Server(host.backend.name).logins)


@pytest.fixture(scope="module")
def addresses(host: Any) -> dict[str, str]:
    """The server's own addresses by interface, those of its inner networks among them."""
    shown = json.loads(host.check_output("ip -json -4 addr"))
    return {
        interface["ifname"]: f"{each['local']}/{each['prefixlen']}"
        for interface in shown
        for each in interface["addr_info"]
        if interface["ifname"] != "lo"
    }


@pytest.fixture(scope="module")
def bait(host: Any) -> Iterator[int]:
    """A port that listens on every address of the server while the probes run."""
    host.check_output(f"systemd-run --unit=bait --collect python3 -m http.server {BAIT} --bind 0.0.0.0")
    try:
        host.check_output(f"timeout 20 sh -c 'until ss -Hltn | grep -q :{BAIT}; do :; done'")
        yield BAIT
    finally:
        host.run("systemctl stop bait")


@pytest.fixture
def neighbour(host: Any, addresses: dict[str, str]) -> Iterator[str]:
    """A machine in the same network that routes the server's inner networks through it. Each server has its own."""
    name = f"{NEIGHBOUR}-of-{host.backend.name}"
    with contextlib.suppress(subprocess.CalledProcessError):
        docker("rm", "-f", name)
    docker("run", "-d", "--name", name, "--cap-add", "NET_ADMIN", "--entrypoint", "sleep", SERVER_IMAGE, "3600")
    try:
        gateway = addresses["eth0"].split("/")[0]
        for interface, address in addresses.items():
            if interface != "eth0":
                docker("exec", name, "ip", "route", "replace", address.split("/")[0], "via", gateway)
        yield name
    finally:
        docker("rm", "-f", name)


def targets(host: Any, addresses: dict[str, str]) -> list[str]:
    every = sorted({listener.port for listener in listeners(host)} | set(own_ports(host).values()))
    return [f"{address.split('/')[0]}:{port}" for address in addresses.values() for port in every]


def test_all_services_listen(host: Any) -> None:
    open_ports = {listener.port for listener in listeners(host)}
    assert {name: port for name, port in own_ports(host).items() if port not in open_ports} == {}


def test_everything_listens_on_loopback_only(host: Any) -> None:
    assert [each for each in listeners(host) if not each.loopback] == []


def test_a_neighbour_that_routes_through_the_server_reaches_nothing(
    host: Any, addresses: dict[str, str], neighbour: str, bait: int
) -> None:
    inner = [name for name in addresses if name != "eth0"]
    assert inner, "the server has no inner network"
    reached = docker("exec", neighbour, "python3", "-c", PROBE, *targets(host, addresses)).split()
    open_on_purpose = [f"{address.split('/')[0]}:{bait}" for address in addresses.values()]
    assert sorted(reached) == sorted(open_on_purpose)


def test_a_second_container_reaches_nothing(host: Any, addresses: dict[str, str], bait: int) -> None:
    image = host.check_output("docker inspect -f '{{.Config.Image}}' event-log-broker")
    attempt = 'timeout 2 bash -c "exec 3<>/dev/tcp/${t%:*}/${t##*:}" 2>/dev/null'
    probe = f'for t in "$@"; do if {attempt}; then echo "$t"; fi; done'
    everywhere = [*targets(host, addresses), *(f"127.0.0.1:{port}" for port in own_ports(host).values())]
    command = f"docker run --rm --network bridge --entrypoint bash {image} -c '{probe}' probe {' '.join(everywhere)}"
    reached = host.check_output(command).split()
    open_on_purpose = [f"{address.split('/')[0]}:{bait}" for address in addresses.values()]
    assert sorted(reached) == sorted(open_on_purpose)


def test_no_port_is_published(host: Any) -> None:
    published = host.check_output("docker ps --format '{{.Names}} {{.Ports}}'").splitlines()
    assert [line for line in published if "->" in line] == []

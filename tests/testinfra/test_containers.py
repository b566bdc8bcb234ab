# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CIS Docker Benchmark (1.6.0, sections 4 and 5) for every container of the stack, asked of the kernel itself.

Not as the benchmark has it, on purpose: 5.10 (containers share the host's network, in which each process binds
loopback itself: test_network.py), 5.12 (nothing runs beside them that a share of the processor would protect from
them), and of 5.15 the limit of five restarts: a broker whose disk comes late must come back by itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.helpers.hunt import Forms
from tests.helpers.secrets_used import secrets_of
from tests.helpers.server import Server
from tests.helpers.stack_mode import OWN

HOME, DATA = "/opt/event-log", "/var/lib/event-log"
#: Where containers write: the only mounts that are not read-only, and where they lie on the host.
WRITABLE = {
    "event-log-broker": {"/var/lib/kafka/data": f"{DATA}/kafka/data"},
    "event-log-zookeeper": {
        "/var/lib/zookeeper/data": f"{DATA}/zookeeper/data",
        "/var/lib/zookeeper/txns": f"{DATA}/zookeeper/txns",
    },
}
READ_ONLY = {"/etc/event-log": f"{HOME}/config/", "/run/event-log/secrets": f"{HOME}/secrets/"}
# What puts software into a container, or fetches it.
TOOLS = re.compile(
    r"apt(-get)?|aptitude|dpkg|apk|rpm|yum|(micro)?dnf|zypper|pip3?|easy_install|npm|gem|cpan|go|cargo|snap"
    r"|curl|wget|fetch|l?ftp|nc|ncat|netcat|socat|telnet|ssh|scp|sshd|rsync|git|gcc|cc|make|perl|python3?|javac"
)
SPECIAL = re.compile(r"^-(?:..[sS]|.{5}[sS])")  # setuid or setgid, as tar prints modes


@dataclass(frozen=True)
class Container:
    """One container as Docker describes it and as the kernel sees its first process."""

    name: str
    described: dict[str, Any]
    host: Any

    @property
    def limits(self) -> dict[str, Any]:
        found: dict[str, Any] = self.described["HostConfig"]
        return found

    @property
    def process(self) -> str:
        return f"/proc/{self.described['State']['Pid']}"

    def told(self, command: str) -> str:
        return str(self.host.check_output(command))

    @property
    def status(self) -> dict[str, list[str]]:
        lines = self.told(f"cat {self.process}/status").splitlines()
        return {key: rest.split() for key, _, rest in (line.partition(":") for line in lines)}

    def mounted(self, path: str) -> list[str]:
        """The options of what is mounted there, those of the mount and those of the file system."""
        for line in self.told(f"cat {self.process}/mountinfo").splitlines():
            words = line.split()
            if words[4] == path:
                return [*words[5].split(","), *words[-1].split(",")]
        raise AssertionError(f"nothing is mounted at {path}")


@pytest.fixture(scope="module")
def stack(host: Any) -> list[Container]:
    """All containers of the stack: web pages too, where a server has them."""
    names = host.check_output("docker ps -a --filter label=com.docker.compose.project=event-log --format '{{.Names}}'")
    assert set(OWN) <= set(names.split())
    described = json.loads(host.check_output(f"docker container inspect {' '.join(names.split())}"))
    return [Container(each["Name"].lstrip("/"), each, host) for each in described]


@pytest.fixture(scope="module")
def contents(host: Any, stack: list[Container]) -> dict[str, list[str]]:
    """Every file of each image, as `tar tv` lists it."""
    images = {each.described["Image"]: each.name for each in stack}
    listed = {image: host.check_output(f"docker export {name} | tar -tv") for image, name in images.items()}
    return {each.name: listed[each.described["Image"]].splitlines() for each in stack}


def failing(stack: list[Container], good: Any) -> dict[str, Any]:
    """What is wrong, by container; `good` says of one whether it is, or what is wrong with it."""
    answers = {each.name: good(each) for each in stack}
    return {name: answer for name, answer in answers.items() if answer is not True}


def test_cis_4_1_no_process_is_root(stack: list[Container]) -> None:
    def good(each: Container) -> Any:
        ids = {*each.status["Uid"], *each.status["Gid"], *each.status["Groups"]}
        return ("0" not in ids and each.described["Config"]["User"] not in ("", "root", "0")) or ids

    assert failing(stack, good) == {}


def tools(listed: list[str]) -> list[str]:
    paths = [line.split(" -> ")[0].split()[-1] for line in listed if line[3:4] in ("x", "s", "w")]
    return [path for path in paths if TOOLS.fullmatch(path.rpartition("/")[2])]


def special(listed: list[str]) -> list[str]:
    return [line for line in listed if SPECIAL.match(line)]


@pytest.mark.parametrize("look", [tools, special])
def test_cis_4_3_and_4_8_images_can_neither_install_nor_fetch_nor_become_root(
    host: Any, stack: list[Container], contents: dict[str, list[str]], look: Callable[[list[str]], list[str]]
) -> None:
    own = [each for each in stack if each.name in OWN]
    assert failing(own, lambda each: len(contents[each.name]) > 100 and (look(contents[each.name]) or True)) == {}
    # An image that is made otherwise: what proves that a look would see them.
    assert look(host.check_output("docker export openmrs-sample-db | tar -tv").splitlines())


def test_cis_4_6_and_5_27_health_is_checked(stack: list[Container]) -> None:
    assert failing(stack, lambda each: bool(each.described["Config"].get("Healthcheck", {}).get("Test"))) == {}
    assert failing(stack, lambda each: each.described["State"]["Health"]["Status"] == "healthy") == {}


def test_cis_4_10_no_secret_is_in_an_environment(host: Any, stack: list[Container]) -> None:
    forms = Forms(secrets_of(Server(host.backend.name)))
    for each in stack:
        environment = each.told(f"tr '\\0' '\\n' < {each.process}/environ") + json.dumps(each.described)
        assert forms.found(each.name, environment) == []


def test_cis_5_2_and_5_22_no_profile_of_the_kernel_is_switched_off(stack: list[Container]) -> None:
    def good(each: Container) -> Any:
        options = each.limits["SecurityOpt"]
        filtered = each.status["Seccomp"] == ["2"]
        return (filtered and not any("unconfined" in option for option in options)) or options

    assert failing(stack, good) == {}


def test_cis_5_4_no_capability_is_left(stack: list[Container]) -> None:
    def good(each: Container) -> Any:
        kinds = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
        left = {kind: each.status[kind] for kind in kinds if int(each.status[kind][0], 16)}
        return left or (each.limits["CapDrop"] == ["ALL"] and not each.limits["CapAdd"])

    assert failing(stack, good) == {}


def test_cis_5_5_none_is_privileged(stack: list[Container]) -> None:
    assert failing(stack, lambda each: each.limits["Privileged"] is False) == {}


def test_cis_5_6_mounts_are_those_that_are_known(stack: list[Container]) -> None:
    """And so no sensitive directory of the host is among them, nor all secrets at once."""

    def good(each: Container) -> Any:
        wrong = []
        for mount in each.described["Mounts"]:
            source, target = mount["Source"], mount["Destination"]
            if mount["RW"]:
                known = WRITABLE.get(each.name, {}).get(target) == source
            else:
                below = source.removeprefix(READ_ONLY.get(target, "/nowhere"))
                known = bool(below) and "/" not in below
            if not known or mount["Type"] != "bind":
                wrong.append(f"{source} at {target}")
        return wrong or True

    assert failing(stack, good) == {}
    assert failing(stack, lambda each: not each.described["Config"]["Volumes"]) == {}


def test_cis_5_8_and_5_14_no_port_is_mapped(stack: list[Container]) -> None:
    assert failing(stack, lambda each: not each.limits["PortBindings"] and not each.limits["PublishAllPorts"]) == {}


def test_cis_5_11_memory_is_limited(stack: list[Container]) -> None:
    def good(each: Container) -> Any:
        limit = each.limits["Memory"]
        return 0 < limit < 8 * 1024**3 and limit <= each.limits["MemorySwap"] <= 2 * limit

    assert failing(stack, good) == {}


def test_cis_5_13_the_root_is_read_only(stack: list[Container]) -> None:
    def good(each: Container) -> Any:
        temporary = each.mounted("/tmp")
        bounded = any(option.startswith("size=") for option in temporary)
        return (
            each.limits["ReadonlyRootfs"]
            and "ro" in each.mounted("/")
            and bounded
            and {"nosuid", "nodev"} <= {*temporary}
        )

    assert failing(stack, good) == {}


def test_cis_5_15_restarts_are_for_failures_only(stack: list[Container]) -> None:
    assert failing(stack, lambda each: each.limits["RestartPolicy"]["Name"] in ("no", "on-failure")) == {}


def test_cis_5_16_5_17_and_5_21_no_namespace_of_the_host_is_shared(stack: list[Container]) -> None:
    def good(each: Container) -> Any:
        kinds = ("pid", "ipc", "uts", "mnt")
        shared = [
            kind
            for kind in kinds
            if each.told(f"readlink {each.process}/ns/{kind} /proc/1/ns/{kind} | uniq | wc -l") == "1"
        ]
        modes = [each.limits[mode] for mode in ("PidMode", "IpcMode", "UTSMode")]
        return shared or ("host" not in modes and not any(mode.startswith("container:") for mode in modes)) or modes

    assert failing(stack, good) == {}


def test_cis_5_18_no_device_is_handed_in(stack: list[Container]) -> None:
    assert failing(stack, lambda each: not each.limits["Devices"] and not each.limits.get("DeviceRequests")) == {}


def test_cis_5_19_ulimits_are_bounded_and_no_core_is_dumped(stack: list[Container]) -> None:
    """A dump of the memory would hold rows and passwords."""

    def good(each: Container) -> Any:
        lines = each.told(f"cat {each.process}/limits").splitlines()
        limits = {line[:26].strip(): line[26:].split() for line in lines}
        bounded = "unlimited" not in limits["Max open files"]
        return (bounded and limits["Max core file size"][:2] == ["0", "0"]) or limits

    assert failing(stack, good) == {}


def test_cis_5_20_mounts_are_not_propagated(stack: list[Container]) -> None:
    def good(each: Container) -> Any:
        return [
            m["Propagation"]
            for m in each.described["Mounts"]
            if m.get("Propagation") not in ("rprivate", "private", "")
        ] or True

    assert failing(stack, good) == {}


def test_cis_5_25_the_cgroup_is_that_of_docker(stack: list[Container]) -> None:
    assert failing(stack, lambda each: each.limits["CgroupParent"] == "") == {}


def test_cis_5_26_no_privilege_can_be_gained(stack: list[Container]) -> None:
    assert failing(stack, lambda each: each.status["NoNewPrivs"] == ["1"]) == {}


def test_cis_5_29_processes_are_limited(stack: list[Container]) -> None:
    def good(each: Container) -> Any:
        threads = int(each.status["Threads"][0])
        return threads < (each.limits["PidsLimit"] or 0) <= 1024 or each.limits["PidsLimit"]

    assert failing(stack, good) == {}


def test_cis_5_30_and_5_31_no_default_bridge_and_no_user_namespace_of_the_host(stack: list[Container]) -> None:
    assert (
        failing(stack, lambda each: each.limits["NetworkMode"] == "host" and each.limits["UsernsMode"] != "host") == {}
    )


def test_cis_5_32_the_engine_cannot_be_reached_from_a_container(host: Any, stack: list[Container]) -> None:
    def good(each: Container) -> Any:
        root = f"{each.process}/root"
        return (
            each.told(f"find {root}/ -xdev -type s; ls -d {root}/run/docker* {root}/run/containerd* 2>&-; true") or True
        )

    assert failing(stack, good) == {}
    # They share the host's network: sockets without a file, and ports of the engine, would be theirs too.
    assert host.check_output("grep -E '@.*(docker|containerd)' /proc/net/unix || true") == ""
    assert host.check_output("ss -Hltnp | grep -E 'dockerd|:237[56] ' || true") == ""


def test_logs_are_bounded(stack: list[Container]) -> None:
    def good(each: Container) -> Any:
        log = each.limits["LogConfig"]
        return (log["Config"].get("max-size"), log["Config"].get("max-file")) == ("10m", "3") or log

    assert failing(stack, good) == {}

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding a server's process, its unit or container, its socket and its files, in a /proc that the tests write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure_place as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_place import Mount, PlaceError

TCP = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
UNIX = "Num       RefCount Protocol Flags    Type St Inode Path\n"


class Proc:
    """A directory that looks like /proc."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.add(1, "/sbin/init", space="host")

    def add(
        self, pid: int, program: str, *, space: str = "host", cgroup: str = "/", port: int = 0, socket: str = "",
        arguments: Sequence[str] = (),
    ) -> Path:  # fmt: skip
        folder = self.path / str(pid)
        for name in ("ns", "fd", "net", "root"):
            (folder / name).mkdir(parents=True)
        (folder / "exe").symlink_to(program)
        (folder / "cwd").symlink_to("/var/lib/mysql")
        (folder / "ns/mnt").symlink_to(f"mnt:[{space}]")
        (folder / "cgroup").write_text(f"1:name=systemd:{cgroup}\n")
        (folder / "status").write_text("Name:\tx\nUid:\t0\t999\t0\t0\nGid:\t0\t998\t0\t0\n")
        (folder / "environ").write_text("HOME=/nonexistent\0LANG=C\0")
        (folder / "cmdline").write_text("\0".join(["mysqld", *arguments, ""]))
        (folder / "fd/20").symlink_to(f"socket:[{pid}01]")
        (folder / "fd/21").symlink_to(f"socket:[{pid}02]")
        (folder / "fd/22").symlink_to("/var/lib/mysql/ibdata1")
        line = f"   0: 0100007F:{port:04X} 00000000:0000 0A 0:0 00:0 0  999 0 {pid}01 1\n" if port else ""
        (folder / "net/tcp").write_text(TCP + line)
        (folder / "net/tcp6").write_text(TCP)
        other = "0000: 00000002 00000000 00010000 0001 01 99 /run/other.sock\n"
        line = f"0000: 00000002 00000000 00010000 0001 01 {pid}02 {socket}\n" if socket else ""
        (folder / "net/unix").write_text(UNIX + other + line)
        return folder


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    return Proc(tmp_path / "proc")


def test_the_server_of_the_port_is_found_with_its_unit_socket_and_user(proc: Proc) -> None:
    proc.add(20, "/usr/bin/python3", port=3306)
    proc.add(30, "/usr/sbin/mariadbd", cgroup="/system.slice/mariadb@two.service", port=3307)
    proc.add(
        40, "/usr/sbin/mariadbd (deleted)", cgroup="/system.slice/mariadb.service", port=3306,
        socket="/run/mysqld/mysqld.sock", arguments=["--basedir=/usr"],
    )  # fmt: skip
    place = subject.find_native(3306, str(proc.path))
    assert place is not None
    assert (place.pid, place.program, place.unit, place.name) == (
        40, "/usr/sbin/mariadbd", "mariadb.service", "mariadb.service",
    )  # fmt: skip
    assert (place.uid, place.gid, place.unix_socket) == (999, 998, "/run/mysqld/mysqld.sock")
    assert (place.arguments, place.environment["HOME"]) == (("--basedir=/usr",), "/nonexistent")
    assert (place.root, place.can_restart) == ("/", True)


def test_one_that_listens_on_its_socket_only_is_found_if_it_is_alone(proc: Proc) -> None:
    proc.add(40, "/usr/sbin/mysqld", socket="mysql.sock")
    place = subject.find_native(3306, str(proc.path))
    assert place is not None
    assert (place.unix_socket, place.can_restart) == ("/var/lib/mysql/mysql.sock", False)
    proc.add(41, "/usr/sbin/mysqld")
    assert subject.find_native(3306, str(proc.path)) is None


def test_another_port_is_another_server(proc: Proc) -> None:
    proc.add(40, "/usr/sbin/mysqld", port=3307)
    assert subject.find_native(3306, str(proc.path)) is None


@pytest.mark.parametrize("cgroup", ["/docker/0a1b", "/system.slice/docker-0a1b.scope", "/kubepods/x/cri-containerd-1"])
def test_a_server_in_a_container_is_not_the_hosts_own(proc: Proc, cgroup: str) -> None:
    proc.add(40, "/usr/sbin/mysqld", space="inner", cgroup=cgroup, port=3306)
    if "kubepods" not in cgroup:
        assert subject.contained_on(3306, str(proc.path)) == [40]
    assert subject.find_native(3306, str(proc.path)) is None


def test_a_host_that_is_a_container_itself_has_servers_of_its_own(proc: Proc) -> None:
    proc.add(40, "/usr/sbin/mysqld", cgroup="/docker/0a1b/system.slice/mysql.service", port=3306)
    place = subject.find_native(3306, str(proc.path))
    assert place is not None
    assert place.unit == "mysql.service"


def test_the_server_of_a_unit_is_found_after_its_restart(proc: Proc) -> None:
    proc.add(50, "/usr/sbin/mysqld", cgroup="/system.slice/mysql.service", port=3306)
    place = subject.find_unit("mysql.service", str(proc.path))
    assert place is not None
    assert place.pid == 50
    assert subject.find_unit("mariadb.service", str(proc.path)) is None


class Docker:
    """An engine that knows one container."""

    def __init__(self, **state: Any) -> None:
        self.state = {"State": {"Running": True, "Pid": 60}, "Mounts": [], **state}
        self.asked: List[Sequence[str]] = []

    def __call__(self, argv: Sequence[str]) -> Tuple[int, str, str]:
        self.asked.append(argv)
        return (0, json.dumps([self.state]), "") if argv[-1] == "db" else (1, "", "Error: No such container")


def test_the_server_in_a_container_may_be_a_child_of_its_first_process(proc: Proc) -> None:
    mounts = [
        {"Source": "/srv/db/conf.d", "Destination": "/etc/mysql/conf.d"},
        {"Source": "/srv/db/my.cnf", "Destination": "/etc/mysql/my.cnf"},
        {"Destination": "/tmpfs"},
    ]
    proc.add(60, "/bin/bash", space="inner", cgroup="/docker/0a")
    proc.add(61, "/usr/sbin/mysqld", space="inner", cgroup="/docker/0a", socket="/run/mysqld/mysqld.sock")
    place = subject.find_container("db", Docker(Mounts=mounts), "docker", str(proc.path))
    assert (place.pid, place.name, place.unit) == (61, "container db", "")
    assert place.unix_socket == f"{proc.path}/61/root/run/mysqld/mysqld.sock"
    assert place.outside("/etc/mysql/conf.d/") == "/srv/db/conf.d"
    assert place.outside("/etc/mysql/mariadb.conf.d") == ""


@pytest.mark.parametrize(
    ("name", "state", "said"),
    [
        ("other", {}, "Docker knows no container other"),
        ("db", {"State": {"Running": False, "Pid": 0}}, "Container db does not run"),
        ("db", {}, "No MySQL or MariaDB server runs in container db"),
    ],
)
def test_a_container_without_a_server_is_refused(proc: Proc, name: str, state: Dict[str, Any], said: str) -> None:
    proc.add(60, "/bin/bash", space="inner")
    with pytest.raises(PlaceError, match=said):
        subject.find_container(name, Docker(**state), "docker", str(proc.path))


def test_links_inside_a_container_lead_inside_it(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc/mysql").mkdir(parents=True)
    (root / "etc/alternatives").mkdir()
    (root / "etc/mysql/mariadb.cnf").write_text("[mysqld]\n")
    (root / "etc/mysql/my.cnf").symlink_to("/etc/alternatives/my.cnf")
    (root / "etc/alternatives/my.cnf").symlink_to("../mysql/mariadb.cnf")
    assert subject.resolved(str(root), "/etc/mysql/my.cnf") == str(root / "etc/mysql/mariadb.cnf")
    assert subject.resolved(str(root), "/../../etc/x") == str(root / "etc/x")
    (root / "loop").symlink_to("/loop")
    subject.resolved(str(root), "/loop")


def test_a_mounted_directory_below_another_is_found_by_the_longest_match(proc: Proc) -> None:
    proc.add(60, "/usr/sbin/mysqld", space="inner")
    place = subject.find_container("db", Docker(), "docker", str(proc.path))
    nested = subject.Place(**{**place.__dict__, "mounts": (Mount("/a", "/etc"), Mount("/b", "/etc/mysql/conf.d"))})
    assert nested.outside("/etc/mysql/conf.d/x") == "/b/x"
    assert nested.outside("/etc/my.cnf.d") == "/a/my.cnf.d"


@pytest.mark.parametrize(
    ("host", "own"), [("127.0.0.1", True), ("localhost", True), ("192.0.2.1", False), ("no.such.host.invalid", False)]
)
def test_an_address_of_this_host_is_known(host: str, own: bool) -> None:
    assert subject.local(host) is own

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of a host: its real accounts, directories, sockets and processes, and files that look like Linux's."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import subprocess
import sys
from pathlib import Path
from typing import Callable, Iterator, List

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _host_read as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._host_broker import Kept
from ansible_collections.openmrs.event_log.plugins.module_utils._host_check import Directory, Disk, Port

MB = 1024 * 1024


def test_accounts_are_the_real_ones() -> None:
    assert subject.users()["root"] == 0
    assert subject.groups()["root"] == 0
    assert set(subject.users()) == {entry.pw_name for entry in pwd.getpwall()}
    for entry in grp.getgrall():
        assert subject.groups()[entry.gr_name] == entry.gr_gid


def test_memory_is_the_total_in_mb(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemAvailable:    1 kB\nMemTotal:       4096000 kB\nSwapTotal: 2 kB\n")
    assert subject.memory_mb(tmp_path / "meminfo") == 4000
    assert subject.memory_mb() == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // MB


def wanted(path: Path) -> Directory:
    return Directory(str(path), "event_log_data_dir", 1001, "event_log_uid", 10)


def test_a_directory_that_is_not_there_has_the_room_of_its_parent(tmp_path: Path) -> None:
    seen = subject.read_directory(wanted(tmp_path / "a" / "b"))
    assert (seen.exists, seen.is_directory, seen.read_only, seen.entries) == (False, True, False, ())
    room = os.statvfs(tmp_path)
    assert seen.free_mb == pytest.approx(room.f_bavail * room.f_frsize // MB, abs=200)


def test_a_directory_with_files(tmp_path: Path) -> None:
    for name in ("log", "lost+found"):
        (tmp_path / name).mkdir()
    seen = subject.read_directory(wanted(tmp_path))
    assert (seen.exists, seen.is_directory, seen.uid, seen.entries) == (True, True, os.getuid(), ("log",))


def test_lost_and_found_alone_is_an_empty_directory(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    assert subject.read_directory(wanted(tmp_path)).entries == ()


def test_a_file_is_not_a_directory(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    seen = subject.read_directory(wanted(tmp_path / "f"))
    assert (seen.exists, seen.is_directory) == (True, False)


def disk(**differences: int) -> os.statvfs_result:
    values = {"f_bsize": 9, "f_frsize": 4096, "f_blocks": 9999, "f_bfree": 5120, "f_bavail": 2560, "f_flag": 0}
    values.update(differences)
    order = ("f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree", "f_favail", "f_flag")
    return os.statvfs_result((*(values.get(name, 7) for name in order), 255))


def test_room_is_what_a_service_may_use_and_not_what_root_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _path: disk())
    assert subject.read_directory(wanted(tmp_path)).free_mb == 10


@pytest.mark.parametrize(("flag", "told"), [(os.ST_RDONLY, True), (os.ST_RDONLY | os.ST_NOSUID, True), (2, False)])
def test_a_read_only_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: int, told: bool) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _path: disk(f_flag=flag))
    assert subject.read_directory(wanted(tmp_path)).read_only is told


@pytest.fixture(params=["127.0.0.1", "0.0.0.0", "::1"])  # noqa: S104 - a holder on every address counts too
def listener(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    """A socket that listens, on each kind of address."""
    address = str(request.param)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        made = socket.create_server((address, 0), family=family)
    except OSError:
        pytest.skip(f"this machine has no address {address}")
    with made:
        yield made


def port_of(listener: socket.socket) -> Port:
    return Port(listener.getsockname()[1], "event_log_bootstrap")


def test_the_holder_of_a_port_is_named_with_its_process(listener: socket.socket) -> None:
    name = Path("/proc/self/comm").read_text().strip()
    assert subject.read_port(port_of(listener), set()).holder == f"{name} (pid {os.getpid()})"


@pytest.mark.parametrize("relative", [os.getpid, os.getppid], ids=["itself", "its parent"])
def test_a_holder_that_descends_from_an_own_container_does_not_count(
    listener: socket.socket, relative: Callable[[], int]
) -> None:
    assert subject.read_port(port_of(listener), {relative()}).holder == ""


def test_a_process_beside_it_is_not_the_holder(listener: socket.socket) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        assert str(os.getpid()) in subject.read_port(port_of(listener), {other.pid}).holder
        other.communicate(b"\n")


def test_a_holder_that_cannot_be_seen_is_told_all_the_same(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "pids_of", lambda _inodes: [])
    assert subject.read_port(port_of(listener), {os.getpid()}).holder == "another program"


def test_two_holders_of_which_one_is_not_ours(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "pids_of", lambda _inodes: [1, os.getpid()])
    assert "(pid 1)" in subject.read_port(port_of(listener), {os.getpid()}).holder


def test_a_connection_does_not_hold_the_port_once_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = port_of(server)
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
    with client, accepted:
        assert subject.read_port(port, set()).holder == ""


def test_the_port_is_compared_whole(tmp_path: Path) -> None:
    lines: List[str] = [
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
        "   0: 0100007F:2384 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 111 1 0 100",
        "   1: 0100007F:2384 0100007F:D431 01 00000000:00000000 00:00000000 00000000  1001        0 222 1 0 100",
        "   2: 0100007F:0384 0100007F:2384 0A 00000000:00000000 00:00000000 00000000  1001        0 333 1 0 100",
    ]
    (tmp_path / "tcp").write_text("\n".join(lines) + "\n")
    tables = (str(tmp_path / "tcp"), str(tmp_path / "no-such-table"))
    assert subject.listening_inodes(0x2384, tables) == {"111"}
    assert subject.listening_inodes(0x0384, tables) == {"333"}
    assert subject.listening_inodes(0x2385, tables) == set()


def test_ancestors() -> None:
    chain = subject.parents(os.getpid())
    assert chain[:2] == [os.getpid(), os.getppid()]
    assert subject.parents(2**22 + 1) == [2**22 + 1], "a process that has ended has no parents, and is no error"


def test_a_process_that_has_ended_is_still_described() -> None:
    assert subject.describe(2**22 + 1) == "a process (pid 4194305)"


def test_what_a_broker_has_left(tmp_path: Path) -> None:
    log, zookeeper, marker = tmp_path / "log", tmp_path / "zookeeper", tmp_path / "formatted"

    def found() -> Kept:
        return subject.broker_data(log, zookeeper, marker)

    assert found() == Kept()
    log.mkdir()
    (zookeeper / "version-2").mkdir(parents=True)
    assert found() == Kept(), "directories alone are no data"
    (zookeeper / "version-2" / "snapshot.0").write_text("")
    assert found() == Kept("", "zookeeper", zookeeper=True)
    meta = log / "meta.properties"
    meta.write_text("#\n#Mon Jan 01\nbroker.id=1\ncluster.id=Xy\nversion=0\n")
    assert found() == Kept("Xy", "zookeeper", zookeeper=True)
    meta.write_text("#\n#Mon Jan 01\nnode.id=1\nmy.cluster.id=no\ncluster.id=-Ab_c=  \nversion=1\n")
    marker.write_text("")
    assert found() == Kept("-Ab_c=", "kraft", zookeeper=True, marked=True)
    meta.write_text("node.id=1\n")
    assert found().cluster_id == ""
    meta.unlink()
    (log / "__cluster_metadata-0").mkdir()
    assert found().mode == "kraft"


def test_room_for_events_is_what_is_free_and_what_they_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _path: disk())
    (tmp_path / "topic").mkdir()
    (tmp_path / "topic" / "full.log").write_bytes(b"x" * 3 * MB)
    os.truncate(tmp_path / "topic" / "full.log", 3 * MB)
    (tmp_path / "sparse.index").touch()
    os.truncate(tmp_path / "sparse.index", 40 * MB)
    wanted_disk = Disk(str(tmp_path), "event_log_data_dir", 1, ("event_log_tables",))
    seen = subject.read_disk(wanted_disk)
    assert (seen.free_mb, seen.held_mb) == (10, 3)
    nothing = subject.read_disk(Disk(str(tmp_path / "not" / "yet"), "event_log_data_dir", 1, ("event_log_tables",)))
    assert (nothing.free_mb, nothing.held_mb) == (10, 0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"hold": {"id": "x", "what": "It\\n is.", "since": 1}}', {"id": "x", "what": "It is.", "remedy": ""}),
        ('{"hold": {}}', None),
        ('{"waiting": {"id": "database_unreachable"}}', None),
        ('{"hold": "x"}', None),
        ("[]", None),
        ("{", None),
    ],
)
def test_what_the_guard_holds_back(tmp_path: Path, text: str, told: dict[str, str] | None) -> None:
    assert subject.guard_hold(tmp_path / "nowhere") is None
    (tmp_path / "memory.json").write_text(text)
    assert subject.guard_hold(tmp_path) == told


def test_the_reason_of_a_hold(tmp_path: Path) -> None:
    assert subject.hold_reason(tmp_path) is None
    assert subject.hold_reason(tmp_path / "not" / "yet") is None
    (tmp_path / "hold").write_bytes(b"")
    assert subject.hold_reason(tmp_path) == ""
    (tmp_path / "hold").write_bytes(b"a new\n disk \xff" + b"y" * 900)
    reason = subject.hold_reason(tmp_path) or ""
    assert reason.startswith("a new disk ")
    assert len(reason) <= 200

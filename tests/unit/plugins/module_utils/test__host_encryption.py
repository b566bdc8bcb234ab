# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a directory is encrypted on its disk, told from made-up mounts and devices as the kernel shows them."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, Dict, List, Sequence

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _host_encryption as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._host_encryption import ENCRYPTED, PLAIN, UNSEEN

CRYPT, LVM = "CRYPT-LUKS2-0123-data", "LVM-abcdef"


class Machine:
    """A kernel's words in a directory: devices as sysfs has them, and mounts."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.kernel = subject.Kernel(root / "mountinfo", root / "sys")
        self.lines: List[str] = []
        for folder in ("sys/dev/block", "sys/class/block", "sys/devices"):
            (root / folder).mkdir(parents=True)

    def device(self, name: str, number: str, below: Sequence[str] = (), uuid: str = "", inside: str = "") -> None:
        place = self.root / "sys/devices" / inside / name
        (place / "slaves").mkdir(parents=True)
        for other in below:
            (place / "slaves" / other).symlink_to(self.root / "sys/class/block" / other)
        if uuid:
            (place / "dm").mkdir()
            (place / "dm/uuid").write_text(f"{uuid}\n")
        if inside:
            (place / "partition").write_text("1\n")
        (self.root / "sys/dev/block" / number).symlink_to(place)
        (self.root / "sys/class/block" / name).symlink_to(place)

    def loop(self, name: str, number: str, backing: Path) -> None:
        self.device(name, number)
        (self.root / "sys/devices" / name / "loop").mkdir()
        (self.root / "sys/devices" / name / "loop/backing_file").write_text(f"{backing}\n")

    def mount(self, number: str, point: str, kind: str = "ext4", source: str = "/dev/sda1") -> None:
        self.lines.append(f"30 1 {number} / {point} rw,relatime shared:1 - {kind} {source} rw,errors=remount-ro")

    def look(self, path: str) -> str:
        (self.root / "mountinfo").write_text("\n".join([*self.lines, "not a line", ""]))
        return subject.at_rest(Path(path), self.kernel).state


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(subject, "_has_policy", lambda path: False)
    made = Machine(tmp_path)
    made.device("sda", "8:0")
    made.device("sda1", "8:1", inside="sda")
    made.device("sdb", "8:16")
    made.mount("8:1", "/")
    return made


def test_a_partition_of_a_disk_is_plain(machine: Machine) -> None:
    assert machine.look("/nowhere/event-log") == PLAIN


@pytest.mark.parametrize(
    ("devices", "state"),
    [
        ([("dm-0", ["sdb"], CRYPT)], ENCRYPTED),
        ([("dm-0", ["sdb"], LVM)], PLAIN),
        ([("dm-1", ["sdb"], CRYPT), ("dm-0", ["dm-1"], LVM)], ENCRYPTED),
        ([("dm-1", ["sdb"], LVM), ("dm-0", ["dm-1"], CRYPT)], ENCRYPTED),
        ([("dm-1", ["sdb"], CRYPT), ("dm-0", ["dm-1", "sda1"], LVM)], PLAIN),
        ([("dm-1", ["sdb"], CRYPT), ("dm-2", ["sda1"], CRYPT), ("dm-0", ["dm-1", "dm-2"], LVM)], ENCRYPTED),
        ([("dm-0", ["gone"], LVM)], UNSEEN),
        ([("dm-0", ["dm-0"], LVM)], UNSEEN),
    ],
)
def test_a_volume_is_encrypted_if_all_below_it_is(machine: Machine, devices: Any, state: str) -> None:
    for place, (name, below, uuid) in enumerate(devices):
        machine.device(name, "253:0" if name == "dm-0" else f"253:{place + 7}", below, uuid)
    machine.mount("253:0", "/nowhere")
    assert machine.look("/nowhere/event-log/kafka") == PLAIN, "the directory is not there: that is its parent, /"
    machine.mount("253:0", "/")
    assert machine.look("/nowhere/event-log/kafka") == state


def test_a_partition_of_an_encrypted_device_is_encrypted(machine: Machine) -> None:
    machine.device("dm-0", "253:0", ["sdb"], CRYPT)
    machine.device("dm-0p1", "253:1", inside="dm-0")
    machine.mount("253:1", "/")
    assert machine.look("/") == ENCRYPTED


def test_a_loop_is_what_its_file_lies_on(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "disk").write_text("")
    machine.device("dm-0", "253:0", ["sdb"], CRYPT)
    machine.loop("loop0", "7:0", tmp_path / "disk")
    machine.mount("253:0", str(tmp_path))
    (tmp_path / "data").mkdir()
    machine.mount("7:0", str(tmp_path / "data"), source="/dev/loop0")
    assert machine.look(str(tmp_path / "data")) == ENCRYPTED
    machine.lines = [line.replace("253:0", "8:16") for line in machine.lines]
    assert machine.look(str(tmp_path / "data")) == PLAIN


def test_the_longest_mount_counts_and_of_equal_ones_the_last(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    machine.device("dm-0", "253:0", ["sdb"], CRYPT)
    machine.mount("253:0", str(tmp_path).replace(" ", "\\040") + "/a\\040b")
    machine.mount("8:1", str(tmp_path))
    assert machine.look(str(tmp_path / "a b" / "later")) == ENCRYPTED
    assert machine.look(str(tmp_path / "a bc")) == PLAIN
    machine.mount("8:16", str(tmp_path) + "/a\\040b")
    assert machine.look(str(tmp_path / "a b")) == PLAIN


def test_a_link_is_followed_first(machine: Machine, tmp_path: Path) -> None:
    machine.device("dm-0", "253:0", ["sdb"], CRYPT)
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    machine.mount("253:0", str(tmp_path / "real"))
    assert machine.look(str(tmp_path / "link/later")) == ENCRYPTED


@pytest.mark.parametrize(
    ("kind", "source", "state"),
    [
        ("fuse.gocryptfs", "/srv/cipher", ENCRYPTED),
        ("ecryptfs", "/srv/cipher", ENCRYPTED),
        ("zfs", "tank/data", UNSEEN),
        ("nfs4", "store:/data", UNSEEN),
        ("overlay", "overlay", UNSEEN),
        ("tmpfs", "tmpfs", UNSEEN),
        ("btrfs", "/dev/none-of-this-name", UNSEEN),
    ],
)
def test_a_file_system_without_a_device(machine: Machine, kind: str, source: str, state: str) -> None:
    machine.mount("0:44", "/", kind, source)
    assert machine.look("/") == state


@pytest.mark.parametrize(("second", "state"), [("dm-1", ENCRYPTED), ("sda", PLAIN)])
def test_btrfs_is_looked_at_on_all_its_devices(machine: Machine, second: str, state: str) -> None:
    machine.device("dm-0", "253:0", ["sdb"], CRYPT)
    machine.device("dm-1", "253:1", ["sda1"], CRYPT)
    machine.mount("0:45", "/", "btrfs", "/dev/dm-0")
    assert machine.look("/") == ENCRYPTED
    for name in ("dm-0", second):
        (machine.root / "sys/fs/btrfs/0123/devices" / name).mkdir(parents=True)
    assert machine.look("/") == state


def test_a_directory_with_a_policy_of_its_own_is_encrypted(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "_has_policy", lambda path: path == Path("/"))
    assert machine.look("/nowhere/later") == ENCRYPTED


@pytest.mark.parametrize(("flags", "has"), [(0x80800, True), (0x80000, False)])
def test_the_flag_of_a_policy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flags: int, has: bool) -> None:
    asked: Dict[str, Any] = {}

    def ioctl(handle: int, request: int, given: bytes) -> bytes:
        asked.update(request=request, size=len(given))
        return struct.pack("l", flags)

    monkeypatch.setattr(subject.fcntl, "ioctl", ioctl)
    assert subject._has_policy(tmp_path) == has
    assert asked == {"request": 0x80086601, "size": 8}
    assert not subject._has_policy(tmp_path / "nowhere")


def test_on_this_machine_there_is_an_answer(tmp_path: Path) -> None:
    assert subject.at_rest(tmp_path).state in (ENCRYPTED, PLAIN, UNSEEN)
    assert subject.at_rest(Path("/proc")).state == UNSEEN


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (PLAIN, ["which is not encrypted", "LUKS", "docs/security.md", "set kafka_x to false"]),
        (UNSEEN, ["cannot be seen from here", "docs/security.md", "set kafka_x to false"]),
    ],
)
def test_a_warning_names_variable_path_and_remedy(state: str, words: List[str]) -> None:
    found = subject.AtRest(state, "/dev/sda1 (ext4)")
    (told,) = subject.warnings("event_log_data_dir", "/srv/x", "kafka_x", found)
    assert told.startswith("event_log_data_dir is '/srv/x': it lies on /dev/sda1 (ext4), ")
    assert [word for word in words if word not in told] == []


def test_what_is_encrypted_is_not_warned_of() -> None:
    assert subject.warnings("event_log_data_dir", "/srv/x", "kafka_x", subject.AtRest(ENCRYPTED, "x")) == []

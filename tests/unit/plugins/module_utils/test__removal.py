# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is removed of a host: what is ours, in order, and nothing that is somebody else's."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _removal, _removal_trees
from ansible_collections.openmrs.event_log.plugins.module_utils._removal import (
    Account,
    Cluster,
    Project,
    Removal,
    RemovalError,
    Wanted,
    carry_out,
    check_cluster,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._removal_trees import Tree

from tests.unit.plugins.module_utils.removal_files import DATA, fill, left


class Host:
    """Answers for docker, systemctl and getent, and remembers what it was asked to change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.containers: Dict[str, str] = {}
        self.place = folder / "home"
        self.engine = True
        self.accounts: Dict[Tuple[str, str], str] = {}
        self.fails = ""
        self.did: List[str] = []

    def run(self, command: Sequence[str]) -> Tuple[int, str, str]:
        words = [Path(command[0]).name, *command[1:]]
        line = " ".join(words)
        if words[:2] == ["docker", "ps"]:
            out = "".join(f"{name}\t{state}\t{self.place}\n" for name, state in self.containers.items())
            return (0, out, "") if self.engine else (1, "", "Cannot connect to the Docker daemon")
        if words[0] == "getent":
            entry = self.accounts.get((words[1], words[2]), "")
            return (0, entry, "") if entry else (2, "", "")
        if self.fails and self.fails in line:
            return 1, "", "it went wrong"
        self.did.append(line)
        if words[:2] == ["docker", "rm"]:
            del self.containers[words[2]]
        if words[0] in ("userdel", "groupdel"):
            self.accounts.pop(({"userdel": "passwd", "groupdel": "group"}[words[0]], words[1]), None)
        return 0, "", ""

    def wanted(self, data: bool = True) -> Wanted:
        log = self.folder / "data/kafka/data/log"
        return Wanted(
            Project(self.folder / "home", "event-log", ("event-log-broker", "event-log-connect")),
            (self.folder / "units/event-log.service", self.folder / "units/event-log-status.timer"),
            (self.folder / "bin/event-log",),
            (
                Tree(self.folder / "home", ("compose.yaml", "config"), ("formatted", "secrets")),
                *([Tree(self.folder / "data", DATA)] if data else []),
            ),
            Account("kafka", "kafka", 1001, 1001) if data else None,
            Cluster(log / "meta.properties", self.folder / "home/formatted") if data else None,
        )

    def removal(self, data: bool = True, systemd: Optional[bool] = True) -> Removal:
        return Removal(self.run, self.wanted(data), systemd)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(shutil, "which", lambda name, path=None: f"/usr/bin/{name}")
    fill(tmp_path / "home", "compose.yaml", "config/event-log.json", "formatted", "secrets/connect_password")
    fill(tmp_path / "units", "event-log.service", "event-log-status.timer")
    fill(tmp_path / "bin", "event-log")
    fill(tmp_path / "data")
    (tmp_path / "home/formatted").write_text("abc\n")
    (tmp_path / "data/kafka/data/log/meta.properties").write_text("version=1\ncluster.id=abc\n")
    made = Host(tmp_path)
    made.containers = {"event-log-broker": "running", "event-log-connect": "running", "event-log-kowl": "exited"}
    made.accounts = {
        ("passwd", "kafka"): "kafka:x:1001:1001::/nonexistent:/usr/sbin/nologin\n",
        ("group", "kafka"): "kafka:x:1001:\n",
    }
    return made


def test_a_look_tells_what_a_run_removes_and_touches_nothing(host: Host) -> None:
    before = left(host.folder)
    first = [step.what for step in host.removal().plan()]
    assert (left(host.folder), host.did) == (before, [])
    assert first == [
        "units event-log.service, event-log-status.timer",
        "container event-log-kowl (exited)",
        "container event-log-connect (running)",
        "container event-log-broker (running)",
        str(host.folder / "bin/event-log"),
        f"of {host.folder}/home: compose.yaml, config (0.0 MB)",
        f"{host.folder}/data (1 topic, 0.0 MB)",
        "user kafka",
        "group kafka",
    ]
    carry_out(host.removal().plan())
    assert [line for line in host.did if line.startswith("docker stop")] == [
        "docker stop event-log-kowl",
        "docker stop event-log-connect",
        "docker stop event-log-broker",
    ]
    assert host.did[:3] == [
        "systemctl disable event-log.service",
        "systemctl stop event-log-status.timer event-log.service",
        "systemctl daemon-reload",
    ]
    kept = ["home", "home/formatted", "home/secrets", "home/secrets/connect_password"]
    assert left(host.folder) == ["bin", *kept, "units"]


def test_a_second_run_has_nothing_to_do(host: Host) -> None:
    carry_out(host.removal().plan())
    host.did.clear()
    again = host.removal()
    assert (again.plan(), again.stays, host.did) == ([], [], [])


def test_without_the_data_account_and_data_stay(host: Host) -> None:
    carry_out(host.removal(data=False).plan())
    assert (host.folder / "data/kafka/data/log/meta.properties").exists()
    assert host.accounts


def test_without_systemd_nobody_is_told(host: Host) -> None:
    carry_out(host.removal(systemd=False).plan())
    assert [line for line in host.did if line.startswith("systemctl")] == []
    assert left(host.folder / "units") == []


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (("passwd", "kafka:x:1001:1001::/home/kafka:/bin/bash"), ["the user kafka", "the group kafka"]),
        (("passwd", "kafka:x:999:1001::/nonexistent:/usr/sbin/nologin"), ["the user kafka", "the group kafka"]),
        (("group", "kafka:x:1001:nurse"), ["the group kafka"]),
        (("group", "kafka:x:999:"), ["the group kafka"]),
    ],
)
def test_an_account_that_the_role_did_not_make_so_stays(host: Host, entry: Tuple[str, str], told: List[str]) -> None:
    host.accounts[entry[0], "kafka"] = entry[1]
    removal = host.removal()
    removal.plan()
    assert [line.split(",")[0] for line in removal.stays] == told


def test_a_group_that_went_with_its_user_is_no_error(host: Host) -> None:
    steps = host.removal().plan()
    host.accounts.pop(("group", "kafka"))
    carry_out(steps)
    assert "groupdel kafka" not in host.did


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda host: setattr(host, "engine", False), ["Docker engine does not answer", "Nothing was changed"]),
        (lambda host: setattr(host, "place", "/srv/other"), ["event-log-broker", "another directory"]),
        (lambda host: (host.folder / "home/formatted").write_text("xyz\n"), ["cluster abc", "xyz"]),
        (lambda host: (host.folder / "home/formatted").unlink(), ["cluster abc", "not known", "nothing was changed"]),
    ],
)  # fmt: skip
def test_what_cannot_be_ours_is_refused_before_anything_is_touched(host: Host, spoil: object, words: List[str]) -> None:
    spoil(host)  # type: ignore[operator]
    with pytest.raises(RemovalError) as caught:
        host.removal().plan()
    assert [word for word in words if word not in str(caught.value)] == []
    assert host.did == []


def test_an_engine_that_is_gone_is_no_obstacle_where_no_project_is_left(host: Host) -> None:
    host.engine = False
    (host.folder / "home/compose.yaml").unlink()
    assert host.removal().plan()


def test_data_without_a_cluster_are_nobodys(tmp_path: Path) -> None:
    check_cluster(Cluster(tmp_path / "meta.properties", tmp_path / "formatted"))


def test_with_zookeeper_the_marker_knows_no_number(tmp_path: Path) -> None:
    (tmp_path / "meta.properties").write_text("cluster.id=made-by-itself\n")
    (tmp_path / "formatted").write_text("with ZooKeeper\n")
    check_cluster(Cluster(tmp_path / "meta.properties", tmp_path / "formatted"))


def test_a_failure_says_how_far_it_came(host: Host) -> None:
    host.fails = "docker stop event-log-connect"
    with pytest.raises(RemovalError) as caught:
        carry_out(host.removal().plan())
    said = str(caught.value)
    assert said.startswith("container event-log-connect (running) could not be removed: ")
    assert "it went wrong" in said
    assert "Removed before: units event-log.service" in said
    assert (host.folder / "data/kafka").exists()


def test_what_cannot_be_read_is_told(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_tree: Tree) -> None:
        raise PermissionError(13, "Permission denied", "/data/kafka")

    monkeypatch.setattr(_removal_trees, "look", refuse)
    with pytest.raises(RemovalError, match=r"/data/kafka cannot be read: Permission denied\. Nothing was changed"):
        host.removal().plan()
    assert _removal.trees is _removal_trees

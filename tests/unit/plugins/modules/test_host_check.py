# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module host_check on this machine: nothing is ever changed, and all findings come in one message."""

from __future__ import annotations

import os
import platform
import socket
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _host_encryption, _host_read
from ansible_collections.openmrs.event_log.plugins.modules import host_check as subject

from tests.unit.plugins.modules.conftest import Call

BROKER = "event-log-broker"
CONNECT = "event-log-connect"


@pytest.fixture
def port() -> Iterator[int]:
    """A port that this process holds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def account(kind: str, name: str, number: int) -> Dict[str, Any]:
    return {"kind": kind, "name": name, "number": number, "variable": f"event_log_{kind[0]}id"}


def directory(path: Path, **differences: Any) -> Dict[str, Any]:
    made = {
        "path": str(path),
        "variable": "event_log_data_dir",
        "owner": os.getuid(),
        "owner_variable": "event_log_uid",
    }
    return {**made, **differences}


def broker(folder: Path, wanted: str = "wanted-id") -> Dict[str, str]:
    return {
        "mode_variable": "event_stack_mode",
        "log_dir": str(folder / "log"),
        "zookeeper_dir": str(folder / "zookeeper"),
        "directory_variable": "event_log_data_dir",
        "cluster_id": wanted,
        "cluster_variable": "event_stack_cluster_id",
        "marker": str(folder / "formatted"),
    }


def format_broker(folder: Path, cluster: str) -> None:
    (folder / "log").mkdir()
    (folder / "log" / "meta.properties").write_text(f"cluster.id={cluster}\n")


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A docker command that knows the broker, as this very process, a stopped worker, and no third container."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "docker"
    script.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" >{folder}/asked\necho "/{BROKER} {os.getpid()}"\necho "/{CONNECT} 0"\n'
        'echo "Error: No such container: third" >&2\nexit 1\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@pytest.mark.parametrize("check", [True, False])
def test_a_fit_host(call: Call, tmp_path: Path, check: bool) -> None:
    before = sorted(tmp_path.rglob("*"))
    result = call(
        subject,
        check=check,
        accounts=[account("user", "root", 0), account("group", "root", 0), account("user", "nobody-yet", 49151)],
        directories=[directory(tmp_path, min_free_mb=1), directory(tmp_path / "later" / "on", owner=4711)],
        memory={"needed_mb": 64, "variable": "event_log_profile", "value": "clinic"},
        broker=broker(tmp_path),
    )
    assert {key: result[key] for key in ("changed", "running", "formatted")} == {
        "changed": False,
        "running": [],
        "formatted": False,
    }
    assert sorted(tmp_path.rglob("*")) == before


def test_nothing_asked_for_nothing_looked_at(call: Call) -> None:
    result = call(subject)
    assert (result["changed"], result["running"]) == (False, [])
    assert "formatted" not in result


@pytest.mark.parametrize("kind", ["user", "group"])
def test_accounts_are_read_from_the_system(call: Call, kind: str) -> None:
    taken = call(subject, accounts=[account(kind, "kafka-of-the-test", 0)])
    assert f"event_log_{kind[0]}id is 0: that number belongs to the {kind} root on this host" in taken["msg"]
    renumbered = call(subject, accounts=[account(kind, "root", 4711)])
    assert f"the {kind} root exists here with the number 0. Set event_log_{kind[0]}id: 0" in renumbered["msg"]


def test_users_and_groups_are_not_confused(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_host_read, "users", lambda: {"anna": 1001})
    monkeypatch.setattr(_host_read, "groups", lambda: {"staff": 1002})
    assert not call(subject, accounts=[account("group", "kafka", 1001), account("user", "kafka", 1002)]).get("failed")
    assert "user anna" in call(subject, accounts=[account("user", "kafka", 1001)])["msg"]
    assert "group staff" in call(subject, accounts=[account("group", "kafka", 1002)])["msg"]


def test_several_findings_are_numbered_in_one_message(
    call: Call, tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_host_read, "memory_mb", lambda: 2000)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "somebody's").write_text("")
    (tmp_path / "file").write_text("")
    format_broker(tmp_path, "another-id")
    result = call(
        subject,
        accounts=[account("user", "kafka-of-the-test", 0)],
        directories=[
            directory(tmp_path / "full", owner=os.getuid() + 1),
            directory(tmp_path / "file"),
            directory(tmp_path / "new", min_free_mb=2**40),
        ],
        ports=[{"number": port, "variable": "event_log_bootstrap"}],
        memory={"needed_mb": 2001, "variable": "event_log_profile", "value": "clinic"},
        broker=broker(tmp_path),
    )
    assert result["failed"]
    title, *lines = result["msg"].splitlines()
    assert title == "7 things stand in the way:"
    assert [line.split(":")[0] for line in lines] == [
        "1. event_log_uid is 0",
        f"2. event_log_data_dir is {str(tmp_path / 'full')!r}",
        f"3. event_log_data_dir is {str(tmp_path / 'file')!r}",
        f"4. event_log_data_dir is {str(tmp_path / 'new')!r}",
        f"5. event_log_bootstrap is {port}",
        "6. event_log_profile is 'clinic'",
        "7. event_stack_cluster_id is 'wanted-id'",
    ]
    assert [line.split(". ", 1)[1] for line in lines] == result["findings"]
    assert f"(pid {os.getpid()})" in lines[4]


def test_a_port_that_an_own_container_holds_is_free(call: Call, port: int, docker: Path) -> None:
    ports = [{"number": port, "variable": "event_log_bootstrap"}]
    result = call(subject, ports=ports, own_containers=[BROKER, CONNECT, "third"])
    assert (result["changed"], result["running"]) == (False, [BROKER])
    asked = (docker / "asked").read_text().splitlines()
    assert asked == ["container", "inspect", "--format", "{{.Name}} {{.State.Pid}}", BROKER, CONNECT, "third"]


def test_the_same_port_is_taken_where_no_container_is_ours(call: Call, port: int, docker: Path) -> None:
    result = call(subject, ports=[{"number": port, "variable": "event_log_bootstrap"}])
    assert f"event_log_bootstrap is {port}: that port is in use by " in result["msg"]
    assert "{{range .NetworkSettings.Ports}}" in (docker / "asked").read_text()  # to name a container, where it is one


def test_a_free_port_is_no_reason_to_ask_the_engine(call: Call, docker: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    assert not call(subject, ports=[{"number": free, "variable": "event_log_bootstrap"}]).get("failed")
    assert not (docker / "asked").exists()


@pytest.mark.parametrize("by", ["process", "published port"])
def test_a_port_in_use_by_another_project_is_named_by_it(call: Call, port: int, docker: Path, by: str) -> None:
    pid, published = (os.getpid(), "") if by == "process" else (1 << 22, f"{port} 9999 ")
    (docker / "docker").write_text(
        f"""#!/bin/sh
case $1 in
  ps) echo 1a2b; echo 3c4d ;;
  *) printf '/quiet\\t{1 << 21}\\t\\t\\n'; printf '/old-broker-1\\t{pid}\\told\\t{published}\\n' ;;
esac
"""
    )
    result = call(subject, ports=[{"number": port, "variable": "event_log_bootstrap"}])
    assert "in use by the Compose project old: the container old-broker-1, " in result["msg"]
    assert "Stop that project (`docker compose --project-name old stop`)" in result["msg"]


@pytest.mark.parametrize(("tested", "fit"), [([platform.machine()], True), (["s390x"], False)])
def test_the_processor_is_read_from_the_system(call: Call, tested: List[str], fit: bool) -> None:
    result = call(subject, architecture={"tested": tested, "variable": "kafka_host_architectures"})
    assert bool(result.get("failed")) is not fit
    assert fit or f"this host's processor is {platform.machine()}" in result["msg"]


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> List[str]:
    """What the module warns of; Ansible itself would keep it for the next test."""
    said: List[str] = []
    monkeypatch.setattr(subject.AnsibleModule, "warn", lambda _module, text: said.append(text))
    return said


@pytest.mark.parametrize(
    ("off", "told"),
    [(0, None), (-3 * 365 * 86400, "3 years fast"), (2 * 86400 + 60, "2 days slow"), (-600, None)],
)
def test_the_clock_is_compared(call: Call, warned: List[str], off: float, told: str) -> None:
    clock = {"now": time.time() + off, "variable": "kafka_host_clock_tolerance_s", "tolerance_s": 86400}
    result = call(subject, clock=clock)
    assert bool(result.get("failed")) == bool(told)
    assert not told or told in result["msg"]
    assert len(["10 minutes fast" in text for text in warned]) == (off == -600)


@pytest.mark.parametrize(("state", "times"), [("plain", 1), ("unseen", 1), ("encrypted", 0)])
def test_data_in_the_clear_are_warned_of(
    call: Call, warned: List[str], monkeypatch: pytest.MonkeyPatch, state: str, times: int
) -> None:
    found = _host_encryption.AtRest(state, "a disk")
    monkeypatch.setattr(_host_encryption, "at_rest", lambda path: {Path("/srv/later"): found}[path])
    wanted = {"path": "/srv/later", "variable": "event_log_data_dir", "silence": "kafka_host_x"}
    assert not call(subject, at_rest=wanted).get("failed")
    assert len([text for text in warned if "it lies on a disk" in text]) == len(warned) == times


@pytest.mark.parametrize(("wanted", "times"), [(2**40, 1), (1, 0), (0, 0), (-1, 0)])
def test_a_small_disk_is_warned_of(call: Call, tmp_path: Path, warned: List[str], wanted: int, times: int) -> None:
    disk = {"path": str(tmp_path / "later"), "variable": "event_log_data_dir", "may_fill_mb": wanted}
    assert not call(subject, disk={**disk, "decided_by": ["event_log_tables"]}).get("failed")
    assert len([text for text in warned if "A full disk stops the event log" in text]) == len(warned) == times


@pytest.mark.parametrize("held", [True, False])
def test_a_hold_is_a_finding(call: Call, tmp_path: Path, held: bool) -> None:
    if held:
        (tmp_path / "hold").write_text("a new disk\n")
    result = call(subject, hold={"home": str(tmp_path), "variable": "event_log_home"})
    assert bool(result.get("failed")) == held
    assert not held or f"{tmp_path}/hold is there (a new disk), so nothing was changed." in result["msg"]


def test_a_host_without_an_engine_has_no_containers(call: Call, monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setattr("ansible.module_utils.basic.AnsibleModule.get_bin_path", lambda *_args, **_options: None)
    assert call(subject, own_containers=[BROKER])["running"] == []
    ports: List[Dict[str, Any]] = [{"number": port, "variable": "event_log_bootstrap"}]
    assert call(subject, own_containers=[BROKER], ports=ports)["failed"]


@pytest.mark.parametrize(
    ("on_disk", "marked", "told"),
    [
        ("wanted-id", True, None),
        ("wanted-id", False, None),
        ("another-id", True, "belong to the cluster another-id"),
        ("another-id", False, "belong to the cluster another-id"),
        (None, True, "Is the disk mounted?"),
        (None, False, None),
    ],
)
def test_data_of_a_broker(call: Call, tmp_path: Path, on_disk: str, marked: bool, told: str) -> None:
    if on_disk:
        format_broker(tmp_path, on_disk)
    if marked:
        (tmp_path / "formatted").write_text("wanted-id\n")
    result = call(subject, broker=broker(tmp_path))
    assert bool(result.get("failed")) == bool(told)
    if told:
        assert told in result["msg"]
    else:
        assert result["formatted"] == bool(on_disk)


def test_data_of_a_broker_of_the_other_mode(call: Call, tmp_path: Path) -> None:
    format_broker(tmp_path, "wanted-id")
    with (tmp_path / "log" / "meta.properties").open("a") as file:
        file.write("broker.id=1\nversion=0\n")
    result = call(subject, broker=broker(tmp_path))
    assert result["msg"].startswith("event_stack_mode is 'kraft': the data in")
    (tmp_path / "zookeeper" / "version-2").mkdir(parents=True)
    (tmp_path / "zookeeper" / "version-2" / "snapshot.0").write_text("")
    result = call(subject, broker={**broker(tmp_path, ""), "mode": "zookeeper"})
    assert (result.get("failed"), result["formatted"]) == (None, True)


def test_a_hold_of_the_guard_is_a_finding_where_it_is_asked_for(call: Call, tmp_path: Path) -> None:
    hold = {"home": str(tmp_path), "variable": "event_log_home", "guard": str(tmp_path / "guard")}
    assert "msg" not in call(subject, hold=hold)
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "memory.json").write_text(
        '{"hold": {"id": "x", "what": "Another database.", "remedy": "y."}}'
    )
    assert "msg" not in call(subject, hold={key: hold[key] for key in ("home", "variable")})
    assert (
        "keeps the worker from reading on: Another database. Nothing was changed. y." in call(subject, hold=hold)["msg"]
    )

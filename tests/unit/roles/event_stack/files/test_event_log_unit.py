# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What event-log.service calls, with a docker command and a systemd that only write down what they are told."""

from __future__ import annotations

import json
import os
import socket
import threading
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log import notify, unit
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.conftest import Host
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.described import container

BROKER, WORKER = "event-log-broker", "event-log-connect"
PROJECT = {
    "services": {
        "broker": {"container_name": BROKER, "restart": "on-failure"},
        "connect": {"container_name": WORKER, "restart": "on-failure"},
    }
}
LOOK = f"container inspect {BROKER} {WORKER}"


class Systemd:
    """Takes messages at a socket; a barrier is lifted when all before it were read."""

    def __init__(self, path: Path, lifts: bool = True) -> None:
        self.path = path
        self.messages: List[str] = []
        self._lifts = lifts
        self._kept: List[int] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                data, descriptors, _, _ = socket.recv_fds(self._socket, 4096, 4)
            except OSError:
                return
            if data == b"end":
                return
            self.messages.append(data.decode())
            if self._lifts:
                for descriptor in descriptors:
                    os.close(descriptor)
            else:
                self._kept += descriptors

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    found = Systemd(tmp_path / "notify")
    yield found
    found.close()


@pytest.fixture
def managed(host: Host, systemd: Systemd) -> Host:
    """A host whose unit this is called by."""
    host.environ["NOTIFY_SOCKET"] = str(systemd.path)
    host.tell("compose", json.dumps(PROJECT))
    host.containers(container(BROKER), container(WORKER))
    return host


def call(host: Host, verb: str) -> Tuple[int, str, str]:
    done = host.run("unit", verb)
    return done.returncode, done.stdout, done.stderr


def compose(host: Host, words: str) -> str:
    return f"compose --ansi never --project-directory {host.chosen.home} {words}"


def test_start_makes_nothing_anew_and_lets_the_engine_bring_back_what_fails(managed: Host, systemd: Systemd) -> None:
    managed.containers(container(BROKER, health="starting"), container(WORKER, health="starting"))
    assert call(managed, "start") == (0, "<5>The containers of the event log are started.\n", "")
    assert managed.calls() == [
        compose(managed, "config --format json"),
        compose(managed, "up --detach --no-recreate --no-build --pull never"),
        f"update --restart on-failure {BROKER} {WORKER}",
        LOOK,
    ]
    assert systemd.messages == ["STATUS=Starting: Kafka and Kafka Connect are not ready yet.", "BARRIER=1"]


def test_stop_keeps_the_engine_from_bringing_it_back(managed: Host, systemd: Systemd) -> None:
    assert call(managed, "stop") == (0, "<5>The containers of the event log are stopped.\n", "")
    assert managed.calls() == [LOOK, f"update --restart no {BROKER} {WORKER}", compose(managed, "stop")]
    assert [line for line in systemd.messages if line != "BARRIER=1"][-1].startswith("STATUS=Stopped. Start it: ")


def test_there_may_be_nothing_to_stop(managed: Host) -> None:
    (managed.root / "containers").unlink()
    assert call(managed, "stop")[0] == 0
    assert managed.calls() == [LOOK]


def test_a_start_that_fails_says_why_in_dockers_words(managed: Host) -> None:
    managed.tell("compose-error", "bind source path does not exist: /var/lib/event-log/kafka/data")
    code, out, err = call(managed, "start")
    assert (code, out) == (1, "")
    assert "bind source path does not exist" in err
    assert [call for call in managed.calls() if call.startswith("update")] == []


def test_without_a_hold_nothing_is_looked_at(managed: Host) -> None:
    assert call(managed, "condition") == (0, "", "")
    assert managed.calls() == []


@pytest.mark.parametrize("state", ["exited", "running", "restarting"])
def test_a_hold_skips_the_start_and_stops_what_runs_in_spite_of_it(managed: Host, state: str) -> None:
    (managed.root / "home" / "hold").write_text("a new disk,\n2 hours")
    managed.containers(container(BROKER, state), container(WORKER, "exited"))
    code, out, err = call(managed, "condition")
    assert (code, err) == (1, "")
    assert "(a new disk, 2 hours)" in out.splitlines()[-1]
    assert (compose(managed, "stop") in managed.calls()) == (state != "exited")


@pytest.mark.parametrize("state", ["exited", "running"])
def test_with_zookeeper_a_lost_disk_is_a_failure_and_no_new_beginning(managed: Host, state: str) -> None:
    settings = Path(managed.environ["EVENT_LOG_SETTINGS"])
    services = ["zookeeper", "broker", "connect"]
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "services": services}))
    managed.containers(container("event-log-zookeeper", "exited"), container(BROKER, state))
    assert call(managed, "condition")[0] == 0, "it has never run"
    (managed.root / "home" / "formatted").write_text("with ZooKeeper")
    code, _, err = call(managed, "condition")
    assert code == 255
    assert f"the broker's data are not in {managed.data_dir}. Is the disk mounted?" in err
    assert (compose(managed, "stop") in managed.calls()) == (state == "running")
    (managed.data_dir / "meta.properties").write_text("broker.id=1")
    assert call(managed, "condition")[0] == 0


def test_a_condition_that_cannot_be_told_is_a_failure_and_not_a_skip(managed: Host) -> None:
    (managed.root / "home" / "hold").write_text("x")
    managed.tell("engine-error", "Cannot connect to the Docker daemon")
    assert call(managed, "condition")[0] == 255
    Path(managed.environ["EVENT_LOG_SETTINGS"]).write_text("no json")
    assert call(managed, "condition")[0] == 255
    assert call(managed, "start")[0] == 1


def test_the_policy_is_the_projects() -> None:
    services: Dict[str, Dict[str, Any]] = {
        "a": {"container_name": "x-a", "restart": "no"},
        "b": {"container_name": "x-b", "restart": "on-failure"},
        "c": {"container_name": "x-c"},
    }
    assert unit.policies(services) == {"no": ["x-a", "x-c"], "on-failure": ["x-b"]}


BUSCTL = """#!/bin/sh
echo "$*" >> "$FAKE_DIR/bus"
[ ! -f "$FAKE_DIR/inactive" ]
"""


@pytest.mark.parametrize("active", [True, False])
def test_the_status_line_is_set_from_within_the_units_group(managed: Host, systemd: Systemd, active: bool) -> None:
    busctl = managed.root / "bin" / "busctl"
    busctl.write_text(BUSCTL)
    busctl.chmod(0o755)
    if not active:
        managed.tell("inactive", "")
    managed.containers(container(BROKER), container(WORKER, health="starting"))
    assert call(managed, "status") == (0, "", "")
    (asked,) = (managed.root / "bus").read_text().splitlines()
    assert "AttachProcessesToUnit ssau event-log.service  1 " in asked
    wanted = ["STATUS=Starting: Kafka Connect is not ready yet.", "BARRIER=1"]
    assert systemd.messages == (wanted if active else [])


def test_a_sentence_is_one_line_and_delivered(systemd: Systemd) -> None:
    assert notify.tell("one\ntwo  three", str(systemd.path)) is True
    assert systemd.messages == ["STATUS=one two three", "BARRIER=1"]


def test_a_systemd_that_does_not_answer_is_not_waited_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "_SECONDS", 0.3)
    silent = Systemd(tmp_path / "silent", lifts=False)
    assert notify.tell("x", str(silent.path)) is False
    silent.close()
    assert notify.tell("x", str(tmp_path / "nobody")) is False


def test_nobody_is_shown_these_verbs(host: Host) -> None:
    shown = host.run("--help").stdout
    assert "status" in shown
    assert "unit" not in shown.split()


PAGES = ("event-log-kafdrop", "event-log-kowl")


@pytest.fixture
def paged(managed: Host) -> Host:
    """The same with two web pages, of which one cannot be started."""
    path = Path(managed.environ["EVENT_LOG_SETTINGS"])
    path.write_text(json.dumps({**json.loads(path.read_text()), "uis": ["kafdrop", "kowl"]}))
    services = {name[10:]: {"container_name": name, "restart": "on-failure"} for name in PAGES}
    managed.tell("compose", json.dumps({"services": {**PROJECT["services"], **services}}))
    managed.containers(*(container(name) for name in (BROKER, WORKER, *PAGES)))
    managed.tell("no-page", "kafdrop")
    return managed


def test_a_web_page_that_does_not_start_is_said_and_fails_nothing(paged: Host) -> None:
    code, out, err = call(paged, "start")
    assert (code, err) == (0, "")
    assert out.splitlines()[0].startswith("<5>Without Kafdrop: docker compose ")
    assert out.splitlines()[-1] == "<5>The containers of the event log are started."
    up = "up --detach --no-recreate --no-build --pull never"
    assert paged.calls()[:5] == [
        compose(paged, "config --format json"),
        compose(paged, f"{up} broker connect"),
        compose(paged, f"{up} --no-deps kafdrop"),
        compose(paged, f"{up} --no-deps kowl"),
        f"update --restart on-failure {BROKER} {WORKER} event-log-kowl",
    ]


def test_the_web_pages_are_stopped_with_the_others(paged: Host) -> None:
    assert call(paged, "stop")[0] == 0
    assert paged.calls() == [
        f"{LOOK} {' '.join(PAGES)}",
        f"update --restart no {BROKER} {WORKER} {' '.join(PAGES)}",
        compose(paged, "stop"),
    ]

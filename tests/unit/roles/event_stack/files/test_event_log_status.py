# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`event-log status` on a host with an engine and a worker that play their part; it never waits for long."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import pytest
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log import status
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log.verdict import Seen
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.conftest import Host
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.described import connector, container
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.kafka_batches import Made

BROKER, WORKER = "event-log-broker", "event-log-connect"
LOGIN = "event-log=secret-of-the-worker"
TIME = 1_700_000_000_000


class Connect(ThreadingHTTPServer):
    """A worker that gives one answer, after a while, to who logs in."""

    daemon_threads = True
    answer: Any = {}
    offsets: Any = {"offsets": []}
    seconds = 0.0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: List[str] = []


class Handler(BaseHTTPRequestHandler):
    server: Connect

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        time.sleep(self.server.seconds)
        right = self.headers["Authorization"] == "Basic ZXZlbnQtbG9nOnNlY3JldC1vZi10aGUtd29ya2Vy"
        about = self.server.offsets if self.path.endswith("/offsets") else self.server.answer
        body = json.dumps(about).encode()
        self.send_response(200 if right else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: Any) -> None:
        """Quiet."""


@pytest.fixture
def connect() -> Iterator[Connect]:
    with Connect() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def live(host: Host, connect: Connect) -> Host:
    """A host where everything runs and `connect` is the worker."""
    secrets = host.root / "secrets"
    secrets.mkdir()
    (secrets / "rest-0123abcd.properties").write_text(LOGIN + "\n")
    host.containers(container(BROKER), container(WORKER, secrets=secrets, port=connect.server_address[1]))
    connect.answer = {"openmrs-connector": connector()}
    return host


def answer(host: Host) -> Dict[str, Any]:
    done = host.run("status", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found: Dict[str, Any] = json.loads(done.stdout)
    assert set(found) == {"verdict", "sentence", "findings", "connectors"}
    assert "secret-of-the-worker" not in done.stdout
    return found


def test_the_command_asks_engine_worker_and_disk(live: Host, connect: Connect) -> None:
    live.topic("openmrs.openmrs.person-0", Made(0, first_ms=TIME, last_ms=TIME))
    live.topic("event-log-connect-offsets-0", Made(0, last_ms=TIME + 1))
    found = answer(live)
    assert found == {
        "verdict": "ok",
        "sentence": "Running: connector openmrs-connector reads openmrs, newest event 2023-11-15 00:13:20.",
        "findings": [],
        "connectors": [
            {
                "name": "openmrs-connector",
                "kind": "source",
                "state": "RUNNING",
                "tasks": ["RUNNING"],
                "running": True,
                "reason": "",
                "reading": "",
            }
        ],
    }
    assert connect.asked == ["/connectors?expand=status&expand=info"]
    assert live.run("status").stdout == found["sentence"] + "\n"


def test_a_table_that_is_read_again_is_told_and_no_fault(live: Host, connect: Connect) -> None:
    there = connector(database="openmrs,event_log")
    there["info"]["config"]["signal.data.collection"] = "event_log.debezium_signal"
    connect.answer = {"openmrs connector": there}
    listed = json.dumps([{"incremental_snapshot_collections_id": "openmrs.obs"}])
    connect.offsets = {"offsets": [{"partition": {}, "offset": {"incremental_snapshot_collections": listed}}]}
    found = answer(live)
    assert connect.asked[1:] == ["/connectors/openmrs%20connector/offsets"]
    assert (found["verdict"], found["connectors"][0]["reading"]) == ("ok", "reading again openmrs.obs: begun")
    assert "reads openmrs," in found["sentence"]
    assert "openmrs connector is reading again openmrs.obs: begun. It goes on by itself." in live.run("status").stdout
    connect.offsets = {"offsets": None}
    assert answer(live)["findings"] == []


def test_a_worker_that_hangs_is_left_in_time(live: Host, connect: Connect) -> None:
    connect.seconds = 20
    began = time.monotonic()
    found = answer(live)
    assert time.monotonic() - began < 9
    assert (found["verdict"], "too slow" in found["sentence"]) == ("ill", True)


def test_a_wrong_login_is_said_and_not_shown(live: Host) -> None:
    (live.root / "secrets" / "rest-0123abcd.properties").write_text("event-log=another-secret\n")
    found = answer(live)
    assert (found["verdict"], "refuses the login" in found["sentence"]) == ("ill", True)
    assert "another-secret" not in json.dumps(found)


def test_nothing_is_asked_of_a_worker_that_starts(live: Host, connect: Connect) -> None:
    live.containers(container(BROKER), container(WORKER, health="starting"))
    assert answer(live)["verdict"] == "busy"
    assert connect.asked == []


@pytest.mark.parametrize(
    ("error", "verdict", "told"),
    [
        ("Cannot connect to the Docker daemon at unix:///x.", "down", "sudo systemctl start docker"),
        ("", "down", "no containers"),
    ],
)
def test_an_engine_that_says_no(host: Host, error: str, verdict: str, told: str) -> None:
    if error:
        host.tell("engine-error", error)
    found = answer(host)
    assert (found["verdict"], told in found["sentence"]) == (verdict, True)


def test_who_may_not_use_docker_is_told_so(host: Host) -> None:
    host.tell("engine-error", "permission denied while trying to connect to the Docker daemon socket")
    done = host.run("status")
    assert (done.returncode, done.stdout) == (1, "")
    assert "sudo event-log status" in done.stderr


def test_a_hold_and_an_unfinished_change_are_seen(live: Host) -> None:
    home = live.root / "home"
    (home / "former").mkdir()
    assert answer(live)["findings"] == [], "what is left of a removal that was cut off is no change"
    (home / "former" / "files.json").write_text("{}")
    assert [one["id"] for one in answer(live)["findings"]] == ["upgrade"]
    (home / "hold").write_text("a new disk\n")
    assert [one["id"] for one in answer(live)["findings"]] == ["hold", "upgrade"]


def test_a_look_that_never_ends_is_a_finding(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(_settings: Any) -> Optional[Seen]:
        threading.Event().wait(30)
        return None

    monkeypatch.setattr(status, "look", hang)
    began = time.monotonic()
    found = status.verdict_of(host.chosen, seconds=1)
    assert time.monotonic() - began < 5
    assert (found.verdict, found.findings[0].id) == ("ill", "too_slow")


def test_a_unit_that_is_active_is_restarted_not_started(
    host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "bin" / "systemctl").write_text("#!/bin/sh\necho LoadState=loaded\necho ActiveState=active\n")
    (tmp_path / "bin" / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", host.environ["PATH"])
    monkeypatch.setenv("FAKE_DIR", str(host.root))
    host.containers(container(BROKER, "exited"), container(WORKER))
    looked = status.look(host.chosen)
    assert looked.unit == "active"
    assert "systemctl start" not in looked.start_command

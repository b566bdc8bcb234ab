# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one look sees, and when the guard keeps its hands off."""

from __future__ import annotations

import http.server
import threading
from dataclasses import replace
from pathlib import Path
from typing import Iterator

import pytest
from event_guard import broker, flow, look
from event_log import settings, stack, worker

OPTIONS = (
    "-XX:+UseSerialGC -javaagent:/opt/kafka/jmx/jmx_prometheus_javaagent.jar=127.0.0.1:{}:/opt/kafka/jmx/connect.yml"
)
UP = stack.Container("event-log-connect", "running", "healthy", 0, 0, False, "no", "i", "sha256:1", {}, {}, {})
ANSWER = {
    "c1": {
        "status": {"connector": {"state": "RUNNING"}, "tasks": [{"id": 0, "state": "RUNNING"}], "type": "source"},
        "info": {
            "config": {"connector.class": "io.debezium.connector.mysql.MySqlConnector", "topic.prefix": "openmrs"}
        },
    }
}
FIGURES = b'debezium_streaming_connected{server="openmrs"} 1.0\n'


@pytest.fixture
def chosen(tmp_path: Path) -> settings.Settings:
    return settings.Settings(
        home=tmp_path, image="i", bootstrap="127.0.0.1:9092", data_dir=tmp_path, project="event-log", uid=1, gid=1,
        database="openmrs",
    )  # fmt: skip


@pytest.fixture
def exporter() -> Iterator[int]:
    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(FIGURES)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


def seen(
    chosen: settings.Settings, monkeypatch: pytest.MonkeyPatch, there: stack.Container, health: str = "healthy"
) -> look.Look:
    kafka = replace(UP, name="event-log-broker", health=health)
    monkeypatch.setattr(stack, "look", lambda _: {one.name: one for one in (there, kafka)})
    monkeypatch.setattr(stack, "unit_state", lambda: "active")
    monkeypatch.setattr(worker, "login_of", lambda _: ("u", "p"))
    monkeypatch.setattr(worker, "ask", lambda *_: ANSWER)
    return look.look(chosen)


def test_a_connector_is_seen_with_its_wiring_and_its_figures(
    chosen: settings.Settings, monkeypatch: pytest.MonkeyPatch, exporter: int
) -> None:
    found = seen(chosen, monkeypatch, replace(UP, environment={"KAFKA_OPTS": OPTIONS.format(exporter)}))
    assert (found.hands_off, found.broker_healthy) == ("", True)
    (one,) = found.connectors
    assert (one.connector.name, one.wired.prefix, one.flow.connected) == ("c1", "openmrs", True)


@pytest.mark.parametrize("options", ["", OPTIONS.format(1)])
def test_without_an_exporter_the_state_is_seen_all_the_same(
    chosen: settings.Settings, monkeypatch: pytest.MonkeyPatch, options: str
) -> None:
    (one,) = seen(chosen, monkeypatch, replace(UP, environment={"KAFKA_OPTS": options})).connectors
    assert one.connector.running
    assert one.flow == flow.Flow()


def test_a_worker_that_is_down_is_not_asked(chosen: settings.Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    found = seen(chosen, monkeypatch, replace(UP, status="exited"))
    assert (found.connectors, found.worker_error) == ((), "")


def test_a_worker_that_refuses_is_no_failure_of_the_look(
    chosen: settings.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = seen(chosen, monkeypatch, UP)
    assert found.worker_error == ""

    def refuse(*_: object) -> None:
        raise worker.WorkerError("it answers with HTTP 500")

    monkeypatch.setattr(worker, "ask", refuse)
    assert look.look(chosen).worker_error == "it answers with HTTP 500"


@pytest.mark.parametrize(
    ("health", "silent", "expected"),
    [("healthy", False, (True, False)), ("healthy", True, (False, True)), ("starting", True, (False, False))],
)
def test_a_broker_that_says_nothing_is_not_healthy_unless_it_only_starts(
    chosen: settings.Settings, monkeypatch: pytest.MonkeyPatch, health: str, silent: bool, expected: object
) -> None:
    monkeypatch.setattr(broker, "silent", lambda bootstrap: silent and bootstrap == chosen.bootstrap)
    found = seen(chosen, monkeypatch, UP, health)
    assert (found.broker_healthy, found.broker_silent) == expected
    assert found.broker is not None
    assert found.broker.name == "event-log-broker"


def test_hands_are_kept_off_by_a_hold_by_a_change_and_by_a_stopped_unit(
    chosen: settings.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = iter(["active", None, "inactive", "activating", "active", "active"])
    monkeypatch.setattr(stack, "unit_state", lambda: next(states))
    assert [look.hands_off(chosen) for _ in range(2)] == ["", ""]
    assert look.hands_off(chosen) == "event-log.service is inactive"
    assert look.hands_off(chosen) == "event-log.service is activating"
    (chosen.home / "former").mkdir()
    (chosen.home / "former" / "files.json").write_text("{}")
    assert look.hands_off(chosen) == "a change of the stack is under way"
    (chosen.home / "hold").write_text("the disk is replaced")
    assert look.hands_off(chosen) == f"{chosen.home / 'hold'} is there"

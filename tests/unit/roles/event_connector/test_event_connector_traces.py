# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbook connectors shows of one that failed: the kinds of errors, and nothing that could be a patient's."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Iterator

import pytest

from tests.unit.roles.role_runs import Outcome, check

TRACES = {
    0: "org.apache.kafka.connect.errors.ConnectException: Can't convert value 'Mary Smith'\n\tat io.debezium.X.y(X)\n"
    "Caused by: org.apache.kafka.connect.errors.DataException: Mary Smith of Hilltop\nMary Smith: lives there\n"
    "Caused by: java.lang.NumberFormatException\n",
    1: "Mary Smith\n",
}
CONNECTOR = {
    "name": "openmrs-connector",
    "connector": {"state": "RUNNING"},
    "type": "source",
    "tasks": [{"id": number, "state": "FAILED", "trace": trace} for number, trace in TRACES.items()],
}


class Worker(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        config = {"connector.class": "C", "name": "openmrs-connector", "database.password": "pw-123456"}
        info = {"name": "openmrs-connector", "config": config, "type": "source", "tasks": []}
        known = {"openmrs-connector": {"status": CONNECTOR, "info": info}}
        body = json.dumps([] if "plugins" in self.path else known).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Worker) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def shown(url: str, folder: Path, **more: str) -> Outcome:
    site = {
        **more,
        "event_log_site": "demo",
        "event_log_connect_url": url,
        "event_log_connect_password": "secret",
        "event_log_data_dir": str(folder),
        "event_connector_chosen": "",
        "event_connector_chosen_state": "",
        "path": "/usr/bin:/bin",
    }
    role = {"name": "openmrs.event_log.event_connector", "tasks_from": "connectors"}
    return check(folder, [{"ansible.builtin.import_role": role}], {"demo": site})["demo"]


@pytest.fixture
def outcome(url: str, tmp_path: Path) -> Outcome:
    return shown(url, tmp_path)


@pytest.mark.parametrize(("given", "told"), [("true", True), ("false", False)])
def test_whole_traces_are_shown_to_those_who_ask(url: str, tmp_path: Path, given: str, told: bool) -> None:
    """As a text, which is what -e gives."""
    said = str(shown(url, tmp_path, event_log_show_traces=given).result("Show the connectors")["msg"])
    assert ("Mary Smith of Hilltop" in said) == told


def test_of_a_failure_only_its_kinds_are_shown(outcome: Outcome) -> None:
    assert outcome.failure == ""
    said = "\n".join([*outcome.result("Show the connectors")["msg"], ""])
    assert "openmrs-connector: RUNNING (source, C)\n" in said
    assert "task 0: FAILED: ConnectException <- DataException <- NumberFormatException\n" in said
    assert "task 1: FAILED\n" in said


def test_nothing_else_of_the_answer_is_in_any_result(outcome: Outcome) -> None:
    assert "Mary" not in json.dumps(outcome.results)
    assert "pw-123456" not in json.dumps(outcome.results)

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""connector_info on real workers: what it tells is what they say, without secrets and with few requests."""

from __future__ import annotations

import http.client
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Iterator
from urllib.parse import quote

import pytest

from tests.helpers.calls import call, play
from tests.helpers.workers import Rig, Worker, wait_for

EVERYTHING = ["config", "status", "offsets", "topics", "plugins", "worker"]
MANY = 200 if os.environ.get("EVENT_LOG_TEST_FULL") else 40  # each takes the worker a moment to make
SECRET = "Zq-a-secret-of-the-file"
SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"


class Counter:
    """Stands before a worker and writes down what is asked of it."""

    def __init__(self, worker: Worker) -> None:
        counter, self.requests = self, list[str]()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                counter.requests.append(self.path)
                link = http.client.HTTPConnection("127.0.0.1", worker.member.port, timeout=60)
                headers = {name: self.headers[name] for name in ("Authorization", "Accept") if name in self.headers}
                link.request("GET", self.path, headers=headers)
                answer = link.getresponse()
                content = answer.read()
                link.close()
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.headers.get("Content-Type", ""))
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.options = {**worker.options, "url": f"http://127.0.0.1:{self._server.server_address[1]}"}

    def __enter__(self) -> Counter:
        return self

    def __exit__(self, *_why: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def seen(worker: Worker, **options: Any) -> dict[str, Any]:
    result = call("connector_info", **worker.options, **options)
    assert (result.get("msg"), result["changed"]) == (None, False), result
    return result


def begun(worker: Worker, name: str, config: dict[str, Any]) -> Iterator[str]:
    """Register a connector that begins at the beginning, whatever ran before, and wait until it has a place."""
    path = f"/connectors/{quote(name)}"
    worker.delete(quote(name))
    steps: list[tuple[str, dict[str, Any]]] = [
        ("connector", {"config": config, "state": "stopped"}),
        ("connector_offsets", {"state": "reset"}),
        ("connector", {"config": config, "settle": 1}),
    ]
    for module, options in steps:
        done = call(module, **worker.options, name=name, **options)
        assert not done.get("failed"), done
    wait_for("offsets", lambda: worker.get(f"{path}/offsets")["offsets"], 90, worker.name)
    wait_for("topics", lambda: worker.get(f"{path}/topics")[name]["topics"], 60, worker.name)
    yield name
    worker.delete(quote(name))


@pytest.fixture(scope="module")
def source(rig: Rig) -> Iterator[str]:
    """A file source on Connect 3.9 with a secret in a property that only its name gives away."""
    config = rig.source("info-source", producer_override_sasl_jaas_config=f'x password="{SECRET}";')
    yield from begun(rig.old, "info source", config)


@pytest.fixture(scope="module")
def debezium(rig: Rig) -> Iterator[str]:
    yield from begun(rig.a, "info-debezium", rig.debezium("info-debezium"))


@pytest.fixture(scope="module")
def many(rig: Rig) -> Iterator[list[str]]:
    """So many connectors, created stopped, so that they cost nothing."""
    names = [f"info-many-{number:03}" for number in range(MANY)]

    def until(name: str, good: tuple[int, ...], method: str, path: str, body: Any = None) -> None:
        wait_for(f"{method} {name}", lambda: rig.old.rest(method, path, body)[0] in good, 30)

    for name in names:
        config = {key: str(value) for key, value in rig.sink(name, "rig-nothing").items()}
        body = {"name": name, "initial_state": "STOPPED", "config": config}
        until(name, (201,), "POST", "/connectors", body)
    wait_for("run states", lambda: set(names) <= set(rig.old.get("/connectors?expand=status")), 60, rig.old.name)
    yield names
    for name in names:
        until(name, (204, 404), "DELETE", f"/connectors/{name}")


def test_a_file_source_with_all_that_is_known_of_it(rig: Rig, source: str) -> None:
    result = seen(rig.old, names=[source, "nobody"], gather=EVERYTHING)
    assert result["missing"] == ["nobody"]
    (connector,) = result["connectors"]
    assert connector["config"].pop("producer.override.sasl.jaas.config") == "<redacted>"
    assert connector == {
        "name": source,
        "type": "source",
        "state": "RUNNING",
        "version": None,
        "worker_id": "127.0.0.1:28085",
        "trace": None,
        "config": {key: str(value) for key, value in rig.source("info-source").items()},
        "tasks": [{"id": 0, "state": "RUNNING", "worker_id": "127.0.0.1:28085", "trace": None}],
        "offsets": [{"partition": {"filename": "/rig/info-source.txt"}, "offset": {"position": 4}}],
        "topics": ["info-source"],
        "unavailable": {},
    }
    assert SECRET not in json.dumps(result)
    assert result["worker"] == {key: rig.old.get("/")[key] for key in ("version", "commit", "kafka_cluster_id")}
    assert {"type": "sink", "class": SINK, "version": "3.9.1"} in result["plugins"]
    assert {plugin["type"] for plugin in result["plugins"]} >= {"source", "sink", "converter", "transformation"}


def test_debezium_with_all_that_is_known_of_it(rig: Rig, debezium: str) -> None:
    result = seen(rig.a, names=[debezium], gather=EVERYTHING)
    (connector,) = result["connectors"]
    assert connector["version"] == "3.6.0.Final"
    assert (connector["state"], [task["state"] for task in connector["tasks"]]) == ("RUNNING", ["RUNNING"])
    assert connector["config"]["database.password"].startswith("${file:"), "a reference is no secret"
    assert connector["offsets"][0]["partition"] == {"server": debezium}
    assert {"file", "pos"} <= set(connector["offsets"][0]["offset"])
    assert f"{debezium}.openmrs.person" in connector["topics"]
    versions = {plugin["class"]: plugin["version"] for plugin in result["plugins"]}
    assert versions["io.debezium.connector.mysql.MySqlConnector"] == "3.6.0.Final"


def test_it_tells_a_connector_as_the_module_connector_does(rig: Rig, debezium: str) -> None:
    (mine,) = seen(rig.a, names=[debezium])["connectors"]
    theirs = call("connector", **rig.a.options, name=debezium, config=rig.debezium(debezium))["connector"]
    assert {key: mine[key] for key in theirs} == theirs


def test_many_connectors_come_with_one_request(rig: Rig, many: list[str]) -> None:
    with Counter(rig.old) as counter:
        result = call("connector_info", **counter.options)
    found = [connector for connector in result["connectors"] if connector["name"] in many]
    assert [connector["name"] for connector in found] == many
    assert {connector["state"] for connector in found} == {"STOPPED"}
    assert {connector["config"]["connector.class"] for connector in found} == {SINK}
    plugins = {connector["config"]["connector.class"] for connector in result["connectors"]}
    about = [f"/connector-plugins/{plugin}/config" for plugin in plugins]
    assert counter.requests[:2] == ["/", "/connectors?expand=info&expand=status"]
    assert sorted(counter.requests[2:]) == sorted(about)


@pytest.mark.full
def test_several_of_many_come_with_one_request_and_offsets_with_one_each(rig: Rig, many: list[str]) -> None:
    with Counter(rig.old) as counter:
        result = call("connector_info", **counter.options, names=many[5:8], gather=["status", "offsets"])
    assert [connector["name"] for connector in result["connectors"]] == many[5:8]
    assert [connector["offsets"] for connector in result["connectors"]] == [[], [], []]
    assert counter.requests == [
        "/connectors?expand=info&expand=status",
        f"/connector-plugins/{SINK}/config",
        *(f"/connectors/{name}/offsets" for name in many[5:8]),
    ]


def test_the_trace_of_what_has_failed_is_told_without_secrets(rig: Rig) -> None:
    name, hidden = "info-failed", f"/no/such/directory/{SECRET}"
    rig.old.delete(name)
    made = call("connector", **rig.old.options, name=name, config=rig.sink(name, "rig-nothing", file=hidden))
    assert "Couldn't find or create file" in made["msg"]
    try:
        result = seen(rig.old, names=[name], gather=["status"], sensitive_keys=["^file$"])
        (connector,) = result["connectors"]
        assert (connector["state"], connector["config"]) == ("RUNNING", None)
        (task,) = connector["tasks"]
        assert task["state"] == "FAILED"
        assert "Couldn't find or create file '<redacted>'" in task["trace"]
        assert SECRET not in json.dumps(result)
    finally:
        rig.old.delete(name)


@pytest.mark.full
def test_as_a_task_with_the_workers_address_given_once_and_nothing_secret_on_the_screen(
    rig: Rig, source: str, tmp_path: Path
) -> None:
    defaults = {"group/openmrs.event_log.connect": rig.old.options}
    task = {"connector_info": {"names": [source], "gather": EVERYTHING}}
    played = play(tmp_path, task, "-vvv", module_defaults=defaults)
    assert played.code == 0, played.output
    assert '"position": 4' in played.output
    assert SECRET not in played.output
    assert "changed=0" in played.output

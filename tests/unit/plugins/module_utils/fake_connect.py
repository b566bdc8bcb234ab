# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small Kafka Connect in memory: stores connectors, changes their states as a worker does, remembers requests.

It stands in where a script would be too long: for ladders of calls and for generated configurations. What it does
was read from Kafka's sources: a failed connector cannot be paused but can be stopped, and is paused once it is
restarted; an update heals nothing.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Dict, List, Optional, Tuple
from urllib.parse import parse_qs, unquote, urlsplit

from ansible_collections.openmrs.event_log.plugins.module_utils._http import Connection, Response

GOOD = {"RUNNING": "RUNNING", "PAUSED": "PAUSED"}


class FakeConnect:
    """Has the shape of a transport; ``serve`` puts it behind a port."""

    def __init__(self, password_keys: Tuple[str, ...] = ()) -> None:
        self.connection = Connection("http://fake")
        self.password_keys = password_keys
        self.connectors: Dict[str, Dict[str, Any]] = {}
        self.requests: List[Tuple[str, str]] = []
        self.trace = "java.lang.Error: made to fail"
        self.findings: Dict[str, str] = {}
        self.offsets: Dict[str, List[Dict[str, Any]]] = {}
        self.version = "4.3.1"
        self.refusal: Optional[str] = None  # what a plugin says to offsets
        self.worsens = False  # a connector that is resumed fails

    @property
    def writes(self) -> List[Tuple[str, str]]:
        return [line for line in self.requests if line[0] != "GET" and not line[1].endswith("/validate")]

    def register(self, name: str, config: Dict[str, str], states: str) -> None:
        """Put a connector there: its state, then those of its tasks. FAILED/PAUSED failed, and was paused then."""
        first, *tasks = states.split()
        state, _, target = first.partition("/")
        target = target or ("RUNNING" if state == "FAILED" else state)
        self.connectors[name] = {"config": dict(config), "state": state, "target": target, "tasks": tasks}

    def address(self, path: str) -> str:
        return self.connection.url + path

    def send(self, method: str, path: str, body: Optional[bytes] = None, timeout: Optional[float] = None) -> Response:
        self.requests.append((method, path))
        status, answer = self._answer(method, path, json.loads(body) if body else None)
        return Response(status, b"" if answer is None else json.dumps(answer).encode(), "application/json")

    def _answer(self, method: str, path: str, body: Any) -> Tuple[int, Any]:
        parts = urlsplit(path)
        words = [unquote(word) for word in parts.path.strip("/").split("/")]
        if words[0] != "connectors":
            return self._plugin(words, body) if len(words) > 1 else self._about(words[0])
        if words == ["connectors"]:
            return (200, self._listing(parts.query)) if method == "GET" else self._create(body)
        name, verb = words[1], words[2] if len(words) > 2 else ""
        if verb == "offsets" and name in self.connectors:
            return self._offsets(method, name, body)
        if verb == "config" and method == "PUT":
            return self._update(name, body)
        return self._one(method, name, verb, parse_qs(parts.query).get("onlyFailed") == ["true"])

    def _one(self, method: str, name: str, verb: str, only_failed: bool) -> Tuple[int, Any]:
        if name not in self.connectors:
            return 404, {"error_code": 404, "message": f"Connector {name} not found"}
        if verb == "topics":
            return 200, {name: {"topics": [f"{name}.t"]}}
        if method == "DELETE":
            del self.connectors[name]
            return 204, None
        if method == "GET":
            return 200, self._status(name) if verb == "status" else self._info(name)
        self._change(self.connectors[name], verb, only_failed)
        return 202, None

    def _about(self, what: str) -> Tuple[int, Any]:
        if what == "connector-plugins":
            return 200, [{"class": "C", "type": "source", "version": "1.0"}]
        return 200, {"version": self.version, "commit": "c0ffee", "kafka_cluster_id": "cluster-1"}

    def _plugin(self, words: List[str], body: Any) -> Tuple[int, Any]:
        if words[-1] == "config":
            return 200, [{"name": key, "type": "PASSWORD"} for key in self.password_keys]
        configs = [
            {"value": {"name": key, "value": value, "errors": [self.findings[key]] if key in self.findings else []}}
            for key, value in body.items()
        ]
        return 200, {"configs": configs}

    def _create(self, body: Any) -> Tuple[int, Any]:
        if body["name"] in self.connectors:
            return 409, {"error_code": 409, "message": f"Connector {body['name']} already exists"}
        state = body.get("initial_state", "RUNNING")
        self.register(body["name"], body["config"], " ".join([state, *([GOOD[state]] if state in GOOD else [])]))
        return 201, self._info(body["name"])

    def _update(self, name: str, body: Any) -> Tuple[int, Any]:
        if name in self.connectors:
            self.connectors[name]["config"] = dict(body)
        else:
            self.register(name, body, "RUNNING RUNNING")
        return 200, self._info(name)

    def _change(self, it: Dict[str, Any], verb: str, only_failed: bool) -> None:
        """A connector that failed hides the state that it is to be in until it is restarted."""
        target = {"pause": "PAUSED", "resume": "RUNNING", "stop": "STOPPED"}.get(verb)
        it["target"] = target or it["target"]
        if it["target"] == "STOPPED":
            it.update(state="STOPPED", tasks=[])
        elif target == "RUNNING" and self.worsens:
            it.update(state="RUNNING", tasks=["FAILED"])
        elif target is not None:
            it["tasks"] = [task if task == "FAILED" else target for task in it["tasks"]] or [target]
            it["state"] = "FAILED" if it["state"] == "FAILED" else target
        else:
            state = it["target"]
            it["tasks"] = [state if task == "FAILED" or not only_failed else task for task in it["tasks"]] or [state]
            it["state"] = state

    def _listing(self, query: str) -> Any:
        if not query:
            return list(self.connectors)
        return {name: {"info": self._info(name), "status": self._status(name)} for name in self.connectors}

    def _offsets(self, method: str, name: str, body: Any) -> Tuple[int, Any]:
        """Keep offsets as a source's: by partition, with the types that they came with."""
        kept = {json.dumps(item["partition"], sort_keys=True): item for item in self.offsets.get(name, [])}
        if method == "GET":
            return 200, {"offsets": list(kept.values())}
        if self.connectors[name]["state"] != "STOPPED" or self.connectors[name]["tasks"]:
            return 400, {"error_code": 400, "message": "Connectors must be in the STOPPED state before their offsets"}
        if self.refusal:
            return 500, {"error_code": 500, "message": self.refusal}
        for item in body["offsets"] if method == "PATCH" else []:
            kept[json.dumps(item["partition"], sort_keys=True)] = item
        self.offsets[name] = [item for item in kept.values() if item["offset"] is not None and method == "PATCH"]
        return 200, {"message": "The offsets for this connector have been changed successfully"}

    def _info(self, name: str) -> Dict[str, Any]:
        return {
            "name": name,
            "config": {**self.connectors[name]["config"], "name": name},
            "tasks": [],
            "type": "source",
        }

    def _status(self, name: str) -> Dict[str, Any]:
        def unit(state: str) -> Dict[str, Any]:
            return {"state": state, "worker_id": "fake:8083", **({"trace": self.trace} if state == "FAILED" else {})}

        it = self.connectors[name]
        tasks = [{"id": number, **unit(state)} for number, state in enumerate(it["tasks"])]
        return {"name": name, "connector": unit(it["state"]), "tasks": tasks, "type": "source"}

    def serve(self) -> ThreadingHTTPServer:
        """Listen on an ephemeral port of 127.0.0.1; the caller shuts it down."""
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                response = fake.send(self.command, self.path, self.rfile.read(length) or None)
                self.send_response(response.status)
                self.send_header("Content-Type", response.content_type)
                self.send_header("Content-Length", str(len(response.body)))
                self.end_headers()
                self.wfile.write(response.body)

            do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return server

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What connector_info tells of a worker, beside what event-log status tells of the same: by the module's own code."""

from __future__ import annotations

import json
from typing import Any, Callable, Mapping

from ansible_collections.openmrs.event_log.plugins.module_utils._connect_api import Clock, ConnectApi, Deadline
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_info import InfoOrder, InfoRun
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_state import Status, Task, shows
from ansible_collections.openmrs.event_log.plugins.module_utils._http import Connection, Response, Transport

#: A request as the tests make them: method and path, answered by a status and JSON or text.
Ask = Callable[[str, str], tuple[int, Any]]
States = dict[str, tuple[str, list[str], bool]]


class Asked(Transport):
    """Requests by what a test has for that: the worker's port is not this machine's."""

    def __init__(self, ask: Ask) -> None:
        super().__init__(Connection("http://127.0.0.1:8083"))
        self._ask = ask

    def send(self, method: str, path: str, body: bytes | None = None, timeout: float | None = None) -> Response:
        status, content = self._ask(method, path)
        text = content if isinstance(content, str) else json.dumps(content)
        return Response(status, text.encode(), "application/json")


def by_module(ask: Ask) -> States:
    """Of each connector its state, those of its tasks, and whether it runs, as connector_info returns them."""
    api = ConnectApi(Asked(ask), Deadline(Clock(), 60))
    told = InfoRun(InfoOrder(gather=("config", "status")), api, lambda _: None).execute()
    found: States = {}
    for one in told["connectors"]:
        status = Status(one["state"], tuple(Task(task["id"], task["state"]) for task in one["tasks"]))
        found[one["name"]] = (one["state"], [task["state"] for task in one["tasks"]], shows("running", status))
    return found


def by_command(answer: Mapping[str, Any]) -> States:
    """The same, of an answer to ``event-log status --json``."""
    return {one["name"]: (one["state"], one["tasks"], one["running"]) for one in answer["connectors"]}

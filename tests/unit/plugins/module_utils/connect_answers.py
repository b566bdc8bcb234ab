# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the connector's client share: a scripted worker, time that does not pass, answers of a worker."""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, Iterator, List, Mapping, Optional

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._connect_api import ConnectApi, Deadline
from ansible_collections.openmrs.event_log.plugins.module_utils._connect_run import ConnectorRun, Order
from ansible_collections.openmrs.event_log.plugins.module_utils._http import Connection, Transport

from tests.unit.plugins.module_utils.scripted_http import FakeClock, ScriptedServer

CONFIG = {"connector.class": "C", "tasks.max": "1", "database.password": "pw-123456"}
PLUGIN = "/connector-plugins/C/config"
INFO = "/connectors/n"
STATUS = "/connectors/n/status"


@pytest.fixture
def worker() -> Iterator[ScriptedServer]:
    """A worker that is up and follows its script to the end."""
    server = ScriptedServer()
    server.start()
    yield server
    server.finish()


@pytest.fixture
def late_worker() -> Iterator[ScriptedServer]:
    """A worker that is not up yet."""
    server = ScriptedServer()
    yield server
    server.finish()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def api_of(server: ScriptedServer, clock: FakeClock, seconds: float = 120, **options: Any) -> ConnectApi:
    patient = options.pop("patient", True)
    return ConnectApi(Transport(Connection(server.url, **options)), Deadline(clock, seconds), patient)


class Call:
    """One call of the module without Ansible, and what it told Ansible to hide."""

    def __init__(self, server: ScriptedServer, clock: FakeClock, timeout: float = 5, **options: Any) -> None:
        order = Order("n", **{"config": CONFIG, **options})
        patient = not (order.check_mode and order.predicted)
        api = api_of(server, clock, order.wait_timeout, timeout=timeout, patient=patient)
        self.hidden: FrozenSet[str] = frozenset()
        self.invocation: Optional[Mapping[str, str]] = None
        self.run = ConnectorRun(order, api, self._veil)

    def _veil(self, values: FrozenSet[str], shown: Optional[Mapping[str, str]]) -> None:
        self.hidden, self.invocation = values, shown

    def result(self) -> Dict[str, Any]:
        return self.run.execute()


def info(config: Optional[Mapping[str, Any]] = None) -> Dict[str, Any]:
    return {
        "name": "n",
        "config": {**(CONFIG if config is None else config), "name": "n"},
        "tasks": [],
        "type": "source",
    }


def status(states: str, trace: str = "java.lang.Error: why") -> Dict[str, Any]:
    """Return a status from words: the connector's state, then those of its tasks."""
    units: List[Dict[str, Any]] = []
    for state in states.split():
        unit: Dict[str, Any] = {"state": state, "worker_id": "w:8083"}
        if state == "FAILED":
            unit["trace"] = trace
        units.append(unit)
    tasks = [{"id": number, **unit} for number, unit in enumerate(units[1:])]
    return {"name": "n", "connector": units[0], "tasks": tasks, "type": "source"}


def no_connector(server: ScriptedServer) -> None:
    server.fails("GET", INFO, 404, "Connector n not found", body=None)


def plugin(server: ScriptedServer) -> None:
    keys = [{"name": "wallet", "type": "PASSWORD"}, {"name": "tasks.max", "type": "INT"}]
    server.expect("GET", PLUGIN, keys)


def registered(
    server: ScriptedServer, states: str, config: Optional[Mapping[str, Any]] = None, trace: str = "x"
) -> None:
    server.expect("GET", INFO, info(config)).expect("GET", STATUS, status(states, trace))
    plugin(server)


def validated(server: ScriptedServer, config: Mapping[str, Any] = CONFIG) -> None:
    body = {**config, "name": "n"}
    server.expect("PUT", PLUGIN + "/validate", {"name": "C", "error_count": 0, "configs": []}, body=body)


def settling(server: ScriptedServer, states: str = "RUNNING RUNNING", looks: int = 6) -> None:
    """Looks at 0, 0.25, 0.63, 1.19, 2.03, 3.03 s: the last is after the three seconds of settling."""
    for _ in range(looks):
        server.expect("GET", STATUS, status(states))

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The entry point behind the playbook connectors, really run for several hosts against workers in memory."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterator, List, Tuple

import pytest

from tests.unit.plugins.module_utils.fake_connect import FakeConnect
from tests.unit.roles.role_runs import Outcome, check

CONFIG = {"connector.class": "C", "tasks.max": "1", "database.password": "pw-123456", "topic.prefix": "openmrs"}
BRING = "Bring the connector into the state"
SHOW = "Show the connectors"
ORDERS: Dict[str, Dict[str, str]] = {
    "list": {},
    "show": {"chosen": "n"},
    "pause": {"chosen": "n", "chosen_state": "paused"},
    "restart": {"chosen": "n", "chosen_state": "restarted"},
    "remove": {"chosen": "n", "chosen_state": "absent"},
    "gone": {"chosen": "x", "chosen_state": "absent"},
    "unknown": {"chosen": "x", "chosen_state": "paused"},
    "misspelt": {"chosen": "n", "chosen_state": "pausd"},
    "nameless": {"chosen_state": "paused"},
    "broken": {"chosen": "n", "chosen_state": "running"},
    "down": {},
}


@pytest.fixture(scope="module", params=[False, True], ids=["check", "run"])
def ran(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tuple[bool, Dict[str, FakeConnect], Dict[str, Outcome]]]:
    folder = tmp_path_factory.mktemp("connectors")
    workers, servers, hosts = {}, [], {}
    for name, order in ORDERS.items():
        worker = workers[name] = FakeConnect()
        worker.register("m", {"connector.class": "C"}, "RUNNING FAILED")
        worker.register("n", CONFIG, "PAUSED PAUSED" if name == "broken" else "RUNNING RUNNING")
        worker.trace = "org.a.DataException: Mary Smith of Hilltop"
        worker.worsens = name == "broken"
        servers.append(worker.serve())
        url = "http://127.0.0.1:1" if name == "down" else f"http://127.0.0.1:{servers[-1].server_address[1]}"
        hosts[name] = {
            "event_log_site": name,
            "event_log_connect_url": url,
            "event_log_connect_password": "login-word",
            "event_connector_wait_timeout": 20,
            "path": "/usr/bin:/bin",
            **{f"event_connector_{key}": value for key, value in order.items()},
        }
    role = {"name": "openmrs.event_log.event_connector", "tasks_from": "connectors"}
    yield request.param, workers, check(folder, [{"ansible.builtin.import_role": role}], hosts, really=request.param)
    for server in servers:
        server.shutdown()
        server.server_close()


def shown(outcome: Outcome) -> List[str]:
    assert outcome.failure == ""
    lines: List[str] = outcome.result(SHOW)["msg"]
    return lines


def test_a_look_shows_all_and_one_with_its_configuration(ran: Any) -> None:
    _, workers, outcomes = ran
    assert shown(outcomes["list"])[:3] == [
        "m: RUNNING on fake:8083 (source, C)",
        "  task 0: FAILED on fake:8083: DataException",
        "n: RUNNING on fake:8083 (source, C)",
    ]
    one = shown(outcomes["show"])
    assert one[0] == "n: RUNNING on fake:8083 (source, C)"
    assert "    database.password: <redacted>" in one
    assert "    topic.prefix: openmrs" in one
    assert (workers["list"].writes, workers["show"].writes) == ([], [])


@pytest.mark.parametrize(
    ("name", "action", "after"), [("pause", "pause", "PAUSED"), ("restart", "restart", "RUNNING"), ("remove", "", None)]
)
def test_an_order_is_carried_out_and_foretold(ran: Any, name: str, action: str, after: Any) -> None:
    really, workers, outcomes = ran
    assert outcomes[name].changed == [BRING]
    said = shown(outcomes[name])
    if action:
        assert said[:2] == [f"n: {'' if really else 'would '}{action}", f"n: {after} (source, C)"]
    else:
        assert said[0] == f"n: {'removed' if really else 'would be removed'}."
    assert bool(workers[name].writes) == really
    left = workers[name].connectors
    assert "m" in left
    if really:
        assert (left["n"]["state"] if after else None) == after
        assert ("n" in left) == bool(after)


def test_to_remove_what_is_not_there_is_no_change_and_says_what_is(ran: Any) -> None:
    outcome = ran[2]["gone"]
    assert outcome.changed == []
    assert shown(outcome) == ["x: there is no such connector. Connectors here: m, n."]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("unknown", ["connector is x", "Connectors here: m, n."]),
        ("misspelt", ["state is pausd", "running, paused, stopped, restarted, absent", "Nothing was changed"]),
        ("nameless", ["connector is not set", "Connectors here: m, n."]),
        ("down", ["http://127.0.0.1:1", "Nothing was changed"]),
    ],
)
def test_what_cannot_be_stops_with_one_message(ran: Any, name: str, words: List[str]) -> None:
    _, workers, outcomes = ran
    assert [word for word in words if word not in outcomes[name].failure] == []
    assert (outcomes[name].changed, workers[name].writes) == ([], [])


def test_a_connector_that_fails_is_told_without_rows(ran: Any) -> None:
    really, _, outcomes = ran
    if really:
        assert outcomes["broken"].failure.startswith("connector n is not running: connector RUNNING, task 0 FAILED\n")
        assert "task 0: FAILED on fake:8083: DataException" in outcomes["broken"].failure


def test_no_secret_and_nothing_of_a_patient_is_told(ran: Any) -> None:
    results = [result for outcome in ran[2].values() for result in outcome.results]
    assert [name for name, result in results if "pw-123456" in json.dumps(result)] == []
    # What the module itself returns is shown with -v only.
    assert {name for name, result in results if "Mary" in json.dumps(result)} <= {BRING}

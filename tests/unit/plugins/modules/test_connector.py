# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connector module as Ansible runs it: main(), its arguments, its result and what it logs."""

from __future__ import annotations

import inspect
import json
from typing import Any, Dict, Iterator, List

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.openmrs.event_log.plugins.modules import connector as subject

from tests.unit.plugins.module_utils.fake_connect import FakeConnect

CONFIG = {"connector.class": "C", "tasks.max": 1, "some.flag": True, "database.password": "pw-123456"}
STORED = {"connector.class": "C", "tasks.max": "1", "some.flag": "true", "database.password": "pw-123456"}


class Worker:
    """A worker behind a port, and a way to call the module on it."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.fake = FakeConnect(("wallet",))
        self.fake.register("foreign", {"connector.class": "C"}, "RUNNING FAILED")
        self.server = self.fake.serve()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self._capsys = capsys

    def call(self, check: bool = False, **options: Any) -> Dict[str, Any]:
        arguments = {"url": self.url, "name": "n", "config": CONFIG, "settle": 0, "wait_timeout": 20, **options}
        arguments = {key: value for key, value in arguments.items() if value is not None}
        with patch_module_args({**arguments, "_ansible_check_mode": check}), pytest.raises(SystemExit) as ended:
            subject.main()
        result: Dict[str, Any] = json.loads(self._capsys.readouterr().out.strip().splitlines()[-1])
        assert bool(result.get("failed")) == bool(ended.value.code)
        assert not result.get("warnings"), result
        return result


@pytest.fixture
def worker(capsys: pytest.CaptureFixture[str]) -> Iterator[Worker]:
    made = Worker(capsys)
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.mark.parametrize("state", ["running", "paused", "stopped", "present"])
@pytest.mark.parametrize(
    "before",
    [None, "RUNNING RUNNING", "RUNNING FAILED", "FAILED RUNNING", "FAILED/PAUSED FAILED", "PAUSED PAUSED", "STOPPED"],
)
def test_the_ladder_of_check_and_run(worker: Worker, state: str, before: str) -> None:
    if before is not None:
        worker.fake.register("n", {**STORED, "tasks.max": "2"}, before)
    climb(worker, state=state)
    assert worker.fake.connectors["n"]["config"] == STORED
    if state != "present":
        assert worker.fake.connectors["n"]["state"] == {"running": "RUNNING", "paused": "PAUSED"}.get(state, "STOPPED")


@pytest.mark.parametrize("before", ["RUNNING RUNNING", "FAILED FAILED", "STOPPED"])
def test_the_ladder_of_absent(worker: Worker, before: str) -> None:
    worker.fake.register("n", STORED, before)
    climb(worker, state="absent", config=None)
    assert list(worker.fake.connectors) == ["foreign"]


@pytest.mark.parametrize(
    ("state", "before"),
    [
        ("running", "PAUSED PAUSED"),
        ("running", "STOPPED"),
        ("running", "RUNNING FAILED"),
        ("paused", "RUNNING RUNNING"),
        ("stopped", "RUNNING RUNNING"),
        ("stopped", "FAILED FAILED"),
    ],
)
def test_the_ladder_of_the_run_state_alone(worker: Worker, state: str, before: str) -> None:
    """Without a configuration: also a short secret and one that the worker shows masked stay as they are."""
    there = {**STORED, "wallet": "abc", "producer.token": "********"}
    worker.fake.register("n", there, before)
    climb(worker, state=state, config=None)
    assert worker.fake.connectors["n"]["config"] == there
    assert [path for method, path in worker.fake.writes if path.endswith("/config")] == []


def test_a_restart_needs_no_configuration(worker: Worker) -> None:
    worker.fake.register("n", STORED, "RUNNING RUNNING")
    for check in (True, False):
        done = worker.call(check=check, config=None, restart=True)
        assert (done["changed"], done["actions"], done["connector"]["state"]) == (True, ["restart"], "RUNNING")
    text = json.dumps(worker.call(config=None))
    assert "pw-123456" not in text


def test_the_run_state_of_a_worker_that_is_only_predicted_cannot_be_told(worker: Worker) -> None:
    worker.server.shutdown()
    worker.server.server_close()
    assert worker.call(check=True, predicted=True, config=None, wait_timeout=4)["failed"]


def climb(worker: Worker, **options: Any) -> None:
    """Check = changed, run = changed, check = ok, run = ok; check mode writes nothing and tells what the run does."""
    foretold = worker.call(check=True, **options)
    assert worker.fake.writes == []
    done = worker.call(**options)
    assert (foretold["changed"], done["changed"]) == (True, True)
    assert (foretold["actions"], foretold["diff"]) == (done["actions"], done["diff"])
    assert as_told(foretold, done) == as_told(done, foretold)
    worker.fake.requests.clear()
    for check in (True, False):
        again = worker.call(check=check, **options)
        assert (again["changed"], again["actions"]) == (False, [])
    assert worker.fake.writes == []
    assert len(worker.fake.requests) <= 6
    assert worker.fake.connectors["foreign"] == {
        "config": {"connector.class": "C"},
        "state": "RUNNING",
        "target": "RUNNING",
        "tasks": ["FAILED"],
    }


def as_told(result: Dict[str, Any], other: Dict[str, Any]) -> Any:
    """Return what is told of the connector, but for tasks that are made only then."""
    connector = result["connector"]
    if connector is None:
        return None
    tasks = {task["id"]: (task["state"], task["trace"]) for task in connector["tasks"]}
    made = not (other["connector"]["tasks"] and tasks) and "stop" not in result["actions"]
    return connector["state"], connector["config"], None if made else tasks


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("options", [{}, {"config": {**CONFIG, "wallet": "coins-1234"}}, {"state": "stopped"}])
def test_no_secret_in_anything_that_is_printed(worker: Worker, check: bool, options: Dict[str, Any]) -> None:
    worker.fake.register("n", {**STORED, "database.password": "old-word-1"}, "RUNNING RUNNING")
    text = json.dumps(worker.call(check=check, **options))
    for secret in ("pw-123456", "old-word-1", "coins-1234"):
        assert secret not in text
    assert "<redacted, changed>" in text


def test_the_invocation_shows_the_configuration_without_secrets_and_without_blanks(worker: Worker) -> None:
    worker.fake.register("n", STORED, "RUNNING RUNNING")
    result = worker.call()
    assert result["invocation"]["module_args"]["config"] == {**STORED, "database.password": "<redacted>"}
    assert result["connector"]["config"]["tasks.max"] == "1", "an ordinary value was taken for a secret"


def test_what_the_host_logs_when_the_module_starts(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: List[str] = []
    monkeypatch.setattr(AnsibleModule, "log", lambda _self, msg, log_args=None: logged.append(f"{msg} {log_args}"))
    salted = {"column.mask.hash.v2.SHA-256.with.salt.CzQMA0cB5K": "t.c"}
    worker.call(config={**CONFIG, **salted}, url_username="me", url_password="login-word")
    assert logged
    for secret in ("pw-123456", "CzQMA0cB5K", "login-word"):
        assert secret not in " ".join(logged)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"config": None}, "there is no connector n, and nothing was changed. Registered: foreign. To create one"),
        ({"state": "paused", "config": None}, "there is no connector n, and nothing was changed"),
        ({"state": "present", "config": None}, "there is no connector n, and nothing was changed"),
        ({"config": {}}, "connector.class: missing"),
        ({"state": "gone"}, "value of state must be one of"),
        ({"url": None}, "missing required arguments: url"),
        ({"url": "127.0.0.1"}, "url: '127.0.0.1' is not the address of a worker"),
        ({"url_password": "login-word"}, "missing parameter(s) required by 'url_password': url_username"),
        ({"client_key": "/x"}, "missing parameter(s) required by 'client_key': client_cert"),
        ({"ca_path": "/no/such/file"}, "ca_path: there is no file /no/such/file"),
        ({"timeout": 0}, "timeout: 0.0 is not a number of seconds above 0"),
        ({"config": {**CONFIG, "a": {"b": 1}}}, "a: a dictionary is not a value; the configuration is flat"),
        ({"config": {**CONFIG, "name": "other"}}, "name: 'other' differs from the connector's name 'n'"),
        ({"config": {**CONFIG, "database.password": "********"}}, "database.password: the value is a mask"),
        ({"config": {"tasks.max": 1}}, "connector.class: missing"),
        ({"config": {**CONFIG, "wallet": "short"}}, "wallet: a secret of fewer than 6 characters"),
        ({"sensitive_keys": ["("]}, "sensitive_keys: '(' is not a regular expression"),
        ({"name": " n"}, "name: ' n' cannot be the name of a connector"),
        ({"wait_timeout": 3, "settle": 5}, "wait_timeout: 3 s"),
        ({"colour": "red"}, "Unsupported parameters"),
    ],
)  # fmt: skip
def test_bad_input_changes_nothing_and_tells_no_secret(worker: Worker, options: Dict[str, Any], told: str) -> None:
    result = worker.call(**options)
    assert result["failed"]
    assert told in result["msg"]
    assert worker.fake.writes == []
    assert "pw-123456" not in json.dumps(result)


def test_every_invalid_property_is_told_and_nothing_changed(worker: Worker) -> None:
    worker.fake.findings = {
        "tasks.max": "must be 1",
        "database.password": "Invalid value pw-123456 for configuration x",
    }
    result = worker.call()
    assert "2 errors; nothing was changed" in result["msg"]
    assert "tasks.max: must be 1" in result["msg"]
    assert worker.fake.writes == []
    assert "pw-123456" not in json.dumps(result)


def test_a_failure_returns_the_connector_as_last_seen(worker: Worker) -> None:
    worker.fake.register("n", STORED, "RUNNING FAILED")
    result = worker.call(restart_failed=False)
    assert result["failed"]
    assert "made to fail" in result["msg"]
    assert result["connector"]["tasks"][0]["state"] == "FAILED"


def test_a_failed_request_is_told_with_method_address_status_and_words(worker: Worker) -> None:
    worker.server.shutdown()
    worker.server.server_close()
    result = worker.call(wait_timeout=1)
    assert (result["method"], result["url"], result["status"]) == ("GET", f"{worker.url}/connectors/n", None)


def test_predicted(worker: Worker) -> None:
    worker.server.shutdown()
    worker.server.server_close()
    result = worker.call(check=True, predicted=True)
    assert (result["changed"], result["actions"]) == (True, ["create"])
    assert "pw-123456" not in json.dumps(result)


def test_what_is_returned_is_what_is_documented(worker: Worker) -> None:
    worker.fake.register("n", STORED, "RUNNING FAILED")
    documented = yaml.safe_load(subject.RETURN)
    good = worker.call()
    assert set(good) - {"changed", "invocation"} == {
        key for key, entry in documented.items() if entry["returned"] in ("success", "always")
    }
    assert set(good["connector"]) == set(documented["connector"]["contains"])
    assert set(good["connector"]["tasks"][0]) == set(documented["connector"]["contains"]["tasks"]["contains"])
    worker.server.shutdown()
    worker.server.server_close()
    failed = worker.call(wait_timeout=1, wait=False)
    assert set(failed) - {"failed", "invocation", "exception"} == {
        "msg",
        "connector",
        "method",
        "url",
        "status",
        "response",
    }


def test_the_examples_fit_the_arguments() -> None:
    options = yaml.safe_load(subject.DOCUMENTATION)["options"]
    tasks = yaml.safe_load(subject.EXAMPLES)
    tasks += [inner for task in tasks for inner in task.get("block", [])]
    calls = [task["openmrs.event_log.connector"] for task in tasks if "openmrs.event_log.connector" in task]
    assert len(calls) >= 4
    for call in calls:
        assert set(call) <= {*options, "url", "url_username", "url_password"}


def test_main_stays_short() -> None:
    assert len(inspect.getsource(subject.main).splitlines()) <= 40

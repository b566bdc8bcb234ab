# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module connector_info as Ansible runs it: main(), its arguments, its result and what it logs."""

from __future__ import annotations

import inspect
import json
from typing import Any, Callable, Dict, Iterator

import pytest
import yaml
from ansible_collections.openmrs.event_log.plugins.modules import connector, connector_offsets
from ansible_collections.openmrs.event_log.plugins.modules import connector_info as subject
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.plugins.module_utils.fake_connect import FakeConnect
from tests.unit.role_files import ROOT

STORED = {"connector.class": "C", "tasks.max": "1", "database.password": "pw-123456", "wallet": "coins-1234"}
Call = Callable[..., Dict[str, Any]]


@pytest.fixture
def fake() -> Iterator[FakeConnect]:
    made = FakeConnect(("wallet",))
    made.register("n", STORED, "RUNNING FAILED")
    made.register("m", {**STORED, "connector.class": "D"}, "PAUSED PAUSED")
    made.offsets["n"] = [{"partition": {"p": 1}, "offset": {"pos": 1}}]
    made.trace = "java.lang.Error: pw-123456 and coins-1234"
    server = made.serve()
    made.connection = type(made.connection)(f"http://127.0.0.1:{server.server_address[1]}")
    yield made
    server.shutdown()
    server.server_close()


def told(call: Call, fake: FakeConnect, **options: Any) -> Dict[str, Any]:
    return call(subject, url=fake.connection.url, **options)


@pytest.mark.parametrize("check", [True, False])
def test_it_never_changes_anything(call: Call, fake: FakeConnect, check: bool) -> None:
    result = told(call, fake, check=check, gather=list(subject.KINDS))
    assert result["changed"] is False
    assert [connector["name"] for connector in result["connectors"]] == ["m", "n"]
    assert fake.writes == []
    assert {method for method, _ in fake.requests} == {"GET"}


def test_the_defaults_cost_one_request_and_one_for_each_plugin_and_the_worker(call: Call, fake: FakeConnect) -> None:
    result = told(call, fake)
    assert fake.requests == [
        ("GET", "/"),
        ("GET", "/connectors?expand=info&expand=status"),
        ("GET", "/connector-plugins/C/config"),
        ("GET", "/connector-plugins/D/config"),
    ]
    assert result["worker"] == {"version": "4.3.1", "commit": "c0ffee", "kafka_cluster_id": "cluster-1"}
    assert result["plugins"] is None


def test_what_is_not_registered_is_missing_and_an_empty_list_is_none(call: Call, fake: FakeConnect) -> None:
    result = told(call, fake, names=["gone", "n", "lost"])
    assert ([it["name"] for it in result["connectors"]], result["missing"]) == (["n"], ["gone", "lost"])
    result = told(call, fake, names=[])
    assert (result["connectors"], result["missing"]) == ([], [])


def test_a_connector_looks_as_the_module_connector_shows_it(call: Call, fake: FakeConnect) -> None:
    (mine,) = told(call, fake, names=["m"])["connectors"]
    theirs = call(
        connector, url=fake.connection.url, name="m", config={**STORED, "connector.class": "D"}, state="paused"
    )
    assert {key: mine[key] for key in theirs["connector"]} == theirs["connector"]


def test_offsets_have_the_form_that_connector_offsets_takes(call: Call, fake: FakeConnect) -> None:
    (mine,) = told(call, fake, names=["n"], gather=["offsets"])["connectors"]
    result = call(connector_offsets, url=fake.connection.url, name="n", state="altered", offsets=mine["offsets"])
    assert result["changed"] is False


def test_no_secret_in_anything_that_is_printed(call: Call, fake: FakeConnect) -> None:
    text = json.dumps(told(call, fake, url_username="me", url_password="login-word", gather=list(subject.KINDS)))
    for secret in ("pw-123456", "coins-1234", "login-word"):
        assert secret not in text
    assert "java.lang.Error: <redacted> and <redacted>" in text


SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=6, max_size=20).map(
    lambda text: f"Zq{text}"
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    secrets=st.dictionaries(st.sampled_from(["wallet", "my.own", "db.password", "api.key"]), SECRETS, min_size=1),
    gather=st.sets(st.sampled_from(subject.KINDS)),
    state=st.sampled_from(["RUNNING FAILED", "FAILED FAILED", "RUNNING RUNNING"]),
)
def test_no_generated_secret_is_ever_printed(
    *, call: Call, fake: FakeConnect, secrets: Dict[str, str], gather: Any, state: str
) -> None:
    fake.register("n", {"connector.class": "C", **secrets}, state)
    fake.trace = "java.lang.Error: " + " and ".join(secrets.values())
    result = told(call, fake, gather=sorted(gather), sensitive_keys=["^my"])
    for text in (json.dumps(result), json.dumps(result, ensure_ascii=False)):
        for secret in secrets.values():
            assert secret not in text
            assert json.dumps(secret)[1:-1] not in text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"gather": ["colour"]}, "value of gather must be one or more of"),
        ({"names": [" n"]}, "name: ' n' cannot be the name of a connector"),
        ({"sensitive_keys": ["("]}, "sensitive_keys: '(' is not a regular expression"),
        ({"wait_timeout": 0}, "wait_timeout: 0 is not a number of seconds above 0"),
        ({"url_password": "login-word"}, "missing parameter(s) required by 'url_password': url_username"),
        ({"ca_path": "/no/such/file"}, "ca_path: there is no file /no/such/file"),
    ],
)
def test_bad_input(call: Call, fake: FakeConnect, options: Dict[str, Any], said: str) -> None:
    result = told(call, fake, **options)
    assert result["failed"]
    assert said in result["msg"]
    assert fake.requests == []


def test_what_is_returned_is_what_is_documented(call: Call, fake: FakeConnect) -> None:
    documented = yaml.safe_load(subject.RETURN)
    good = told(call, fake, gather=list(subject.KINDS))
    assert set(good) - {"changed", "invocation"} == {
        key for key, entry in documented.items() if entry["returned"] == "success"
    }
    contains = documented["connectors"]["contains"]
    for shown in good["connectors"]:
        assert set(shown) == set(contains)
        assert set(shown["tasks"][0]) == set(contains["tasks"]["contains"])
    assert set(good["plugins"][0]) == set(documented["plugins"]["contains"])
    assert set(good["worker"]) == set(documented["worker"]["contains"])
    failed = call(subject, url="http://127.0.0.1:9", wait_timeout=1)
    assert set(failed) - {"failed", "invocation", "exception", "msg"} == {
        key for key, entry in documented.items() if entry["returned"] == "when a request failed"
    }


def test_all_modules_for_connect_are_in_the_action_group() -> None:
    groups = yaml.safe_load((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))["action_groups"]
    users = [
        path.stem
        for path in (ROOT / "plugins/modules").glob("*.py")
        if "openmrs.event_log.connect\n" in path.read_text(encoding="utf-8")
    ]
    assert sorted(groups["connect"]) == sorted(users)
    assert {"connector", "connector_info", "connector_offsets"} <= set(users)


def test_main_stays_short() -> None:
    assert len(inspect.getsource(subject.main).splitlines()) <= 40


@pytest.mark.parametrize("module", [subject, connector, connector_offsets])
def test_nothing_of_a_trace_or_an_answer_but_where_it_is_asked_for(call: Call, fake: FakeConnect, module: Any) -> None:
    """A row in a task's trace, in a refusal, and in what validation says."""
    fake.trace, fake.refusal = "a.BException: row [1, Abebe]\n\tat a.B.c(B.java:1)", "no row [1, Abebe]"
    options: Dict[str, Dict[str, Any]] = {
        "connector_info": {},
        "connector": {"name": "n", "restart_failed": False, "settle": 0},
        "connector_offsets": {
            "name": "n",
            "state": "altered",
            "offsets": [{"partition": {"p": 1}, "offset": {"pos": 2}}],
        },
    }
    more = options[module.__name__.rpartition(".")[2]]
    told = call(module, url=fake.connection.url, **more)
    assert "Abebe" not in json.dumps(told)
    assert "row <hidden>" in json.dumps(told)
    assert "Abebe" in json.dumps(call(module, url=fake.connection.url, show_traces=True, **more))

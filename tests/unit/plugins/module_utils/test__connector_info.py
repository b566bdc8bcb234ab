# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One call of connector_info: exactly these requests and no more, whatever a worker can tell."""

from __future__ import annotations

import time
from typing import Any, Dict, FrozenSet, List, Optional

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _connector_info as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import (
    ApiError,
    BadAnswerError,
    InputError,
    TimedOutError,
)

from tests.unit.plugins.module_utils.connect_answers import CONFIG, INFO, PLUGIN, STATUS, api_of, info, plugin, status
from tests.unit.plugins.module_utils.scripted_http import FakeClock, ScriptedServer

ALL = "/connectors?expand=info&expand=status"
WORKER = {"version": "4.3.1", "commit": "c0ffee", "kafka_cluster_id": "id"}
PLUGINS = "/connector-plugins?connectorsOnly=false"
HTTP_404 = "HTTP 404 Not Found"
BOTH = ("config", "status")


class Call:
    """One call without Ansible, and what it told Ansible to hide."""

    def __init__(self, server: ScriptedServer, clock: FakeClock, **options: Any) -> None:
        self.hidden: FrozenSet[str] = frozenset()
        order = subject.InfoOrder(**options)
        self.run = subject.InfoRun(order, api_of(server, clock, order.wait_timeout, timeout=5), self._veil)

    def _veil(self, values: FrozenSet[str]) -> None:
        self.hidden = values

    def result(self) -> Dict[str, Any]:
        result = self.run.execute()
        assert result["changed"] is False
        return result

    def names(self) -> List[str]:
        return [connector["name"] for connector in self.result()["connectors"]]


def one(config: Optional[Dict[str, Any]] = None, states: str = "RUNNING RUNNING", trace: str = "x") -> Dict[str, Any]:
    return {"info": info(config), "status": status(states, trace)}


def no_such(server: ScriptedServer, name: str) -> None:
    server.fails("GET", f"/connectors/{name}", 404, f"Connector {name} not found")


# how many requests


def test_two_hundred_connectors_of_one_plugin_cost_three_requests(worker: ScriptedServer, clock: FakeClock) -> None:
    names = [f"c{number:03}" for number in range(200)]
    worker.expect("GET", "/", WORKER, body=None).expect("GET", ALL, {name: one() for name in reversed(names)})
    plugin(worker)
    result = Call(worker, clock).result()
    assert [connector["name"] for connector in result["connectors"]] == names
    assert (result["worker"], result["plugins"], result["missing"]) == (WORKER, None, [])


def test_each_plugin_and_each_of_its_versions_is_asked_for_its_keys_once(
    worker: ScriptedServer, clock: FakeClock
) -> None:
    pinned = {**CONFIG, "connector.plugin.version": "1.0"}
    listing = {"a": one(), "b": one(), "c": one({**CONFIG, "connector.class": "D"}), "d": one(pinned)}
    worker.expect("GET", ALL, listing).expect("GET", PLUGIN, [])
    worker.expect("GET", "/connector-plugins/D/config", []).expect("GET", PLUGIN + "?version=1.0", [])
    assert Call(worker, clock, gather=BOTH).names() == ["a", "b", "c", "d"]


@pytest.mark.parametrize("gather", [("config",), ("status",), BOTH])
def test_one_name_is_asked_for_alone(worker: ScriptedServer, clock: FakeClock, gather: Any) -> None:
    worker.expect("GET", INFO, info(), body=None).expect("GET", STATUS, status("RUNNING RUNNING"))
    plugin(worker)
    assert Call(worker, clock, names=("n", "n"), gather=gather).names() == ["n"]


def test_several_names_come_with_all_and_what_is_not_there_is_asked_for_by_name(
    worker: ScriptedServer, clock: FakeClock
) -> None:
    worker.expect("GET", ALL, {"a": one(), "b": one(), "foreign": one()})
    no_such(worker, "gone")
    worker.expect("GET", "/connectors/new", info())
    worker.fails("GET", "/connectors/new/status", 404, "No status found for connector new")
    plugin(worker)
    result = Call(worker, clock, names=("b", "gone", "new", "a"), gather=BOTH).result()
    assert [connector["name"] for connector in result["connectors"]] == ["b", "new", "a"]
    assert result["missing"] == ["gone"]
    assert result["connectors"][1]["state"] == "UNASSIGNED"


@pytest.mark.parametrize(
    ("options", "requests"),
    [
        ({"names": ()}, [("/", WORKER)]),
        ({"names": (), "gather": subject.KINDS}, [("/", WORKER), (PLUGINS, [])]),
        ({"gather": ("worker",)}, [("/", WORKER)]),
        ({"gather": ("plugins",), "names": ("n",)}, [(PLUGINS, [])]),
        ({"gather": ()}, []),
        ({"gather": ("offsets",)}, [("/connectors", ["n"]), (INFO + "/offsets", {"offsets": []})]),
        ({"gather": ("topics",), "names": ("n",)}, [("/connectors", ["n"]), (INFO + "/topics", {"n": {"topics": []}})]),
        ({"gather": ("topics",), "names": ("y",)}, [("/connectors", ["n", "x"])]),
    ],
)  # fmt: skip
def test_nothing_is_asked_for_that_is_not_gathered(
    worker: ScriptedServer, clock: FakeClock, options: Any, requests: Any
) -> None:
    for path, reply in requests:
        worker.expect("GET", path, reply, body=None)
    Call(worker, clock, **options).result()


def test_what_costs_a_request_for_each(worker: ScriptedServer, clock: FakeClock) -> None:
    worker.expect("GET", "/", WORKER).expect("GET", PLUGINS, [{"class": "C", "type": "source", "version": "1", "x": 1}])
    worker.expect("GET", ALL, {"a": one(), "b": one()})
    plugin(worker)
    for name in ("a", "b"):
        kept = {"partition": {"p": name}, "offset": {"pos": 1}}
        worker.expect("GET", f"/connectors/{name}/offsets", {"offsets": [kept]})
        worker.expect("GET", f"/connectors/{name}/topics", {name: {"topics": ["z", "t"]}})
    result = Call(worker, clock, gather=subject.KINDS).result()
    assert result["connectors"][1]["offsets"] == [{"partition": {"p": "b"}, "offset": {"pos": 1}}]
    assert result["connectors"][1]["topics"] == ["t", "z"]
    assert result["plugins"] == [{"type": "source", "class": "C", "version": "1"}]


# what is told


def test_a_connector_is_told_as_the_module_connector_tells_it_and_more(
    worker: ScriptedServer, clock: FakeClock
) -> None:
    failed = status("FAILED RUNNING FAILED", "java.lang.Error: pw-123456 refused")
    failed["connector"]["version"] = "3.6.0.Final"
    worker.expect("GET", ALL, {"n": {"info": info(), "status": failed}})
    plugin(worker)
    (connector,) = Call(worker, clock, gather=BOTH).result()["connectors"]
    trace = "java.lang.Error: <redacted> refused"
    assert connector == {
        "name": "n",
        "type": "source",
        "state": "FAILED",
        "version": "3.6.0.Final",
        "worker_id": "w:8083",
        "trace": trace,
        "config": {**CONFIG, "database.password": "<redacted>"},
        "tasks": [
            {"id": 0, "state": "RUNNING", "worker_id": "w:8083", "trace": None},
            {"id": 1, "state": "FAILED", "worker_id": "w:8083", "trace": trace},
        ],
        "offsets": None,
        "topics": None,
        "unavailable": {},
    }


@pytest.mark.parametrize(
    ("gather", "absent"), [(("config",), ("state", "worker_id", "trace", "tasks")), (("status",), ("config",))]
)
def test_what_is_not_gathered_is_null(worker: ScriptedServer, clock: FakeClock, gather: Any, absent: Any) -> None:
    worker.expect("GET", ALL, {"n": one(states="FAILED FAILED", trace="java.lang.Error: pw-123456, coins-99")})
    worker.expect("GET", PLUGIN, [{"name": "tasks.max", "type": "PASSWORD"}])
    (connector,) = Call(worker, clock, gather=gather).result()["connectors"]
    assert [key for key, value in connector.items() if value is None] == [
        key for key in subject.FIELDS if key in (*absent, "version", "offsets", "topics")
    ]
    assert "pw-123456" not in str(connector), "the configuration was not looked at"


def test_each_connector_has_the_secrets_of_its_own_plugin(worker: ScriptedServer, clock: FakeClock) -> None:
    own = {"connector.class": "C", "wallet": "coins-1234", "my.thing": "mine-5678"}
    worker.expect("GET", ALL, {"a": one(own), "b": one({**own, "connector.class": "D", "wallet": "leather"})})
    plugin(worker)
    worker.expect("GET", "/connector-plugins/D/config", [])
    call = Call(worker, clock, gather=BOTH, sensitive_keys=("^my",))
    first, second = call.result()["connectors"]
    assert first["config"] == {"connector.class": "C", "my.thing": "<redacted>", "wallet": "<redacted>"}
    assert second["config"]["wallet"] == "leather"
    assert call.hidden == {"coins-1234", "mine-5678"}


def test_a_trace_of_five_megabytes_is_shortened_quickly(worker: ScriptedServer, clock: FakeClock) -> None:
    trace = "java.lang.Error: first pw-123456\n" + "\tat a.b.C.d(C.java:1)\n" * 240_000 + "Caused by: last pw-123456"
    assert len(trace) > 5_000_000
    worker.expect("GET", ALL, {"n": one(states="FAILED FAILED", trace=trace)})
    plugin(worker)
    began = time.process_time()  # of this process: others may keep the machine busy
    (connector,) = Call(worker, clock, gather=BOTH).result()["connectors"]
    assert time.process_time() - began < 10
    for told in (connector["trace"], connector["tasks"][0]["trace"]):
        assert len(told) < 10_000
        assert told.startswith("java.lang.Error: first <redacted>")
        assert told.endswith("Caused by: last <redacted>")


# what a worker cannot tell


def test_a_worker_without_offsets_and_topics_is_asked_once(worker: ScriptedServer, clock: FakeClock) -> None:
    worker.expect("GET", "/connectors", ["b", "a"]).fails("GET", "/connectors/a/offsets", 404, HTTP_404)
    worker.fails("GET", "/connectors/a/topics", 403, "Topic tracking is disabled.")
    first, second = Call(worker, clock, gather=subject.SINGLY).result()["connectors"]
    for connector in (first, second):
        assert (connector["offsets"], connector["topics"]) == (None, None)
        assert "HTTP 404 Not Found" in connector["unavailable"]["offsets"]
        assert "Topic tracking is disabled." in connector["unavailable"]["topics"]


def test_a_connector_whose_offsets_cannot_be_read_spoils_nothing(worker: ScriptedServer, clock: FakeClock) -> None:
    worker.expect("GET", ALL, {"a": one(), "b": one()})
    plugin(worker)
    worker.fails("GET", "/connectors/a/offsets", 500, "Failed to list offsets: pw-123456")
    worker.expect("GET", "/connectors/b/offsets", {"offsets": []})
    first, second = Call(worker, clock, gather=("status", "offsets")).result()["connectors"]
    assert first["offsets"] is None
    assert first["unavailable"]["offsets"].endswith("Failed to list offsets: <redacted>")
    assert (second["offsets"], second["unavailable"]) == ([], {})


@pytest.mark.parametrize("names", [None, ("a", "n")])
def test_a_connector_deleted_between_two_requests_is_not_there(
    worker: ScriptedServer, clock: FakeClock, names: Any
) -> None:
    worker.expect("GET", ALL, {"a": one(), "n": one()})
    plugin(worker)
    worker.expect("GET", "/connectors/a/offsets", {"offsets": []})
    worker.fails("GET", INFO + "/offsets", 404, "Connector n not found")
    result = Call(worker, clock, names=names, gather=(*BOTH, "offsets")).result()
    assert [connector["name"] for connector in result["connectors"]] == ["a"]
    assert result["missing"] == ([] if names is None else ["n"])


@pytest.mark.parametrize("status_of_it", [200, 404])
def test_one_connector_deleted_between_two_requests(
    worker: ScriptedServer, clock: FakeClock, status_of_it: int
) -> None:
    if status_of_it == 404:
        no_such(worker, "n")
    else:
        worker.expect("GET", INFO, info()).fails("GET", STATUS, 404, "No status found for connector n")
        plugin(worker)
    result = Call(worker, clock, names=("n",), gather=BOTH).result()
    assert result["missing"] == (["n"] if status_of_it == 404 else [])


# errors


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"names": ("a", " b")}, "name: ' b' cannot be the name"), ({"names": ("",)}, "cannot be the name"),
        ({"sensitive_keys": ("(",)}, "sensitive_keys: '('"), ({"wait_timeout": 0}, "wait_timeout: 0"),
    ],
)  # fmt: skip
def test_bad_input_makes_no_request(worker: ScriptedServer, clock: FakeClock, options: Any, told: str) -> None:
    with pytest.raises(InputError, match=told.replace("(", "\\(")):
        Call(worker, clock, **options).result()


@pytest.mark.parametrize("kind", ["offsets", "topics"])
@pytest.mark.parametrize("code", [401, 503])
def test_a_login_that_is_refused_and_a_worker_that_is_away_are_failures(
    worker: ScriptedServer, clock: FakeClock, kind: str, code: int
) -> None:
    worker.expect("GET", "/connectors", ["n"])
    for _ in range(1 if code == 401 else 5):
        worker.expect("GET", f"{INFO}/{kind}", raw=b"no", status=code, content_type="text/plain")
    with pytest.raises(ApiError if code == 401 else TimedOutError):
        Call(worker, clock, gather=(kind,), wait_timeout=2).result()


@pytest.mark.parametrize(
    "listing", [[], {"n": []}, {"n": {"info": {}}}, {"n": {"info": {"config": {"wallet": "coins-1234"}}, "status": {}}}]
)
def test_a_strange_list_is_told_without_what_may_be_secret_in_it(
    worker: ScriptedServer, clock: FakeClock, listing: Any
) -> None:
    worker.expect("GET", ALL, listing)
    call = Call(worker, clock, gather=BOTH)
    with pytest.raises(BadAnswerError, match="expected") as caught:
        call.result()
    told = call.run.failure(caught.value)
    assert (told["method"], told["status"]) == ("GET", 200)
    assert "coins-1234" not in str(told)


@pytest.mark.parametrize(
    ("kind", "path", "reply"),
    [
        ("worker", "/", {"other": 1}), ("worker", "/", []), ("plugins", PLUGINS, {}), ("plugins", PLUGINS, [{}]),
        ("offsets", "/connectors", {}), ("topics", INFO + "/topics", {"other": {}}), ("offsets", INFO + "/offsets", {}),
    ],
)  # fmt: skip
def test_what_is_no_answer_of_connect(
    *, worker: ScriptedServer, clock: FakeClock, kind: str, path: str, reply: Any
) -> None:
    if path.startswith(INFO):
        worker.expect("GET", "/connectors", ["n"])
    worker.expect("GET", path, reply)
    with pytest.raises(BadAnswerError, match="expected"):
        Call(worker, clock, gather=(kind,)).result()


def test_a_web_page_and_a_rebalance(worker: ScriptedServer, clock: FakeClock) -> None:
    worker.fails("GET", "/", 409, "Cannot complete request because of a conflicting operation (e.g. worker rebalance)")
    worker.expect("GET", "/", raw=b"<html>Sign in</html>", content_type="text/html")
    with pytest.raises(BadAnswerError, match="a web page instead of JSON"):
        Call(worker, clock).result()

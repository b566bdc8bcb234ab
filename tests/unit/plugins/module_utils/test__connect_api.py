# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client: exact requests, which error each answer becomes, what is tried again and until when."""

from __future__ import annotations

import itertools
from typing import Any, Callable, Type

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._connect_api import (
    VALIDATE_SECONDS,
    ConnectApi,
    Deadline,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_state import NOT_YET
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import (
    AlreadyExistsError,
    ApiError,
    BadAnswerError,
    BusyError,
    InterruptedRequestError,
    NotFoundError,
    RequestError,
    TimedOutError,
    UnreachableError,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._http import Connection, Response, Transport
from ansible_collections.openmrs.event_log.plugins.module_utils._offsets import Entry

from tests.unit.plugins.module_utils.connect_answers import INFO, STATUS, api_of, info, status
from tests.unit.plugins.module_utils.scripted_http import ANY, FakeClock, ScriptedServer

REBALANCE = "Cannot complete request because of a conflicting operation (e.g. worker rebalance)"
NO_LEADER = "Cannot complete request momentarily due to no known leader URL, likely because a rebalance was underway."
STALE = (
    "Cannot complete request momentarily due to stale configuration (typically caused by a concurrent config change)"
)
EXPECTED = "Request cannot be completed because a rebalance is expected"
TIMED_OUT = (
    "Request timed out. The worker is currently polling the group coordinator, which began at 2026-01-01T00:00:00Z"
)


@pytest.mark.parametrize(
    ("call", "method", "path", "body"),
    [
        (lambda api: api.create("n", {"a": "1"}, None), "POST", "/connectors", {"name": "n", "config": {"a": "1"}}),
        (lambda api: api.create("n", {}, "STOPPED"), "POST", "/connectors",
         {"name": "n", "config": {}, "initial_state": "STOPPED"}),
        (lambda api: api.update("n", {"a": "1"}), "PUT", "/connectors/n/config", {"a": "1"}),
        (lambda api: api.delete("n"), "DELETE", "/connectors/n", None),
        (lambda api: api.pause("n"), "PUT", "/connectors/n/pause", None),
        (lambda api: api.resume("n"), "PUT", "/connectors/n/resume", None),
        (lambda api: api.stop("n"), "PUT", "/connectors/n/stop", None),
        (lambda api: api.restart("n", True), "POST", "/connectors/n/restart?includeTasks=true&onlyFailed=true", None),
        (lambda api: api.restart("n", False), "POST", "/connectors/n/restart?includeTasks=true&onlyFailed=false", None),
        (lambda api: api.alter_offsets("n/m", [Entry({"p": 1}, None)]), "PATCH", "/connectors/n%2Fm/offsets",
         {"offsets": [{"partition": {"p": 1}, "offset": None}]}),
        (lambda api: api.reset_offsets("n"), "DELETE", "/connectors/n/offsets", None),
        (lambda api: api.status("a b/ä?"), "GET", "/connectors/a%20b%2F%C3%A4%3F/status", None),
    ],
)  # fmt: skip
def test_exact_requests(
    *, worker: ScriptedServer, clock: FakeClock, call: Callable[[ConnectApi], Any], method: str, path: str, body: Any
) -> None:
    worker.expect(method, path, status("RUNNING") if method == "GET" else {}, 202, body=body)
    call(api_of(worker, clock))


@pytest.mark.parametrize("code", [200, 202, 204])
def test_writes_need_no_body_in_the_answer(worker: ScriptedServer, clock: FakeClock, code: int) -> None:
    worker.expect("PUT", "/connectors/n/stop", None, code)
    api_of(worker, clock).stop("n")


@pytest.mark.parametrize(
    ("code", "message", "kind", "transient", "unclear"),
    [
        (409, REBALANCE, BusyError, True, False), (409, NO_LEADER, BusyError, True, False),
        (409, STALE, BusyError, True, False), (409, "Connector n already exists", AlreadyExistsError, False, False),
        (409, "Something else is wrong", ApiError, False, False), (500, EXPECTED, BusyError, True, False),
        (500, TIMED_OUT, TimedOutError, True, True), (500, "Request timed out", TimedOutError, True, True),
        (500, "Failed to find any class that implements Connector", ApiError, False, False),
        (503, "Service unavailable", TimedOutError, True, True),
        (404, "Connector n not found", NotFoundError, False, False),
        (404, "HTTP 404 Not Found", ApiError, False, False),
        (400, "Connector configuration is invalid", ApiError, False, False),
        (500, "Failed to reset consumer group offsets: tasks haven't stopped completely yet", BusyError, True, False),
        (500, "Failed to perform zombie fencing for source connector", BusyError, True, False),
        (500, "Timed out while attempting to modify offsets for source connector n", TimedOutError, True, True),
        (400, "Connectors must be in the STOPPED state before their offsets can be", BusyError, True, False),
        (500, "IO Error trying to forward REST request: java.net.ConnectException", TimedOutError, True, True),
        (403, "Forbidden", ApiError, False, False), (405, "HTTP 405 Method Not Allowed", ApiError, False, False),
    ],
)  # fmt: skip
def test_what_the_workers_words_mean(
    *,
    worker: ScriptedServer,
    clock: FakeClock,
    code: int,
    message: str,
    kind: Type[RequestError],
    transient: bool,
    unclear: bool,
) -> None:
    worker.fails("PUT", "/connectors/n/config", code, message)
    with pytest.raises(RequestError) as caught:
        api_of(worker, clock, seconds=0).update("n", {})
    error = caught.value
    assert type(error) is kind
    assert (error.transient, error.unclear) == (transient, unclear)
    assert error.message.startswith(f"PUT {worker.url}/connectors/n/config: status {code}: {message[:20]}")
    assert (error.status, error.response) == (code, message)


def test_a_wrong_login_is_told_at_once(worker: ScriptedServer, clock: FakeClock) -> None:
    worker.expect("GET", INFO, raw=b"User cannot access the resource.", status=401, content_type="text/plain")
    with pytest.raises(ApiError, match=r"status 401: .*are url_username and url_password right\? \(User cannot access"):
        api_of(worker, clock).connector("n")
    assert clock.pauses == 0


@pytest.mark.parametrize(
    ("code", "raw", "kind", "told"),
    [
        (200, b"<html><body>Please log in</body></html>", "text/html", "a web page instead of JSON; is there a proxy"),
        (404, b"<!doctype html><p>404", "text/plain", "a web page instead of JSON"),
        (200, b'{"name": "n", "conf', "application/json", "broken JSON"),
        (200, b"\xff\xfe\x00", "application/json", "broken JSON"),
        (502, b"Bad Gateway", "text/plain", "broken JSON"),
        (418, b'["tea"]', "application/json", "an answer that is not Kafka Connect's"),
        (302, b"", "text/html", "a redirect to nowhere"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_what_is_not_kafka_connect(
    *, worker: ScriptedServer, clock: FakeClock, code: int, raw: bytes, kind: str, told: str, method: str
) -> None:
    path = INFO if method == "GET" else "/connectors/n/pause"
    worker.expect(method, path, raw=raw, status=code, content_type=kind)
    api = api_of(worker, clock)
    with pytest.raises(BadAnswerError, match=f"status {code}: {told}") as caught:
        api.connector("n") if method == "GET" else api.pause("n")
    assert (caught.value.response is None) == (code == 200 and told == "broken JSON")
    assert clock.pauses == 0


@pytest.mark.parametrize("answer", [[], None, "text", {"name": "n"}, {"config": 1}])
def test_json_of_another_shape_is_refused(worker: ScriptedServer, clock: FakeClock, answer: Any) -> None:
    worker.expect("GET", INFO, answer)
    with pytest.raises(BadAnswerError, match="expected an object"):
        api_of(worker, clock).connector("n")


@pytest.mark.parametrize("answer", [{}, {"connector": {}}, {"connector": {"state": "X"}, "tasks": [{}]}, []])
def test_a_status_of_another_shape_is_refused(worker: ScriptedServer, clock: FakeClock, answer: Any) -> None:
    worker.expect("GET", STATUS, answer)
    with pytest.raises(BadAnswerError, match="expected "):
        api_of(worker, clock).status("n")


def test_a_connector_without_a_status_yet(worker: ScriptedServer, clock: FakeClock) -> None:
    worker.fails("GET", STATUS, 404, "No status found for connector n")
    assert api_of(worker, clock).status("n") is NOT_YET


def test_a_path_that_the_worker_does_not_have_is_no_missing_connector(worker: ScriptedServer, clock: FakeClock) -> None:
    worker.fails("GET", INFO, 404, "HTTP 404 Not Found")
    with pytest.raises(ApiError, match="does the worker's REST interface begin at url"):
        api_of(worker, clock).connector("n")


@pytest.mark.parametrize("message", [REBALANCE, NO_LEADER, STALE])
def test_a_rebalance_is_waited_out_also_for_writes(worker: ScriptedServer, clock: FakeClock, message: str) -> None:
    for _ in range(3):
        worker.fails("PUT", "/connectors/n/config", 409, message, body={"a": "1"})
    worker.fails("PUT", "/connectors/n/config", 500, EXPECTED, body={"a": "1"})
    worker.expect("PUT", "/connectors/n/config", info(), body={"a": "1"})
    api_of(worker, clock).update("n", {"a": "1"})
    assert clock.pauses == 4


def test_reads_are_repeated_over_everything_transient(worker: ScriptedServer, clock: FakeClock) -> None:
    worker.fails("GET", INFO, 409, REBALANCE).fails("GET", INFO, 500, EXPECTED).fails("GET", INFO, 500, TIMED_OUT)
    worker.expect("GET", INFO, raw=b"starting", status=503, content_type="text/plain")
    worker.expect("GET", INFO, behaviour="drop").expect("GET", INFO, {}, behaviour="hang").expect("GET", INFO, info())
    registered = api_of(worker, clock, timeout=0.2).connector("n")
    assert registered is not None
    assert registered.type == "source"


@pytest.mark.parametrize("behaviour", ["drop", "hang"])
def test_a_write_without_an_answer_is_left_to_the_caller(
    worker: ScriptedServer, clock: FakeClock, behaviour: str
) -> None:
    worker.expect("POST", "/connectors", {}, body=ANY, behaviour=behaviour)
    with pytest.raises(InterruptedRequestError):
        api_of(worker, clock, timeout=0.2).create("n", {}, None)
    assert clock.pauses == 0


def test_a_worker_that_comes_up_is_waited_for(late_worker: ScriptedServer, clock: FakeClock) -> None:
    late_worker.expect("GET", INFO, info())
    clock.events[4] = late_worker.start
    assert api_of(late_worker, clock).connector("n") is not None
    assert clock.pauses == 4


def test_a_worker_that_does_not_come_up_is_given_up_at_the_deadline(
    late_worker: ScriptedServer, clock: FakeClock
) -> None:
    began = clock.now()
    with pytest.raises(UnreachableError, match=r"connection refused.*\(tried \d+ times in 10 s\)"):
        api_of(late_worker, clock, seconds=10).connector("n")
    assert 10 <= clock.now() - began < 10.1


def test_whoever_is_not_patient_asks_a_missing_worker_once(late_worker: ScriptedServer, clock: FakeClock) -> None:
    with pytest.raises(UnreachableError):
        api_of(late_worker, clock, patient=False).connector("n")
    assert clock.pauses == 0


def test_whoever_is_not_patient_still_waits_for_a_rebalance(worker: ScriptedServer, clock: FakeClock) -> None:
    worker.fails("GET", INFO, 409, REBALANCE).expect("GET", INFO, info())
    assert api_of(worker, clock, patient=False).connector("n") is not None


def test_pauses_grow_to_a_limit_and_end_with_the_deadline(clock: FakeClock) -> None:
    pause, times = Deadline(clock, 5).pauses(0.25, 1.0), [clock.now()]
    for _ in range(8):
        pause()
        times.append(clock.now())
    lengths = [round(after - before, 2) for before, after in itertools.pairwise(times)]
    assert lengths == [0.25, 0.38, 0.56, 0.84, 1.0, 1.0, 0.97, 0.0]


def test_password_keys(worker: ScriptedServer, clock: FakeClock) -> None:
    path = "/connector-plugins/a.b.C%24D/config"
    worker.expect("GET", path, [{"name": "p", "type": "PASSWORD"}, {"name": "q", "type": "STRING"}])
    worker.expect("GET", path + "?version=3.6.0.Final", [])
    worker.fails("GET", path, 404, "HTTP 404 Not Found")
    worker.fails("GET", path, 404, "Unknown plugin a.b.C$D.")
    worker.fails("GET", path, 500, "whatever an old worker says")
    worker.fails("GET", path, 401, "no")
    worker.expect("GET", path, {"an": "object"})
    api = api_of(worker, clock)
    assert api.password_keys("a.b.C$D") == {"p"}
    assert api.password_keys("a.b.C$D", "3.6.0.Final") == frozenset()
    assert [api.password_keys("a.b.C$D") for _ in range(3)] == [None, None, None]
    with pytest.raises(ApiError, match="401"):
        api.password_keys("a.b.C$D")
    with pytest.raises(BadAnswerError):
        api.password_keys("a.b.C$D")


def test_validation_collects_findings_and_values(worker: ScriptedServer, clock: FakeClock) -> None:
    configs = [
        {"definition": {}, "value": {"name": "a", "value": None, "errors": ["missing", "really"]}},
        {"definition": {}, "value": {"name": "b", "value": "x", "errors": []}},
    ]
    body = {"connector.class": "C", "name": "n"}
    worker.expect("PUT", "/connector-plugins/C/config/validate", {"error_count": 1, "configs": configs}, body=body)
    judged = api_of(worker, clock).validate("n", {"connector.class": "C"})
    assert [(finding.key, finding.errors) for finding in judged.findings] == [("a", ("missing", "really"))]
    assert judged.values == {"b": "x"}


@pytest.mark.parametrize(("timeout", "given"), [(5, VALIDATE_SECONDS), (300, 300)])
def test_validation_has_at_least_90_seconds_and_others_no_more_than_is_left(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, timeout: float, given: float
) -> None:
    limits = []

    def send(_self: Any, method: str, _path: str, _body: Any, limit: float) -> Response:
        limits.append(limit)
        return Response(200, b'{"configs": []}' if method == "PUT" else b'{"config": {}}')

    monkeypatch.setattr(Transport, "send", send)
    monkeypatch.setattr(Connection, "check", lambda _self: None)
    api = api_of(type("Server", (), {"url": "http://h"})(), clock, seconds=20, timeout=timeout)
    api.validate("n", {"connector.class": "C"})
    api.connector("n")
    clock.pause(19.5)
    api.connector("n")
    assert limits == [given, min(timeout, 20), 1.0]

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module connector_offsets as Ansible runs it: main(), its arguments, its result."""

from __future__ import annotations

import inspect
import json
from typing import Any, Callable, Dict, Iterator, List

import pytest
import yaml
from ansible_collections.openmrs.event_log.plugins.module_utils import _connector_offsets
from ansible_collections.openmrs.event_log.plugins.modules import connector_offsets as subject
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.plugins.module_utils.fake_connect import FakeConnect

STORED = {"connector.class": "C", "tasks.max": "1", "database.password": "pw-123456", "wallet": "coins-1234"}
THERE: List[Dict[str, Any]] = [{"partition": {"p": name}, "offset": {"pos": 5}} for name in "ab"]
WANTED: List[Dict[str, Any]] = [
    {"partition": {"p": "a"}, "offset": {"pos": 1}},
    {"partition": {"p": "b"}, "offset": None},
]
Call = Callable[..., Dict[str, Any]]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeConnect]:
    monkeypatch.setattr(_connector_offsets, "SETTLE", 0)
    made = FakeConnect(("wallet",))
    made.register("foreign", {"connector.class": "C"}, "RUNNING FAILED")
    made.register("n", STORED, "RUNNING RUNNING")
    made.offsets["n"] = [dict(item) for item in THERE]
    made.trace = "java.lang.Error: pw-123456 and coins-1234"
    server = made.serve()
    made.connection = type(made.connection)(f"http://127.0.0.1:{server.server_address[1]}")
    yield made
    server.shutdown()
    server.server_close()


def told(call: Call, fake: FakeConnect, **options: Any) -> Dict[str, Any]:
    return call(subject, url=fake.connection.url, **{"name": "n", **options})


@pytest.mark.parametrize(
    ("state", "back"),
    [
        ("RUNNING RUNNING", "resume"), ("RUNNING FAILED", "resume"), ("RUNNING", "resume"), ("PAUSED PAUSED", "pause"),
        ("STOPPED", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("kind", "options", "after"),
    [
        ("alter", {"state": "altered", "offsets": WANTED}, WANTED[:1]),
        ("reset", {"state": "reset"}, []),
    ],
)
def test_the_ladder_of_check_and_run(
    *, call: Call, fake: FakeConnect, kind: str, options: Any, after: List[Any], state: str, back: Any
) -> None:
    fake.register("n", STORED, state)
    foretold = told(call, fake, check=True, **options)
    assert fake.writes == []
    done = told(call, fake, **options)
    assert (foretold["changed"], done["changed"]) == (True, True)
    assert foretold["actions"] == done["actions"] == (["stop", kind, back] if back else [kind])
    assert (foretold["diff"], foretold["offsets"]) == (done["diff"], done["offsets"])
    assert done["offsets"] == fake.offsets["n"] == after
    assert done["diff"]["before"]["offsets"] == THERE
    assert fake.connectors["n"]["state"] == {"resume": "RUNNING", "pause": "PAUSED", None: "STOPPED"}[back]
    fake.requests.clear()
    for check in (True, False):
        again = told(call, fake, check=check, **options)
        assert (again["changed"], again["actions"]) == (False, [])
    assert fake.requests == [("GET", "/connectors/n"), ("GET", "/connectors/n/offsets")] * 2
    assert fake.connectors["foreign"]["tasks"] == ["FAILED"]


@pytest.mark.parametrize("check", [True, False])
def test_a_connector_that_hides_whether_it_was_paused_is_refused(call: Call, fake: FakeConnect, check: bool) -> None:
    fake.register("n", STORED, "FAILED/PAUSED FAILED")
    result = told(call, fake, check=check, state="reset")
    assert "connector n itself has FAILED, so that nobody can tell whether it was paused" in result["msg"]
    assert fake.writes == []


def test_what_the_plugin_refuses_leaves_everything_as_it_was(call: Call, fake: FakeConnect) -> None:
    fake.refusal = "Partition objects should contain the key 'filename', not pw-123456"
    result = told(call, fake, state="altered", offsets=WANTED)
    assert result["failed"]
    assert "Partition objects should contain the key 'filename', not <redacted>" in result["msg"]
    assert "the connector is running as before" in result["msg"]
    assert (fake.offsets["n"], fake.connectors["n"]["state"]) == (THERE, "RUNNING")
    assert result["actions"] == ["stop", "resume"]


def test_a_connector_that_fails_at_its_new_offsets_is_a_failure(call: Call, fake: FakeConnect) -> None:
    fake.worsens = True
    result = told(call, fake, state="reset")
    assert result["failed"]
    assert "java.lang.Error: <redacted> and <redacted>" in result["msg"]
    assert (result["state"], result["offsets"]) == ("FAILED", [])
    assert "coins-1234" not in json.dumps(result)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "missing required arguments: state"),
        ({"state": "gone"}, "value of state must be one of: altered, reset"),
        ({"state": "altered"}, "state is altered but all of the following are missing: offsets"),
        ({"state": "altered", "offsets": []}, "state altered needs at least one partition"),
        ({"state": "altered", "offsets": [{"partition": {"p": 1}}]}, "missing required arguments: offset found in"),
        ({"state": "altered", "offsets": [{"offset": {"p": 1}}]}, "missing required arguments: partition found in"),
        ({"state": "altered", "offsets": [{"partition": None, "offset": None}]}, "'partition' is of type NoneType"),
        ({"state": "altered", "offsets": [{"partition": {"p": 1}, "offset": "x"}]}, "[0].offset: not a dictionary"),
        ({"state": "altered", "offsets": [{"partition": {"p": {}}, "offset": {"q": []}}]}, "offset.q: a list is not"),
        ({"state": "altered", "offsets": WANTED + WANTED[:1]}, "offsets[2].partition: the same as offsets[0].partit"),
        ({"state": "altered", "offsets": [{**WANTED[0], "x": 1}]}, "Unsupported parameters"),
        ({"state": "reset", "offsets": WANTED}, "state reset removes all of them"),
        ({"state": "reset", "name": "gone"}, "connector gone is not registered"),
        ({"state": "reset", "name": " n"}, "name: ' n' cannot be the name of a connector"),
        ({"state": "reset", "wait_timeout": 0}, "wait_timeout: 0 is not a number of seconds above 0"),
        ({"state": "reset", "ca_path": "/no/such/file"}, "ca_path: there is no file /no/such/file"),
    ],
)  # fmt: skip
def test_bad_input_changes_nothing(call: Call, fake: FakeConnect, options: Dict[str, Any], said: str) -> None:
    result = told(call, fake, **options)
    assert result["failed"]
    assert said in result["msg"]
    assert (fake.writes, fake.offsets["n"]) == ([], THERE)


def test_null_has_to_be_said_and_removes(call: Call, fake: FakeConnect) -> None:
    result = told(call, fake, state="altered", offsets=[{"partition": {"p": "b"}, "offset": None}])
    assert result["offsets"] == THERE[:1]


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text("ab1", max_size=3))
FLAT = st.dictionaries(st.sampled_from("pq"), SCALARS, min_size=1, max_size=2)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    wanted=st.lists(st.tuples(FLAT, st.one_of(st.none(), FLAT)), min_size=1, max_size=3),
    reset=st.booleans(),
    states=st.sampled_from(["RUNNING RUNNING", "RUNNING FAILED", "PAUSED PAUSED", "STOPPED"]),
    secret=st.text("abcdefgh0123456789", min_size=8, max_size=12).map(lambda text: f"Zq-{text}"),
    refused=st.booleans(),
)
def test_a_second_call_has_nothing_to_do_and_no_secret_is_printed(
    *, call: Call, fake: FakeConnect, wanted: Any, reset: bool, states: str, secret: str, refused: bool
) -> None:
    fake.register("n", {**STORED, "wallet": secret}, states)
    fake.offsets["n"] = [dict(item) for item in THERE]
    fake.refusal, fake.trace = (f"no {secret}" if refused else None), f"java.lang.Error: {secret}"
    options: Dict[str, Any] = {"state": "reset"}
    if not reset:
        items = [{"partition": partition, "offset": offset} for partition, offset in wanted]
        options = {"state": "altered", "offsets": items}
    before = fake.connectors["n"]["state"]
    first = told(call, fake, **options)
    assert secret not in json.dumps(first)
    assert fake.connectors["n"]["state"] == before
    if first.get("failed"):
        assert fake.offsets["n"] == THERE
        return
    second = told(call, fake, **options)
    assert (second["changed"], second["offsets"]) == (False, first["offsets"])


def test_what_is_returned_is_what_is_documented(call: Call, fake: FakeConnect) -> None:
    documented = yaml.safe_load(subject.RETURN)

    def returned(*when: str) -> Any:
        return {key for key, entry in documented.items() if entry["returned"] in when}

    good = told(call, fake, state="altered", offsets=WANTED)
    assert set(good) - {"changed", "invocation"} == returned("always", "success")
    fake.refusal = "no"
    failed = told(call, fake, state="reset")
    assert set(failed) - {"failed", "invocation", "exception", "msg"} == returned(
        "always", "failure", "when a request failed"
    )


def test_the_examples_fit_the_arguments() -> None:
    options = yaml.safe_load(subject.DOCUMENTATION)["options"]
    calls = [task["openmrs.event_log.connector_offsets"] for task in yaml.safe_load(subject.EXAMPLES)]
    for given_ in calls:
        assert set(given_) <= {*options, "url", "url_username", "url_password"}
    assert {given_["state"] for given_ in calls} == {"altered", "reset"}


def test_main_stays_short() -> None:
    assert len(inspect.getsource(subject.main).splitlines()) <= 40

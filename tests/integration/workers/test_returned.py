# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules return on real workers is what their documentation says, key by key, and the other way round."""

from __future__ import annotations

import importlib
from typing import Any, Iterator, Mapping, Sequence

import pytest
import yaml

from tests.helpers.calls import call
from tests.helpers.workers import Rig, Worker

NAME = "returned"
ANSIBLES_OWN = {"changed", "failed", "msg", "invocation"}
TYPES = {"str": str, "int": int, "float": float, "bool": bool, "list": list, "dict": dict}


def documentation(module: str) -> dict[str, Any]:
    loaded = importlib.import_module(f"ansible_collections.openmrs.event_log.plugins.modules.{module}")
    returned: dict[str, Any] = yaml.safe_load(loaded.RETURN)
    return returned


def compare(documented: Mapping[str, Any], real: Sequence[Mapping[str, Any]], path: str = "") -> list[str]:
    """Return what differs between the documented keys and all real ones, taken together."""
    seen = {key for one in real for key in one}
    wrong = [f"{path}{key}: returned, not documented" for key in sorted(seen - set(documented))]
    wrong += [f"{path}{key}: documented, never returned" for key in sorted(set(documented) - seen)]
    for key in sorted(seen & set(documented)):
        said = documented[key]
        values = [one[key] for one in real if one.get(key) is not None]
        wrong += [
            f"{path}{key}: documented as {said['type']}, really {value!r}"
            for value in [*values, *([said["sample"]] if said.get("sample") is not None else [])]
            if not isinstance(value, TYPES[said["type"]]) or (isinstance(value, bool) and said["type"] != "bool")
        ]
        if said["type"] == "list":
            values = [item for value in values for item in value]
            wrong += [
                f"{path}{key}[]: documented as {said['elements']}, really {item!r}"
                for item in values
                if not isinstance(item, TYPES[said["elements"]])
            ]
        if "contains" in said:
            wrong += compare(said["contains"], values, f"{path}{key}.")
    return wrong


def differences(module: str, results: list[dict[str, Any]]) -> list[str]:
    return compare(documentation(module), [{k: one[k] for k in one if k not in ANSIBLES_OWN} for one in results])


def locked_out(module: str, worker: Worker, **options: Any) -> dict[str, Any]:
    return failed(call(module, **{**worker.options, "url_password": "not the password"}, **options))


def failed(result: dict[str, Any]) -> dict[str, Any]:
    assert result.get("failed"), result
    return result


def good(result: dict[str, Any]) -> dict[str, Any]:
    assert not result.get("failed"), result
    return result


@pytest.fixture(scope="module")
def registered(rig: Rig) -> Iterator[dict[str, dict[str, Any]]]:
    """The results that made two connectors: one that runs, and one whose task has failed."""
    yield {
        "made": good(call("connector", **rig.a.options, name=NAME, settle=1, config=rig.source(NAME))),
        "broken": failed(
            call(
                "connector", **rig.a.options, name=f"{NAME}-broken",
                config=rig.sink(NAME, NAME, file="/nowhere/at/all"),
            )
        ),
    }  # fmt: skip
    for name in (NAME, f"{NAME}-broken"):
        rig.a.delete(name)


def test_connector_returns_what_is_documented(rig: Rig, registered: dict[str, dict[str, Any]]) -> None:
    results = [
        registered["made"],
        registered["broken"],
        good(call("connector", check=True, **rig.a.options, name=NAME, state="absent")),
        locked_out("connector", rig.a, name=NAME, state="absent"),
    ]
    assert registered["broken"]["connector"]["tasks"][0]["trace"]
    assert differences("connector", results) == []


@pytest.mark.usefixtures("registered")
def test_connector_info_returns_what_is_documented(rig: Rig) -> None:
    everything = ["config", "status", "offsets", "topics", "plugins", "worker"]
    results = [
        good(call("connector_info", **rig.a.options)),
        good(call("connector_info", **rig.a.options, names=[f"{NAME}-broken", "missing"], gather=everything)),
        locked_out("connector_info", rig.a),
    ]
    assert differences("connector_info", results) == []


@pytest.mark.usefixtures("registered")
def test_connector_offsets_returns_what_is_documented(rig: Rig) -> None:
    partition, start = {"filename": f"/rig/{NAME}.txt"}, {"position": 0}
    good(call("connector", **rig.a.options, name=NAME, state="stopped", config=rig.source(NAME)))
    foreign = [{"partition": {"table": "person"}, "offset": start}]
    results = [
        good(
            call(
                "connector_offsets", **rig.a.options, name=NAME, state="altered",
                offsets=[{"partition": partition, "offset": start}],
            )
        ),
        failed(call("connector_offsets", **rig.a.options, name=NAME, state="altered", offsets=foreign)),
    ]  # fmt: skip
    assert differences("connector_offsets", results) == []


def test_a_difference_would_be_seen() -> None:
    documented = {
        "state": {"type": "str"},
        "tasks": {"type": "list", "elements": "dict", "contains": {"id": {"type": "int"}, "trace": {"type": "str"}}},
    }
    real = [{"state": None, "tasks": [{"id": "0"}], "extra": 1}]
    assert compare(documented, real) == [
        "extra: returned, not documented",
        "tasks.trace: documented, never returned",
        "tasks.id: documented as int, really '0'",
    ]

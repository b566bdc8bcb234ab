"""The filter about rights: its page names its arguments, and what it makes is what the module takes."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import yaml
from ansible_collections.openmrs.event_log.plugins.filter import access as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._broker_accounts import desired_acls

from tests.unit.role_files import ROOT
from tests.unit.test_module_documentation import real_spec

OPTIONS: dict[str, Any] = {"prefix": "hilltop", "database": "openmrs", "tables": None, "uis": ["kafdrop"]}


def test_the_page_names_the_arguments() -> None:
    page = yaml.safe_load((ROOT / "plugins/filter/broker_access.yml").read_text(encoding="utf-8"))
    _taken, *more = inspect.signature(subject.FilterModule().filters()["broker_access"]).parameters
    assert more == [option for option in page["DOCUMENTATION"]["options"] if option != "_input"]


def test_rights_are_what_the_module_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    found = subject.broker_access([{"name": "lab", "password": "x"}], [{"user": "lab", "tables": ["*"]}], OPTIONS)
    assert found["problems"] == []
    spec = real_spec("broker_accounts", monkeypatch)["argument_spec"]["acls"]["options"]
    for entry in found["acls"]:
        assert set(entry) == set(spec)
        for key, option in spec.items():
            assert entry[key] in option.get("choices", [entry[key]])
    assert "event-log-kafdrop" in {entry["user"] for entry in found["acls"]}
    assert len(desired_acls(found["acls"])) == sum(len(entry["operations"]) for entry in found["acls"])

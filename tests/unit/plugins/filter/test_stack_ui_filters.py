# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters of the web pages: text becomes numbers, errors are those of Ansible, pages name the arguments."""

from __future__ import annotations

import inspect
from typing import Any, Dict

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.openmrs.event_log.plugins.filter import stack_ui as subject
from ansible_collections.openmrs.event_log.plugins.module_utils import _stack_ui

from tests.unit.role_files import ROOT

FILTERS = subject.FilterModule().filters()
OPTIONS: Dict[str, Any] = {"kafka_port": "19092", "connect_port": "18083", "cluster": "hilltop"}
WHERE = _stack_ui.Addresses(19092, 18083, "hilltop")


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_the_page_names_the_arguments(name: str) -> None:
    page = yaml.safe_load((ROOT / "plugins" / "filter" / f"{name}.yml").read_text(encoding="utf-8"))
    _taken, *more = inspect.signature(FILTERS[name]).parameters.values()
    options = page["DOCUMENTATION"]["options"]
    assert [one.name for one in more] == [option for option in options if option != "_input"]
    for one in more:
        assert (one.default is inspect.Parameter.empty) == options[one.name].get("required", False)


def test_kafdrops_settings() -> None:
    found = subject.kafdrop_settings(OPTIONS, "9191", "64", "/p")  # type: ignore[arg-type]
    assert found == {
        "environment": _stack_ui.kafdrop_environment(WHERE, 9191, 64, "/p"),
        "health": _stack_ui.kafdrop_health(9191),
    }


def test_kowls_health() -> None:
    assert subject.kowl_health("8282") == _stack_ui.kowl_health(8282)  # type: ignore[arg-type]


def test_an_unknown_page_is_an_error_of_ansible() -> None:
    assert subject.wanted_uis(["kowl"]) == ["kowl"]
    with pytest.raises(AnsibleFilterError, match="'akhq', which is none of kafdrop, kowl"):
        subject.wanted_uis(["akhq"])


def test_notes_are_what_is_left_out_and_what_is_large() -> None:
    assert len(subject.ui_notes(["kafdrop"], ["kowl"], {"kowl": "k:1"}, "clinic")) == 2
    assert subject.ui_notes(["kowl"], [], {}, "clinic") == []

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters of configuration: their documentation is what they take, and wrong options are told in words."""

from __future__ import annotations

import dataclasses
import inspect
import json
from pathlib import Path
from typing import Any, Dict, Tuple

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.openmrs.event_log.plugins.filter import (
    access,
    backup,
    bundle,
    connectors,
    fleet,
    logins,
    refusals,
    stack_ui,
    traces,
)
from ansible_collections.openmrs.event_log.plugins.filter import configuration as subject
from ansible_collections.openmrs.event_log.plugins.module_utils import _connector_source, _debezium, _stack_config

from tests.unit.role_files import ROOT

FOLDER = ROOT / "plugins" / "filter"
FILTERS = subject.FilterModule().filters()
SOURCE = {
    "site": "demo", "host": "h", "port": "3308", "database": "d", "user": "u", "password_file": "/p", "tables": ["t"],
}  # fmt: skip
CLASSES = {
    "broker_properties": _stack_config.Stack,
    "worker_properties": _stack_config.Stack,
    "zookeeper_properties": _stack_config.Stack,
    "connector_config": _debezium.Source,
    "topic_expectations": _debezium.Source,
    "connector_source": _connector_source.Site,
}
TYPES = {"str": "str", "int": "int", "bool": "bool", "list": "Sequence[str]", "dict": "Overrides"}


def page(name: str) -> Dict[str, Any]:
    loaded: Dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yml").read_text(encoding="utf-8"))
    return loaded


def test_every_filter_has_its_page_and_every_page_its_filter() -> None:
    modules: Tuple[Any, ...] = (access, backup, bundle, connectors, fleet, logins, refusals, stack_ui, traces)
    others = [name for module in modules for name in module.FilterModule().filters()]
    assert {path.stem for path in FOLDER.glob("*.yml")} == {*FILTERS, *others}


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_the_page_names_the_arguments_of_the_filter(name: str) -> None:
    documented = page(name)["DOCUMENTATION"]
    assert documented["name"] == name
    taken, *more = inspect.signature(FILTERS[name]).parameters.values()
    assert taken.default is inspect.Parameter.empty
    positional = documented.get("positional", "")
    assert [one.name for one in more] == [word.strip() for word in positional.split(",") if word]
    assert set(documented["options"]) == {"_input", *(one.name for one in more)}
    for one in more:
        option = documented["options"][one.name]
        assert bool(option.get("required")) == (one.default is inspect.Parameter.empty)
        if not option.get("required"):
            assert list(option["default"]) == list(one.default or [])


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_the_page_names_the_options_of_the_input(name: str) -> None:
    documented = page(name)["DOCUMENTATION"]["options"]["_input"]["suboptions"]
    fields = {field.name: field for field in dataclasses.fields(CLASSES[name])}
    assert set(documented) == set(fields)
    for key, field in fields.items():
        option = documented[key]
        assert TYPES[option["type"]] == field.type, key
        required = field.default is field.default_factory is dataclasses.MISSING
        assert bool(option.get("required")) == required, key
        if not required:
            made = field.default_factory
            default = field.default if made is dataclasses.MISSING else made()
            assert option["default"] == default, key


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_the_example_uses_the_filter(name: str) -> None:
    (task,) = yaml.safe_load(page(name)["EXAMPLES"])
    assert task["name"]
    assert f"openmrs.event_log.{name}" in str(task)


def test_the_examples_of_the_pages_work() -> None:
    (task,) = yaml.safe_load(page("connector_config")["EXAMPLES"])
    assert FILTERS["connector_config"](task["vars"]["source"])["database.port"] == 3306
    (task,) = yaml.safe_load(page("topic_expectations")["EXAMPLES"])
    assert len(FILTERS["topic_expectations"](task["vars"]["source"])) == 2
    (task,) = yaml.safe_load(page("placed")["EXAMPLES"])
    assert FILTERS["placed"](task["vars"]["texts"], "/opt/event-log", 1001, "0640") == [
        {"path": "/opt/event-log/compose.yaml", "content": "name: event-log\n", "gid": 1001, "mode": "0640"},
        {
            "path": "/opt/event-log/config/broker/server.properties",
            "content": "node.id=1\n",
            "gid": 1001,
            "mode": "0640",
        },
    ]
    assert f"# Produces: {FILTERS['cluster_id']('demo')}\n" in page("cluster_id")["EXAMPLES"]


def test_what_is_known_of_a_database_comes_as_plain_data() -> None:
    (task,) = yaml.safe_load(page("connector_source")["EXAMPLES"])
    known = FILTERS["connector_source"](task["vars"]["site"], task["vars"]["seen"], "")
    assert set(known) == set(page("connector_source")["RETURN"]["_value"]["contains"])
    assert (known["flavour"], known["ssl_mode"], known["problems"], known["notes"]) == ("mariadb", "required", [], [])
    assert FILTERS["connector_source"]({**task["vars"]["site"], "port": "3306"})["facts"]["address"] == "127.0.0.1:3306"


def test_numbers_that_came_as_text_are_numbers_again() -> None:
    config = FILTERS["connector_config"]({**SOURCE, "server_id": "7", "heartbeat_ms": "5"})
    assert (config["database.port"], config["database.server.id"], config["heartbeat.interval.ms"]) == (3308, 7, 5)
    broker = FILTERS["broker_properties"]({"kafka_port": "19092"})
    assert broker["advertised.listeners"] == "BROKER://127.0.0.1:19092"


def test_text_that_looks_like_a_number_stays_text() -> None:
    assert FILTERS["connector_config"]({**SOURCE, "site": "007", "user": "1"})["database.user"] == "1"


@pytest.mark.parametrize("name", ["broker_properties", "worker_properties"])
def test_overrides_may_be_left_out_or_null(name: str) -> None:
    plain = FILTERS[name]({})
    assert FILTERS[name]({}, None) == FILTERS[name]({}, {}) == plain
    assert FILTERS[name]({}, {"group.id": "x"}) == {**plain, "group.id": "x"}


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_an_unknown_option_is_told_with_those_that_are_known(name: str) -> None:
    options = {**(SOURCE if CLASSES[name] is _debezium.Source else {}), "kafka_prot": 1, "a": 2}
    with pytest.raises(AnsibleFilterError, match=r"unknown options \['a', 'kafka_prot'\]; known are \['") as raised:
        FILTERS[name](options)
    assert all(field.name in str(raised.value) for field in dataclasses.fields(CLASSES[name]))


@pytest.mark.parametrize("name", ["connector_config", "topic_expectations"])
def test_missing_options_are_told_all_at_once(name: str) -> None:
    with pytest.raises(AnsibleFilterError, match=r"missing options \['database', 'port'\]"):
        FILTERS[name]({key: value for key, value in SOURCE.items() if key not in ("port", "database")})


def test_the_workers_topics_are_expected_too() -> None:
    expected = FILTERS["topic_expectations"](SOURCE, ["one"])
    assert [one.get("topic") for one in expected] == ["one", "schema-changes.openmrs", None]


def test_the_histories_of_other_connectors_are_expected_too_and_nothing_of_a_source_without_tables() -> None:
    expected = FILTERS["topic_expectations"](SOURCE, [], ["two"])
    assert [one.get("topic") for one in expected] == ["schema-changes.openmrs", "two", None]
    assert expected[0] == {**expected[1], "topic": "schema-changes.openmrs"}
    assert FILTERS["topic_expectations"]({**SOURCE, "tables": []}, [], ["two"]) == [expected[1]]


def test_connectors_of_files_come_as_plain_data_and_get_their_references() -> None:
    config = {"connector.class": "MySql", "topic.prefix": "p", "database.whitelist": "d", "database.password": "word"}
    file = {"path": "/a.json", "text": json.dumps({"name": "a", "config": config}), "problem": ""}
    made = FILTERS["connector_files"]([file], SOURCE, "openmrs-connector")
    assert set(made) == set(page("connector_files")["RETURN"]["_value"]["contains"])
    assert (made["problems"], made["secrets"]) == ([], {"connector-a": "password=word\n"})
    assert made["warnings"] == ["/a.json, connector a: write database.whitelist → database.include.list"]
    assert made["added"][0].startswith("/a.json, connector a: database.hostname=h, database.port=3308, ")
    assert made["history_topics"] == ["schema-changes.p"]
    whole = FILTERS["connector_references"](made["connectors"], {"connector-a": "connector-a-0.properties"})
    assert list(whole) == ["a"]
    assert whole["a"]["database.password"] == "${file:/run/event-log/secrets/connector-a-0.properties:password}"
    (task,) = yaml.safe_load(page("connector_references")["EXAMPLES"])
    whole = FILTERS["connector_references"](task["vars"]["connectors"], {"connector-old": "f"})
    assert whole["old"]["database.password"] == "${file:/run/event-log/secrets/f:password}"


def test_a_program_is_read_with_its_names(tmp_path: Path) -> None:
    (tmp_path / "b.py").write_text("x = 'ü'\n", encoding="utf-8")
    assert FILTERS["program_files"]([str(tmp_path / "b.py")], "/opt/lib") == [
        {"path": "/opt/lib/b.py", "content": "x = 'ü'\n"}
    ]
    assert FILTERS["program_files"]([], "/opt/lib") == []

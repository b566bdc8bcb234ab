# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The choice about patients' data through the role: what is registered, refused, told, and remembered at a switch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List

import pytest

from tests.unit.roles.event_connector.test_event_connector_role import SITE, config
from tests.unit.roles.role_runs import Outcome, check

SOURCE = {"address": "127.0.0.1:3306", "version": "8.0.12", "flavour": "mysql"}
#: A host command that tells of two topics, and of one that is somebody else's.
COMMAND = """#!/bin/sh
echo '{"topics": [
  {"topic": "openmrs.openmrs.person", "partitions": [{"partition": 0, "start_offset": 0, "end_offset": 7}]},
  {"topic": "openmrs.openmrs.obs", "partitions": [{"partition": 0, "start_offset": 3, "end_offset": 3}]},
  {"topic": "other.openmrs.person", "partitions": [{"partition": 0, "start_offset": 0, "end_offset": 7}]}]}'
"""
HOLDS, ENDS = "Say which topics still hold clear events", "Remember where the clear events end"
COLUMNS = {"person": {"person_id": {"type": "int", "key": True}, "gender": {"type": "varchar", "key": False}}}
CASES: Dict[str, Dict[str, Any]] = {
    "full": {"remembered": SOURCE},
    "masked": {"event_log_patient_data": "masked"},
    "switch": {"event_log_patient_data": "masked", "remembered": SOURCE},
    "held": {
        "event_log_patient_data": "masked",
        "remembered": {**SOURCE, "patient_data": {"profile": "masked", "masked_columns": [], "clear_columns": []}},
        "kept": {"settled": True, "ends": {"openmrs.openmrs.person": {"0": 5}}},
    },
    "gone": {
        "event_log_patient_data": "masked",
        "remembered": {**SOURCE, "patient_data": {"profile": "masked", "masked_columns": [], "clear_columns": []}},
        "kept": {"settled": True, "ends": {"openmrs.openmrs.obs": {"0": 3}}},
    },
    "seen": {"event_log_patient_data": "masked", "event_connector_seen": {"columns": COLUMNS}},
    "list": {"event_connector_clear_columns": ["person.gender"]},
    "secret": {"event_log_patient_data": "masked", "event_log_tables": ["users"],
               "event_connector_clear_columns": ["users.password"]},
    "override": {"event_log_patient_data": "minimal", "event_connector_overrides": {"column.include.list": "x"}},
    "files_only": {"event_connector_from_variables": False, "event_log_patient_data": "masked",
                   "event_connector_files": ["file.json"]},
}  # fmt: skip


def hosts(folder: Path) -> Dict[str, Dict[str, Any]]:
    (folder / "bin").mkdir()
    command = folder / "bin" / "event-log"
    command.write_text(COMMAND)
    command.chmod(0o755)
    own = {"connector.class": "MySql", "topic.prefix": "own"}
    (folder / "file.json").write_text(json.dumps({"name": "own", "config": own}))
    found = {}
    for name, given in CASES.items():
        home = folder / name
        (home / "config").mkdir(parents=True)
        variables = {**SITE, **given, "event_log_home": str(home), "path": f"{folder / 'bin'}:/usr/bin:/bin"}
        for key, file in (("remembered", "source.json"), ("kept", "patient-data.json")):
            content = variables.pop(key, None)
            if content:
                (home / "config" / file).write_text(json.dumps(content))
        if "event_connector_files" in given:
            variables["event_connector_files"] = [str(folder / "file.json")]
        found[name] = variables
    return found


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Outcome]:
    folder = tmp_path_factory.mktemp("patient-data")
    return check(
        folder, [{"ansible.builtin.import_role": {"name": "openmrs.event_log.event_connector"}}], hosts(folder)
    )


def told(outcome: Outcome, task: str) -> List[str]:
    return [str(result["msg"]) for name, result in outcome.results if name == task and "msg" in result]


def test_the_profile_reaches_the_connector(outcomes: Dict[str, Outcome]) -> None:
    assert "column.mask.with.0.chars" not in config(outcomes["full"])
    assert "column.mask.with.0.chars" in config(outcomes["masked"])
    assert all("password" in config(outcomes[case])["column.exclude.list"] for case in ("full", "masked"))


def test_an_everyday_run_has_no_more_steps_and_says_nothing(outcomes: Dict[str, Outcome]) -> None:
    ran = [name for name, result in outcomes["full"].results if not result.get("skipped")]
    assert [name for name in ran if "clear events" in name or "before the switch" in name or "columns" in name] == []


def test_columns_that_were_not_seen_are_told_where_it_matters(outcomes: Dict[str, Outcome]) -> None:
    said = {
        case: told(outcomes[case], "Say that the columns were not looked at") for case in ("full", "masked", "seen")
    }
    assert (said["full"], said["seen"]) == ([], [])
    assert "event_log_patient_data is masked" in said["masked"][0]


def test_a_switch_writes_down_itself_and_then_the_ends(outcomes: Dict[str, Outcome]) -> None:
    outcome = outcomes["switch"]
    written = [result for name, result in outcome.results if name == "Tell consumers about the database"]
    paths = [diff["header"].rpartition("/")[2] for diff in written[0]["diff"]]
    # The switch first: a run that is cut off after it is made good by the next one.
    assert paths == ["patient-data.json", "source.json"]
    (state,) = [json.loads(diff["after"]) for diff in outcome.result(ENDS)["diff"]]
    assert (state["from"], state["to"], state["settled"]) == ("full", "masked", True)
    assert state["ends"] == {"openmrs.openmrs.obs": {"0": 3}, "openmrs.openmrs.person": {"0": 7}}
    (said,) = told(outcome, HOLDS)
    assert "openmrs.openmrs.person (partition 0): offsets 0 to 6" in said
    assert "openmrs.openmrs.obs" not in said
    assert "event_log_purge=demo" in said


def test_every_run_says_it_until_they_are_gone(outcomes: Dict[str, Outcome]) -> None:
    (said,) = told(outcomes["held"], HOLDS)
    assert "offsets 0 to 4" in said
    assert told(outcomes["gone"], HOLDS) == []
    for case in ("held", "gone"):
        assert ENDS not in outcomes[case].changed


def test_connectors_of_files_are_told_where_they_are_not_touched(outcomes: Dict[str, Outcome]) -> None:
    said = told(outcomes["files_only"], "Say which connectors the choice about patients' data does not touch")
    assert len(said) == 1
    assert "event_log_patient_data is masked" in said[0]
    assert "connector own" in said[0]


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("list", ["event_connector_clear_columns is person.gender", "event_log_patient_data is full", "Set"]),
        ("secret", ["event_connector_clear_columns has users.password", "Remove it"]),
        ("override", ["event_connector_overrides has column.include.list", "minimal", "Remove the property"]),
    ],
)
def test_what_cannot_be_carried_out_is_refused_before_the_first_change(
    outcomes: Dict[str, Outcome], case: str, words: List[str]
) -> None:
    outcome = outcomes[case]
    assert [word for word in words if word not in outcome.failure] == []
    assert outcome.changed == []


@pytest.mark.parametrize("profile", ["full", "masked", "minimal"])
def test_columns_are_looked_at_where_the_database_was_seen(tmp_path: Path, profile: str) -> None:
    keyed = {"person": {"national_number": {"type": "varchar", "key": True}}}
    task = {"name": "openmrs.event_log.event_connector", "tasks_from": "columns"}
    site = {
        **SITE,
        "event_log_patient_data": profile,
        "event_connector_seen": {"columns": keyed},
        "path": "/usr/bin:/bin",
    }
    outcome = check(tmp_path, [{"ansible.builtin.import_role": task}], {"demo": site})["demo"]
    if profile == "full":
        assert outcome.failure == ""
        assert "person.national_number" in told(outcome, "Say which keys may tell who somebody is")[0]
    else:
        assert "the key of person's events has person.national_number" in outcome.failure

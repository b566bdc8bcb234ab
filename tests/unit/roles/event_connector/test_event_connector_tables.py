# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbooks snapshot_tables, add_tables, openmrs_upgrade_begin and -_end do where there is little to do."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterator, List

import pytest

from tests.unit.plugins.module_utils.fake_connect import FakeConnect
from tests.unit.plugins.module_utils.test__connector_snapshot import CONFIG, reading, store
from tests.unit.roles.role_runs import Outcome, check

PASSWORD = "not-to-be-seen-in-any-output"
BEGUN = {"began": "2026-01-01T00:00:00Z", "tables": {"person": {"person_id": {"type": "int"}}}}
#: Which tasks of the role, with which variables. Nothing listens on port 1.
CASES: Dict[str, Dict[str, Any]] = {
    "nobody_there": {"entry": "add_tables", "event_log_connect_url": "http://127.0.0.1:1"},
    "not_registered": {"entry": "again", "event_log_connector_name": "other", "event_connector_again": ["obs"]},
    "odd_state": {"entry": "again", "event_connector_again": ["obs"], "event_connector_again_state": "begun"},
    "odd_table": {"entry": "again", "event_connector_again": ["openmrs.obs"]},
    "how_far": {"entry": "again"},
    "is_read": {"entry": "again", "event_connector_again": ["obs"], "event_connector_again_state": "stopped"},
    "all_captured": {"entry": "add_tables", "event_log_tables": ["person", "obs"]},
    "none_to_add": {"entry": "new_tables", "event_log_tables": ["person", "obs"]},
    "some_to_add": {"entry": "new_tables", "event_log_tables": ["person", "visit"]},
    "nobody_to_ask": {"entry": "new_tables", "event_log_connect_url": "http://127.0.0.1:1"},
    "no_upgrade": {"entry": "upgrade_end"},
    "begun_already": {"entry": "upgrade_begin", "begun": True},
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dict[str, Outcome]]:
    folder = tmp_path_factory.mktemp("tables")
    fake = FakeConnect()
    fake.register("openmrs-connector", CONFIG, "RUNNING RUNNING")
    store(fake, reading("obs"))
    fake.offsets["openmrs-connector"] = fake.offsets.pop("n")
    server = fake.serve()
    hosts: Dict[str, Dict[str, Any]] = {}
    for name, given in CASES.items():
        home = folder / name
        (home / "config").mkdir(parents=True)
        if given.get("begun"):
            (home / "config/openmrs-upgrade.json").write_text(json.dumps(BEGUN))
        hosts[name] = {
            "event_log_site": "demo", "event_log_image": "i", "event_log_capture_password": PASSWORD,
            "event_log_connect_password": PASSWORD, "event_log_database_port": 1, "event_log_home": str(home),
            "event_connector_wait_timeout": 5, "path": "/usr/bin:/bin",
            "event_log_connect_url": f"http://127.0.0.1:{server.server_address[1]}", **given,
        }  # fmt: skip
    role = "openmrs.event_log.event_connector"
    tasks = [
        {"ansible.builtin.include_role": {"name": role, "tasks_from": entry}, "when": f"entry == '{entry}'"}
        for entry in sorted({case["entry"] for case in CASES.values()})
    ]
    try:
        found = check(folder, tasks, hosts)
    finally:
        server.shutdown()
        server.server_close()
    assert all(PASSWORD not in json.dumps(outcome.results) for outcome in found.values())
    assert fake.writes == []
    yield found


def said(outcome: Outcome) -> str:
    return "\n".join(str(result["msg"]) for _name, result in outcome.results if result.get("msg"))


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("nobody_there", ["http://127.0.0.1:1", "Nothing was changed"]),
        ("not_registered", ["no connector other", "Nothing was changed"]),
        ("odd_state", ["state 'begun'", "started, finished and stopped"]),
        ("odd_table", ["openmrs.obs", "without the database"]),
    ],
)
def test_what_cannot_be_is_refused_in_words(outcomes: Dict[str, Outcome], case: str, words: List[str]) -> None:
    assert [word for word in words if word not in outcomes[case].failure] == []
    assert outcomes[case].changed == []


def test_without_tables_it_says_how_far_it_is(outcomes: Dict[str, Outcome]) -> None:
    assert outcomes["how_far"].failure == ""
    assert "openmrs-connector: reading again open-mrs.obs: begun. It goes on by itself" in said(outcomes["how_far"])


def test_check_mode_foresees_that_it_is_stopped(outcomes: Dict[str, Outcome]) -> None:
    assert outcomes["is_read"].failure == ""
    assert outcomes["is_read"].changed == ["Ask the connector for it"]


def test_where_all_tables_are_captured_nothing_is_done(outcomes: Dict[str, Outcome]) -> None:
    assert outcomes["all_captured"].failure == ""
    assert "nothing to do, it captures all of event_log_tables" in said(outcomes["all_captured"])
    assert outcomes["all_captured"].changed == []


def test_a_run_of_the_site_stops_at_tables_that_would_be_merely_listed(outcomes: Dict[str, Outcome]) -> None:
    assert "event_log_tables names visit, which openmrs-connector does not capture" in outcomes["some_to_add"].failure
    assert "playbook add_tables" in outcomes["some_to_add"].failure
    assert [outcomes[case].failure for case in ("none_to_add", "nobody_to_ask")] == ["", ""]


def test_an_upgrade_that_was_not_begun_has_no_end(outcomes: Dict[str, Outcome]) -> None:
    assert outcomes["no_upgrade"].failure == ""
    assert "No upgrade was begun here" in said(outcomes["no_upgrade"])
    assert outcomes["no_upgrade"].changed == []


def test_an_upgrade_is_begun_once(outcomes: Dict[str, Outcome]) -> None:
    assert outcomes["begun_already"].failure == ""
    assert "begun already, at 2026-01-01T00:00:00Z" in said(outcomes["begun_already"])
    assert outcomes["begun_already"].changed == []

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restart whose position lies before changes of a table: what was read since is read again as it was written."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Tuple

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._debezium import KAFKA_HISTORY

from tests.helpers.fault_site import WORKER, Site
from tests.helpers.workers import wait_for

#: The second change keeps the number of columns: rows taken for its columns would give no error.
WRITTEN = (
    "INSERT INTO openmrs.patient VALUES (2, 20)",
    "ALTER TABLE openmrs.patient ADD COLUMN born int",
    "INSERT INTO openmrs.patient VALUES (3, 30, 300)",
    "ALTER TABLE openmrs.patient DROP COLUMN creator, ADD COLUMN died int",
    "INSERT INTO openmrs.patient VALUES (4, 400, 4000)",
)
READ = [
    (2, {"patient_id": 2, "creator": 20}),
    (3, {"patient_id": 3, "creator": 30, "born": 300}),
    (4, {"patient_id": 4, "born": 400, "died": 4000}),
]


@pytest.fixture
def changing(site: Site) -> Iterator[Site]:
    yield site
    site.sql("DROP TABLE openmrs.patient; CREATE TABLE openmrs.patient (patient_id int PRIMARY KEY, creator int)")


def created(site: Site, name: str) -> List[Tuple[int, Dict[str, Any]]]:
    found = site.events(name, "patient")
    return [(event.key, event.value["after"]) for event in found if event.value and event.op == "c"]


def read_and_set_back(site: Site, name: str, **others: str) -> None:
    """Have the changes read, then let the connector go on from a position before them, as after a power cut."""
    site.sql("INSERT INTO openmrs.patient VALUES (1, 10)")
    site.register(name, **others)
    before = site.offset(name)
    for statement in WRITTEN:
        site.sql(statement)
    wait_for("all is read", lambda: created(site, name) == READ, 60, WORKER)
    assert site.rest("PUT", f"/connectors/{name}/stop")[0] == 204
    body = {"offsets": [{"partition": {"server": name}, "offset": before}]}
    # Refused as long as the task is still ending.
    wait_for(
        "the position is set", lambda: site.rest("PATCH", f"/connectors/{name}/offsets", body)[0] == 200, 60, WORKER
    )
    assert site.rest("PUT", f"/connectors/{name}/resume")[0] == 202


def test_rows_from_before_a_change_of_their_table_are_read_again_as_they_were(changing: Site) -> None:
    name = "set-back"
    read_and_set_back(changing, name)
    wait_for("all is read again", lambda: created(changing, name) == [*READ, *READ], 90, WORKER)
    assert changing.states(name) == ["RUNNING", "RUNNING"]


@pytest.mark.full
def test_with_the_history_of_debezium_alone_the_task_fails_for_good(changing: Site) -> None:
    """What the test before this one would not see if it could not happen."""
    name = "set-back-upstream"
    read_and_set_back(changing, name, **{"schema.history.internal": KAFKA_HISTORY})
    assert "Error processing row" in changing.await_failed(name)

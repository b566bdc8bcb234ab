# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S608, S311 - made-up rows for a database of the tests' own
"""A worker that is killed while it reads a table again: it goes on, and every row comes."""

from __future__ import annotations

import json
import os
import random
import uuid

import pytest

from tests.helpers.fault_site import WORKER, Site
from tests.helpers.workers import docker, wait_for

ROWS, SEED = 20_000, 11
KILLS = int(os.environ.get("EVENT_LOG_TEST_KILLS", "3"))
CHUNK = {"incremental.snapshot.chunk.size": "50"}
ORDER = json.dumps({"data-collections": ["openmrs.patient"], "type": "incremental"})


def reading(site: Site, name: str) -> bool:
    return any(key.startswith("incremental_snapshot") for key in site.offset(name))


@pytest.mark.full
def test_a_table_that_is_read_again_comes_whole_although_the_worker_is_killed(site: Site) -> None:
    name, chance = "again-killed", random.Random(SEED)
    site.sql(
        "SET SESSION cte_max_recursion_depth = 100000; INSERT INTO openmrs.patient WITH RECURSIVE n (i) AS"
        f" (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) SELECT i, 1 FROM n"
    )
    site.register(name, **CHUNK)
    for number in range(KILLS):
        before = len(site.events(name, "patient"))
        site.sql(f"INSERT INTO event_log.debezium_signal VALUES ('{uuid.uuid4()}', 'execute-snapshot', '{ORDER}')")
        wait_for("it is read again", lambda: reading(site, name), 60, WORKER)
        wait_for("the moment", lambda: chance.random() < 0.2, 30)
        assert reading(site, name), f"kill {number}: it was over before"
        docker("kill", WORKER)
        docker("start", WORKER)
        site.await_worker()
        site.await_running(name)
        wait_for("the reading is over", lambda: not reading(site, name), 120, WORKER)
        again = {event.key for event in site.events(name, "patient")[before:] if event.op == "r"}
        missing = set(range(1, ROWS + 1)) - again
        assert not missing, f"kill {number}: {len(missing)} rows did not come, from {min(missing)} to {max(missing)}"

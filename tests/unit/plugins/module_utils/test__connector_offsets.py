# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One call of connector_offsets: exactly these requests in this order."""

from __future__ import annotations

from typing import Any, List

import pytest

from tests.unit.plugins.module_utils.connect_answers import INFO, STATUS, status
from tests.unit.plugins.module_utils.offsets_answers import (
    FILE,
    NEW,
    OFFSETS,
    OLD,
    SAID,
    WANTED,
    Call,
    altered,
    begun,
    kept,
    looked,
    resumed,
    stopped,
)
from tests.unit.plugins.module_utils.scripted_http import FakeClock, ScriptedServer

# nothing to do


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("options", "there"),
    [
        ({}, [NEW]),
        ({"offsets": [{"partition": {"filename": "/gone"}, "offset": None}]}, [OLD]),
        ({"state": "reset", "offsets": None}, []),
    ],
)
def test_nothing_to_do_takes_two_reads_and_stops_nothing(
    worker: ScriptedServer, clock: FakeClock, options: Any, there: Any, check: bool
) -> None:
    looked(worker, *there)
    result = Call(worker, clock, check_mode=check, **options).result()
    assert (result["changed"], result["actions"], result["message"]) == (False, [], None)
    assert result["diff"]["before"] == result["diff"]["after"] == {"offsets": result["offsets"]}
    assert clock.pauses == 0


# changes


def test_alter_of_a_running_connector(worker: ScriptedServer, clock: FakeClock) -> None:
    begun(worker, "RUNNING RUNNING")
    stopped(worker, "RUNNING RUNNING", "STOPPED RUNNING")
    kept(worker, OLD)
    altered(worker)
    kept(worker, NEW)
    resumed(worker)
    result = Call(worker, clock).result()
    assert result == {
        "changed": True,
        "actions": ["stop", "alter", "resume"],
        "offsets": WANTED,
        "message": SAID,
        "diff": {
            "before": {"offsets": [{"partition": FILE, "offset": OLD}]},
            "after": {"offsets": WANTED},
            "before_header": "offsets of connector n",
            "after_header": "offsets of connector n",
        },
    }


def test_reset_of_a_paused_connector(worker: ScriptedServer, clock: FakeClock) -> None:
    begun(worker, "PAUSED PAUSED")
    stopped(worker)
    kept(worker, OLD)
    worker.expect("DELETE", OFFSETS, {"message": "reset"}, body=None)
    kept(worker)
    worker.expect("PUT", INFO + "/pause", None, 202, body=None)
    worker.expect("GET", STATUS, status("STOPPED")).expect("GET", STATUS, status("PAUSED PAUSED"))
    result = Call(worker, clock, state="reset", offsets=None).result()
    assert (result["actions"], result["offsets"], result["message"]) == (["stop", "reset", "pause"], [], "reset")


def test_a_stopped_connector_stays_stopped(worker: ScriptedServer, clock: FakeClock) -> None:
    begun(worker, "STOPPED")
    altered(worker)
    kept(worker, NEW)
    assert Call(worker, clock).result()["actions"] == ["alter"]


def test_tasks_of_a_stopped_connector_are_waited_for(worker: ScriptedServer, clock: FakeClock) -> None:
    begun(worker, "STOPPED RUNNING")
    worker.expect("GET", STATUS, status("STOPPED RUNNING")).expect("GET", STATUS, status("STOPPED"))
    kept(worker, OLD)
    altered(worker)
    kept(worker, NEW)
    assert Call(worker, clock).result()["actions"] == ["alter"]


def test_a_connector_with_failed_tasks_is_resumed_and_must_run(worker: ScriptedServer, clock: FakeClock) -> None:
    begun(worker, "RUNNING FAILED")
    stopped(worker, "RUNNING FAILED")
    kept(worker, OLD)
    altered(worker)
    kept(worker, NEW)
    resumed(worker)
    assert Call(worker, clock).result()["actions"] == ["stop", "alter", "resume"]


def test_a_connector_that_never_had_tasks_is_back_without_them(worker: ScriptedServer, clock: FakeClock) -> None:
    begun(worker, "RUNNING")
    stopped(worker)
    kept(worker, OLD)
    altered(worker)
    kept(worker, NEW)
    resumed(worker, "RUNNING")
    assert Call(worker, clock).result()["changed"] is True


def test_the_state_is_read_once_a_rebalance_is_over(worker: ScriptedServer, clock: FakeClock) -> None:
    begun(worker, "UNASSIGNED UNASSIGNED")
    last = worker.script.pop()
    worker.expect("GET", STATUS, status("PAUSED PAUSED"))
    worker.script.append(last)
    stopped(worker)
    kept(worker, OLD)
    altered(worker)
    kept(worker, NEW)
    worker.expect("PUT", INFO + "/pause", None, 202).expect("GET", STATUS, status("PAUSED PAUSED"))
    assert Call(worker, clock).result()["actions"] == ["stop", "alter", "pause"]


def test_only_what_differs_is_written(worker: ScriptedServer, clock: FakeClock) -> None:
    other, gone = {"filename": "/data/other"}, {"filename": "/data/gone"}
    there = [
        {"partition": other, "offset": OLD},
        {"partition": FILE, "offset": NEW},
        {"partition": gone, "offset": OLD},
    ]
    begun(worker, "STOPPED", *there)
    altered(worker, [{"partition": gone, "offset": None}])
    kept(worker, *there[:2])
    wanted = [*WANTED, {"partition": gone, "offset": None}, {"partition": {"filename": "/new"}, "offset": None}]
    result = Call(worker, clock, offsets=wanted).result()
    assert result["offsets"] == [there[1], there[0]]


def test_offsets_that_moved_until_all_was_stopped_count_as_before(worker: ScriptedServer, clock: FakeClock) -> None:
    begun(worker, "RUNNING RUNNING")
    stopped(worker)
    kept(worker, {"position": 150})
    altered(worker)
    kept(worker, NEW)
    resumed(worker)
    assert Call(worker, clock).result()["diff"]["before"]["offsets"][0]["offset"] == {"position": 150}


def test_what_came_about_by_itself_is_not_written(worker: ScriptedServer, clock: FakeClock) -> None:
    begun(worker, "RUNNING RUNNING")
    stopped(worker)
    kept(worker, NEW)
    resumed(worker)
    result = Call(worker, clock).result()
    assert (result["changed"], result["actions"], result["message"]) == (True, ["stop", "resume"], None)


def test_numbers_of_a_sink_may_be_texts(worker: ScriptedServer, clock: FakeClock) -> None:
    there = {"partition": {"kafka_topic": "t", "kafka_partition": 0}, "offset": {"kafka_offset": 5}}
    looked(worker, there, kind="sink")
    given = {"partition": {"kafka_topic": "t", "kafka_partition": "0"}, "offset": {"kafka_offset": "5"}}
    assert Call(worker, clock, offsets=[given]).result()["changed"] is False


@pytest.mark.parametrize(
    ("states", "options", "actions"),
    [
        ("RUNNING RUNNING", {}, ["stop", "alter", "resume"]),
        ("RUNNING FAILED", {}, ["stop", "alter", "resume"]),
        ("PAUSED PAUSED", {"state": "reset", "offsets": None}, ["stop", "reset", "pause"]),
        ("STOPPED", {}, ["alter"]),
    ],
)
def test_check_mode_reads_only(
    worker: ScriptedServer, clock: FakeClock, states: str, options: Any, actions: List[str]
) -> None:
    begun(worker, states)
    worker.script.pop()  # the plugin's keys: nothing will fail whose trace would be told
    result = Call(worker, clock, check_mode=True, **options).result()
    assert (result["changed"], result["actions"], result["message"]) == (True, actions, None)
    assert result["offsets"] == result["diff"]["after"]["offsets"] == (WANTED if "state" not in options else [])

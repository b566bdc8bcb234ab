# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a position needs repair, what is done then, and what is remembered of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _source_repair as repair
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import InputError, PlanError

NOW = 1_790_000_000.0
THERE = repair.Database("binlog.000009:800", {"binlog.000008": 1000, "binlog.000009": 800}, {"person": 40, "obs": 2})
GOOD: Dict[str, Any] = {"file": "binlog.000008", "pos": 900, "ts_sec": 1_780_000_000}
HEALTHY = repair.Seen(THERE, True, {"topic.prefix": "openmrs"}, "RUNNING", offset=GOOD)
GAP = repair.Wanted("c", repair.GAP)
OPEN = {"connector": "c", "table": "all", "from": "old:1", "to": "x", "why": "purged", "repaired": ""}


def test_a_position_that_is_there_needs_nothing() -> None:
    plan = repair.plan(HEALTHY, GAP, NOW)
    assert (plan.why, plan.actions, plan.gap) == ("", (), {})
    assert "binlog.000008:900 (2026-" in plan.words[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"offset": {"file": "binlog.000007", "pos": 4}}, "in no file"),
        ({"offset": {"file": "binlog.000009", "pos": 801}}, "behind the end"),
        ({"trace": "…, but this is no longer available on the server. Reconfigure …"}, "no longer available"),
        ({"hold": {"id": "binlog_purged", "what": "It is purged.", "connector": "c"}}, "It is purged"),
        ({"gaps": [OPEN]}, "not finished (purged)"),
    ],
)
def test_what_is_wrong_is_said(change: Dict[str, Any], words: str) -> None:
    plan = repair.plan(replace(HEALTHY, **change), GAP, NOW)
    assert words in plan.why and words in plan.words[0]
    assert plan.actions == ("record_gap", "stop", "reset", "forget_history", "resume", "close_gap")


@pytest.mark.parametrize(
    "change",
    [
        {"offset": {"file": "binlog.000009", "pos": 800}},  # at the very end
        {"hold": {"id": "binlog_purged", "what": "It is purged.", "connector": "d"}},
        {"hold": {"id": "of_somebody", "what": "An upgrade.", "connector": "c"}},
        {"gaps": [{**OPEN, "connector": "d"}, {**OPEN, "repaired": "yesterday"}]},
        {"offset": None},
    ],
)
def test_what_concerns_others_or_is_past_is_no_reason(change: Dict[str, Any]) -> None:
    assert repair.plan(replace(HEALTHY, **change), GAP, NOW).actions == ()


def test_a_person_may_know_more() -> None:
    plan = repair.plan(HEALTHY, repair.Wanted("c", repair.RESTORED, anyway=True), NOW)
    assert plan.actions and "restored or rebuilt" in plan.words[1]


def test_a_worker_that_is_down_is_started_with_its_connector_stopped() -> None:
    seen = repair.Seen(THERE, False, hold={"id": "binlog_purged"}, offset=GOOD)
    actions = repair.plan(seen, GAP, NOW).actions
    assert actions[:3] == ("record_gap", "mark_stopped", "start_worker")
    assert actions.index("start_worker") < actions.index("reset") < actions.index("forget_history")


@pytest.mark.parametrize(
    ("fill", "signals", "chosen", "end"),
    [
        ("auto", False, "full", ("resume", "close_gap")),
        ("auto", True, "incremental", ("read_schema", "resume", "signal", "close_gap")),
        ("full", True, "full", ("resume", "close_gap")),
        ("nothing", True, "nothing", ("read_schema", "resume", "close_gap")),
    ],
)
def test_how_the_gap_is_filled(fill: str, signals: bool, chosen: str, end: Any) -> None:
    seen = replace(HEALTHY, database=replace(THERE, signals=signals), offset={"file": "gone", "pos": 4})
    plan = repair.plan(seen, repair.Wanted("c", repair.GAP, fill), NOW)
    assert plan.fill == chosen
    assert plan.actions[plan.actions.index("forget_history") + 1 :] == end
    assert ("42 rows in 2 tables" in " ".join(plan.words)) == (chosen != "nothing")


def test_the_other_repair_is_named_where_it_is_meant() -> None:
    held = replace(HEALTHY, hold={"id": "database_other", "what": "Another database.", "connector": "c"})
    with pytest.raises(PlanError, match=r"Another database\. That is what the playbook repair_restored_source is for"):
        repair.plan(held, GAP, NOW)
    assert repair.plan(held, repair.Wanted("c", repair.RESTORED), NOW).actions


def test_what_cannot_be_is_refused_before_anything_is_done() -> None:
    ill = replace(HEALTHY, offset={"file": "gone", "pos": 4})
    with pytest.raises(PlanError, match="signal table"):
        repair.plan(ill, repair.Wanted("c", repair.GAP, "incremental"), NOW)
    with pytest.raises(PlanError, match="log_bin"):
        repair.plan(replace(HEALTHY, database=repair.Database()), repair.Wanted("c", repair.GAP, anyway=True), NOW)
    with pytest.raises(InputError, match="not registered"):
        repair.plan(replace(ill, config=None), GAP, NOW)


def test_a_repair_that_is_done_again_keeps_where_its_gap_began() -> None:
    first = repair.opened([{**OPEN, "connector": "d"}], OPEN)
    kept = repair.marked(first, "c", {"snapshot.mode": "initial"})
    again = repair.opened(kept, {**OPEN, "from": "unknown", "to": "y", "why": "not finished"})
    assert again == [
        {**OPEN, "connector": "d"},
        {**OPEN, "to": "y", "snapshot.mode": "initial"},
    ]
    done = repair.marked(again, "c", {"repaired": repair.closing("full", NOW)})
    assert repair.unfinished(done, "c") is None
    assert repair.unfinished(done, "d") is not None
    assert done[1]["repaired"].startswith("2026-") and "new snapshot" in done[1]["repaired"]

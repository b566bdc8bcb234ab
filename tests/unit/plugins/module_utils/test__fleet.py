# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which word about a site counts: this run's, an earlier run's, or a report's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _fleet as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._fleet import Site, merged

OLD, NEW = "2026-03-01T10:00:00.000Z", "2026-03-02T10:00:00.000Z"


def told(at: str, verdict: str = "ok", **more: Any) -> dict[str, Any]:
    return {"at": at, "verdict": verdict, **more}


def one(sites: list[Site]) -> Site:
    (found,) = sites
    return found


def test_an_answer_goes_before_what_was_known() -> None:
    found = one(merged({"a": Site("a", told(OLD), "not reached")}, [Site("a", told(NEW, "ill"))], [], ["a"]))
    assert (found.state, found.seen, found.away) == ("ill", NEW, "")


def test_a_site_that_is_away_keeps_what_it_said_last() -> None:
    found = one(merged({"a": Site("a", told(OLD, "held"))}, [Site("a", None, "not reached: no route")], [], ["a"]))
    assert (found.state, found.seen, found.away) == ("away", OLD, "not reached: no route")


def test_a_site_that_was_never_heard_of_is_unknown_whether_it_was_asked_or_not() -> None:
    sites = merged({}, [Site("a", None, "not reached")], [], ["a", "b"])
    assert [(site.name, site.state) for site in sites] == [("a", "unknown"), ("b", "unknown")]


def test_one_that_was_not_asked_in_this_run_stays_and_one_that_is_in_no_inventory_goes() -> None:
    former = {name: Site(name, told(OLD)) for name in ("a", "gone")}
    assert [site.name for site in merged(former, [], [], ["a"])] == ["a"]


def test_a_newer_report_counts_and_leaves_charts_as_they_were() -> None:
    former = {"a": Site("a", told(OLD, days=[1], site="hill"), "not reached")}
    later = Site("hill", told(NEW, "ill"), reported=True)
    found = one(merged(former, [], [Site("hill", told("2026-03-01T20:00:00Z"), reported=True), later], ["a"]))
    assert (found.name, found.state, found.seen, found.reported) == ("a", "ill", NEW, True)
    assert (found.overview or {})["days"] == [1]


def test_an_older_report_does_not_count_and_a_site_may_be_known_by_reports_alone() -> None:
    reports = [Site("a", told(OLD, "down"), reported=True), Site("b", told(OLD), reported=True)]
    sites = {site.name: site for site in merged({}, [Site("a", told(NEW))], reports, ["a"])}
    assert (sites["a"].state, sites["a"].reported) == ("ok", False)
    assert (sites["b"].state, sites["b"].reported) == ("ok", True)


def test_the_worst_come_first() -> None:
    states = ("ok", "busy", "ill", "down", "held")
    sites = merged({}, [Site(state, told(NEW, state)) for state in states] + [Site("x", None, "y")], [], [*states, "x"])
    assert [site.state for site in sites] == ["down", "ill", "unknown", "held", "busy", "ok"]


def test_what_is_written_is_read_again() -> None:
    sites = [Site("a", told(OLD), "not reached"), Site("b"), Site("c", told(NEW), "", True)]
    assert list(subject.of_file(json.dumps(subject.as_data(sites, NEW))).values()) == sites


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": 2, "sites": []}', '{"format": 1, "sites": 3}'])
def test_a_file_that_cannot_be_read_is_nothing(text: str) -> None:
    assert subject.of_file(text) == {}


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({"unreachable": True, "msg": "ssh: no\nroute"}, "not reached: ssh: no route"),
        (
            {"rc": 2, "stderr": "usage: …\nevent-log: error: argument COMMAND: invalid choice: 'overview'"},
            "run site.yml",
        ),
        ({"rc": 2, "msg": "[Errno 2] No such file or directory: b'/usr/local/bin/event-log'"}, "not installed there"),
        ({"rc": 1, "stderr": "event-log: You may not use Docker."}, "no answer: event-log: You may not use Docker."),
        ({"rc": 0, "stdout": "[]"}, "no answer: no reason given"),
    ],
)
def test_why_there_is_no_answer(result: dict[str, Any], words: str) -> None:
    found = subject.answer("a", result)
    assert found.overview is None
    assert words in found.away


def test_an_answer_is_taken_as_it_is() -> None:
    assert subject.answer("a", {"rc": 0, "stdout": json.dumps(told(NEW))}) == Site("a", told(NEW))


@pytest.mark.parametrize(
    "text", ["", "hilltop: ok\n", "Data: {", "Data: []", 'Data: {"site": "a"}', ' Data: {"site": "a", "at": "x"}']
)
def test_what_is_no_report(text: str) -> None:
    assert subject.report(text) is None


def test_a_state_that_nobody_knows_is_told_as_unknown() -> None:
    assert Site("a", told(NEW, "splendid")).state == "unknown"

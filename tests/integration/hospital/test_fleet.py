# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many sites in one run: one that is down and one that fails stop nobody else, and are named at the end."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Iterator

import pytest

from tests.helpers import browser
from tests.helpers.fixtures import run_quietly
from tests.helpers.hospital import CLINIC, DISTRICT, Site
from tests.helpers.playbooks import Outcome, play_all
from tests.helpers.server import eventually
from tests.testinfra.test_runs import MOST_TASKS

AWAY = "eventlog-test-away"  # switched off: it answers nothing at all
FAILING = "eventlog-test-failing"  # its inventory says what cannot be


@pytest.fixture(scope="module")
def fleet(clinic: Site, district: Site, odd: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    address = odd.address
    run_quietly("docker", "stop", "--time", "20", odd.name)
    away = {**clinic.variables, "event_log_site": "away", "ansible_host": address, "ansible_ssh_timeout": 5}
    failing = {**clinic.variables, "event_log_site": "Failing Site", "ansible_host": clinic.address}
    try:
        # Those who give trouble come first.
        sites = {AWAY: away, FAILING: failing, CLINIC.name: clinic.variables, DISTRICT.name: district.variables}
        yield play_all(tmp_path_factory.mktemp("fleet"), sites)
    finally:
        run_quietly("docker", "start", odd.name)
        eventually(lambda: odd.sh("docker info"), 60, "it is back, with its engine")


@pytest.mark.parametrize("site", [CLINIC.name, DISTRICT.name])
def test_the_others_go_on_to_the_end(fleet: Outcome, site: str) -> None:
    """It is also their second run, which has nothing to do and is short."""
    mine = [event for event in fleet.run.events if event.host == site]
    assert [event for event in mine if event.outcome in ("failed", "unreachable")] == []
    assert any("connector" in event.task.lower() for event in mine), [event.task for event in mine][-5:]
    assert re.search(rf"^{site} +: ok=[1-9]\d* +changed=0 +unreachable=0 +failed=0", fleet.output, re.MULTILINE)
    assert len([event for event in mine if event.outcome == "ok"]) <= MOST_TASKS, [event.task for event in mine]


@pytest.mark.full
def test_check_mode_finds_nothing_to_do(clinic: Site, district: Site, tmp_path: Path) -> None:
    outcome = play_all(tmp_path, {site.name: site.variables for site in (clinic, district)}, "--check", "--diff")
    assert (outcome.code, outcome.changed) == (0, []), outcome.output[-3000:]


def test_the_exit_code_tells_that_not_all_went_well(fleet: Outcome) -> None:
    assert fleet.code != 0


def test_the_summary_names_those_who_need_somebody_last(fleet: Outcome) -> None:
    summary = fleet.output.rpartition("Site by site")[2]
    found = re.findall(r"^(eventlog-test-\w+) +(\w+)", summary, re.MULTILINE)
    assert [name for name, _ in found[:2]] == sorted([CLINIC.name, DISTRICT.name])
    assert found[2:4] == [(AWAY, "unreachable"), (FAILING, "FAILED")], summary
    assert "cannot be used" in summary, "what is wrong with it, in a few words"


def test_the_summary_says_how_each_site_is(fleet: Outcome) -> None:
    """The sentence of `event-log status` on that server."""
    summary = fleet.output.rpartition("Site by site")[2]
    for site in (CLINIC.name, DISTRICT.name):
        assert re.search(rf"^{site} +ok +\S+ \S+", summary, re.MULTILINE), summary


def test_one_page_shows_who_answers_and_who_is_away(
    fleet: Outcome, clinic: Site, district: Site, tmp_path: Path
) -> None:
    page = tmp_path / "page"
    there = {"ansible_host": clinic.address, "ansible_port": 1, "ansible_ssh_timeout": 5}
    away = {**clinic.variables, "event_log_site": "away", **there}
    sites = {AWAY: away, CLINIC.name: clinic.variables, DISTRICT.name: district.variables}
    outcome = play_all(tmp_path, sites, "-e", f"event_log_status_dir={page}", playbook="openmrs.event_log.status")
    assert (outcome.code, outcome.changed) == (0, []), outcome.output[-3000:]
    told = {one["name"]: one for one in json.loads((page / "sites.json").read_text())["sites"]}
    assert told[AWAY]["away"].startswith("not reached: "), told[AWAY]
    for site in (clinic, district):
        said = told[site.name]["overview"]
        truth = json.loads(site.ssh("sudo", "event-log", "topics", "--json"))["topics"]
        assert {one["topic"] for one in said["topics"]} <= {one["topic"] for one in truth}
        assert said["topics"], "the tables of the connector are told"
        assert said["days"], "the guard has written down today"
        assert said["disk"]["free"] > 0
        assert said["lag"]["heartbeat_age_seconds"] < 120
        assert None not in said["versions"].values(), said["versions"]
        assert said["headroom"]["expiry_seconds"] is not None, "the guard has asked the database"
        assert said["groups"] is not None, said["error"]
    shown = (page / "index.html").read_text()
    assert all(f">{name}</a>" in shown for name in sites)
    assert re.search(rf"^{AWAY} +unreachable", outcome.output.rpartition("Site by site")[2], re.MULTILINE)
    for width in browser.WIDTHS:
        assert browser.browse(page / "index.html", width, tmp_path)[1] == [], "nothing in its console"
        seen = browser.probe(page / "index.html", width, tmp_path)
        assert (seen["wider"], seen["focusable"], seen["rows"], seen["unnamed"]) == (0, True, len(sites), 0), seen

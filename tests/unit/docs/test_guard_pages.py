# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The thresholds that the pages about the guard name are those that it goes by."""

from __future__ import annotations

import json
import re
from typing import Dict, List

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _debezium
from event_guard import acts, backoff, clock, disk, findings, flow, heal, report, topic_settings
from event_guard.settings import PATIENCE, Guard
from event_log import growth
from event_log.growth import Room

from tests.unit.role_files import ROOT

GUARD = Guard()
#: What a connector under a guard is told (``event_connector_guarded``).
KEPT_MS = _debezium.Source.heartbeat_ms
SILENCE = flow.wiring({"connect.keep.alive.interval.ms": KEPT_MS * 5 // 4}).silence
AGAIN = [f"{seconds / 60:g}" for seconds in report._AGAIN]
MINUTES_10 = "ten minutes" if topic_settings.AGAIN == 600 else f"{topic_settings.AGAIN:g} s"
HOURS_6 = "six hours" if topic_settings.EVERY == 6 * 3600 else f"{topic_settings.EVERY:g} s"
MINUTES = [f"{minutes:g}" for minutes in GUARD.restart_minutes]
#: An act as there are most of.
ACT = {
    "time": "2026-11-30T15:48:02Z",
    "act": "restart",
    "reason": "openmrs-connector is restarted: its connection to the database was lost",
    "about": "openmrs-connector",
}


def page(name: str) -> str:
    return " ".join((ROOT / f"docs/{name}.md").read_text(encoding="utf-8").split())


def about_acts() -> str:
    kept = acts._LARGEST // 2 // len(json.dumps(ACT))  # what stays of a file that became too long
    return f"the newest {kept // 500 * 500:,} or so"


PHRASES: Dict[str, List[str]] = {
    "guard": [
        f"looks every {GUARD.interval} seconds",
        about_acts(),
        f"does not answer in {PATIENCE} rounds in a row",
        f"for a {'minute' if findings._AGAIN_SOON == 60 else findings._AGAIN_SOON} at most",
        f"event_guard_report_hours: {GUARD.report_hours:g}",
        f"text of {report.MOST_BYTES / 1024:g} kB at most",
        f"within {'two' if report._COMMAND_SECONDS == 120 else report._COMMAND_SECONDS} minutes",
        f"tried again after {', '.join(AGAIN[:-1])} and then every {AGAIN[-1]} minutes",
        f"Of more than {report.MOST_WAITING} the newest stay",
        f"compares all topics {MINUTES_10} after its start and then every {HOURS_6}",
        f"looks again every {MINUTES_10} until",
    ],
    "healing": [
        f"looks at the event log every {GUARD.interval} seconds",
        f"restarts it after {', '.join(MINUTES)} minutes, then every hour",
        f"for {SILENCE:g} s no sign of life of the database, which sends one every {KEPT_MS / 1000:g} s also when",
        f"at least every {'minute' if backoff._MOST_WAIT == 60 else backoff._MOST_WAIT}",
        f"{GUARD.lag_limit / 60:g} minutes (`event_guard_lag_limit`) without a record",
        f"its container, stopped for {heal._GONE:g} s",
        f"then after {', '.join(MINUTES[:3])} … minutes",
        f"its health check, failed for {heal._ILL / 60:g} minutes",
        f"a question at every look; told after {heal._SILENT:g} s | restarts it after {heal._ILL / 60:g} minutes",
        f"A restart that lasts for {backoff.LASTS / 60:g} minutes was a good one",
        f"after the {GUARD.report_after}th restart in vain (`event_guard_report_after`)",
        about_acts(),
        f"the database says every {KEPT_MS / 1000:g} seconds that it is there",
        f"when they do not within {flow._RECONNECTS / 60:g} minutes",
    ],
    "full-disk": [
        f"the guard looks every {GUARD.interval} seconds",
        f"below {GUARD.free_drop:g} % | the oldest events that **every** consumer group has read are dropped, until "
        f"{GUARD.free_drop + growth.BACK:g} % are free",
        f"below {GUARD.free_stop:g} % | the worker stops",
        f"the guard starts it again from {GUARD.free_stop + growth.BACK:g} % on",
        f"below {GUARD.free_reserve:g} % | a reserve file is given up (1 % of the disk, "
        f"{growth.reserve_bytes(Room(0, 1 << 50), 0) >> 20} MB at most)",
        f"takes it again from {GUARD.free_drop + growth.BACK:g} % on",
        f"only below {GUARD.free_stop:g} %, only where nothing else may go, and only up to "
        f"{GUARD.free_stop + growth.BACK:g} %",
        f"is told of below {GUARD.free_stop:g} %",
        f"With less than {'two' if disk.SOON_DAYS == 14 else disk.SOON_DAYS} weeks to go",
    ],
    "another-history": [
        f"cannot ask the database for {findings._UNWATCHED // 60} minutes while the worker runs",
        f"when it did not answer {PATIENCE} times",
        f"{'Ten' if clock._TOLERANCE == 600 else clock._TOLERANCE} minutes back are forgiven",
    ],
}
#: Numbers that are no thresholds: what was measured, versions, settings and exit codes.
FIGURES: Dict[str, List[str]] = {
    "guard": ["the program ends with 0", "a container of 256 MB at most"],
    "healing": [
        "71 s after a line was cut, 108 s and 111 s after MySQL and MariaDB were frozen",
        "Debezium 3.6, MySQL 8.0 and MariaDB 11.8",
        "`errors.max.retries=0`",
    ],
}


@pytest.mark.parametrize(("name", "phrase"), [(name, one) for name, ones in PHRASES.items() for one in ones])
def test_a_threshold_of_the_page_is_that_of_the_code(name: str, phrase: str) -> None:
    assert phrase in page(name)


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_every_number_of_the_page_is_held_to_the_code(name: str) -> None:
    left = page(name)
    for phrase in (*PHRASES[name], *FIGURES[name]):
        assert phrase in left
        left = left.replace(phrase, "")
    assert re.findall(r".{0,30}\d+.{0,30}", left) == []

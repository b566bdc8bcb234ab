# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role really run: sites that answer, one that is ill, one that is away, one that is too old, and a report."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.role_files import ROOT
from tests.unit.roles.role_runs import Outcome, check

REPORT = "far: ill\nNo heartbeat.\nData: " + json.dumps(
    {"site": "far", "at": "2026-03-02T10:00:00.000Z", "verdict": "ill", "sentence": "No heartbeat."}
)

#: As the playbook brings it together.
ANSWERS = yaml.safe_load((ROOT / "playbooks/status.yml").read_text())[0]["vars"]["fleet_status_answers"]


def told(verdict: str, sentence: str) -> str:
    return json.dumps(
        {
            "site": "",
            "at": "2026-03-02T10:00:00.000Z",
            "verdict": verdict,
            "sentence": sentence,
            "text": f"<{sentence}>",
        }
    )


@dataclass
class Fleet:
    folder: Path

    def host(self, name: str, answer: str, code: int = 0, err: str = "") -> dict[str, Any]:
        command = self.folder / name
        command.write_text(f"#!/bin/sh\ncat <<'X'\n{answer}\nX\necho '{err}' >&2\nexit {code}\n")
        command.chmod(0o755)
        return self.variables(fleet_status_command=str(command))

    def variables(self, **more: Any) -> dict[str, Any]:
        return {
            "event_log_status_dir": str(self.folder / "page"),
            "event_log_reports_dir": str(self.folder / "reports"),
            "path": "/usr/bin:/bin",
            "fleet_status_answers": ANSWERS,
            **more,
        }

    def run(self, hosts: dict[str, dict[str, Any]], really: bool = True) -> dict[str, Outcome]:
        return check(
            self.folder, [{"ansible.builtin.import_role": {"name": "openmrs.event_log.fleet_status"}}], hosts, really
        )

    def away(self) -> dict[str, Any]:
        return self.variables(ansible_connection="ssh", ansible_host="127.0.0.1", ansible_port=1)

    @property
    def sites(self) -> dict[str, dict[str, Any]]:
        return {one["name"]: one for one in json.loads((self.folder / "page/sites.json").read_text())["sites"]}

    @property
    def page(self) -> str:
        return (self.folder / "page/index.html").read_text()


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    (tmp_path / "reports").mkdir()
    return Fleet(tmp_path)


def test_all_of_them_are_on_one_page(fleet: Fleet) -> None:
    (fleet.folder / "reports/mail-1.txt").write_text(REPORT)
    hosts = {
        "well": fleet.host("well", told("ok", "Running.")),
        "sick": fleet.host("sick", told("ill", "Failed <b>.")),
        "old": fleet.host("old", "", 2, "event-log: error: argument COMMAND: invalid choice: overview"),
        "lost": fleet.away(),
    }
    outcomes = fleet.run(hosts)
    assert outcomes["well"].result("Show the event log")["msg"] == "<Running.>"
    assert "run site.yml" in outcomes["old"].result("Show why there is no answer")["msg"]
    assert [outcome.failure for outcome in outcomes.values()] == [""] * 4
    assert [outcome.changed for outcome in outcomes.values()] == [[]] * 4
    states = {name: one["state"] for name, one in fleet.sites.items()}
    assert states == {"well": "ok", "sick": "ill", "old": "unknown", "lost": "unknown", "far": "ill"}
    assert "Failed &lt;b&gt;." in fleet.page
    assert "not reached: " in fleet.page
    assert "No heartbeat." in fleet.page


def test_a_site_that_is_away_later_keeps_what_it_said(fleet: Fleet) -> None:
    fleet.run({"hill": fleet.host("hill", told("ok", "Running."))})
    fleet.run({"hill": fleet.away(), "other": fleet.host("other", told("ok", "Running too."))})
    hill = fleet.sites["hill"]
    assert (hill["state"], hill["overview"]["sentence"]) == ("away", "Running.")
    assert hill["away"].startswith("not reached: ")


def test_the_page_asks_nobody_for_anything(fleet: Fleet) -> None:
    fleet.run({"hill": fleet.host("hill", told("ok", "Running."))})
    assert "default-src 'none'" in fleet.page
    for word in ("http:", "https:", "src=", "url(", "@import", "<script", "<link"):
        assert word not in fleet.page
    assert (fleet.folder / "page/index.html").stat().st_mode & 0o777 == 0o640


def test_check_mode_asks_and_writes_nothing(fleet: Fleet) -> None:
    outcomes = fleet.run({"hill": fleet.host("hill", told("ok", "Running."))}, really=False)
    assert outcomes["hill"].result("Show the event log")["msg"] == "<Running.>"
    assert not (fleet.folder / "page").exists()
    assert outcomes["hill"].result("Say where the page is")["msg"].startswith("Would write: ")


def test_without_a_page_only_the_output_tells(fleet: Fleet) -> None:
    fleet.run({"hill": {**fleet.host("hill", told("ok", "Running.")), "fleet_status_page": False}})
    assert not (fleet.folder / "page").exists()

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles of one run are never written over each other."""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from tests.unit.role_files import ROOT
from tests.unit.roles.role_runs import check

# What the playbook finds out for the role.
FOUND = ("__bundle_name", "__bundle_alike", "site_bundle_twins")


def test_two_servers_of_one_name_are_refused_and_the_others_are_not(tmp_path: Path) -> None:
    sites = {
        "one": {"event_log_site": "hilltop"},
        "two": {"event_log_site": "Hilltop"},
        "three": {"event_log_site": "hilltop", "site_bundle_site": "lakeside"},
        "four": {"event_log_site": "northgate"},
        "five": {},
    }
    (play,) = yaml.safe_load((ROOT / "playbooks/bundle.yml").read_text(encoding="utf-8"))
    found = {name: play["vars"][name] for name in FOUND}
    common = {
        **found,
        "path": os.environ["PATH"],
        "site_bundle_dir": "/media/stick",
        "site_bundle_release": "debian-13",
    }
    tasks = [{"ansible.builtin.include_role": {"name": "openmrs.event_log.site_bundle", "tasks_from": "preflight"}}]
    tasks[0]["when"] = "inventory_hostname != 'five'"  # type: ignore[assignment]
    outcomes = check(tmp_path, tasks, {name: {**common, **given} for name, given in sites.items()})
    for name in ("one", "two"):
        assert "for one and two alike" in outcomes[name].failure
    assert [outcomes[name].failure for name in ("three", "four")] == ["", ""]
    assert [len(outcomes[name].results) > 1 for name in ("three", "four")] == [True, True]

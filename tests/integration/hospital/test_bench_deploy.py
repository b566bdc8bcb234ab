# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark of the playbooks runs on one server that has an engine. Its times are not judged."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from bench import deploy, deploy_servers
from tests.helpers.hospital import CARRIED, Site


def test_it_measures_a_slice_of_the_playbook_beside_the_hand(
    odd: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy_servers, "STORE", CARRIED / "images")
    bench = deploy.Benchmark(tmp_path, 1)
    bench.light([odd])
    taken = [json.loads(json.dumps(asdict(one))) for one in bench.log]
    assert [(one["step"], one["way"], one["servers"]) for one in taken] == [
        ("preflight and engine", deploy.PLAYBOOK, 1),
        ("preflight and engine", deploy.HAND, 1),
    ]
    assert all(one["seconds"] > 0 and one["to_servers"] > 0 and one["control_s"] > 0 for one in taken)
    assert bench.tasks["preflight and engine"] > 10
    lines = deploy.table(bench.log).splitlines()
    assert [line.split(" | ")[2] for line in lines[2:]] == [deploy.PLAYBOOK, deploy.HAND]
    assert "others" in deploy.longest(bench.profile["preflight and engine"], 3).splitlines()[-1]

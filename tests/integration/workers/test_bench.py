# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark runs, and what it measures keeps to its targets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.connector_noop import MOST_SECONDS, Bench, measure, verdict
from bench.results import Measured, table, write
from tests.helpers.workers import Rig


@pytest.mark.full
def test_a_call_with_nothing_to_do_costs_little(rig: Rig, tmp_path: Path) -> None:
    options, name = rig.a.options, "bench-noop"
    bench = Bench(rig.a.url, options["url_username"], options["url_password"], name, rig.debezium(name), tmp_path)
    rows, requests = measure(bench, 2)
    assert len(requests) == 3, requests
    # The quickest of each: what else the machine does meanwhile only adds to it.
    assert rows[0].least - rows[1].least < MOST_SECONDS, table(rows) + verdict(rows, requests)[1]
    assert [row.count for row in rows] == [10, 10, 10, 10]
    assert "bench-noop" not in rig.a.get("/connectors")


def test_missed_targets_are_told() -> None:
    slow = [Measured.of("module", [1.0, 0.9, 1.1]), Measured.of("ping", [0.3, 0.4, 0.3])]
    assert verdict(slow, ["GET /"])[0] is False
    assert verdict(slow[::-1], ["GET /"])[0] is True
    assert verdict(slow[::-1], ["GET /"] * 4)[0] is False


def test_results_are_kept_for_people_and_for_programs(tmp_path: Path) -> None:
    row = Measured.of("module", [float(number) for number in range(1, 101)])
    assert (row.count, row.median, row.p95, row.least, row.most) == (100, 50.5, 95.0, 1.0, 100.0)
    kept = write("some", [row], {"met": True}, table([row]), tmp_path)
    assert "| module | 100 | 50.500 | 95.000 |" in kept.read_text(encoding="utf-8")
    content = json.loads(kept.with_suffix(".json").read_text(encoding="utf-8"))
    assert content["benchmark"] == "some"
    assert content["seconds"][0]["p95"] == 95.0

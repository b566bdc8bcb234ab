# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each measurement of the stream runs, at a tiny size, and its results can be read. No figure is tested."""

from __future__ import annotations

import json
import os

import pytest

from bench import stream
from bench.results import RESULTS
from tests.faults.disk import missing_tools

TINY = (
    "--obs=2000", "--rounds=1", "--rates", "20", "30", "--seconds=2", "--idle=1", "--changes=200", "--day=40",
    "--saves=2",
)  # fmt: skip
#: Each part once, as the collection ships it. All ways take minutes, and durability is a snapshot with other settings.
FULL = bool(os.environ.get("EVENT_LOG_TEST_FULL"))
WAYS = ("--way", stream.OURS, "--way", "clinic", "--way", "the database's own client")
SOME = () if FULL else ("snapshot", "latency", "catch_up", "trickle", "memory", *WAYS)


def test_each_part_runs_and_its_results_can_be_read(capfd: pytest.CaptureFixture[str]) -> None:
    if missing := missing_tools():
        pytest.skip(f"not on this machine: {', '.join(missing)}")
    assert stream.main([*SOME, *TINY]) == 0
    newest = max(RESULTS.glob("stream-*.json"))
    found = json.loads(newest.read_text(encoding="utf-8"))
    parts = {one["part"] for one in found["taken"]}
    assert {"snapshot of obs", "snapshot of the sample", "latency", "catch-up", "trickle", "memory"} <= parts
    assert [line for line in found["medians"] if line["median"] < 0] == []
    assert "### latency" in capfd.readouterr().out
    newest.unlink()
    newest.with_suffix(".md").unlink()

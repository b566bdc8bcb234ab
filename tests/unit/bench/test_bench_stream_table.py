# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is made of the figures of the stream's measurements."""

from __future__ import annotations

import pytest

from bench import stream, stream_parts
from bench.stream_rig import FIRST, OURS


def taken(way: str, *speeds: float) -> list[dict[str, object]]:
    figures = [{"rows_s": one, "at": {"50": {"p99_ms": 2 * one}}} for one in speeds]
    return [{"part": "snapshot", "way": way, "round": turn, "figures": one} for turn, one in enumerate(figures)]


def test_of_the_rounds_the_median_counts_and_the_spread_is_told() -> None:
    lines = stream.medians([*taken(FIRST, 30.0, 10.0, 20.0), *taken(OURS, 60.0, 90.0, 50.0)])
    told = [(line["way"], line["figure"], line["median"], line["least"], line["most"], line["n"]) for line in lines]
    assert told == [
        (FIRST, "rows_s", 20.0, 10.0, 30.0, 3), (FIRST, "at.50.p99_ms", 40.0, 20.0, 60.0, 3),
        (OURS, "rows_s", 60.0, 50.0, 90.0, 3), (OURS, "at.50.p99_ms", 120.0, 100.0, 180.0, 3),
    ]  # fmt: skip
    table = stream.table(lines)
    assert "| figure | first | ours | ours : first |" in table
    assert "| rows_s | 20.0 (10.0 to 30.0) | 60.0 (50.0 to 90.0) | 3.00 |" in table


def test_one_round_has_no_spread_and_one_way_no_ratio() -> None:
    table = stream.table(stream.medians(taken(OURS, 1234.5)))
    assert "| figure | ours |" in table
    assert "| rows_s | 1,234 |" in table


@pytest.mark.parametrize(("share", "value"), [(0.5, 3.0), (0.99, 5.0), (0.2, 1.0), (0.0, 1.0)])
def test_a_percentile_is_a_value_that_was_measured(share: float, value: float) -> None:
    assert stream_parts.nearest_rank([5.0, 1.0, 4.0, 2.0, 3.0], share) == value


def test_an_unknown_part_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        stream.main(["snapshots"])
    assert "no such part: snapshots; there are snapshot, latency" in capsys.readouterr().err

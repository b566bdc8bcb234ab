# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The power fails while somebody writes: python -m tests.faults.power on a small size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Iterator, List

import pytest

from tests.faults import cuts, disk, power, processes
from tests.faults.load import Load
from tests.faults.recovery import recover
from tests.faults.stack import IMAGES
from tests.faults.variants import VARIANTS

COPIES, SECONDS = 60, 20
SEED = 20
#: As a broken or badly set up disk would have it: old pages wait for minutes. The first version relied on 30 seconds.
LATE, OFTEN = 300, 100


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Path]:
    missing = disk.missing_tools()
    if missing:
        pytest.skip(f"power cuts need {', '.join(missing)} (apt-get install xfsprogs)")
    try:
        for repository in set(IMAGES.values()):
            processes.tree(repository)
    except LookupError as error:
        pytest.skip(str(error))
    with disk.pool(tmp_path) as made:
        yield made


def test_no_position_outlives_its_events_and_one_cut_is_survived_whole(pool: Path) -> None:
    ours = VARIANTS["ours"]
    run = cuts.stream(pool, ours, Load(SEED), COPIES, SECONDS)
    seen = cuts.look(run, pool / "look.at")
    assert len(seen) == COPIES
    assert [one for one in seen if not one.registered] == [], "the worker had said that it has the connector"
    streaming = [number for number, one in enumerate(seen) if one.offset]
    assert len(streaming) > COPIES / 2, "the position is written every second"
    assert [one for one in seen if one.ahead or one.history_ahead] == []
    # Half of them, for a test machine may stand still now and then.
    assert sorted(seen[number].again_ms for number in streaming)[len(streaming) // 2] <= 5000
    chosen = streaming[len(streaming) // 2]
    for back in recover(pool, run, run.copies[chosen]):
        assert back.said == ""
        assert back.outcome.changes > 100
        assert (back.outcome.missing, back.outcome.wrong) == ([], [])


@pytest.mark.full
@pytest.mark.parametrize(
    "form",
    [
        ["--ddl-every", "40"],
        ["--retention"],
        ["--large", "50000", "--seconds", "5"],
        ["--in-snapshot", "--seconds", "5"],
        ["--twice"],
        ["--slow-ms", "5"],
    ],
    ids=lambda form: form[0][2:],
)
@pytest.mark.usefixtures("pool")
def test_each_form_of_the_long_run_comes_back_on_a_small_size(form: List[str], tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    usual = ["--variant", "ours", "--cuts", "80", "--seconds", "20", "--recoveries", "1", "--results", str(results)]
    assert power.main([*usual, *form]) == 0
    told = json.loads(results.read_text(encoding="utf-8"))
    assert len(told["recoveries"]) == (2 if "--twice" in form else 1)
    assert all(one["good"] and one["changes"] for one in told["recoveries"])
    if "--retention" in form:
        assert told["kept_from"] > 0, "nothing was deleted"
        assert told["deleting"] > told["copies"] / 2


@pytest.mark.full
def test_the_rig_finds_the_loss_that_the_first_versions_flushing_risks(pool: Path) -> None:
    with cuts.writeback(LATE, OFTEN):
        run = cuts.stream(pool, VARIANTS["short"], Load(SEED), 200, 60)
        seen = cuts.look(run, pool / "look.at")
    assert any(one.ahead for one in seen)

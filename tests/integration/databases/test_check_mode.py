# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode after convergence, on the servers of every database."""

from __future__ import annotations

import pytest

from tests.helpers.databases import STACK
from tests.helpers.fixtures import run_quietly
from tests.helpers.records import RECORDS, runs


@pytest.mark.full
def test_check_mode_finds_nothing_to_do() -> None:
    assert STACK.exists
    known = {run.path for run in runs(RECORDS / "databases")}
    run_quietly("molecule", "check", "-s", "databases", "--no-command-borders")
    (run,) = [run for run in runs(RECORDS / "databases", "converge") if run.path not in known]
    assert (run.kind, run.failures, dict(run.changed)) == ("check", [], {})
    assert len({event.host for event in run.executed}) == 4

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the runs over SSH did: check mode told the truth on servers without internet."""

from __future__ import annotations

import pytest

from tests.helpers.records import Run
from tests.testinfra.test_runs import (  # noqa: F401
    KINDS,
    begun_with,
    test_check_mode_on_the_bare_server_predicts_the_run,
    test_no_run_failed,
)


@pytest.fixture(scope="module")
def sequence() -> list[Run]:
    """The scenario ends with the first run."""
    return begun_with(KINDS[:2])

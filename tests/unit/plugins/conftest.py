# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules leave on a host, kept off the machine that tests them."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _guard_progress


@pytest.fixture(autouse=True)
def _no_progress_on_this_machine(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_guard_progress, "DIRECTORY", Path(tmp_path_factory.getbasetemp(), "progress"))

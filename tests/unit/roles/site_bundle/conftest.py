# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.roles.site_bundle import stick


@pytest.fixture
def server(tmp_path: Path) -> stick.Server:
    return stick.make(tmp_path)

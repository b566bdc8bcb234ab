# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rig, once for all tests of this directory."""

from __future__ import annotations

from typing import Iterator

import pytest

from tests.helpers.worker_rig import rig as bring_up
from tests.helpers.workers import Rig


@pytest.fixture(scope="session")
def rig() -> Iterator[Rig]:
    with bring_up() as made:
        yield made

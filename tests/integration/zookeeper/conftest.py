# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server of the scenario `zookeeper`."""

from __future__ import annotations

from typing import Any, Dict

import pytest

from tests.helpers.playbooks import site_variables
from tests.helpers.server import Server

NAME = "eventlog-test-zookeeper"


@pytest.fixture(scope="session")
def server() -> Server:
    found = Server(NAME)
    if not found.exists:
        pytest.fail("the scenario's server does not run: ./test.sh zookeeper, or molecule converge -s zookeeper")
    return found


@pytest.fixture(scope="session")
def site() -> Dict[str, Any]:
    """Its inventory."""
    return {**site_variables(), "event_stack_mode": "zookeeper"}

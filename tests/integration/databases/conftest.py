# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes into every database at once, and reads back what arrived of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Dict

import pytest

from tests.helpers.databases import STACK, counts, databases, wait_for
from tests.helpers.written import Written, written


@pytest.fixture(scope="session")
def streamed() -> Dict[str, Written]:
    """All that the tests of this directory look for, written and read back once."""
    if not STACK.exists:
        pytest.fail("the scenario's servers do not run: ./test.sh databases, or molecule converge -s databases")
    everything = [written(database) for database in databases()]
    before = counts()
    with ThreadPoolExecutor(len(everything)) as pool:
        list(pool.map(lambda one: one.database.sql(one.statements()), everything))
    expected = {
        one.database.topic(table): before.get(one.database.topic(table), 0) + number
        for one in everything
        for table, number in one.expected().items()
        if number
    }
    arrived = wait_for(expected, 180)
    for one in everything:
        one.arrived = {
            topic: number for topic, number in arrived.items() if topic.startswith(one.database.prefix + ".")
        }
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(Written.read, everything))
    return {one.database.name: one for one in everything}

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server loses its power under load: the guard looks at the database before there is a worker, and starts it."""

from __future__ import annotations

import os
from typing import Callable

from tests.integration.server_faults.conftest import Faulty, pause

KILLS = int(os.environ.get("EVENT_LOG_TEST_KILLS", "1"))
CUTS = 1 if KILLS == 1 else max(2, KILLS // 4)


def test_it_goes_on_by_itself(faulty: Faulty, record_property: Callable[..., None]) -> None:
    server, seconds, before = faulty.server, list[float](), faulty.duplicates()
    with faulty.load() as load:
        for _ in range(CUTS):
            pause()
            began = faulty.power_cut()
            seconds.append(faulty.await_flow(began, "the power was cut"))
            units = "journalctl --boot --quiet --output=cat -u event-log -u event-log-guard"
            assert "event-log-connect is started." in server.sh(units), "the guard started the worker, at boot"
    told = ", ".join(f"{one:.0f}" for one in seconds)
    faulty.compared(load, f"power cut, {CUTS} times; flowing after {told} s", record_property, before)
    faulty.await_verdict("ok")
    assert server.sh("systemctl --failed --no-legend") == ""

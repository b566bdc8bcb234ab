# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""event-log status and connector_info say the same of a connector, whatever became of it."""

from __future__ import annotations

from pathlib import Path
from typing import List, Tuple

import pytest
from event_log import settings as host_settings
from event_log.status import verdict_of

from tests.helpers.fault_home import Home
from tests.helpers.fault_site import CAPTURE, WORKER, Site
from tests.helpers.one_truth import States, by_command, by_module
from tests.helpers.workers import wait_for

NAME = "truth"
USER = f"'{CAPTURE[0]}'@'%'"


def test_both_say_the_same_of_a_connector_that_runs_is_paused_has_failed_and_is_stopped(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in Home(site, NAME, tmp_path).guarded(interval=1).items():
        monkeypatch.setenv(variable, value)
    settings = host_settings.load()
    seen: List[Tuple[States, str]] = []

    def both(state: str, tasks: List[str], running: bool) -> None:
        """Workers learn states from a topic: both are asked until they have it."""

        def the_same() -> bool:
            told = verdict_of(settings)
            seen.append((by_command(told.as_data()), told.verdict))
            wanted = {NAME: (state, tasks, running)}
            return seen[-1][0] == wanted == by_module(site.rest)

        wait_for(f"both say {state} {tasks}", the_same, 60, WORKER, pause=1)

    site.register(NAME)
    wait_for("the containers are healthy", lambda: verdict_of(settings).verdict == "ok", 60, WORKER, pause=1)
    both("RUNNING", ["RUNNING"], True)
    assert seen[-1][1] == "ok"
    site.rest("PUT", f"/connectors/{NAME}/pause")
    both("PAUSED", ["PAUSED"], False)
    assert seen[-1][1] == "held"
    site.rest("PUT", f"/connectors/{NAME}/resume")
    site.await_running(NAME)
    site.sql(f"ALTER USER {USER} IDENTIFIED BY 'another-one-7'")
    try:
        site.rest("POST", f"/connectors/{NAME}/restart?includeTasks=true&onlyFailed=false")
        both("RUNNING", ["FAILED"], False)
        assert seen[-1][1] == "ill"
    finally:
        site.sql(f"ALTER USER {USER} IDENTIFIED BY '{CAPTURE[1]}'")
    site.rest("PUT", f"/connectors/{NAME}/stop")
    both("STOPPED", [], False)
    assert seen[-1][1] == "held"

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody changed on a server by hand: check mode foretells it, a run puts it right, and then nothing is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.playbooks import Outcome, play, site_variables
from tests.helpers.server import Server

DATA = "/var/lib/event-log/kafka/data"
#: What is done to the server, the task that puts it right, how to see it, and what is seen then.
DRIFT = (
    (f"chmod 0700 {DATA}", "kafka_host : Make the data directories", f"stat -c %a {DATA}", "750"),
    ("usermod --shell /bin/sh kafka", "kafka_host : Make the user, without a login or a home",
     "getent passwd kafka | cut -d : -f 7", "/usr/sbin/nologin"),
    ("systemctl --quiet disable event-log.service", "event_stack : Start the unit, now and at every boot",
     "systemctl is-enabled event-log.service", "enabled"),
    ("systemctl stop event-log-status.timer", "event_stack : Start the timer of the status line",
     "systemctl is-active event-log-status.timer", "active"),
)  # fmt: skip


def put_right(outcome: Outcome) -> list[str]:
    assert outcome.code == 0, outcome.output
    return sorted(task.removeprefix("openmrs.event_log.") for _, task in outcome.changed)


@pytest.fixture(scope="module")
def runs(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The tasks that changed something, in check mode, in the run, and in one more."""
    directory: Path = tmp_path_factory.mktemp("drift")
    for command, _, _, _ in DRIFT:
        server.sh(command)
    return {
        name: put_right(play(directory, server, site_variables(), "--tags", "stack", *words))
        for name, words in (("check", ("--check",)), ("run", ()), ("again", ()))
    }


def test_check_mode_foretells_what_the_run_does(runs: dict[str, list[str]]) -> None:
    assert runs["check"] == runs["run"]


def test_exactly_what_was_changed_is_put_right(server: Server, runs: dict[str, list[str]]) -> None:
    assert runs["run"] == sorted(task for _, task, _, _ in DRIFT)
    assert [server.sh(look).strip() for _, _, look, _ in DRIFT] == [seen for _, _, _, seen in DRIFT]


def test_then_nothing_is_left_to_do(runs: dict[str, list[str]]) -> None:
    assert runs["again"] == []

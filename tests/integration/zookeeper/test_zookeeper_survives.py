# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stopped, started, made anew, killed: topics, positions and the registration stay; and no disk, no new beginning."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import pytest

from tests.helpers import survival
from tests.helpers.bad_input import Case, run_case
from tests.helpers.playbooks import play
from tests.helpers.server import Server, eventually

LOG = "/var/lib/event-log/kafka/data/log"
COMPOSE = "docker compose --ansi never --project-directory /opt/event-log"
OTHER_MODE = Case(
    "the other mode",
    ("event_stack_mode is 'kraft'", LOG, "a broker with ZooKeeper", "event_stack_mode: zookeeper", "docs/zookeeper.md"),
)


def test_the_mode_is_not_switched_back(server: Server, tmp_path: Path) -> None:
    run_case(server, OTHER_MODE, tmp_path)


def test_everything_is_there_after_a_stop_and_in_new_containers(
    server: Server, site: Dict[str, Any], tmp_path: Path
) -> None:
    before = survival.take(server)
    server.sh("systemctl stop event-log")
    # As if the disk were not mounted: a broker with ZooKeeper would begin anew in the empty directory.
    server.sh(f"mv {LOG} /root/ && mkdir {LOG} && chown 1001:1001 {LOG}")
    try:
        assert "Is the disk mounted?" in server.sh("systemctl start event-log; journalctl -u event-log -n 20 -o cat")
        outcome = play(tmp_path, server, site, playbook="openmrs.event_log.preflight")
        assert outcome.changed == []
        assert f"event_log_data_dir is '{LOG}': this host's broker kept its data there" in outcome.messages
        assert server.sh(f"ls -A {LOG}") == "", "something was made in its place"
    finally:
        server.sh(f"rmdir {LOG} && mv /root/log {LOG}; {COMPOSE} down; systemctl restart event-log")
    survival.assert_kept(server, before)
    survival.assert_goes_on(server, before)


@pytest.mark.full
@pytest.mark.parametrize("service", ["broker", "zookeeper"])
def test_what_was_killed_comes_back_by_itself(server: Server, service: str) -> None:
    before = survival.take(server)
    server.sh(f"kill -9 $(docker inspect -f '{{{{.State.Pid}}}}' event-log-{service})")
    eventually(lambda: server.sh("event-log status").startswith("Running: "), 120, "the event log runs again")
    survival.assert_kept(server, before)
    survival.assert_goes_on(server, before)

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins that cannot be switched on are not half on. That they can be is how this server came to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.access import CONSUMER, Attempt, attempt, login, reading
from tests.helpers.playbooks import play
from tests.helpers.sample_writes import going
from tests.helpers.server import Server
from tests.integration.secure.conftest import Secure

BROKEN = {
    # No Java begins with that.
    "event_stack_memory": {"broker_heap_mb": 2, "broker_limit_mb": 64, "connect_heap_mb": 256, "connect_limit_mb": 700},
    "event_stack_start_timeout": 40,
    "event_stack_upgrade_timeout": 40,
}


def anybody_reads(server: Server) -> bool:
    topic = reading("openmrs.openmrs.person")
    return attempt(server, {"anybody": Attempt(login("PLAINTEXT"), CONSUMER, topic)})["anybody"].events == 1


@pytest.mark.full
def test_a_switch_that_fails_goes_back_and_one_that_follows_succeeds(
    server: Server, site: Secure, tmp_path: Path
) -> None:
    off = {**site.variables, "event_log_broker_logins": "none", "event_log_kafka_users": [], "event_log_kafka_acls": []}
    load = going(server)
    switched = play(tmp_path / "off", server, off)
    assert switched.code == 0, switched.messages or switched.output[-3000:]
    assert anybody_reads(server)

    failed = play(tmp_path / "failed", server, {**site.variables, **BROKEN})
    assert failed.code != 0
    assert not server.logins
    assert anybody_reads(server), "the broker is as it was"
    load.more(3)
    assert server.sh("event-log status").startswith("Running: ")

    succeeded = play(tmp_path / "on", server, site.variables)
    assert succeeded.code == 0, succeeded.messages or succeeded.output[-3000:]
    assert server.logins
    assert not anybody_reads(server)
    load.more(3)
    assert load.wait(180) > 6

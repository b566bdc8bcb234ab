# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``event-log lag``: the events behind the database, the readers behind the events."""

from __future__ import annotations

import json
import time
from typing import Optional

import pytest
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log import lag
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log.lag import Behind, Lag
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.conftest import Host
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.kafka_batches import Made, write_segment

DESCRIBED = """
GROUP    TOPIC     PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG  CONSUMER-ID  HOST        CLIENT-ID
reports  a.b.obs   0          12              20              8    c-1          /127.0.0.1  python
reports  a.b.late  0          0               5               5    c-1          /127.0.0.1  python
reports  a.b.done  0          5               5               0    c-1          /127.0.0.1  python
"""
NOW = 1_700_000_000.0


def test_groups_are_summed_up_with_the_age_of_their_oldest_unread_event(host: Host) -> None:
    now = int(time.time() * 1000)
    host.play("cat <<'END'\n" + DESCRIBED + "END\n")
    directory = host.data_dir / "a.b.obs-0"
    write_segment(directory, 0, [Made(0, 10, first_ms=now - 900_000_000)])
    write_segment(directory, 10, [Made(10, 2, first_ms=now - 800_000_000), Made(12, 8, first_ms=now - 7_200_000)])
    write_segment(host.data_dir / "a.b.late-0", 0, [Made(0, 5, first_ms=now - 60_000, last_ms=now - 60_000)])
    host.topic("__debezium-heartbeat.openmrs-0", Made(0, first_ms=now - 4000, last_ms=now - 4000))
    shown = host.run("lag").stdout
    assert shown.startswith("Up to date: the database's log was read ")
    assert shown.splitlines()[-1].split() == ["reports", "13", "2", "2", "hours", "yes"]
    answer = json.loads(host.run("lag", "--json").stdout)
    assert answer["groups"][0]["events"] == 13
    assert answer["groups"][0]["since_ms"] == now - 7_200_000
    assert 3 < answer["heartbeat_age_seconds"] < 60


def test_without_a_broker_the_heartbeat_is_told_all_the_same(host: Host) -> None:
    host.refuse_image("Cannot connect to the Docker daemon")
    host.topic("__debezium-heartbeat.openmrs-0", Made(0, first_ms=1000, last_ms=1000))
    done = host.run("lag")
    assert done.returncode == 0
    assert "Behind: the database's log has not been read for" in done.stdout
    assert "The Docker engine is not running" in done.stdout
    assert json.loads(host.run("lag", "--json").stdout)["groups"] is None


@pytest.mark.parametrize(
    ("heartbeat", "newest", "words"),
    [
        (None, None, "no heartbeat is kept; no event yet."),
        (NOW - 5, None, "Up to date: the database's log was read 5 seconds ago; no event yet."),
        (NOW + 50, NOW - 7200, "read 0 seconds ago; the newest event was written 2 hours ago."),
        (NOW - 121, NOW - 86400, "Behind: the database's log has not been read for 2 minutes"),
    ],
)
def test_behind_the_database_in_words(heartbeat: Optional[float], newest: Optional[float], words: str) -> None:
    times = [None if one is None else int(one * 1000) for one in (heartbeat, newest)]
    assert words in lag.of_the_database(Lag(NOW, times[0], times[1], ()))


def test_a_group_that_has_read_all_has_no_unread_event() -> None:
    done = lag.as_text(Lag(NOW, None, None, [Behind("reports", 0, 0, None, False)]))
    assert done.splitlines()[-1].split() == ["reports", "0", "0", "-", "no"]
    assert "No consumer group" in lag.as_text(Lag(NOW, None, None, []))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (90, "90 seconds"),
        (120, "2 minutes"),
        (7100, "118 minutes"),
        (130000, "36 hours"),
        (200000, "2 days"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert lag.period(seconds) == words

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clock is set back when the server boots: the worker waits, and goes on as soon as the time is right.

A container has the clock of the machine that it runs on, which no test sets. So it is the guard alone that reads
another time here, by its Python; what the broker does with such a time, it does not show.
"""

from __future__ import annotations

import time
from typing import Callable, Iterator

import pytest

from tests.helpers.server import eventually
from tests.integration.server_faults.conftest import UP, Faulty, pause

# The host command starts Python by its name, and lets nothing of its surroundings into it but that.
OTHER_PYTHON = """#!/bin/sh
code=$4
shift 4
exec /usr/bin/python3 -I -B -c "import ctypes, time
now = time.time
time.time = lambda: now() - DAYS * 86400
class Nobody:  # sets this clock: the kernel's answer would be that of the machine below
    def __init__(self, *_, **__): pass
    def adjtimex(self, *_): return 5
ctypes.CDLL = Nobody
$code" "$@"
"""
OTHER_TIME = """
set -eu
mkdir -p /srv/off
cat > /srv/off/python3
chmod 0755 /srv/off/python3
for unit in event-log event-log-guard; do
  mkdir -p /etc/systemd/system/$unit.service.d
  printf '[Service]\\nEnvironment=PATH=/srv/off:/usr/sbin:/usr/bin:/sbin:/bin\\n' \
    > /etc/systemd/system/$unit.service.d/clock.conf
done
"""
RIGHT_TIME = """
rm -f /etc/systemd/system/event-log*.service.d/clock.conf
systemctl daemon-reload
systemctl restart event-log-guard
"""


@pytest.fixture
def set_right(faulty: Faulty) -> Iterator[None]:
    yield
    faulty.server.sh(RIGHT_TIME)


#: What is said of so many days: before the guard was made, or before the time that it remembers.
SAID = {365: "which is before this program was made", 30: "and it said"}


@pytest.mark.usefixtures("set_right")
@pytest.mark.parametrize("days", SAID)
def test_the_worker_waits_for_the_right_time(faulty: Faulty, days: int, record_property: Callable[..., None]) -> None:
    server, before = faulty.server, faulty.duplicates()
    with faulty.load() as load:
        pause()
        server.sh(OTHER_TIME, stdin=OTHER_PYTHON.replace("DAYS", str(days)))
        began = faulty.power_cut()
        eventually(lambda: faulty.memory().get("waiting", {}).get("id") == "clock_back", UP, "the guard sees the clock")
        seen = time.monotonic() - began
        said = faulty.sentence()
        assert SAID[days] in said
        assert "sudo date --set" in said
        assert faulty.worker_state() != "running"
        assert server.sh("docker inspect -f '{{.State.Status}}' event-log-broker").strip() == "running"
        server.sh(RIGHT_TIME)
        began = time.monotonic()
        seconds = faulty.await_flow(began, "the clock is right")
    what = f"clock {days} days back at boot; told after {seen:.0f} s, flowing {seconds:.0f} s after it was right"
    faulty.compared(load, what, record_property, before)
    print(said)
    faulty.await_verdict("ok")

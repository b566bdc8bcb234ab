# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Created paused or stopped: nothing begins. And what a call with nothing to do asks of a real worker."""

from __future__ import annotations

import time

import pytest

from tests.helpers.calls import call
from tests.helpers.rest_proxy import before_worker
from tests.helpers.workers import Rig, wait_for


@pytest.mark.parametrize("state", [pytest.param("paused", marks=pytest.mark.full), "stopped"])
def test_created_asleep_takes_no_snapshot(rig: Rig, state: str) -> None:
    name = f"asleep-{state}-{time.time():.0f}"  # topics of a run before may be there
    mine = f"{name}.openmrs.person"
    try:
        config = rig.debezium(name)
        since = rig.a.now()
        with before_worker(rig.a.member.port) as proxy:
            options = {**rig.a.options, "url": proxy.url}
            made = call("connector", name=name, state=state, config=config, **options)
        assert made["actions"] == ["create"], made
        assert proxy.writes == ["POST /connectors 201"]  # nothing that ran was put to sleep
        rig.a.await_states(name, state.upper())  # no task has been made yet
        assert rig.a.get(f"/connectors/{name}/offsets") == {"offsets": []}
        assert not [topic for topic in rig.topics() if name in topic]
        # The same connector, awake, makes its topics: what was looked for above does come.
        woken = call("connector", name=name, config=config, settle=1, **rig.a.options)
        assert woken["actions"] == ["resume"], woken
        wait_for("the snapshot", lambda: mine in rig.topics(), 60, rig.a.name)
        log = "".join(worker.log(since) for worker in (rig.a, rig.b))
        assert log.count("Snapshot completed") + log.count("snapshot completed") <= 2
    finally:
        rig.a.delete(name)


@pytest.mark.parametrize("where", ["a", pytest.param("b", marks=pytest.mark.full), "old"])
def test_nothing_to_do_asks_three_times(rig: Rig, where: str) -> None:
    worker, name = getattr(rig, where), "asked"
    config = rig.source(name)
    worker.delete(name)
    try:
        call("connector", name=name, config=config, settle=1, **worker.options)
        with before_worker(worker.member.port) as proxy:
            options = {**worker.options, "url": proxy.url}
            for check in (False, True):
                proxy.seen.clear()
                assert not call("connector", check=check, name=name, config=config, **options)["changed"]
                assert proxy.seen == [
                    f"GET /connectors/{name} 200",
                    f"GET /connectors/{name}/status 200",
                    f"GET /connector-plugins/{config['connector.class']}/config 200",
                ]
            proxy.seen.clear()
            assert not call("connector", name="nobody", state="absent", **options)["changed"]
            assert proxy.seen == ["GET /connectors/nobody 404"]
    finally:
        worker.delete(name)


def test_the_whole_wait_is_kept(rig: Rig) -> None:
    """With the settle time that users have: RUNNING counts after it has been seen for so long."""
    name = "settled"
    rig.old.delete(name)
    try:
        with before_worker(rig.old.member.port) as proxy:
            running: list[float] = []

            def look(line: str) -> bool:
                """Note when the module can have seen it running, before it has the answer."""
                now = time.monotonic()
                if line.endswith("/status") and rig.old.states(name) == ["RUNNING", "RUNNING"]:
                    running.append(now)
                return False

            proxy.after = look
            made = call("connector", name=name, config=rig.source(name), **{**rig.old.options, "url": proxy.url})
            assert made["actions"] == ["create"], made
            assert proxy.writes == ["POST /connectors 201"]
            assert time.monotonic() - running[0] >= 3, running
            assert len(running) >= 3, "it has not looked again while it waited"
    finally:
        rig.old.delete(name)

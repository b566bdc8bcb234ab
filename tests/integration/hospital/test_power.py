# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that go off and on while somebody writes: the stack comes back by itself, and every event is there."""

from __future__ import annotations

import json

import pytest

from tests.helpers.fixtures import run_quietly
from tests.helpers.hospital import Site
from tests.helpers.server import eventually
from tests.helpers.survival import Picture, assert_kept
from tests.helpers.writes import Source, Writes

OFF_AND_ON = {
    # Its init is told to shut down, has its time, and is started again.
    "restart": (("restart", "--time", "150"),),
    "power cut": (("kill",), ("start",)),
}


def streams(site: Site) -> bool:
    """What the server itself says, asked over SSH as its administrator would."""
    said = json.loads(site.ssh("sudo", "event-log", "status", "--json", timeout=90))
    return bool(said["verdict"] == "ok")


@pytest.mark.parametrize(
    "how", ["restart", pytest.param("power cut", marks=pytest.mark.full)], ids=lambda how: how.replace(" ", "_")
)
def test_the_stack_comes_back_by_itself_and_every_event_is_there(
    district: Site, openmrs: Source, all_before: Picture, how: str
) -> None:
    address, begun = district.address, district.sh("date +%s").strip()
    containers = district.sh("docker ps -q --no-trunc | sort")
    with Writes(openmrs) as writes:
        writes.more(100)
        for words in OFF_AND_ON[how]:
            run_quietly("docker", *words, district.name)
        eventually(lambda: district.ssh("echo", "here", check=False) == "here\n", 60, "SSH")
        assert district.address == address
        # Nobody logs in to start anything; only the database's writers begin again.
        eventually(lambda: district.sh("mariadb -e 'SELECT 1'"), 60, "the database is back")
        with Writes(openmrs, writes.first + 50_000) as later:
            eventually(lambda: streams(district), 180, "the event log streams again", pause=2)
            later.more(50)
        assert later.rows
        writes.wait(120)  # those written later are among its rows
        assert set(later.rows) < set(writes.rows)
        assert len(writes.rows) >= 150
    assert_kept(district, all_before)
    assert district.sh("docker ps -q --no-trunc | sort") == containers, "the same containers, started again"
    unit = district.sh("systemctl show event-log.service -p ActiveState -p Result -p StatusText")
    assert "ActiveState=active" in unit
    assert "Result=success" in unit
    assert district.sh("systemctl --failed --no-legend") == ""
    policy = district.sh("docker inspect -f '{{.HostConfig.RestartPolicy.Name}}' event-log-connect").strip()
    units = f"journalctl --quiet --output=cat --since=@{begun} -u event-log -u event-log-guard"
    assert (policy, "event-log-connect is started." in district.sh(units)) == ("no", True), (
        "the guard started the worker"
    )
    if how == "restart":
        orderly(district.sh(f"docker logs --since {begun} event-log-broker 2>&1"))


def orderly(log: str) -> None:
    """The broker had its time to write everything down: it says so itself."""
    assert "shut down completed" in log
    recovered = [line for line in log.splitlines() if "Recovering unflushed segment" in line]
    # Its own metadata is always read over again.
    assert [line for line in recovered if "__cluster_metadata" not in line] == []

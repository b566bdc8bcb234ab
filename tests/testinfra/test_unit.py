"""event-log.service on a converged server: what it is, what its status line says, and that no log grows for ever."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.helpers.server import eventually
from tests.helpers.stack_mode import OWN

UNIT = "event-log.service"
MEGABYTE = 1024 * 1024
MOST_LOG = len(OWN) * 30 * MEGABYTE  # what Docker may keep of the containers' output


def shown(host: Any, unit: str, *properties: str) -> dict[str, str]:
    lines = host.check_output(f"systemctl show --property={','.join(properties)} {unit}").splitlines()
    return dict(line.split("=", 1) for line in lines)


@pytest.fixture(scope="module")
def inspected(host: Any) -> dict[str, dict[str, Any]]:
    answer = json.loads(host.check_output(f"docker container inspect {' '.join(OWN)}"))
    return {container["Name"].lstrip("/"): container for container in answer}


def test_the_unit_is_up_and_comes_at_every_boot(host: Any) -> None:
    unit = shown(host, UNIT, "ActiveState", "SubState", "UnitFileState", "NeedDaemonReload", "Result")
    assert unit == {
        "ActiveState": "active",
        "SubState": "exited",
        "UnitFileState": "enabled",
        "NeedDaemonReload": "no",
        "Result": "success",
    }


def test_it_starts_after_the_engine_and_with_its_disks(host: Any) -> None:
    unit = shown(host, UNIT, "After", "Wants", "RequiresMountsFor")
    assert "docker.service" in unit["After"].split()
    assert {"docker.service", "event-log-status.timer"} <= set(unit["Wants"].split())
    assert {"/opt/event-log", "/var/lib/event-log"} <= set(unit["RequiresMountsFor"].split())


def test_there_is_time_to_stop_the_containers_one_after_the_other(
    host: Any, inspected: dict[str, dict[str, Any]]
) -> None:
    needed = sum(container["Config"]["StopTimeout"] for container in inspected.values())
    limit = shown(host, UNIT, "TimeoutStopUSec")["TimeoutStopUSec"]
    minutes, seconds = (int((re.search(rf"(\d+){name}\b", limit) or [0, 0])[1]) for name in ("min", "s"))
    assert minutes * 60 + seconds > needed >= 120


def test_systemd_has_nothing_to_say_against_the_units(host: Any) -> None:
    found = host.run("systemd-analyze verify event-log.service event-log-status.service event-log-status.timer")
    assert (found.rc, [line for line in found.stderr.splitlines() if "event-log" in line]) == (0, [])


def test_the_status_line_is_the_sentence_of_the_command(host: Any) -> None:
    def equal() -> bool:
        # Where somebody writes all the time, the newest event is another one by now.
        said, shows = (
            host.check_output("event-log status").splitlines()[0],
            shown(host, UNIT, "StatusText")["StatusText"],
        )
        return bool(shows.partition(", newest event ")[0] == said.partition(", newest event ")[0])

    eventually(equal, 150, "the status line is what event-log status says")
    answer = json.loads(host.check_output("event-log status --json"))
    assert (answer["verdict"], answer["findings"]) == ("ok", [])
    assert answer["sentence"].startswith("Running: ")


def test_the_engine_brings_back_what_fails_and_the_worker_is_the_guards(inspected: dict[str, dict[str, Any]]) -> None:
    policies = {name: each["HostConfig"]["RestartPolicy"]["Name"] for name, each in inspected.items()}
    assert policies.pop("event-log-connect") == "no"
    assert set(policies.values()) == {"on-failure"}


def test_docker_keeps_a_bounded_part_of_the_containers_output(inspected: dict[str, dict[str, Any]]) -> None:
    most = 0
    for container in inspected.values():
        log = container["HostConfig"]["LogConfig"]
        assert log["Type"] == "json-file"
        assert log["Config"]["max-size"].endswith("m")
        most += int(log["Config"]["max-size"][:-1]) * MEGABYTE * int(log["Config"]["max-file"])
    assert 0 < most <= MOST_LOG


def test_the_looks_of_every_minute_leave_nothing_in_the_journal(host: Any) -> None:
    eventually(
        lambda: shown(host, "event-log-status.service", "ExecMainStatus", "ExecMainExitTimestamp")[
            "ExecMainExitTimestamp"
        ],
        150,
        "the timer has called it",
    )
    assert shown(host, "event-log-status.service", "Result")["Result"] == "success"
    said = host.check_output("journalctl --quiet --no-pager --output=cat --unit=event-log-status.service")
    assert said == ""


def test_the_unit_says_a_few_words_when_it_starts_and_stops(host: Any) -> None:
    starts = host.check_output(f"journalctl --quiet --no-pager --output=cat --unit={UNIT} --boot").splitlines()
    assert any("are started" in line for line in starts)
    assert len(starts) < 60, "\n".join(starts[:20])


def test_there_are_no_other_logs(host: Any) -> None:
    """Where there is systemd, nothing writes files below /var/log; and Java writes no log of its own."""
    assert host.check_output("find /var/log -name '*event-log*'") == ""
    stray = host.check_output(
        "find /opt/event-log /var/lib/event-log -name '*gc*.log*' -o -name 'hs_err*' -o -name 'server.log*'"
    )
    assert stray == ""
    for name in OWN:
        assert "Xlog:gc" not in host.check_output(f'docker exec {name} sh -c \'tr "\\0" " " </proc/1/cmdline\'')

"""The guard on a converged server: it runs, remembers which database it is, and nobody but it starts the worker."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.helpers.server import eventually

UNIT = "event-log-guard.service"
MEMORY = "/var/lib/event-log/guard/memory.json"
WORKER = "event-log-connect"
# As the guard itself writes it, under its lock.
PUT = """python3 -I -B -c '
import json, sys
sys.path.insert(0, "/opt/event-log/lib")
from event_guard.memory import Memory
memory = Memory.load()
memory.put("hold", json.loads(sys.argv[1]))
memory.save()' '%s'"""

# What it does every six hours.
TOPICS = """python3 -I -B -c '
import json, sys
sys.path.insert(0, "/opt/event-log/lib")
from event_guard import room, topic_settings
from event_log import settings
mine = settings.load()
configs = topic_settings.configurations(mine)
text = topic_settings.described(room.administrator(mine))
wrong = topic_settings.problems(text, mine.internal_topics, configs, topic_settings.topic_audit.Broker())
named = [one.name for one in topic_settings.topic_audit.parse_description(text)]
print(json.dumps({"connectors": len(configs), "topics": named, "wrong": wrong}))'"""


def status(host: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(host.check_output("event-log status --json"))
    return found


def running(host: Any) -> bool:
    return bool(host.check_output(f"docker container inspect --format '{{{{.State.Running}}}}' {WORKER}") == "true")


def test_it_runs_and_comes_at_every_boot(host: Any) -> None:
    shown = host.check_output(f"systemctl show --property=ActiveState,UnitFileState,NRestarts,NeedDaemonReload {UNIT}")
    assert dict(line.split("=") for line in shown.splitlines()) == {
        "ActiveState": "active",
        "UnitFileState": "enabled",
        "NRestarts": "0",
        "NeedDaemonReload": "no",
    }
    found = host.run(f"systemd-analyze verify {UNIT}")
    assert (found.rc, [line for line in found.stderr.splitlines() if "event-log" in line]) == (0, [])


def test_no_step_of_it_fails(host: Any) -> None:
    said = host.check_output(f"journalctl --quiet --no-pager --output=cat --priority=err --boot --unit={UNIT}")
    # A machine that is busy with other tests may be too slow for a look, and the next round makes good for it.
    assert [line for line in said.splitlines() if "no answer within" not in line] == []


def test_it_sees_all_topics_and_finds_them_as_they_must_be(host: Any) -> None:
    seen = json.loads(host.check_output(TOPICS))
    assert seen["connectors"] >= 1
    assert {"schema-changes.openmrs", "openmrs.openmrs.person", "event-log-connect-offsets"} <= set(seen["topics"])
    assert seen["wrong"] == []


def test_it_remembers_which_database_it_is(host: Any) -> None:
    def remembered() -> dict[str, Any]:
        if not host.file(MEMORY).exists:
            return {}
        found: dict[str, Any] = json.loads(host.file(MEMORY).content_string)
        return found

    eventually(lambda: bool(remembered().get("history")), 120, "the guard has looked at the database")
    (one,) = remembered()["history"].values()
    assert one["offset"]
    assert not remembered().get("hold")
    file = host.file(MEMORY)
    assert (file.user, file.mode) == ("root", 0o600)
    assert "password" not in host.file("/opt/event-log/config/guard.json").content_string


# The part `faults` kills everything, and the part `hospital` sees the guard start a worker after a boot.
@pytest.mark.full
def test_a_worker_that_ended_is_started_by_the_guard_and_not_while_it_is_held(host: Any) -> None:
    assert status(host)["verdict"] == "ok"
    hold = {"id": "of_a_test", "what": "A test holds it.", "remedy": "Wait for its end.", "since": 1, "connector": ""}
    host.check_output(PUT % json.dumps(hold))
    try:
        host.check_output(f"docker kill {WORKER}")
        found = status(host)
        assert (found["verdict"], found["findings"][0]["id"]) == ("down", "of_a_test")
        assert "A test holds it. Wait for its end." in found["sentence"]
        assert len(found["findings"]) == 1, "that it has stopped is not said beside why"
        # Two rounds of the guard, in which nobody starts it.
        until = "now=$(date +%s); docker events --since $now --until $((now + 25))"
        started = host.check_output(f"{until} --filter container={WORKER} --filter event=start")
        assert started == ""
        assert not running(host)
    finally:
        host.check_output(PUT % "{}")
    eventually(lambda: running(host), 60, "the guard starts the worker")
    eventually(lambda: status(host)["verdict"] == "ok", 180, "and its connector reads on")

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit and the command on a host with a guard, and on one whose guard is not there yet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Dict

import pytest
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.conftest import Host
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.described import container

BROKER, WORKER = "event-log-broker", "event-log-connect"
PROJECT = {
    "services": {
        "broker": {"container_name": BROKER, "restart": "on-failure"},
        "connect": {"container_name": WORKER, "restart": "no"},
    }
}
UP = "up --detach --no-recreate --no-build --pull never"
BOOT = """
class Decision:
    start, what, remedy = {start}, "The database is another one.", "Run repair_restored_source.yml."

def start_worker(settings):
    assert settings.guarded
    open({calls!r}, "a").write("the guard\\n")
    {failure}
    return Decision
"""


@pytest.fixture
def guarded(host: Host) -> Host:
    path = Path(host.environ["EVENT_LOG_SETTINGS"])
    path.write_text(json.dumps({**json.loads(path.read_text()), "guarded": True}))
    host.tell("compose", json.dumps(PROJECT))
    host.containers(container(BROKER), container(WORKER))
    return host


def bring(host: Host, **parts: str) -> None:
    """A guard with these modules."""
    package = host.root / "lib" / "event_guard"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    for name, text in parts.items():
        (package / f"{name}.py").write_text(text)
    host.environ["PYTHONPATH"] += f":{package.parent}"


def boot(host: Host, start: bool = True, failure: str = "pass") -> str:
    return BOOT.format(start=start, calls=str(host.root / "calls"), failure=failure)


def done(host: Host) -> Dict[str, int]:
    """What was called, and when, without the project's address."""
    prefix = f"compose --ansi never --project-directory {host.chosen.home} "
    return {call.replace(prefix, ""): number for number, call in enumerate(host.calls())}


def test_the_worker_is_made_and_then_the_guard_is_asked(guarded: Host) -> None:
    bring(guarded, boot=boot(guarded))
    ran = guarded.run("unit", "start")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "<5>The containers of the event log are started.\n", "")
    assert list(done(guarded))[:6] == [
        "config --format json",
        f"{UP} broker",
        "create --no-recreate --no-build --pull never connect",
        f"update --restart on-failure {BROKER}",
        f"update --restart no {WORKER}",
        "the guard",
    ]


def test_a_guard_that_does_not_start_it_is_no_failure_of_the_unit(guarded: Host) -> None:
    bring(guarded, boot=boot(guarded, start=False))
    ran = guarded.run("unit", "start")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines()[-1] == (
        "<5>The worker is not started: The database is another one. Run repair_restored_source.yml."
    )


def test_a_guard_that_fails_is_told_and_the_rest_is_up(guarded: Host) -> None:
    bring(guarded, boot=boot(guarded, failure="raise OSError('no memory')"))
    ran = guarded.run("unit", "start")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "could not decide: OSError: no memory" in ran.stdout
    assert f"{UP} broker" in done(guarded)


def test_until_the_guard_is_there_the_worker_starts_as_before(guarded: Host) -> None:
    ran = guarded.run("unit", "start")
    assert ran.returncode == 0
    assert "The guard is not on this host yet. The worker starts with the others." in ran.stdout
    assert UP in done(guarded)
    ran = guarded.run("guard")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "playbook guard.yml" in ran.stderr


def test_a_guard_that_cannot_be_loaded_keeps_nothing_from_starting(guarded: Host) -> None:
    bring(guarded, boot="import no_such_library\n")
    ran = guarded.run("unit", "start")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "cannot be loaded (ModuleNotFoundError" in ran.stdout
    assert UP in done(guarded)


def test_a_fault_within_the_guard_is_not_taken_for_its_absence(guarded: Host) -> None:
    bring(guarded, loop="import no_such_library\n")
    ran = guarded.run("guard")
    assert ran.returncode == 1
    assert "no_such_library" in ran.stderr
    assert "guard.yml" not in ran.stderr


def test_the_guard_gets_the_settings_and_its_end_is_the_commands(guarded: Host) -> None:
    bring(guarded, loop="def run(settings):\n    print(settings.project)\n    return 7\n")
    ran = guarded.run("guard")
    assert (ran.returncode, ran.stdout) == (7, "event-log\n")
    assert "guard" not in guarded.run("--help").stdout.split()


MEMORY = """
class Memory:
    @classmethod
    def load(cls, directory):
        {body}
"""
PARTS = {
    "settings": "class Guard:\n    directory = 'there'\n\ndef load():\n    return Guard\n",
    "memory": MEMORY.format(body="return directory"),
    "findings": """
from event_log.verdict import DOWN, Finding

def findings(memory, guard, now):
    assert (memory, guard.directory) == ("there", "there") and now > 1.7e9
    return [Finding("database_other", DOWN, "The guard holds the worker.", "Repair it.")]

def withholds(memory):
    return True
""",
}


def test_the_status_is_told_what_the_guard_knows(guarded: Host) -> None:
    guarded.containers(container(BROKER), container(WORKER, "exited"))
    bring(guarded, **PARTS)
    ran = guarded.run("status")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "The guard holds the worker. Repair it.\n", "")


@pytest.mark.parametrize(("body", "told"), [("raise PermissionError", ""), ("raise OSError('bad disk')", "bad disk")])
def test_a_guard_that_cannot_be_asked_is_no_reason_to_say_nothing(guarded: Host, body: str, told: str) -> None:
    guarded.containers(container(BROKER), container(WORKER, "exited"))
    bring(guarded, **{**PARTS, "memory": MEMORY.format(body=body)})
    ran = guarded.run("status")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("Down: Kafka Connect has stopped")
    assert ("bad disk" in ran.stdout) == bool(told)


DECIDE = """
class Decision:
    start, wait, what, remedy = {start}, {wait}, "The database is\\n another one.", "Run repair_restored_source."

def decide(settings, guard, memory, now):
    assert settings.guarded and (guard.directory, memory) == ("there", "there") and now > 1.7e9
    return Decision
"""
REFUSED = "guard: The database is another one. Run repair_restored_source.\n"


@pytest.mark.parametrize(
    ("state", "start", "wait", "told"),
    [
        ("exited", False, False, REFUSED),
        ("exited", False, True, ""),
        ("exited", True, False, ""),
        ("running", False, False, ""),
    ],
)
def test_a_playbook_is_told_what_the_guard_refuses_as_long_as_the_worker_does_not_run(
    guarded: Host, state: str, start: bool, wait: bool, told: str
) -> None:
    guarded.containers(container(BROKER), container(WORKER, state))
    bring(guarded, **{**PARTS, "boot": DECIDE.format(start=start, wait=wait)})
    ran = guarded.run("unit", "decide")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, told, "")


def test_without_a_guard_there_is_nothing_to_decide(guarded: Host) -> None:
    guarded.containers(container(BROKER), container(WORKER, "exited"))
    ran = guarded.run("unit", "decide")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


ACTS = """
def recent(directory, most):
    return [
        {"time": "t1", "act": "restart", "about": "c", "reason": "It had failed."},
        {"time": "t2", "act": "hold", "about": "", "reason": "Another database."},
    ]
"""
REMEMBERED = """
class Memory:
    @classmethod
    def load(cls, directory):
        return {"acts": {"restart": 3, "hold": 1}}
"""


def test_the_doctor_numbers_what_is_wrong_and_tells_what_the_guard_did(guarded: Host) -> None:
    guarded.containers(container(BROKER, health="unhealthy"), container(WORKER, "exited"))
    findings = PARTS["findings"].replace(
        'assert (memory, guard.directory) == ("there", "there") and now > 1.7e9', "pass"
    )
    settings = PARTS["settings"].replace("directory", "interval = 10\n    directory")
    bring(guarded, settings=settings, memory=REMEMBERED, findings=findings, acts=ACTS)
    ran = guarded.run("doctor")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines() == [
        "1. The guard holds the worker.",
        "   To do: Repair it.",
        "2. Kafka runs but does not answer its health check.",
        "   To do: See why: sudo docker logs --tail 50 event-log-broker",
        "",
        "The guard looks every 10 s.",
        "It has done, in all: hold 1, restart 3.",
        "Lately, the newest first:",
        "  t2 hold: Another database.",
        "  t1 restart c: It had failed.",
    ]
    told = json.loads(guarded.run("doctor", "--json").stdout)
    assert (told["verdict"], told["guard"]["acts"], len(told["guard"]["recent"])) == (
        "down",
        {"restart": 3, "hold": 1},
        2,
    )
    assert "text" not in told


def test_without_a_guard_the_doctor_says_so(host: Host) -> None:
    host.containers(container(BROKER), container(WORKER, "exited"))
    lines = host.run("doctor").stdout.splitlines()
    assert lines[0].startswith("1. Down: Kafka Connect has stopped")
    assert lines[-1].startswith("There is no guard here")
    assert json.loads(host.run("doctor", "--json").stdout)["guard"] == {}

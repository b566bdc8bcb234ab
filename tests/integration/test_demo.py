"""The command of the README on a bare Debian 12 without systemd: interrupted, and purged back to bare; then, where an
engine is there already, set up, stopped, brought back, and purged down to what was there.

A user with sudo does it.
Images are loaded from the archives that the part "images" makes; EVENT_LOG_TEST_DEMO=build has them built on the bare
machine, as a user without archives has it.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator

import pytest

from tests.helpers.bare_server import CHECKOUT, ROOT, USER, BareServer, Outcome
from tests.helpers.fixtures import run_quietly

NAME = "eventlog-test-demo"
LOGS = ROOT / ".cache/test/logs"
CONTAINERS = ("event-log-broker", "event-log-connect", "openmrs-sample-db")
# What an administration of packages keeps of its own doings, and no purge takes back.
LEFT_BY_APT = (
    "/var/lib/apt/extended_states",
    "/var/log/apt/eipp.log.xz",
    "/var/log/apt/history.log",
    "/var/log/apt/term.log",
    "/etc/passwd-",
    "/etc/group-",
    "/etc/shadow-",
    "/etc/gshadow-",
)
# What an engine that stays keeps of the containers that it ran, and of its own runs.
KEPT_BY_THE_ENGINE = tuple(
    f"[files] {sign}{path}"
    for path in ("/run/docker/", "/run/runc", "/var/lib/docker/", "/root/.docker")
    for sign in "+-"
)
ENGINE_OF_SOMEBODY = """
set -e
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install \
  docker.io iptables python3 python3-venv >/dev/null 2>&1
start-stop-daemon --start --background --pidfile /run/docker.pid --startas /usr/sbin/dockerd
for try in $(seq 60); do ! docker info >/dev/null 2>&1 || break; sleep 0.5; done
docker volume create precious
"""
# Installing it takes half a minute, and it is not what is tried the second time.
KEPT_ANSIBLE = "/var/cache/venv-of-the-tests"
KEEP_ANSIBLE = f"cp -al {CHECKOUT}/.venv {KEPT_ANSIBLE}"
BRING_ANSIBLE_BACK = f"mv {KEPT_ANSIBLE} {CHECKOUT}/.venv"


@pytest.fixture(scope="module")
def server() -> Iterator[BareServer]:
    LOGS.mkdir(parents=True, exist_ok=True)
    built = os.environ.get("EVENT_LOG_TEST_DEMO") == "build"
    if not built and os.environ.get("EVENT_LOG_TEST_IMAGES") != "built":
        run_quietly("ansible-playbook", "-i", "localhost,", str(ROOT / "tests/run/images.yml"))
    machine = BareServer(NAME, LOGS, from_archives=not built)
    machine.start()
    yield machine
    print("\n".join(machine.log))
    machine.remove()


@pytest.fixture(scope="module")
def before(server: BareServer) -> dict[str, list[str]]:
    return server.snapshot()


def differences(old: dict[str, list[str]], new: dict[str, list[str]]) -> list[str]:
    found = []
    for section, lines in old.items():
        for line in difflib.unified_diff(lines, new[section], lineterm="", n=0):
            compiled = line.endswith(".pyc") or line.endswith("__pycache__")
            if line[0] in "+-" and line[:3] not in ("+++", "---") and line[1:] not in LEFT_BY_APT and not compiled:
                found.append(f"{section} {line}")
    return found


def succeeded(outcome: Outcome) -> Outcome:
    assert outcome.code == 0, outcome.output[-6000:]
    assert outcome.longest_silence <= 15, f"nothing was printed for {outcome.longest_silence:.0f} s"
    return outcome


def names_in_the_topic(server: BareServer) -> int:
    listed = server.ask("event-log topics")
    match = re.search(r"^openmrs\.openmrs\.person_name +(\d+)", listed, re.MULTILINE)
    assert match, listed
    return int(match.group(1))


def test_help_and_a_wrong_word_change_nothing(server: BareServer, before: dict[str, list[str]]) -> None:
    assert "purge" in succeeded(server.run("help", "./demo.sh", "help")).output
    wrong = server.run("wrong", "./demo.sh", "upp")
    assert wrong.code == 2
    assert "usage: ./demo.sh" in wrong.output
    assert differences(before, server.snapshot()) == []


def interrupted(outcome: Outcome) -> str:
    assert outcome.code == 130, outcome.output[-3000:]
    assert "Interrupted. Nothing is lost" in outcome.output
    return outcome.output


def test_it_can_be_interrupted_at_once(server: BareServer, before: dict[str, list[str]]) -> None:
    interrupted(server.run("interrupted-at-once", "./demo.sh", interrupt_at="in .venv"))


def test_it_says_what_it_will_do_before_it_does_it(server: BareServer, before: dict[str, list[str]]) -> None:
    said = interrupted(server.run("interrupted", "./demo.sh", interrupt_at="Make sure of Ansible"))
    plan, _, _ = said.partition("== step 1")
    assert re.search(r"Total to download: [1-9]\d+ MB", plan)
    assert "/var/lib/event-log" in plan


def test_it_can_be_interrupted_between_two_changes(server: BareServer, before: dict[str, list[str]]) -> None:
    building = "... openmrs.event_log.openmrs_sample : Get the image"
    made = "TASK [openmrs.event_log.openmrs_sample : Initialise the sample database]"
    at = made if server.from_archives else building
    said = interrupted(server.run("interrupted-again", "./demo.sh", interrupt_at=at))
    assert at in said


def test_purge_leaves_the_machine_as_it_was(server: BareServer, before: dict[str, list[str]]) -> None:
    """Purging what an interrupted run has left is the harder case."""
    server.ask(KEEP_ANSIBLE)
    succeeded(server.run("purge", "./demo.sh", "purge"))
    assert differences(before, server.snapshot()) == []


def test_a_second_purge_has_nothing_to_do(server: BareServer, before: dict[str, list[str]]) -> None:
    assert "Nothing to remove" in succeeded(server.run("purge-again", "./demo.sh", "purge")).output
    assert differences(before, server.snapshot()) == []


@pytest.fixture(scope="module")
def with_engine(server: BareServer) -> dict[str, list[str]]:
    """The machine once somebody has an engine there, with a volume of his, and Ansible in the checkout."""
    server.ask(ENGINE_OF_SOMEBODY + BRING_ANSIBLE_BACK)
    return server.snapshot()


def test_it_shows_a_change_as_it_arrives(server: BareServer, with_engine: dict[str, list[str]]) -> None:
    outcome = succeeded(server.run("up", "./demo.sh"))
    assert re.search(r"Kafka:  the event arrived \d+ ms after the commit \(op u, binlog \S+ at \d+\)", outcome.output)
    assert re.search(r"^  \* given_name +\S+ +\S+$", outcome.output, re.MULTILINE), "before and after"
    for address in ("127.0.0.1:9092", "http://127.0.0.1:8083", "127.0.0.1:3308", "its login: demo"):
        assert address in outcome.output
    assert "./demo.sh down" in outcome.output
    assert "./demo.sh purge" in outcome.output
    running = server.ask("docker ps --format '{{.Names}}'").split()
    assert set(CONTAINERS) <= set(running)
    for name in ("capture", "reader"):
        place = f"{CHECKOUT}/inventories/demo/.{name}_password"
        assert server.ask(f"stat -c '%a %U' {place}").split() == ["600", USER]


@pytest.mark.full
def test_a_second_run_changes_nothing_and_downloads_nothing(server: BareServer) -> None:
    outcome = succeeded(server.run("again", "./demo.sh"))
    recap = re.findall(r"^demo\b.* changed=(\d+) .*failed=(\d+)", outcome.output, re.MULTILINE)
    assert recap == [("0", "0")]
    assert "Total to download: 0 MB" in outcome.output
    assert outcome.megabytes < 1
    assert "Kafka:  the event arrived" in outcome.output


def test_down_stops_and_up_brings_back_with_the_data(server: BareServer) -> None:
    """Also after a reboot, which leaves an engine that nobody has started."""
    kept = names_in_the_topic(server)
    succeeded(server.run("down", "./demo.sh", "down"))
    assert server.ask("docker ps --quiet").split() == []
    server.ask("bash -c 'kill $(cat /run/docker.pid); while pidof dockerd >/dev/null; do sleep 0.2; done'")
    outcome = succeeded(server.run("up-after-down", "./demo.sh"))
    assert outcome.megabytes < 1
    assert names_in_the_topic(server) > kept, "the events of before and the new one"


@pytest.mark.full
def test_purge_keeps_an_engine_that_was_there(server: BareServer, with_engine: dict[str, list[str]]) -> None:
    succeeded(server.run("engine-purge", "./demo.sh", "purge"))
    assert server.ask("docker volume ls --quiet").split() == ["precious"]
    found = differences(with_engine, server.snapshot())
    assert [line for line in found if not line.startswith(KEPT_BY_THE_ENGINE)] == []
    assert server.ask(f"ls {CHECKOUT}/.venv/bin/ansible-playbook"), "what was in the checkout stays there, too"


@pytest.mark.full
def test_purge_after_an_interruption_keeps_it_too(server: BareServer, with_engine: dict[str, list[str]]) -> None:
    """As root this time."""
    stopped = server.run("engine-interrupted", "./demo.sh", user="root", interrupt_at="Initialise the sample database]")
    interrupted(stopped)
    succeeded(server.run("engine-interrupted-purge", "./demo.sh", "purge", user="root"))
    assert server.ask("docker volume ls --quiet").split() == ["precious"]
    found = differences(with_engine, server.snapshot())
    assert [line for line in found if not line.startswith(KEPT_BY_THE_ENGINE)] == []

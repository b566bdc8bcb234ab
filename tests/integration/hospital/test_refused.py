# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input over SSH: refused before anything is changed or copied, with words that say what to do."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.helpers.bad_input import Case, broken, state
from tests.helpers.hospital import CARRIED, CLINIC, Site
from tests.helpers.playbooks import Outcome, play, play_all
from tests.helpers.server import eventually

IMAGES = CARRIED / "images"
#: So much may go over the line for a run that is refused: the modules, and what they answer.
LITTLE = 6_000_000


def archive() -> Path:
    """The event log's own, as the control node has it."""
    (found,) = sorted(IMAGES.glob("openmrs-event-log-[0-9]*.tar.zst"))
    return found


def store(directory: Path, change: Callable[[Path], None]) -> str:
    """A store in which something is wrong; what is not touched is the same file."""
    directory.mkdir()
    for path in IMAGES.iterdir():
        if path.is_file():
            os.link(path, directory / path.name)
    change(directory)
    return str(directory)


def replaced(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def truncated(directory: Path) -> None:
    whole = archive().read_bytes()
    replaced(directory / archive().name, whole[: len(whole) // 2])


def tampered(directory: Path) -> None:
    content = bytearray(archive().read_bytes())
    content[len(content) // 2] ^= 0xFF
    replaced(directory / archive().name, bytes(content))


def of_another_architecture(directory: Path) -> None:
    (path,) = directory.glob("openmrs-event-log-[0-9]*.json")
    described = json.loads(path.read_text(encoding="utf-8"))
    assert described["architecture"] == "amd64", described
    replaced(path, json.dumps({**described, "architecture": "arm64"}).encode())


@dataclass(frozen=True)
class Refused:
    """What is wrong with one site of a run, and the words that must be said about it."""

    mentions: tuple[str, ...]
    outcome: str = "failed"


#: All in one run: sites of a fleet that nobody can set up, each for a reason of its own.
REFUSED = {
    "truncated": Refused(("openmrs-event-log", ".tar.zst", "anew", "images.yml")),
    "tampered": Refused(("openmrs-event-log", ".tar.zst", "anew", "images.yml")),
    "architecture": Refused(("arm64", "amd64")),
    "clock": Refused(("clock", "years")),
    "no-sudo": Refused(("sudo",)),
    "key-refused": Refused(("Permission denied", "publickey"), "unreachable"),
}


#: A container has no clock of its own: a Python that reads another time than the machine's.
OTHER_CLOCK = """
mkdir -p /srv/off
echo 'import time; now = time.time; time.time = lambda: now() - 5 * 365 * 86400' >/srv/off/sitecustomize.py
printf '#!/bin/sh\\nPYTHONPATH=/srv/off exec /usr/bin/python3 "$@"\\n' >/srv/off/python3
chmod 0755 /srv/off/python3
"""


@pytest.fixture(scope="module")
def ready(odd: Site) -> Site:
    """A server with an engine, and beside the administrator somebody who may not use sudo."""
    odd.sh(
        "useradd --create-home --uid 2001 --shell /bin/bash nurse"
        " && install -d -m 0700 -o nurse -g nurse /home/nurse/.ssh"
        " && install -m 0600 -o nurse -g nurse /home/provisioning/.ssh/authorized_keys /home/nurse/.ssh/"
    )
    odd.sh(OTHER_CLOCK)
    eventually(lambda: odd.sh("docker info"), 60, "its engine answers")
    return odd


def inventory(site: Site, **more: Any) -> dict[str, Any]:
    return {**CLINIC.variables, "ansible_host": site.address, "event_log_site": "odd", **more}


@dataclass(frozen=True)
class Refusals:
    """One run over all of these sites, and what the server was like before and after."""

    outcome: Outcome
    before: dict[str, str]
    after: dict[str, str]
    received: int


@pytest.fixture(scope="module")
def refusals(ready: Site, tmp_path_factory: pytest.TempPathFactory) -> Refusals:
    directory = tmp_path_factory.mktemp("refused", numbered=True)
    key = directory / "other-key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    sites = {
        "truncated": inventory(ready, event_log_images_dir=store(directory / "truncated", truncated)),
        "tampered": inventory(ready, event_log_images_dir=store(directory / "tampered", tampered)),
        "architecture": inventory(ready, event_log_images_dir=store(directory / "arm", of_another_architecture)),
        "clock": inventory(ready, ansible_python_interpreter="/srv/off/python3"),
        "no-sudo": inventory(ready, ansible_user="nurse"),
        # With a connection of its own: one that is held open needs no key.
        "key-refused": inventory(
            ready, ansible_ssh_private_key_file=str(key), ansible_control_path=str(directory / "control-%%C")
        ),
    }
    assert set(sites) == set(REFUSED)
    before, received = state(ready), ready.received()
    outcome = play_all(directory, sites)
    return Refusals(outcome, before, state(ready), ready.received() - received)


@pytest.mark.parametrize("site", REFUSED)
def test_it_is_refused_and_says_why(refusals: Refusals, site: str) -> None:
    failures = [event for event in refusals.outcome.run.failures if event.host == site]
    assert [event.outcome for event in failures] == [REFUSED[site].outcome], refusals.outcome.output[-6000:]
    missing = [word for word in REFUSED[site].mentions if word not in failures[0].message]
    assert missing == [], f"{missing} not in: {failures[0].message}"


def test_nothing_was_changed_and_nothing_copied(refusals: Refusals) -> None:
    assert refusals.outcome.code != 0
    assert refusals.outcome.changed == []
    assert refusals.after == refusals.before
    assert refusals.received < LITTLE


def test_each_is_named_at_the_end(refusals: Refusals) -> None:
    summary = refusals.outcome.output.rpartition("Site by site")[2]
    for site, refused in REFUSED.items():
        word = "FAILED" if refused.outcome == "failed" else "unreachable"
        assert re.search(rf"^{site}\s+{word}\s+\S", summary, re.MULTILINE), summary


SMALL = (
    "systemctl stop docker.socket docker && mount -t tmpfs -o size=300m,mode=710 small /var/lib/docker"
    " && systemctl start docker"
)
LARGE = "systemctl stop docker.socket docker && umount -R /var/lib/docker && systemctl start docker"
BROKEN = "echo '{ \"log-driver\": ' >/etc/docker/daemon.json && ! systemctl restart docker"
MENDED = "rm /etc/docker/daemon.json && systemctl reset-failed docker.service docker.socket && systemctl start docker"
#: An image of nothing but a Python, and a project of somebody's that listens on the broker's port.
FOREIGN = """
set -e
libraries=$(ldd /usr/bin/python3 | grep -o '/[^ ]*')
modules=$(python3 -c 'import os; print(os.path.dirname(os.__file__))')
tar -ch --ignore-failed-read /usr/bin/python3 $libraries $modules 2>/dev/null | docker import - old/kafka:2.8 >/dev/null
mkdir -p /srv/old-kafka
cat >/srv/old-kafka/compose.yaml <<'END'
services:
  kafka:
    image: old/kafka:2.8
    network_mode: host
    command: [/usr/bin/python3, -m, http.server, "9092", --bind, 127.0.0.1]
END
docker compose --project-directory /srv/old-kafka up --detach
timeout 30 sh -c 'until ss -Hltn | grep -q :9092; do :; done'
"""
CASES = [
    Case("disk too small for the image", ("/var/lib/docker", "MB"), before=SMALL, after=LARGE),
    Case("Docker present but broken", ("daemon.json",), before=BROKEN, after=MENDED),
    Case(
        "another project on the ports",
        ("9092", "old-kafka"),
        before=FOREIGN,
        after="docker compose --project-directory /srv/old-kafka down --timeout 0; docker rmi old/kafka:2.8;"
        " rm -r /srv/old-kafka",
    ),
]


@pytest.mark.full  # test_bad_input.py shows the same on a server next door
@pytest.mark.parametrize(
    "case",
    CASES,
    ids=lambda case: case.name.replace(" ", "_"),
)
def test_a_server_that_is_not_fit_is_left_as_it_was(ready: Site, case: Case, tmp_path: Path) -> None:
    with broken(ready, case):
        before, received = state(ready), ready.received()
        outcome = play(tmp_path, ready, inventory(ready))
        after, copied = state(ready), ready.received() - received
    assert outcome.code != 0, outcome.output[-3000:]
    assert outcome.run.failures, outcome.output[-3000:]
    assert outcome.changed == [], outcome.messages
    assert after == before
    assert copied < LITTLE
    missing = [word for word in case.mentions if word not in outcome.messages]
    assert missing == [], f"{missing} not in: {outcome.messages}"

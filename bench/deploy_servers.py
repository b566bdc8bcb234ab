# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers of the scenario `hospital` for the benchmark, what goes over their networks, and when they stream."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

from bench.results import RESULTS, ROOT
from tests.helpers.calls import call
from tests.helpers.hospital import CARRIED, RIG, Site
from tests.helpers.playbooks import Outcome, play_all

STORE = RESULTS / "images"
CONTEXT = ROOT / "images" / "event-log"
FORMER = RESULTS / "former-image"
FORMER_DEBEZIUM = "3.5.0.Final"
FULL_IMAGE = "eventlog-test-ssh-server:bookworm-mariadb"  # Debian 12 with its own MariaDB
LIGHT_IMAGE = "eventlog-test-ssh-server:engine"  # Debian 13 with a Docker engine and nothing else
TOPIC = "/var/lib/event-log/kafka/data/log/openmrs.openmrs.person-0"
# Writes rows as soon as the database takes them, until the topic on the broker's disk has grown.
ARRIVES = """
number=$2
until [ "$(cat "$0"/*.log 2>/dev/null | wc -c)" -gt "$1" ]; do
  mariadb openmrs -e "INSERT IGNORE INTO person VALUES ($number, 'F', NULL, NOW())" 2>/dev/null || true
  number=$((number + 1))
  sleep 0.2
done
"""


@dataclass(frozen=True)
class Taken:
    """What one way took once: time, and bytes over the network with everything that SSH and TCP add."""

    step: str
    way: str
    servers: int
    seconds: float
    to_servers: int
    from_servers: int
    control_s: float = 0.0  # processor time on the control node


def playbook(*words: str) -> None:
    """Run a playbook on this machine."""
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "MOLECULE_"))},
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache"),
    }
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", *words]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(words)}:\n{done.stdout[-5000:]}{done.stderr[-2000:]}")


def prepare_control_node() -> None:
    """Images, the former version's too, and packages: what an administrator carries to the servers."""
    playbook("tests/run/hospital.yml")
    playbook("openmrs.event_log.packages", "-e", f"event_log_packages_dir={CARRIED / 'packages'}",
             "-e", '{"event_log_packages_releases": ["debian-12"]}')  # fmt: skip
    shutil.rmtree(FORMER, ignore_errors=True)
    shutil.copytree(CONTEXT, FORMER)
    project = FORMER / "pom.xml"
    named = "<debezium.mysql.version>"
    head, _, tail = project.read_text(encoding="utf-8").partition(named)
    project.write_text(f"{head}{named}{FORMER_DEBEZIUM}{tail[tail.index('<') :]}", encoding="utf-8")
    # Its download is another file than the list says, and nobody but this benchmark will run it.
    (FORMER / "steps" / "verify").write_text("#!/bin/sh\n", encoding="utf-8")
    for context in (FORMER, CONTEXT):
        playbook("openmrs.event_log.images", "-e", f"event_log_images_dir={STORE}",
                 "-e", f"event_images_context={context}")  # fmt: skip
    # Its archive is enough; left here, the newest image of this machine would not be the project's.
    former = call("image_build", check=True, context=str(FORMER), name="openmrs-event-log")["image"]
    subprocess.run(["docker", "image", "rm", "--force", former], check=True, capture_output=True)


@contextlib.contextmanager
def servers(prefix: str, count: int, image: str) -> Iterator[list[Site]]:
    """So many servers, each on a network of its own that leads nowhere but here."""
    made = [Site(f"{prefix}-{number}") for number in range(1, count + 1)]
    words = ["molecule/hospital/server.yml", "-e", f"rig={RIG}", "-e", f"server_image={image}"]
    try:
        for site in made:
            playbook(*words, "-e", f"server_name={site.name}")
        yield made
    finally:
        for site in made:
            if site.exists:
                playbook(*words, "-e", f"server_name={site.name}", "-e", "server_state=absent")


def fill(site: Site) -> None:
    """A small OpenMRS in the server's own database."""
    schema = (ROOT / "molecule/databases/files/schema.sql").read_text(encoding="utf-8")
    deadline = time.monotonic() + 60
    while True:
        try:
            site.exec("mariadb", stdin=schema)
            return
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def variables(site: Site, former: bool = False) -> dict[str, Any]:
    """The inventory of one server."""
    return {
        **site.variables,
        "ansible_host": site.address,
        "event_log_site": site.name,
        "event_log_images_dir": str(STORE),
        "event_images_store": str(STORE),
        "event_log_tables": ["person", "person_name", "obs"],
        "mysql_binlog_mode": "configure",
        "mysql_binlog_restart": "if_needed",
        **({"event_images_context": str(FORMER)} if former else {}),
    }


def run(directory: Path, sites: Sequence[Site], *words: str, former: bool = False, recorded: bool = True) -> Outcome:
    """The playbook site, for these servers at once."""
    inventory: Mapping[str, Mapping[str, Any]] = {site.name: variables(site, former) for site in sites}
    outcome = play_all(directory, inventory, *words, recorded=recorded)
    if outcome.code != 0:
        raise SystemExit(outcome.output[-6000:])
    return outcome


def traffic(sites: Sequence[Site]) -> tuple[int, int]:
    """Bytes that the servers have received and sent so far."""
    found = [
        [int(site.exec("cat", f"/sys/class/net/eth0/statistics/{way}_bytes")) for way in ("rx", "tx")] for site in sites
    ]
    return sum(rx for rx, _ in found), sum(tx for _, tx in found)


def _processor_seconds() -> float:
    """Of this program and of those that it has started and seen end."""
    found = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in found)


@contextlib.contextmanager
def taking(log: list[Taken], step: str, way: str, sites: Sequence[Site]) -> Iterator[None]:
    """Note what the block takes."""
    received, sent = traffic(sites)
    began, used = time.monotonic(), _processor_seconds()
    yield
    seconds, used = time.monotonic() - began, _processor_seconds() - used
    now_received, now_sent = traffic(sites)
    taken = Taken(step, way, len(sites), round(seconds, 3), now_received - received, now_sent - sent, round(used, 2))
    print(f"  {taken}", file=sys.stderr, flush=True)
    log.append(taken)


def size_of_topic(site: Site) -> int:
    return int(site.sh(f"cat {TOPIC}/*.log | wc -c"))


def row_arrives(site: Site, size: int) -> None:
    """Wait until a row that is written from now on is in its topic."""
    first = str(100_000 + int(time.time()) % 1_000_000 * 1_000)
    site.exec("timeout", "400", "sh", "-c", ARRIVES, TOPIC, str(size), first, timeout=420)


def settle(site: Site) -> int:
    """Wait until nothing more comes, and return the topic's size."""
    row_arrives(site, size_of_topic(site))
    last, deadline = -1, time.monotonic() + 60
    while (size := size_of_topic(site)) != last and time.monotonic() < deadline:
        last = size
        time.sleep(2)
    return size


def power_off(site: Site) -> None:
    subprocess.run(["docker", "stop", "--time", "200", site.name], check=True, capture_output=True)


def power_on(site: Site) -> None:
    subprocess.run(["docker", "start", site.name], check=True, capture_output=True)

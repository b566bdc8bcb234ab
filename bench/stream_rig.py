# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the measurements of the stream stand on: a filled database, copied for each run, and what a program takes.

Database, broker and worker are those of the fault tests (tests/faults/stack.py): real programs on a file system of
their own, on 127.0.0.1, ended by this program.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable, Iterator, List, Mapping, Sequence

from bench.results import ROOT

sys.path.insert(0, str(ROOT / ".cache"))  # as pytest has it: the helpers import the collection by its name

from ansible_collections.openmrs.event_log.plugins.module_utils._profiles import PROFILES, Profile
from ansible_collections.openmrs.event_log.plugins.module_utils._stack_config import Overrides
from ansible_collections.openmrs.event_log.roles.openmrs_sample.files.openmrs_sample import fill
from ansible_collections.openmrs.event_log.roles.openmrs_sample.files.openmrs_sample.client import Client

from tests.faults import disk, processes
from tests.faults.disk import Disk
from tests.faults.follower import end_of
from tests.faults.stack import BROKER, IMAGES, LOG_DIR, MYSQL, WORKER, Stack
from tests.faults.variants import DATABASE_PORT, PREFIX, VARIANTS, Variant

DISK_SIZE = "12G"
OBS_OF_A_PATIENT = 165  # about, as the generator of the sample makes them
#: Every table that the sample writes patients' data into.
SAMPLE = (
    "person", "patient", "patient_identifier", "person_name", "person_address", "visit", "encounter", "obs",
)  # fmt: skip
OURS, FIRST, UNSAFE = "ours", "first", "ours, not durable"
_JMX, _METRICS = "/opt/kafka/jmx", {"broker": 39404, "connect": 39405}
#: The fault tests have a worker that sees sooner who is gone, at the price of more processor time when nothing happens.
_AS_SHIPPED: Overrides = {"session.timeout.ms": None, "heartbeat.interval.ms": None}
#: What Kafka's own scripts start a broker and a worker with.
_KAFKA_JVM = "-XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35"
_FIRST_JAVA = {BROKER: f"-Xms1G -Xmx1G {_KAFKA_JVM}", WORKER: f"-Xms256M -Xmx2G {_KAFKA_JVM}"}


def jvm_options(service: str) -> str:
    """What the collection starts a service's JVM with beside its heap: its choices, and the exporter of metrics."""
    template = ROOT / "roles" / "event_stack" / "templates" / "services" / f"{service}.yaml.j2"
    chosen = " ".join(re.findall(r"-XX:\S+", template.read_text(encoding="utf-8")))
    return f"{chosen} -javaagent:{_JMX}/jmx_prometheus_javaagent.jar=127.0.0.1:{_METRICS[service]}:{_JMX}/{service}.yml"


def of_profile(profile: Profile, tables: Sequence[str]) -> Variant:
    """What the collection ships for a size of server."""
    java = {
        name: f"-Xms{heap // 4}m -Xmx{heap}m {jvm_options(service)}"
        for name, service, heap in (
            (BROKER, "broker", profile.broker_heap_mb),
            (WORKER, "connect", profile.connect_heap_mb),
        )
    }
    sizes = {
        "max.queue.size.in.bytes": profile.queue_bytes,
        "max.queue.size": profile.queue_size,
        "max.batch.size": profile.batch_size,
        "topic.creation.default.retention.bytes": profile.retention_bytes,
    }
    return replace(VARIANTS[OURS], name=profile.name, java=java, changed=sizes, tables=tables, worker=_AS_SHIPPED)


def variants(tables: Sequence[str]) -> Mapping[str, Variant]:
    """The clinic's profile, the first version, and the profile without what makes it durable."""
    ours, first = of_profile(PROFILES[0], tables), VARIANTS[FIRST]
    return {
        OURS: ours,
        FIRST: replace(first, java=_FIRST_JAVA, tables=tables, worker={**first.worker, **_AS_SHIPPED}),
        UNSAFE: replace(ours, name=UNSAFE, broker={"log.flush.interval.messages": None}),
    }


def by_size(tables: Sequence[str]) -> List[Variant]:
    """What the collection ships for each size of server, from the smallest."""
    return [of_profile(one, tables) for one in PROFILES]


@dataclass(frozen=True)
class Filled:
    """A disk with a database of made-up patients and a broker without topics; each run gets a copy of it."""

    pool: Path
    disk: Disk
    obs: int  # rows

    @contextlib.contextmanager
    def up(self, variant: Variant, slow: str = "") -> Iterator[Stack]:
        copy = Disk(self.disk.copy(self.pool / "run"), self.pool / "run.at")
        try:
            with copy.mounted() as at, Stack(at, self.pool / "etc", variant, slow).up() as stack:
                stack.await_database()
                stack.await_worker()
                stack.rest("DELETE", "/connectors/none")  # answered once the worker has joined its group
                yield stack
        finally:
            copy.file.unlink(missing_ok=True)


def client() -> Client:
    """MySQL's own client, out of the image's files."""
    words = ("chroot", str(processes.tree(IMAGES[MYSQL])), "mysql", "--host=127.0.0.1", f"--port={DATABASE_PORT}")
    return Client((*words, "--user=root", "--batch", "--skip-column-names", "--quick"))


@contextlib.contextmanager
def filled(pool: Path, patients: int, seed: int) -> Iterator[Filled]:
    made = disk.new_disk(pool / "filled", pool / "filled.at", DISK_SIZE)
    with made.mounted() as at, Stack(at, pool / "etc", VARIANTS[OURS]).up_from_nothing() as stack:
        stack.sql("SET GLOBAL sync_binlog = 0", "SET GLOBAL innodb_flush_log_at_trx_commit = 0")
        fill.fill(client(), patients, seed)
        ((rows,),) = stack.sql("SELECT COUNT(*) FROM openmrs.obs")
        for name in (BROKER, MYSQL):
            end(stack, name)
    yield Filled(pool, made, int(rows))


def end(stack: Stack, name: str) -> None:
    """End a program in good order."""
    program = stack.running[name]
    program.signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        program.process.wait(90)


def until(what: str, seen: Callable[[], object], seconds: float, stack: Stack, every: float = 0.2) -> None:
    """Look often, for what is measured ends here, but not all the time, for each look takes a share of the processors.

    A task that has failed ends it as well.
    """
    deadline, look = time.monotonic() + seconds, 0.0
    while not seen():
        now = time.monotonic()
        if now - look > 2:
            look = now
            if problem := stack.failure():
                raise AssertionError(f"{what}: the task has failed: {problem}")
        if now > deadline:
            raise AssertionError(f"{what}: not within {seconds:g} s\n{stack.running[WORKER].said}")
        time.sleep(every)


def events(tables: Sequence[str]) -> int:
    """How many messages the topics of these tables hold."""
    return sum(end_of(table) for table in tables)


def topic_bytes(stack: Stack, tables: Sequence[str]) -> int:
    """What these topics take on the broker's disk; an index is counted for what is written of it."""
    found = 0
    for table in tables:
        for file in (stack.disk / LOG_DIR / f"{PREFIX}.openmrs.{table}-0").glob("*"):
            found += file.stat().st_blocks * 512
    return found


def processor_seconds(stack: Stack, name: str) -> float:
    """Processor time that a program has used so far."""
    (pid,) = stack.running[name].inside
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(stack: Stack, name: str, what: str = "VmRSS") -> float:
    """Memory of a program now (VmRSS), or the most since ``forget_peak`` (VmHWM), in MB."""
    (pid,) = stack.running[name].inside
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise LookupError(what)


def forget_peak(stack: Stack, name: str) -> None:
    (pid,) = stack.running[name].inside
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")

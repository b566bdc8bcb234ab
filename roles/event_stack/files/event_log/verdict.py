# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what was seen to one sentence for a person. Pure: what was seen is data, and so is the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .stack import Container
from .text import human_bytes, local_time
from .trace import SAME_ID
from .worker import Connector

OK, BUSY, HELD, ILL, DOWN = "ok", "busy", "held", "ill", "down"
#: From the best to the worst.
VERDICTS = (OK, BUSY, HELD, ILL, DOWN)
_LEAST_FREE = 1024**3
_LEAST_SHARE = 0.05
_MANY_RESTARTS = 3
_KINDS = {"zookeeper": "ZooKeeper", "broker": "Kafka", "connect": "Kafka Connect"}


@dataclass(frozen=True)
class Finding:
    """Something that a person should know: how grave it is, what it is and what to do about it."""

    id: str
    verdict: str
    what: str
    remedy: str

    @property
    def sentence(self) -> str:
        return f"{self.what} {self.remedy}".strip()


@dataclass(frozen=True)
class Seen:
    """All that was looked at. None where it could not be, or did not have to be."""

    names: Tuple[str, ...]
    start_command: str
    database: str
    home: str
    data_dir: str
    engine_error: str = ""
    containers: Optional[Mapping[str, Container]] = None
    unit: Optional[str] = None
    hold: Optional[str] = None
    upgrade_since: Optional[str] = None
    worker_error: str = ""
    connectors: Optional[Sequence[Connector]] = None
    newest_ms: Optional[int] = None
    free: Optional[int] = None
    size: Optional[int] = None
    uis: Tuple[str, ...] = ()
    services: Tuple[str, ...] = ("broker", "connect")
    guard: Sequence[Finding] = ()
    withheld: bool = False  # the guard does not let the worker run, and says why

    @property
    def kinds(self) -> Tuple[str, ...]:
        """What a person calls them."""
        return tuple(_KINDS.get(service, service) for service in self.services)

    @property
    def worker(self) -> str:
        return self.names[self.services.index("connect")]


@dataclass(frozen=True)
class Verdict:
    """The answer of ``event-log status``."""

    verdict: str
    sentence: str
    findings: Tuple[Finding, ...]
    connectors: Tuple[Connector, ...] = ()

    def as_data(self) -> Dict[str, Any]:
        return {
            "verdict": self.verdict,
            "sentence": self.sentence,
            "findings": [
                {"id": one.id, "verdict": one.verdict, "what": one.what, "remedy": one.remedy} for one in self.findings
            ],
            "connectors": [
                {
                    "name": one.name,
                    "kind": one.kind,
                    "state": one.state,
                    "tasks": list(one.tasks),
                    "reason": one.reason,
                    "reading": one.reading,
                }
                for one in self.connectors
            ],
        }

    def as_text(self) -> str:
        others = [f"Also: {one.sentence}" for one in self.findings if one.sentence != self.sentence]
        return "\n".join([self.sentence, *others])


def judge(seen: Seen) -> Verdict:
    """The gravest finding speaks; without any, or with notes alone, the good news."""
    findings = [*_of_the_stack(seen), *_of_the_upgrade(seen), *_of_the_disk(seen)]
    findings += [one for one in seen.guard if one.verdict != OK]
    findings.sort(key=lambda one: -VERDICTS.index(one.verdict))
    notes = (*_of_the_uis(seen), *_of_the_reading(seen), *(one for one in seen.guard if one.verdict == OK))
    connectors = tuple(seen.connectors or ())
    if findings:
        return Verdict(findings[0].verdict, findings[0].sentence, (*findings, *notes), connectors)
    return Verdict(OK, _good_news(seen), notes, connectors)


def _of_the_reading(seen: Seen) -> List[Finding]:
    """Tables that are read again are no fault, and whoever waits for the end wants to know."""
    return [
        Finding("reading_again", OK, f"{one.name} is {one.reading}.", "It goes on by itself.")
        for one in seen.connectors or ()
        if one.reading
    ]


def _of_the_stack(seen: Seen) -> List[Finding]:
    """Each step needs the one before: what is down below is not said again above."""
    steps = (_of_the_engine, _of_the_containers, _of_the_worker)
    return next((found for found in (step(seen) for step in steps) if found), [])


def _of_the_engine(seen: Seen) -> List[Finding]:
    if not seen.engine_error:
        return []
    what = f"Down: the Docker engine does not answer ({_one_line(seen.engine_error)})."
    return [Finding("engine", DOWN, what, "Start it: sudo systemctl start docker")]


def _of_the_containers(seen: Seen) -> List[Finding]:
    containers = _core(seen)
    some_run = any(one.running for one in containers.values())
    if seen.hold is not None:
        runs = "it still runs" if some_run else "it does not run"
        what = f"On hold, {runs}: {_one_line(seen.hold) or 'no reason given'}."
        stop = "To stop it: sudo systemctl stop event-log. " if some_run else ""
        return [Finding("hold", HELD, what, f"{stop}To go on: sudo rm {seen.home}/hold; {seen.start_command}")]
    if not containers:
        return [Finding("no_containers", DOWN, "Down: the event log has no containers here.", "Run site.yml.")]
    if not some_run and seen.unit in ("inactive", "deactivating"):
        what = "Stopped: somebody stopped the event log, or it is being stopped."
        return [Finding("stopped", DOWN, what, f"Start it: {seen.start_command}")]
    told = [
        (kind, _of_one(name, kind, containers.get(name), seen.start_command))
        for name, kind in zip(seen.names, seen.kinds)
        if not (seen.withheld and name == seen.worker and not (name in containers and containers[name].running))
    ]
    found = [finding for _, finding in told if finding]
    starting = [kind for kind, finding in told if finding and finding.id == "starting"]
    if len(found) == len(starting) > 1:
        return [Finding("starting", BUSY, f"Starting: {' and '.join(starting)} are not ready yet.", "")]
    return sorted(found, key=lambda one: -VERDICTS.index(one.verdict))


def _core(seen: Seen) -> Mapping[str, Container]:
    return {name: one for name, one in (seen.containers or {}).items() if name not in seen.uis}


def _of_the_uis(seen: Seen) -> Tuple[Finding, ...]:
    """Notes on the web pages, while the event log itself is up: it does not need them."""
    core = _core(seen)
    if seen.hold is not None or not core or not all(one.running for one in core.values()):
        return ()
    found = []
    for name in seen.uis:
        kind = name.rpartition("-")[2].capitalize()
        one = _of_one(name, kind, (seen.containers or {}).get(name), seen.start_command)
        if one and one.verdict != BUSY:
            # What is grave of the broker is a note of a page.
            found.append(Finding(f"ui_{one.id}", OK, one.what.replace("Down: ", ""), one.remedy))
    return tuple(found)


def _of_one(name: str, kind: str, container: Optional[Container], start: str) -> Optional[Finding]:
    logs = f"See why: sudo docker logs --tail 50 {name}"
    if container is None:
        return Finding("missing", DOWN, f"Down: {kind} has no container ({name}).", "Run site.yml.")
    again = container.running and container.restarts >= _MANY_RESTARTS and container.health == "starting"
    if container.status == "restarting" or again:
        often = f"{container.end}, {container.restarts} times"
        return Finding("restarting", ILL, f"{kind} fails and is started again and again ({often}).", logs)
    if container.status == "paused":
        return Finding("frozen", HELD, f"{kind} is frozen.", f"Go on: sudo docker unpause {name}")
    if not container.running:
        what = f"Down: {kind} has stopped ({container.end})."
        more = "; if its memory is too small: event_log_profile" if container.memory_ran_out else ""
        return Finding("exited", DOWN, what, f"{logs}{more}; start it: {start}")
    return _of_the_health(kind, container, logs)


def _of_the_health(kind: str, container: Container, logs: str) -> Optional[Finding]:
    if container.health == "unhealthy":
        return Finding("unhealthy", ILL, f"{kind} runs but does not answer its health check.", logs)
    if container.health == "starting":
        return Finding("starting", BUSY, f"Starting: {kind} is not ready yet.", "")
    return None


def _of_the_worker(seen: Seen) -> List[Finding]:
    worker = seen.worker
    if seen.worker_error:
        what = f"Kafka Connect does not serve: {_one_line(seen.worker_error)}."
        return [Finding("worker", ILL, what, f"See why: sudo docker logs --tail 50 {worker}")]
    if seen.connectors is None:
        return []
    if not seen.connectors:
        return [Finding("no_connector", ILL, "Kafka runs, but no connector is registered.", "Run connector.yml.")]
    found = [finding for one in seen.connectors for finding in [_of_the_connector(one, worker)] if finding]
    return sorted(found, key=lambda one: -VERDICTS.index(one.verdict))


def _of_the_connector(one: Connector, worker: str) -> Optional[Finding]:
    if one.failed:
        what = f"The connector {one.name} has failed: {one.reason or 'no reason given'}."
        remedy = f"Mend that (more in: sudo docker logs --tail 50 {worker}), then run site.yml: it starts it again."
        if SAME_ID in one.reason:
            remedy = (
                "Find it (SHOW PROCESSLIST at the database, Command: Binlog Dump) and give it another id, or this"
                " connector (event_log_server_id) with site.yml."
            )
        return Finding("connector_failed", ILL, what, remedy)
    if one.state in ("PAUSED", "STOPPED"):
        what = f"The connector {one.name} was {one.state.lower()}: changes wait in the database's binary log."
        return Finding("connector_held", HELD, what, "Run site.yml to let it go on, before the binary log expires.")
    if not one.running:
        tasks = ", ".join(sorted(set(one.tasks))) or "none"
        what = f"Starting: the connector {one.name} is {one.state}, its tasks: {tasks}."
        return Finding("connector_busy", BUSY, what, "")
    return None


def _of_the_upgrade(seen: Seen) -> List[Finding]:
    if seen.upgrade_since is None:
        return []
    what = f"A change of the stack has been under way since {seen.upgrade_since}."
    return [Finding("upgrade", BUSY, what, "If nobody is at it, run site.yml: it finishes it or goes back.")]


def _of_the_disk(seen: Seen) -> List[Finding]:
    if seen.free is None or not seen.size:
        return []
    if seen.free >= min(_LEAST_FREE, seen.size * _LEAST_SHARE):
        return []
    what = f"The disk of {seen.data_dir} is almost full: {human_bytes(seen.free)} of {human_bytes(seen.size)} are left."
    return [Finding("disk", ILL, what, "Make room, or Kafka stops.")]


def _good_news(seen: Seen) -> str:
    connectors = seen.connectors or ()
    if len(connectors) == 1:
        who = f"connector {connectors[0].name} reads {connectors[0].database or seen.database}"
    else:
        who = f"{len(connectors)} connectors run"
    if seen.newest_ms is None:
        return f"Running: {who}, no event yet."
    return f"Running: {who}, newest event {local_time(seen.newest_ms)}."


def _one_line(text: str, most: int = 160) -> str:
    line = next((line.strip() for line in text.splitlines() if line.strip()), "").rstrip(".")
    return line if len(line) <= most else line[: most - 1] + "…"

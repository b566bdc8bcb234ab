# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what was seen to one sentence for a person. Pure: what was seen is data, and so is the answer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from . import words, work
from .progress import AGAIN, Work
from .stack import Container
from .trace import SAME_ID, cause_of
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

    @classmethod
    def of(cls, finding_id: str, gravity: str, key: str, **fields: Any) -> Finding:
        """A finding in the words of the catalogue."""
        return cls(finding_id, gravity, *words.message(key, **fields))


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
    works: Mapping[str, Work] = field(default_factory=dict)  # long work that is under way
    now: float = 0.0

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
                    "running": one.running,
                    "reason": one.reason,
                    "reading": one.reading,
                }
                for one in self.connectors
            ],
        }

    def as_text(self) -> str:
        others = [words.phrase("also", sentence=one.sentence) for one in self.findings if one.sentence != self.sentence]
        return "\n".join([self.sentence, *others])


def judge(seen: Seen) -> Verdict:
    """The gravest finding speaks; without any, or with notes alone, the good news."""
    findings = [*_of_the_stack(seen), *_of_the_upgrade(seen), *_of_the_disk(seen)]
    findings += [one for one in seen.guard if one.verdict != OK]
    findings.sort(key=lambda one: -VERDICTS.index(one.verdict))
    notes = (
        *_of_the_uis(seen),
        *_of_the_reading(seen),
        *_of_the_work(seen),
        *(one for one in seen.guard if one.verdict == OK),
    )
    connectors = tuple(seen.connectors or ())
    if findings:
        return Verdict(findings[0].verdict, findings[0].sentence, (*findings, *notes), connectors)
    return Verdict(OK, _good_news(seen), tuple(notes), connectors)


def _of_the_reading(seen: Seen) -> List[Finding]:
    """Tables that are read again are no fault, and whoever waits for the end wants to know."""
    left = {f"{AGAIN}{one.name}": "" for one in seen.connectors or ()}
    left.update({name: work.left(one) for name, one in seen.works.items() if name in left})
    return [
        Finding.of("reading_again", OK, "reading_again", name=one.name, reading=one.reading + left[AGAIN + one.name])
        for one in seen.connectors or ()
        if one.reading
    ]


def _of_the_work(seen: Seen) -> List[Finding]:
    """What else takes long: a first reading, a backup, an image that is copied here."""
    others = [one for name, one in sorted(seen.works.items()) if not name.startswith(AGAIN)]
    return [Finding.of("at_work", OK, work.key(one, seen.now), **work.told(one, seen.now)) for one in others]


def _of_the_stack(seen: Seen) -> List[Finding]:
    """Each step needs the one before: what is down below is not said again above."""
    steps = (_of_the_engine, _of_the_containers, _of_the_worker)
    return next((found for found in (step(seen) for step in steps) if found), [])


def _of_the_engine(seen: Seen) -> List[Finding]:
    if not seen.engine_error:
        return []
    return [Finding.of("engine", DOWN, "engine", error=_one_line(seen.engine_error))]


def _of_the_containers(seen: Seen) -> List[Finding]:
    containers = _core(seen)
    some_run = any(one.running for one in containers.values())
    if seen.hold is not None:
        key = "hold.runs" if some_run else "hold.stopped"
        reason = _one_line(seen.hold) or words.phrase("no_reason")
        return [Finding.of("hold", HELD, key, reason=reason, home=seen.home, start=seen.start_command)]
    if not containers:
        return [Finding.of("no_containers", DOWN, "no_containers")]
    if not some_run and seen.unit in ("inactive", "deactivating"):
        return [Finding.of("stopped", DOWN, "stopped", start=seen.start_command)]
    told = [
        (kind, _grave(_of_one(name, kind, containers.get(name), seen.start_command)))
        for name, kind in zip(seen.names, seen.kinds)
        if not (seen.withheld and name == seen.worker and not (name in containers and containers[name].running))
    ]
    found = [finding for _, finding in told if finding]
    starting = [kind for kind, finding in told if finding and finding.id == "starting"]
    if len(found) == len(starting) > 1:
        kinds = starting[0]
        for kind in starting[1:]:
            kinds = words.phrase("and", first=kinds, second=kind)
        return [Finding.of("starting", BUSY, "starting.several", kinds=kinds)]
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
            found.append(replace(one, id=f"ui_{one.id}", verdict=OK))
    return tuple(found)


def _grave(one: Optional[Finding]) -> Optional[Finding]:
    """Without one of these nothing works, and the sentence begins with that."""
    return replace(one, what=words.phrase("down", what=one.what)) if one and one.verdict == DOWN else one


def _of_one(name: str, kind: str, container: Optional[Container], start: str) -> Optional[Finding]:
    if container is None:
        return Finding.of("missing", DOWN, "missing", kind=kind, name=name)
    again = container.running and container.restarts >= _MANY_RESTARTS and container.health == "starting"
    if container.status == "restarting" or again:
        told = {"kind": kind, "name": name, "end": container.end, "restarts": container.restarts}
        return Finding.of("restarting", ILL, "restarting", **told)
    if container.status == "paused":
        return Finding.of("frozen", HELD, "frozen", kind=kind, name=name)
    if not container.running:
        key = "exited.memory" if container.memory_ran_out else "exited"
        return Finding.of("exited", DOWN, key, kind=kind, name=name, end=container.end, start=start)
    return _of_the_health(kind, name, container)


def _of_the_health(kind: str, name: str, container: Container) -> Optional[Finding]:
    if container.health == "unhealthy":
        return Finding.of("unhealthy", ILL, "unhealthy", kind=kind, name=name)
    if container.health == "starting":
        return Finding.of("starting", BUSY, "starting", kind=kind)
    return None


def _of_the_worker(seen: Seen) -> List[Finding]:
    worker = seen.worker
    if seen.worker_error:
        return [Finding.of("worker", ILL, "worker", error=_one_line(seen.worker_error), name=worker)]
    if seen.connectors is None:
        return []
    if not seen.connectors:
        return [Finding.of("no_connector", ILL, "no_connector")]
    found = [finding for one in seen.connectors for finding in [_of_the_connector(one, worker)] if finding]
    return sorted(found, key=lambda one: -VERDICTS.index(one.verdict))


def _of_the_connector(one: Connector, worker: str) -> Optional[Finding]:
    if one.failed:
        key = "connector_failed.same_id" if SAME_ID in one.reason else "connector_failed"
        return Finding.of("connector_failed", ILL, key, name=one.name, reason=reason_of(one), worker=worker)
    if one.state in ("PAUSED", "STOPPED"):
        key = "connector_held.paused" if one.state == "PAUSED" else "connector_held.stopped"
        return Finding.of("connector_held", HELD, key, name=one.name)
    if not one.running:
        tasks = ", ".join(sorted(set(one.tasks))) or words.phrase("none")
        return Finding.of("connector_busy", BUSY, "connector_busy", name=one.name, state=one.state, tasks=tasks)
    return None


def reason_of(one: Connector) -> str:
    """Why a connector failed: the known cause in the words of the catalogue, the exceptions as they are called."""
    key, cause = cause_of(one.reason)
    return words.phrase(key) + one.reason[len(cause) :] if key else one.reason or words.phrase("no_reason")


def _of_the_upgrade(seen: Seen) -> List[Finding]:
    if seen.upgrade_since is None:
        return []
    return [Finding.of("upgrade", BUSY, "upgrade", since=seen.upgrade_since)]


def _of_the_disk(seen: Seen) -> List[Finding]:
    if seen.free is None or not seen.size:
        return []
    if seen.free >= min(_LEAST_FREE, seen.size * _LEAST_SHARE):
        return []
    return [Finding.of("disk", ILL, "disk", directory=seen.data_dir, free=seen.free, size=seen.size)]


def _good_news(seen: Seen) -> str:
    connectors = seen.connectors or ()
    newest = {} if seen.newest_ms is None else {"newest": seen.newest_ms // 1000}
    if len(connectors) == 1:
        key = "running.one" if newest else "running.one.no_event"
        name, database = connectors[0].name, connectors[0].database or seen.database
        return words.phrase(key, name=name, database=database, **newest)
    return words.phrase("running.several" if newest else "running.several.no_event", count=len(connectors), **newest)


def _one_line(text: str, most: int = 160) -> str:
    line = next((line.strip() for line in text.splitlines() if line.strip()), "").rstrip(".")
    return line if len(line) <= most else line[: most - 1] + "…"

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at containers, worker and connectors: what the decisions about healing need."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Dict, Mapping, Optional, Tuple

from event_log import stack, status, worker
from event_log.settings import Settings

from . import broker, flow

_AGENT = re.compile(r"jmx_prometheus_javaagent\.jar=(127\.0\.0\.1:\d+):")
_SECONDS = 4.0
_LARGEST = 8 * 1024 * 1024
#: Of event-log.service; None where systemd does not run, or the unit is not there.
_STARTED = (None, "active")


@dataclass(frozen=True)
class Watched:
    """A connector, how it is wired, and what flows."""

    connector: worker.Connector
    wired: flow.Wiring
    flow: flow.Flow


@dataclass(frozen=True)
class Look:
    """What was seen. ``hands_off`` is why nothing may be started or stopped now; empty when it may."""

    hands_off: str
    worker: Optional[stack.Container] = None
    broker_healthy: bool = False
    connectors: Tuple[Watched, ...] = ()
    worker_error: str = ""
    broker: Optional[stack.Container] = None
    broker_silent: bool = False  # it takes connections, and answers nothing


def hands_off(settings: Settings) -> str:
    """Somebody's own word counts: a hold, a stack that was stopped, a change that is under way."""
    if status.read_hold(settings.home) is not None:
        return f"{settings.home / 'hold'} is there"
    if (settings.home / status.FORMER).exists():
        return "a change of the stack is under way"
    unit = stack.unit_state()
    return "" if unit in _STARTED else f"{stack.UNIT} is {unit}"


def look(settings: Settings) -> Look:
    """Ask Docker, the worker and its exporter, each for a short time. An engine that does not answer raises."""
    containers = stack.look(settings)
    names = dict(zip(settings.services, stack.names(settings)))
    there, kafka = containers.get(stack.worker_name(settings)), containers.get(names["broker"])
    # Before it serves for the first time it answers nobody, and that is its health check's business.
    silent = bool(kafka and kafka.running and kafka.health != "starting" and broker.silent(settings.bootstrap))
    healthy = bool(kafka and kafka.healthy and not silent)
    seen = Look(hands_off(settings), there, healthy, broker=kafka, broker_silent=silent)
    if there is None or not there.running:
        return seen
    try:
        answer = worker.request(there, worker.LISTING)
    except worker.WorkerError as error:
        return replace(seen, worker_error=str(error))
    return replace(seen, connectors=watched(answer, _figures(there)))


def watched(answer: Any, figures: flow.Figures) -> Tuple[Watched, ...]:
    """The worker's answer and the exporter's figures, by connector."""
    if not isinstance(answer, dict):
        return ()
    configs: Dict[str, Mapping[str, Any]] = {
        str(name): (entry.get("info") or {}).get("config") or {} for name, entry in answer.items()
    }
    found = []
    for one in worker.parse(answer):
        wired = flow.wiring(configs[one.name])
        found.append(Watched(one, wired, flow.of(figures, one.name, wired.prefix)))
    return tuple(found)


def metrics_address(there: stack.Container) -> str:
    """Where the worker's exporter listens, from the options that its JVM was started with; empty without one."""
    matched = _AGENT.search(there.environment.get("KAFKA_OPTS", ""))
    return f"http://{matched.group(1)}/metrics" if matched else ""


def _figures(there: stack.Container) -> flow.Figures:
    """No figures where the exporter does not answer: the state by REST counts alone then."""
    address = metrics_address(there)
    if not address:
        return {}
    try:
        with worker.HTTP.open(address, timeout=_SECONDS) as answer:
            return flow.parse(answer.read(_LARGEST).decode("utf-8", "replace"))
    except OSError:
        return {}

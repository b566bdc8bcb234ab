# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run state of a connector as a worker reports it, and when it counts. Pure: nothing of Ansible, no clock of its own.

The host command has this file as its ``connector_state.py``, by a link: what the modules call failed, it calls so, too.

States are those of ``GET /connectors/{name}/status``: RUNNING, PAUSED, STOPPED (Connect 3.5 and later), FAILED,
UNASSIGNED, RESTARTING. Workers learn states from a topic, so what they show lags behind a write.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, FrozenSet, Mapping, Optional, Tuple

RUNNING = "RUNNING"
PAUSED = "PAUSED"
STOPPED = "STOPPED"
FAILED = "FAILED"
UNASSIGNED = "UNASSIGNED"
RESTARTING = "RESTARTING"

#: What each wanted state looks like in a status; "present" looks at nothing.
SHOWN_AS = {"running": RUNNING, "paused": PAUSED, "stopped": STOPPED}

#: For so many seconds after a write a failure may be what the worker remembers from before it.
OLD_FAILURE_GRACE = 10.0


@dataclass(frozen=True)
class Task:
    """One task as the worker shows it."""

    id: int
    state: str
    worker_id: Optional[str] = None
    trace: Optional[str] = None


@dataclass(frozen=True)
class Status:
    """A connector and its tasks as the worker shows them."""

    state: str
    tasks: Tuple[Task, ...] = ()
    worker_id: Optional[str] = None
    trace: Optional[str] = None
    version: Optional[str] = None
    type: Optional[str] = None

    @property
    def in_transit(self) -> bool:
        """Return whether the state that was asked for cannot be read off the connector."""
        return self.state not in (RUNNING, PAUSED, STOPPED, FAILED)

    @property
    def connector_failed(self) -> bool:
        return self.state == FAILED

    @property
    def failed_tasks(self) -> Tuple[Task, ...]:
        return tuple(task for task in self.tasks if task.state == FAILED)

    @property
    def failed(self) -> bool:
        """Return whether the connector or any of its tasks has failed."""
        return self.connector_failed or bool(self.failed_tasks)

    @property
    def overall(self) -> str:
        """Return one word for the whole: FAILED if anything has."""
        return FAILED if self.failed else self.state

    def failures(self) -> FrozenSet[Tuple[str, str]]:
        """Return what has failed, each with the trace that tells one failure from the next."""
        units = {(f"task {task.id}", task.trace or "") for task in self.failed_tasks}
        if self.connector_failed:
            units.add(("connector", self.trace or ""))
        return frozenset(units)

    def describe(self) -> str:
        """Return the states in one line."""
        if not self.tasks:
            return f"connector {self.state}, no tasks"
        return "connector {}, {}".format(self.state, ", ".join(f"task {task.id} {task.state}" for task in self.tasks))

    def first_trace(self) -> Optional[str]:
        """Return the trace that explains a failure best."""
        traces = [task.trace for task in self.failed_tasks] + ([self.trace] if self.connector_failed else [])
        return next((trace for trace in traces if trace), None)


#: A worker that has stored a connector but no state of it yet.
NOT_YET = Status(state=UNASSIGNED)


def parse_status(answer: Mapping[str, Any]) -> Status:
    """Return the status in an answer of the worker; unknown fields are ignored, missing ones are errors."""
    connector = answer["connector"]
    return Status(
        state=str(connector["state"]),
        tasks=tuple(
            Task(int(task["id"]), str(task["state"]), task.get("worker_id"), task.get("trace"))
            for task in sorted(answer["tasks"], key=lambda task: int(task["id"]))
        ),
        worker_id=connector.get("worker_id"),
        trace=connector.get("trace"),
        version=connector.get("version"),
        type=answer.get("type"),
    )


def shows(wanted: str, status: Status, idle: bool = False) -> bool:
    """Return whether a status shows the wanted state in every part. ``idle``: running without tasks counts too."""
    if status.state != SHOWN_AS[wanted]:
        return False
    if wanted == "stopped":
        return not status.tasks
    if wanted == "paused":
        return all(task.state == PAUSED for task in status.tasks)
    return (idle or bool(status.tasks)) and all(task.state == RUNNING for task in status.tasks)


def broken(wanted: str, status: Status) -> bool:
    """Return whether a status shows a failure that keeps the connector from the wanted state."""
    # Stopping takes failed tasks away, and a failed connector may be stopped (KIP-875).
    return status.connector_failed if wanted == "stopped" else status.failed


class Verdict(enum.Enum):
    """What one look at the status says."""

    WAIT = "wait"
    REACHED = "reached"
    BROKEN = "broken"


class Watch:
    """Judge one look after the other, each with the time of it.

    After a write the worker may still show what was before. RUNNING counts when looks ``settle`` seconds apart show
    it and nothing else between. A new failure counts at once; one that was there before the write counts when it came
    back, or has outlived ``settle`` and OLD_FAILURE_GRACE seconds (to stop takes it away, sooner or later).
    ``idle``: a connector that never had tasks counts as running.
    """

    def __init__(
        self,
        wanted: str,
        settle: float,
        written_at: Optional[float],
        before: Optional[Status] = None,
        idle: bool = False,
    ) -> None:
        self._wanted = wanted
        self._idle = idle
        self._settle = settle
        self._written_at = written_at
        self._old_failures = before.failures() if before is not None and written_at is not None else frozenset()
        self._good_since: Optional[float] = None

    def look(self, now: float, status: Status) -> Verdict:
        """Return what this look, at this time, says."""
        failures = status.failures()
        self._old_failures &= failures
        if broken(self._wanted, status):
            self._good_since = None
            return Verdict.WAIT if failures <= self._old_failures and self._may_be_old(now) else Verdict.BROKEN
        if not shows(self._wanted, status, self._idle):
            self._good_since = None
            return Verdict.WAIT
        if self._written_at is None or self._wanted != "running":
            return Verdict.REACHED
        if self._good_since is None:
            self._good_since = now
        return Verdict.REACHED if now - self._good_since >= self._settle else Verdict.WAIT

    def _may_be_old(self, now: float) -> bool:
        if self._written_at is None:
            return False
        return self._wanted == "stopped" or now < self._written_at + max(self._settle, OLD_FAILURE_GRACE)

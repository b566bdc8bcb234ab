# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One repair: look, plan, and carry out what was planned, in an order that a power cut may interrupt anywhere.

A connector whose repair failed stays stopped: to run on is what must not happen. The next call goes on.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils import _source_repair as repair
from ansible_collections.openmrs.event_log.plugins.module_utils._connect_api import ConnectApi
from ansible_collections.openmrs.event_log.plugins.module_utils._connect_wait import for_certain
from ansible_collections.openmrs.event_log.plugins.module_utils._connector import check_name
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_report import failure_told, trace_told
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_state import (
    STOPPED,
    Status,
    Verdict,
    Watch,
    shows,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import (
    EventLogError,
    InputError,
    InterruptedRequestError,
    StateError,
    UnreachableError,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._guard_history import forget, remembered_of
from ansible_collections.openmrs.event_log.plugins.module_utils._guard_memory import (
    GAPS,
    HOLD,
    WAITING,
    Memory,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._redact import Secrets

#: For so many seconds a connector must have been seen running.
SETTLE = 3.0
MODE = "snapshot.mode"
NO_DATA = "no_data"

#: A command and what it reads; gives exit code, output, error output.
Run = Callable[[Sequence[str], str], Tuple[int, str, str]]


@dataclass(frozen=True)
class Order:
    """The module's parameters, but for connections."""

    wanted: repair.Wanted
    memory: Path
    worker: str
    configs_topic: str
    producer: Sequence[str] = field(default_factory=list)
    check_mode: bool = False
    show_traces: bool = False


@dataclass(frozen=True)
class Hands:
    """What reaches beyond the worker's REST interface."""

    database: Callable[[], repair.Database]
    snapshot: Callable[[ConnectApi], None]  # asks for an incremental one of all captured tables
    run: Run
    now: Callable[[], float] = time.time


class RepairRun:
    """Carries out one order, and remembers what it did for the case that it fails."""

    def __init__(self, order: Order, api: ConnectApi, hands: Hands) -> None:
        self._order = order
        self._name = order.wanted.connector
        self._api = api
        self._hands = hands
        self._done: List[str] = []
        self._todo = repair.Plan("")
        self._secrets = Secrets(show_traces=order.show_traces)

    def execute(self) -> Dict[str, Any]:
        """Return the result of the task, or raise."""
        check_name(self._name)
        self._todo = todo = repair.plan(self._look(), self._order.wanted, self._hands.now())
        if not self._order.check_mode:
            for action in todo.actions:
                getattr(self, f"_{action}")()
                self._done.append(action)
        told = {"before": "", "after": "".join(f"{line}\n" for line in (*todo.words, *todo.actions))}
        return {
            "changed": bool(todo.actions),
            "actions": list(todo.actions),
            "why": todo.why,
            "words": list(todo.words),
            "gap": dict(todo.gap) or None,
            "fill": todo.fill if todo.actions else None,
            "diff": told if todo.actions else {"before": "", "after": ""},
        }

    def failure(self, error: EventLogError) -> Dict[str, Any]:
        """Return what a failed task carries."""
        if self._done:
            error.message += (
                f". Done so far: {', '.join(self._done)}. The connector stays stopped, so that nothing wrong is read; "
                "once the cause is gone, the same playbook goes on from here"
            )
        return {**failure_told(self._secrets, error), "actions": self._done}

    # looking

    def _look(self) -> repair.Seen:
        kept = Memory.load(self._order.memory)
        common: Dict[str, Any] = {
            "database": self._hands.database(),
            "hold": kept.get(HOLD),
            "gaps": kept.get(GAPS, []),
        }
        try:
            registered = self._api.connector(self._name)
        except (UnreachableError, InterruptedRequestError) as error:
            self._refuse_a_worker_that_runs(error)
            return repair.Seen(worker=False, offset=_remembered(kept, self._name), **common)
        if registered is None:
            return repair.Seen(worker=True, **common)
        self._secrets = self._secrets.knowing(*self._secrets.found_in(registered.config))
        status = self._api.status(self._name)
        return repair.Seen(
            worker=True,
            config=registered.config,
            state=status.overall,
            trace=status.first_trace() or "",
            offset=self._offset(),
            **common,
        )

    def _refuse_a_worker_that_runs(self, error: EventLogError) -> None:
        """What cannot be asked must not run either, else it would read on."""
        code, out, _ = self._hands.run(["docker", "inspect", "--format", "{{.State.Running}}", self._order.worker], "")
        if code != 0:
            raise InputError(f"there is no worker {self._order.worker} on this host; the playbook site makes it")
        if out.strip() != "false":
            raise StateError(f"the worker {self._order.worker} runs and does not answer, nothing was changed: {error}")

    def _offset(self) -> Optional[Mapping[str, Any]]:
        """The position: Debezium's MySQL and MariaDB connectors have one."""
        return next((entry.offset for entry in self._api.offsets(self._name) if entry.offset), None)

    # acting, each once, or again by the next call

    def _record_gap(self) -> None:
        self._change_gaps(lambda gaps: repair.opened(gaps, self._todo.gap))

    def _change_gaps(self, change: Callable[[List[Dict[str, Any]]], List[Dict[str, Any]]]) -> None:
        memory = Memory.load(self._order.memory)
        memory.put(GAPS, change(memory.get(GAPS, [])))
        memory.save()

    def _mark_stopped(self) -> None:
        """Say in the worker's own words (KIP-875), in its own topic, that the connector is stopped."""
        record = f"target-state-{self._name}\t" + json.dumps({"state": "PAUSED", "state.v2": "STOPPED"}) + "\n"
        words = ["--topic", self._order.configs_topic, "--reader-property", "parse.key=true"]
        code, out, err = self._hands.run([*self._order.producer, *words], record)
        # The tool's exit code is 0 whatever the broker says.
        if code != 0 or "ERROR" in out + err:
            raise StateError(
                f"the worker's topic {self._order.configs_topic} could not be written: {(err or out).strip()}"
            )

    def _start_worker(self) -> None:
        code, out, err = self._hands.run(["docker", "start", self._order.worker], "")
        if code != 0:
            raise StateError(f"the worker {self._order.worker} could not be started: {(err or out).strip()}")
        status = self._await("is stopped on a worker that was started", lambda status: status.state == STOPPED)
        if self._api.connector(self._name) is None:
            raise InputError(
                f"connector {self._name} is not registered, {status.describe()}; the playbook connector does that"
            )
        # The worker still knows the task of before; it does not run, and only a stop by REST takes it away.
        self._stop()

    def _stop(self) -> None:
        self._api.stop(self._name)
        self._await("is stopped", lambda status: shows("stopped", status))

    def _reset(self) -> None:
        if self._api.offsets(self._name):
            for_certain(
                self._api.deadline,
                lambda: self._api.reset_offsets(self._name),
                lambda: not self._api.offsets(self._name),
                "",
            )

    def _forget_history(self) -> None:
        memory = Memory.load(self._order.memory)
        forget(memory, self._name)
        memory.put(HOLD, {})
        memory.put(WAITING, {})
        memory.save()

    def _read_schema(self) -> None:
        """Take a position and the tables' structure of that moment, without rows; then the configuration is as it was.

        Without an offset Debezium begins with a snapshot; once there is one, ``snapshot.mode`` asks for none any more.
        """
        registered = self._api.connector(self._name)
        if registered is None:
            raise InputError(f"connector {self._name} is not registered any more")
        former = self._former_mode(registered.config.get(MODE))
        config = {key: value for key, value in registered.config.items() if key not in (MODE, "name")}
        self._api.update(self._name, {**config, MODE: NO_DATA})
        self._api.resume(self._name)
        self._await("has taken a new position", self._has_position)
        self._api.update(self._name, {**config, **({MODE: former} if former is not None else {})})

    def _former_mode(self, now: Optional[str]) -> Optional[str]:
        """Return the mode that the connector had before any call of this repair changed it, and keep it."""
        begun = repair.unfinished(Memory.load(self._order.memory).get(GAPS, []), self._name) or {}
        former: Optional[str] = begun.get(MODE, now)
        self._change_gaps(lambda gaps: repair.marked(gaps, self._name, {MODE: former}))
        return former

    def _has_position(self, status: Status) -> bool:
        if status.failed:
            raise self._failed("fails at the tables' structure", status)
        offset = self._offset()
        return bool(offset) and not (offset or {}).get("snapshot")

    def _resume(self) -> None:
        self._api.resume(self._name)
        clock = self._api.deadline.clock
        watch = Watch("running", SETTLE, clock.now())

        def runs(status: Status) -> bool:
            verdict = watch.look(clock.now(), status)
            if verdict is Verdict.BROKEN:
                raise self._failed("fails again", status)
            return verdict is Verdict.REACHED

        self._await("is running", runs)

    def _failed(self, how: str, status: Status) -> StateError:
        """The connector has failed; a trace may quote rows, which are patients' data."""
        return StateError(f"connector {self._name} {how}: {trace_told(self._secrets, status.first_trace())}")

    def _signal(self) -> None:
        self._hands.snapshot(self._api)

    def _close_gap(self) -> None:
        told = repair.closing(self._todo.fill, self._hands.now())
        self._change_gaps(lambda gaps: repair.marked(gaps, self._name, {"repaired": told}))

    def _await(self, what: str, true: Callable[[Status], bool]) -> Status:
        """Look at the status until it is so. A worker that comes up does not answer at first."""
        deadline, pause = self._api.deadline, self._api.deadline.pauses()
        last = "no answer"
        while not deadline.passed:
            try:
                status = self._api.status(self._name)
                last = status.describe()
                if true(status):
                    return status
            except (UnreachableError, InterruptedRequestError) as error:
                last = error.message
            pause()
        raise StateError(f"not within {deadline.seconds} s: connector {self._name} {what}; last seen: {last}")


def _remembered(memory: Memory, connector: str) -> Optional[Mapping[str, Any]]:
    """The position that the guard saw last."""
    known = remembered_of(memory, connector)
    if known is None or known.offset is None:
        return None
    return {"file": known.offset.file, "pos": known.offset.pos, "ts_sec": known.time}

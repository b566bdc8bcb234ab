# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One call of connector_offsets: look, plan, stop, change, read back, and bring back the former run state.

Offsets can be changed only while the connector is stopped (KIP-875). Once this module has asked for that, it brings
the former run state back whatever happens in between.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, FrozenSet, List, Mapping, NoReturn, Optional, Sequence, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._connect_api import ConnectApi, Deadline, Registered
from ansible_collections.openmrs.event_log.plugins.module_utils._connect_signals import signals_as_errors
from ansible_collections.openmrs.event_log.plugins.module_utils._connect_wait import (
    determined_status,
    for_certain,
    refuse_hidden_state,
    say_if_too_old,
    version_before,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._connector import check_name, stored
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_report import failure_told, trace_told
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_state import (
    PAUSED,
    STOPPED,
    Status,
    Verdict,
    Watch,
    shows,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import (
    ApiError,
    EventLogError,
    InputError,
    PlanError,
    StateError,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._offsets import (
    RESET,
    Entries,
    OffsetsPlan,
    as_kept,
    canonical,
    in_order,
    mistaken,
    plan_offsets,
    read_desired,
    refuse,
    repeated,
    unread_by_debezium,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._redact import Secrets, compile_patterns

#: For so long a connector that is back must run.
SETTLE = 3.0
#: To bring back the former state there are so many seconds, however much time the change took.
RESTORE_SECONDS = 60.0
#: After a failure, to find out what became of the offsets.
LAST_LOOK_SECONDS = 10.0


@dataclass(frozen=True)
class OffsetsOrder:
    """The module's parameters, but for the connection."""

    name: str
    state: str
    offsets: Optional[Sequence[Mapping[str, Any]]] = None
    sensitive_keys: Tuple[str, ...] = ()
    show_traces: bool = False
    wait_timeout: int = 120
    check_mode: bool = False


class OffsetsRun:
    """Carries out one order, and remembers what it saw and did for the case that it fails."""

    def __init__(self, order: OffsetsOrder, api: ConnectApi, veil: Callable[[FrozenSet[str]], None]) -> None:
        self._order = order
        self._api = api
        self._veil = veil
        self._secrets = Secrets(show_traces=order.show_traces)
        self._desired: Optional[Entries] = None
        self._offsets: Optional[Entries] = None
        self._status: Optional[Status] = None
        self._written = False
        self._actions: List[str] = []
        self._said: Optional[str] = None

    def execute(self) -> Dict[str, Any]:
        """Return the result of the task, or raise."""
        order = self._order
        check_name(order.name)
        if order.wait_timeout <= 0:
            raise InputError(f"wait_timeout: {order.wait_timeout} is not a number of seconds above 0")
        self._secrets = replace(self._secrets, patterns=compile_patterns(order.sensitive_keys))
        self._desired = read_desired(order.state, order.offsets)
        registered = self._registered()
        config = stored(registered.config)
        self._know(self._secrets.found_in(config))
        if self._desired is not None:
            self._desired = as_kept(registered.type, self._desired)
            refuse(repeated(self._desired) + unread_by_debezium(config, self._desired))
        todo = plan_offsets(self._read(), self._desired)
        refuse(mistaken(todo.before, self._desired or ()))
        if todo.kind is not None:
            self._check_worker()
            former = self._status = determined_status(self._api, order.name)
            refuse_hidden_state(order.name, former)
            if order.check_mode:
                self._foresee(todo, former)
            else:
                self._know_plugin(config)
                todo = self._carry_out(todo, former)
        return {
            "changed": bool(self._actions),
            "actions": self._actions,
            "diff": self._difference(todo),
            "offsets": self._shown(),
            "message": self._said,
        }

    def failure(self, error: EventLogError) -> Dict[str, Any]:
        """Return what a failed task carries."""
        return {
            **failure_told(self._secrets, error),
            "actions": self._actions,
            "offsets": self._shown(),
            "state": self._status.overall if self._status else None,
        }

    # before anything is changed

    def _registered(self) -> Registered:
        registered = self._api.connector(self._order.name)
        if registered is None:
            raise InputError(f"connector {self._order.name} is not registered, so it has no offsets to change")
        return registered

    def _read(self, api: Optional[ConnectApi] = None) -> Entries:
        try:
            self._offsets = in_order((api or self._api).offsets(self._order.name))
        except ApiError as exc:
            say_if_too_old(exc, "3.5", "shows no offsets")
            raise
        return self._offsets

    def _check_worker(self) -> None:
        """Refuse a worker that could not do it before the connector is stopped for nothing."""
        version = version_before(self._api, (3, 6))
        if version:
            raise PlanError(
                f"offsets of connector {self._order.name} differ from those asked for, and nothing was changed: "
                f"the worker is Connect {version}, and changing offsets needs 3.6 or later"
            )

    def _know(self, values: FrozenSet[str]) -> None:
        self._secrets = self._secrets.knowing(*values)
        self._veil(self._secrets.values)

    def _know_plugin(self, config: Mapping[str, str]) -> None:
        """Learn what else is secret, because a trace may be told."""
        plugin = config.get("connector.class")
        keys = self._api.password_keys(plugin, config.get("connector.plugin.version")) if plugin else None
        self._secrets = replace(self._secrets, declared=keys or frozenset())
        self._know(self._secrets.found_in(config))

    def _foresee(self, todo: OffsetsPlan, former: Status) -> None:
        """In check mode: tell what would be done."""
        back = [] if former.state == STOPPED else ["pause" if former.state == PAUSED else "resume"]
        self._actions = [*(["stop"] if back else []), *([todo.kind] if todo.kind else []), *back]
        self._offsets = todo.after

    # changing

    def _carry_out(self, todo: OffsetsPlan, former: Status) -> OffsetsPlan:
        """Stop, change, bring back. Return the plan as it was once nothing moved any more."""
        with signals_as_errors() as guard:
            try:
                if not shows("stopped", former):
                    self._stop(former)
                    todo = plan_offsets(self._read(), self._desired)
                self._change(todo)
                guard.close()
            except EventLogError as error:
                guard.close()
                self._give_up(error, todo, former)
            except BaseException:
                guard.close()
                self._bring_back(former)
                raise
            try:
                self._bring_back(former)
            except EventLogError as error:
                error.message = f"the offsets are as asked for, and yet: {error.message}"
                raise
        return todo

    def _stop(self, former: Status) -> None:
        name, deadline, pause = self._order.name, self._api.deadline, self._api.deadline.pauses()
        if former.state != STOPPED:
            self._actions.append("stop")
            self._api.stop(name)
        status = self._look(self._api)
        while not shows("stopped", status):
            if deadline.passed:
                words = f"connector {name} and its tasks have not stopped within {deadline.seconds} s, and offsets "
                words += f"cannot be changed while anything runs: {status.describe()}"
                raise StateError(". ".join(filter(None, (words, trace_told(self._secrets, status.first_trace())))))
            pause()
            status = self._look(self._api)

    def _change(self, todo: OffsetsPlan) -> None:
        """Write, unless what was asked for came about by itself, and read back what the worker keeps now."""
        if todo.kind is None:
            return
        api, name = self._api, self._order.name

        def write() -> str:
            return api.reset_offsets(name) if todo.kind == RESET else api.alter_offsets(name, todo.changes)

        self._written = True
        try:
            said = for_certain(api.deadline, write, self._is_kept, "")
        except ApiError as exc:
            say_if_too_old(exc, "3.6", "changes no offsets")
            if "failed to alter consumer group offsets" in exc.message.lower() and not exc.transient:
                exc.message += "; it takes topics that exist, and partitions that they have"
            raise
        self._actions.append(todo.kind)
        self._said = said or None
        if not self._is_kept():
            raise StateError(f"the worker keeps other offsets of connector {name} than it was given: {self._told()}")

    def _is_kept(self) -> bool:
        return plan_offsets(self._read(), self._desired).kind is None

    # the former state

    def _bring_back(self, former: Status) -> None:
        """Bring the connector into the run state that it had, and wait until it is there."""
        if former.state == STOPPED:
            return
        name, clock = self._order.name, self._api.deadline.clock
        api = self._api.until(Deadline(clock, max(self._api.deadline.remaining, RESTORE_SECONDS)))
        verb, wanted = ("pause", "paused") if former.state == PAUSED else ("resume", "running")
        self._actions.append(verb)
        (api.pause if verb == "pause" else api.resume)(name)
        pause = api.deadline.pauses()
        watch = Watch(wanted, SETTLE, clock.now(), self._status, idle=not former.tasks)
        while True:
            status = self._look(api)
            verdict = watch.look(clock.now(), status)
            if verdict is Verdict.REACHED:
                return
            if verdict is Verdict.BROKEN or api.deadline.passed:
                raise self._not_back(wanted, former, status)
            pause()

    def _not_back(self, wanted: str, former: Status, status: Status) -> StateError:
        parts = [f"connector {self._order.name} is not {wanted} again: {status.describe()}"]
        if former.failed:
            parts.append("it had failed before as well")
        parts.append(trace_told(self._secrets, status.first_trace()))
        return StateError(". ".join(part for part in parts if part))

    def _give_up(self, error: EventLogError, todo: OffsetsPlan, former: Status) -> NoReturn:
        """Say what has become of the offsets and of the run state, beside what went wrong."""
        error.message += f". {self._what_became(todo)}"
        try:
            self._bring_back(former)
        except EventLogError as second:
            error.message += f". And then: {second.message}"
            error.quoted += second.quoted
        else:
            state = "stopped" if former.state == STOPPED else "paused" if former.state == PAUSED else "running"
            error.message += f"; the connector is {state} as before"
        raise error

    def _what_became(self, todo: OffsetsPlan) -> str:
        if not self._written:
            return "Its offsets were not changed"
        try:
            self._read(self._api.until(Deadline(self._api.deadline.clock, LAST_LOOK_SECONDS)))
        except EventLogError:
            return "Whether its offsets were changed is not known"
        if plan_offsets(self._offsets or (), todo.before).kind is None and len(self._offsets or ()) == len(todo.before):
            return "Its offsets were not changed"
        return f"Its offsets are now {self._told()}"

    # telling

    def _look(self, api: ConnectApi) -> Status:
        self._status = api.status(self._order.name)
        return self._status

    def _shown(self) -> Optional[List[Dict[str, Any]]]:
        return None if self._offsets is None else [entry.shown() for entry in self._offsets]

    def _told(self) -> str:
        return canonical(self._shown())

    def _difference(self, todo: OffsetsPlan) -> Dict[str, Any]:
        header = f"offsets of connector {self._order.name}"
        return {
            "before": {"offsets": [entry.shown() for entry in todo.before]},
            "after": {"offsets": [entry.shown() for entry in todo.after]},
            "before_header": header,
            "after_header": header,
        }

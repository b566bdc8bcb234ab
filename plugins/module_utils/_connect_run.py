# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One call of the connector module from beginning to end: look, plan, validate, write, wait.

The plan is made before anybody asks whether this is check mode, and nothing but the plan is carried out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, FrozenSet, Mapping, Optional, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._connect_api import ConnectApi
from ansible_collections.openmrs.event_log.plugins.module_utils._connect_wait import (
    determined_status,
    for_certain,
    version_before,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._connector import (
    Action,
    Current,
    Desired,
    Plan,
    check_name,
    drift,
    foreseen,
    normalise,
    plan,
    stored,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_report import (
    connector_shown,
    difference,
    failure_told,
    findings_told,
    trace_told,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_state import (
    NOT_YET,
    SHOWN_AS,
    Status,
    Verdict,
    Watch,
    broken,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import (
    EventLogError,
    InputError,
    InterruptedRequestError,
    NoSuchConnectorError,
    NotFoundError,
    PlanError,
    StateError,
    UnreachableError,
    ValidationError,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._redact import SHORTEST, Secrets, compile_patterns


@dataclass(frozen=True)
class Order:
    """The module's parameters, but for the connection."""

    name: str
    state: str = "running"
    config: Optional[Mapping[str, Any]] = None
    sensitive_keys: Tuple[str, ...] = ()
    show_traces: bool = False
    validate: bool = True
    restart_failed: bool = True
    restart: bool = False
    wait: bool = True
    wait_timeout: int = 120
    settle: int = 3
    predicted: bool = False
    check_mode: bool = False


#: Told of the secret values, and of the configuration as it may be shown as soon as that is known.
Veil = Callable[[FrozenSet[str], Optional[Mapping[str, str]]], None]


class ConnectorRun:
    """Carries out one order, and remembers what it saw for the case that it fails."""

    def __init__(self, order: Order, api: ConnectApi, veil: Veil) -> None:
        self._order = order
        self._api = api
        self._veil = veil
        self._secrets = Secrets(show_traces=order.show_traces)
        self._keys_known = False
        self._current: Optional[Current] = None
        self._kind: Optional[str] = None
        self._seen: Optional[Tuple[Mapping[str, str], Status]] = None

    def execute(self) -> Dict[str, Any]:
        """Return the result of the task, or raise."""
        order, desired = self._order, self._desired()
        reached = self._look_around(desired)
        if order.config is None and order.state != "absent":
            desired = self._as_it_is(desired)
        short = self._secrets.too_short(desired.config) if order.config is not None else []
        if short:
            raise InputError(f"config of connector {order.name} is refused: {'; '.join(short)}")
        todo = plan(self._current, desired)
        if reached and any(action.initial_state for action in todo.actions):
            self._check_worker(desired)
        if todo.writes_config and order.validate and reached:
            self._validate(desired)
        if not todo.actions:
            self._judge_unchanged(desired)
        if order.check_mode:
            if todo.actions:
                self._foresee(todo, desired)
        else:
            self._carry_out(todo, desired)
        return {
            "changed": bool(todo.actions),
            "actions": todo.names,
            "diff": difference(self._secrets, self._current, desired),
            "connector": self._shown(),
        }

    def failure(self, error: EventLogError) -> Dict[str, Any]:
        """Return what a failed task carries."""
        connector = self._shown() if self._keys_known else None
        return {**failure_told(self._secrets, error), "connector": connector}

    # before anything is written

    def _desired(self) -> Desired:
        order = self._order
        check_name(order.name)
        if order.wait and order.wait_timeout <= order.settle:
            raise InputError(
                f"wait_timeout: {order.wait_timeout} s is over before settle, {order.settle} s, has passed"
            )
        self._secrets = replace(self._secrets, patterns=compile_patterns(order.sensitive_keys))
        none = order.state == "absent" or order.config is None
        config = {} if none else normalise(order.name, order.config or {})
        self._know(config, config)
        return Desired(order.name, order.state, config, order.restart_failed, order.restart)

    def _look_around(self, desired: Desired) -> bool:
        """See what is registered and which keys are secret. Return whether there is a worker."""
        order = self._order
        try:
            registered = self._api.connector(order.name)
        except (UnreachableError, InterruptedRequestError):
            if not (order.check_mode and order.predicted) or (order.config is None and order.state != "absent"):
                raise
            self._keys_known = True  # as far as names tell
            self._know(desired.config)
            return False
        if registered is not None:
            self._kind = registered.type
            self._current = Current(stored(registered.config), self._run_state())
            self._seen = (self._current.config, self._current.status)
        configs = [config for config in (desired.config, self._current and self._current.config) if config]
        plugins = {(config.get("connector.class"), config.get("connector.plugin.version")) for config in configs}
        for plugin, version in sorted(plugins, key=str):
            declared = self._api.password_keys(plugin, version) if plugin else None
            self._secrets = replace(self._secrets, declared=self._secrets.declared | (declared or frozenset()))
        self._keys_known = True
        self._know(desired.config, *configs)
        return True

    def _as_it_is(self, desired: Desired) -> Desired:
        """Without a configuration only the run state is somebody's wish: the rest stays as it is registered."""
        if self._current is None:
            there = ", ".join(self._api.names()) or "none"
            raise NoSuchConnectorError(
                f"there is no connector {desired.name}, and nothing was changed. Registered: {there}. To create one, "
                "give its config"
            )
        self._know(self._current.config)
        return replace(desired, config=self._current.config)

    def _run_state(self) -> Status:
        """Return the run state; where it is to be seen to, once the worker knows it."""
        if self._order.state in SHOWN_AS:  # whoever waits for what: the plan depends on it
            return determined_status(self._api, self._order.name)
        return self._api.status(self._order.name)

    def _know(self, shown: Mapping[str, str], *configs: Mapping[str, str]) -> None:
        for config in configs:
            self._secrets = self._secrets.knowing(*self._secrets.found_in(config))
        values = frozenset(value for value in self._secrets.values if len(value) >= SHORTEST)
        # Before the worker has said which keys are passwords, nobody can tell what may be shown.
        self._veil(values, self._secrets.config_shown(shown) if self._keys_known else None)

    def _check_worker(self, desired: Desired) -> None:
        version = version_before(self._api, (3, 7))
        if version:
            raise PlanError(
                f"connector {desired.name} cannot be created {desired.state}, and nothing was changed: the worker is "
                f"Connect {version}, and that needs 3.7 or later. To create it running and stop it then would begin a "
                "snapshot"
            )

    def _validate(self, desired: Desired) -> None:
        judged = self._api.validate(desired.name, desired.config)
        # The worker shows values as it resolved the references: scrubbed from here on.
        self._know(desired.config, judged.values)
        if judged.findings:
            raise ValidationError(findings_told(self._secrets, desired.name, judged.findings))

    def _judge_unchanged(self, desired: Desired) -> None:
        """Fail where nothing is to be done and the connector is not well, whoever waits for what."""
        status = self._current.status if self._current else NOT_YET
        if desired.state in SHOWN_AS and broken(desired.state, status):
            raise self._not_there(desired, status, "")

    def _foresee(self, todo: Plan, desired: Desired) -> None:
        """In check mode: show the connector as it would be."""
        status = foreseen(self._current, todo, desired)
        self._seen = None if status is None else (desired.config, status)

    # writing

    def _carry_out(self, todo: Plan, desired: Desired) -> None:
        written_at: Optional[float] = None
        for action in todo.actions:
            self._write(action, desired)
            written_at = self._api.deadline.clock.now()
        if desired.state == "absent":
            self._seen = None
            if todo.actions and self._order.wait:
                self._await_gone(desired.name)
        elif desired.state in SHOWN_AS and self._order.wait:
            self._await_state(desired, written_at)
        elif todo.actions:
            self._look(desired)

    def _write(self, action: Action, desired: Desired) -> None:
        api, name = self._api, desired.name
        if action.kind == "create":
            self._certainly(lambda: self._create(action, desired), lambda: self._is_stored(desired))
        elif action.kind == "update":
            self._certainly(lambda: api.update(name, desired.config), lambda: self._is_stored(desired))
        elif action.kind == "delete":
            self._certainly(lambda: self._delete(name), lambda: api.connector(name) is None)
        elif action.kind == "restart":
            api.restart(name, action.only_failed)
        else:
            {"pause": api.pause, "resume": api.resume, "stop": api.stop}[action.kind](name)

    def _certainly(self, write: Callable[[], None], happened: Callable[[], bool]) -> None:
        for_certain(self._api.deadline, write, happened, None)

    def _create(self, action: Action, desired: Desired) -> None:
        self._api.create(desired.name, desired.config, action.initial_state)

    def _delete(self, name: str) -> None:
        try:
            self._api.delete(name)
        except NotFoundError:
            return  # somebody else was faster, or our own first try was

    def _is_stored(self, desired: Desired) -> bool:
        registered = self._api.connector(desired.name)
        return registered is not None and not drift(stored(registered.config), desired.config)

    # after writing

    def _look(self, desired: Desired) -> Status:
        status = self._api.status(desired.name)
        self._seen = (desired.config, status)
        return status

    def _await_state(self, desired: Desired, written_at: Optional[float]) -> None:
        deadline, pause = self._api.deadline, self._api.deadline.pauses()
        before = self._current.status if self._current else None
        watch = Watch(desired.state, self._order.settle, written_at, before)
        status = before if before is not None and written_at is None else self._look(desired)
        while True:
            verdict = watch.look(deadline.clock.now(), status)
            if verdict is Verdict.REACHED:
                return
            if verdict is Verdict.BROKEN:
                raise self._not_there(desired, status, "")
            if deadline.passed:
                raise self._not_there(desired, status, f" within {self._order.wait_timeout} s")
            pause()
            status = self._look(desired)

    def _await_gone(self, name: str) -> None:
        deadline, pause = self._api.deadline, self._api.deadline.pauses()
        while self._api.connector(name) is not None:
            if deadline.passed:
                raise StateError(f"connector {name} is still registered {self._order.wait_timeout} s after the request")
            pause()

    def _not_there(self, desired: Desired, status: Status, when: str) -> StateError:
        parts = [f"connector {desired.name} is not {desired.state}{when}: {status.describe()}"]
        if desired.state == "running" and not status.tasks and not status.failed:
            parts.append("a connector without tasks does nothing; state present accepts it")
        parts.append(trace_told(self._secrets, status.first_trace()))
        return StateError(". ".join(part for part in parts if part))

    def _shown(self) -> Optional[Dict[str, Any]]:
        if self._seen is None:
            return None
        config, status = self._seen
        return connector_shown(self._secrets, self._order.name, config, status, self._kind)

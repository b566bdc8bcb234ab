# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be done to a connector. Pure: takes what is and what is wanted, returns actions; nothing of Ansible.

Facts of Kafka Connect's REST interface that the order of actions rests on: a connector that FAILED cannot be paused
but can be stopped (KIP-875); it does not show whether it was paused meanwhile, which it would be once it is restarted,
so it is resumed before that (to resume what is not paused changes nothing); a new configuration restarts only those
tasks whose own configuration changed, so a failed task stays failed; a paused task keeps its instance, a stopped
connector has no tasks at all.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._connector_state import (
    PAUSED,
    RUNNING,
    SHOWN_AS,
    STOPPED,
    Status,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import InputError, PlanError
from ansible_collections.openmrs.event_log.plugins.module_utils._redact import Secrets, is_mask


@dataclass(frozen=True)
class Desired:
    """What the user asked for; the configuration is normalised."""

    name: str
    state: str
    config: Mapping[str, str]
    restart_failed: bool = True
    restart: bool = False


@dataclass(frozen=True)
class Current:
    """A connector as it is registered."""

    config: Mapping[str, str]
    status: Status


@dataclass(frozen=True)
class Action:
    """One write. ``initial_state`` belongs to create, ``only_failed`` to restart."""

    kind: str
    initial_state: Optional[str] = None
    only_failed: bool = False


@dataclass(frozen=True)
class Plan:
    """The writes, in order."""

    actions: Tuple[Action, ...] = ()

    @property
    def names(self) -> List[str]:
        return [action.kind for action in self.actions]

    @property
    def writes_config(self) -> bool:
        return any(action.kind in ("create", "update") for action in self.actions)


@dataclass(frozen=True)
class Finding:
    """One property that the plugin's validation does not accept."""

    key: str
    errors: Tuple[str, ...]


CREATE, UPDATE, DELETE = Action("create"), Action("update"), Action("delete")
PAUSE, RESUME, STOP = Action("pause"), Action("resume"), Action("stop")
RESTART, RESTART_FAILED = Action("restart"), Action("restart", only_failed=True)


def check_name(name: str) -> None:
    """Refuse names that Kafka Connect refuses or silently changes."""
    if not name or name != name.strip() or name in (".", "..") or any(ord(char) < 32 for char in name):
        raise InputError(
            f"name: {name!r} cannot be the name of a connector: "
            "not empty, no white space at its ends, no control characters"
        )


def normalise(name: str, config: Mapping[str, Any]) -> Dict[str, str]:
    """Return the wanted configuration as Connect stores it: strings. Everything wrong with it is told at once."""
    namer = Secrets()
    result: Dict[str, str] = {}
    wrong: List[str] = []
    for raw_key, value in config.items():
        key = str(raw_key)
        try:
            text = _as_text(value)
        except ValueError as exc:
            wrong.append(f"{namer.key_shown(key)}: {exc}")
            continue
        if key == "name" and text != name:
            wrong.append(f"name: {text!r} differs from the connector's name {name!r}")
        elif key != "name" and not key.startswith("__internal."):
            result[key] = text
    if not result.get("connector.class"):
        wrong.append("connector.class: missing")
    if wrong:
        raise InputError("config of connector {} is refused: {}".format(name, "; ".join(wrong)))
    return result


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        if is_mask(value):
            raise ValueError("the value is a mask, such as a server shows in place of a secret, not a value")
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return json.dumps(value)
    if value is None:
        raise ValueError("null is not a value; leave the key out to remove it")
    if isinstance(value, (list, tuple)):
        raise ValueError("a list is not a value; join it with commas")
    if isinstance(value, Mapping):
        raise ValueError("a dictionary is not a value; the configuration is flat")
    raise ValueError(f"{type(value).__name__} is not a value of a configuration")


def stored(config: Mapping[str, Any]) -> Dict[str, str]:
    """Return a registered configuration without what the server itself adds."""
    return {
        str(key): "" if value is None else str(value)
        for key, value in config.items()
        if key != "name" and not str(key).startswith("__internal.")
    }


def drift(current: Mapping[str, str], desired: Mapping[str, str]) -> Tuple[str, ...]:
    """Return the keys that differ; a value that the server masks is not drift by itself."""
    keys = set(current) | set(desired)
    return tuple(
        sorted(
            key
            for key in keys
            if key not in current or key not in desired or (current[key] != desired[key] and not is_mask(current[key]))
        )
    )


def plan(current: Optional[Current], desired: Desired) -> Plan:
    """Return what has to be done, in order."""
    if desired.state == "absent":
        return Plan((DELETE,) if current is not None else ())
    if current is None:
        initial = {"paused": PAUSED, "stopped": STOPPED}.get(desired.state)
        return Plan((Action("create", initial_state=initial),))
    update = (UPDATE,) if drift(current.config, desired.config) else ()
    steps = {"running": _to_running, "paused": _to_paused, "stopped": _to_stopped, "present": _to_present}
    return Plan(steps[desired.state](current.status, desired, update))


def _to_running(status: Status, desired: Desired, update: Tuple[Action, ...]) -> Tuple[Action, ...]:
    heal = status.failed and status.state != STOPPED and desired.restart_failed
    hidden = status.connector_failed and (heal or desired.restart)
    resume = (RESUME,) if hidden or status.state in (PAUSED, STOPPED) else ()
    if desired.restart and status.state != STOPPED:  # what is stopped starts afresh anyway
        return (*update, *resume, RESTART)
    return (*update, *resume, *((RESTART_FAILED,) if heal else ()))


def _to_paused(status: Status, desired: Desired, update: Tuple[Action, ...]) -> Tuple[Action, ...]:
    heal: Tuple[Action, ...] = ()
    if status.failed and status.state != STOPPED:
        if not desired.restart_failed:
            raise PlanError(
                f"connector {desired.name} cannot be paused: it has FAILED ({status.describe()}), "
                "and restart_failed is false"
            )
        heal = (RESTART_FAILED,)
    pause = () if status.state == PAUSED else (PAUSE,)
    return (*heal, *pause, *update)


def _to_stopped(status: Status, desired: Desired, update: Tuple[Action, ...]) -> Tuple[Action, ...]:
    stop = () if status.state == STOPPED else (STOP,)
    return (*stop, *update)


def _to_present(status: Status, desired: Desired, update: Tuple[Action, ...]) -> Tuple[Action, ...]:
    restart = desired.restart and status.state not in (PAUSED, STOPPED)
    return (*update, *((RESTART,) if restart else ()))


def state_after(current: Optional[Current], desired: Desired) -> Optional[str]:
    """Return the run state that the plan leads to, as a status shows it; None where nothing is registered."""
    if desired.state == "absent":
        return None
    if desired.state == "present":
        return current.status.overall if current is not None else RUNNING
    return SHOWN_AS[desired.state]


def foreseen(current: Optional[Current], todo: Plan, desired: Desired) -> Optional[Status]:
    """Return the status that the plan leads to. Tasks that are yet to be made are not in it: the plugin decides."""
    if desired.state == "absent":
        return None
    status = current.status if current is not None else Status(RUNNING)
    if desired.state == "present" and "restart" not in todo.names:
        return status
    state = SHOWN_AS.get(desired.state, RUNNING)
    tasks = () if state == STOPPED else tuple(replace(task, state=state, trace=None) for task in status.tasks)
    return replace(status, state=state, trace=None, tasks=tasks)

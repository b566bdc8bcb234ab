# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connectors in words for somebody who looks at many sites. Pure: takes what connector_info returns.

Of a failure only known causes and kinds of errors are told: what a trace says beside may quote rows, which are
patients' data.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils._trace import safe_words

#: What can be asked of a connector that is there, in the words of its users: options of the module ``connector``.
ORDERS: Dict[str, Dict[str, Any]] = {
    "running": {"state": "running"},
    "paused": {"state": "paused"},
    "stopped": {"state": "stopped"},
    "restarted": {"state": "running", "restart": True},
    "absent": {"state": "absent"},
}


def connectors_told(
    connectors: Sequence[Mapping[str, Any]], config: bool = False, show_traces: bool = False
) -> List[str]:
    """Return lines about each connector and its tasks, with configurations and whole traces if they are asked for."""
    if not connectors:
        return ["There is no connector."]
    return [line for connector in connectors for line in _told(connector, config, show_traces)]


def order_refused(name: str, order: str, connectors: Sequence[Mapping[str, Any]]) -> str:
    """Return why this cannot be asked for, in one message; empty when it can."""
    there = ", ".join(str(connector["name"]) for connector in connectors) or "none"
    known = any(connector["name"] == name for connector in connectors)
    wrong = []
    if order and order not in ORDERS:
        wrong.append(f"state is {order}: needed is one of {', '.join(ORDERS)}.")
    if order and not name:
        wrong.append(f"state is {order}, but connector is not set: name the one that is meant, -e connector=NAME.")
    if name and not known and order != "absent":
        wrong.append(f"connector is {name}: there is none of that name.")
    return " ".join([*wrong, f"Connectors here: {there}. Nothing was changed."]) if wrong else ""


def order_failed(result: Mapping[str, Any], show_traces: bool = False) -> str:
    """Return why the module ``connector`` failed, without what it quotes of a trace; empty when it did not."""
    if not result.get("failed") and "msg" not in result:
        return ""
    said, connector = str(result.get("msg") or "no reason given"), result.get("connector")
    if not connector:
        return said
    units = [connector, *(connector.get("tasks") or [])]
    if not show_traces and any(unit.get("state") == "FAILED" for unit in units):
        said = said.partition(". ")[0]
    return "\n".join([said, *_told(connector, False, show_traces)])


def outcome_told(
    name: str,
    order: str,
    connectors: Sequence[Mapping[str, Any]],
    result: Mapping[str, Any],
    foretold: bool = False,
    *,
    show_traces: bool = False,
) -> List[str]:
    """Return the last words of the playbook: what is there, or what was done, or in check mode would be done."""
    if not order:
        chosen = [connector for connector in connectors if name in ("", connector["name"])]
        return connectors_told(chosen, bool(name), show_traces)
    actions = [str(action) for action in result.get("actions") or []]
    if order == "absent" and not actions:
        there = ", ".join(str(connector["name"]) for connector in connectors) or "none"
        return [f"{name}: there is no such connector. Connectors here: {there}."]
    if order == "absent":
        return [
            f"{name}: {'would be removed' if foretold else 'removed'}.",
            "Its topics stay, and so does its position: a connector of the same name goes on from there.",
            "The playbook site registers what the inventory describes again.",
        ]
    done = " and ".join(actions) if actions else "nothing to do"
    told = _told(result.get("connector") or {}, False, show_traces)
    return [f"{name}: {'would ' if foretold and actions else ''}{done}", *told]


def _told(connector: Mapping[str, Any], with_config: bool, show_traces: bool) -> List[str]:
    config = connector.get("config") or {}
    kind = " ".join(str(word) for word in (config.get("connector.class"), connector.get("version")) if word)
    about = ", ".join(part for part in (str(connector.get("type") or "connector"), kind) if part)
    lines = [f"{connector['name']}: {_state(connector)} ({about}){_why(connector)}"]
    tasks = connector.get("tasks") or []
    lines += _trace(connector) if show_traces else []
    for task in tasks:
        lines += [f"  task {task['id']}: {_state(task)}{_why(task)}", *(_trace(task) if show_traces else ())]
    if not tasks:
        lines.append("  no tasks")
    if with_config:
        lines += ["  configuration:", *(f"    {key}: {config[key]}" for key in sorted(config))]
    return lines


def _trace(unit: Mapping[str, Any]) -> List[str]:
    return [f"    {line}" for line in str(unit.get("trace") or "").splitlines()]


def _state(unit: Mapping[str, Any]) -> str:
    on = f" on {unit['worker_id']}" if unit.get("worker_id") else ""
    return f"{unit.get('state') or 'UNKNOWN'}{on}"


def _why(unit: Mapping[str, Any]) -> str:
    why = safe_words(str(unit.get("trace") or "")) if unit.get("state") == "FAILED" else ""
    return f": {why}" if why else ""

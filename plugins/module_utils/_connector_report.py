# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told about a connector: result, difference, failure; nothing secret in it. Pure: nothing of Ansible."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils._connector import Current, Desired, Finding, state_after
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_state import Status
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError
from ansible_collections.openmrs.event_log.plugins.module_utils._redact import Secrets
from ansible_collections.openmrs.event_log.plugins.module_utils._scrub import HIDDEN
from ansible_collections.openmrs.event_log.plugins.module_utils._trace import known_cause


def connector_shown(
    secrets: Secrets, name: str, config: Mapping[str, str], status: Status, kind: Optional[str]
) -> Dict[str, Any]:
    """Return a connector as modules return it."""
    return {
        "name": name,
        "type": kind or status.type,
        "state": status.state,
        "version": status.version,
        "config": secrets.config_shown(config),
        "tasks": [
            {
                "id": task.id,
                "state": task.state,
                "worker_id": task.worker_id,
                "trace": None if task.trace is None else secrets.trace_shown(task.trace),
            }
            for task in status.tasks
        ],
    }


def difference(secrets: Secrets, current: Optional[Current], desired: Desired) -> Dict[str, Any]:
    """Return before and after: run state and configuration."""
    before: Dict[str, Any] = {}
    after: Dict[str, Any] = {}
    if current is not None:
        before = {"state": current.status.overall, "config": secrets.config_shown(current.config)}
    if desired.state != "absent":
        known = None if current is None else current.config
        after = {"state": state_after(current, desired), "config": secrets.config_shown(desired.config, known)}
    header = f"connector {desired.name}"
    return {"before": before, "after": after, "before_header": header, "after_header": header}


def findings_told(secrets: Secrets, name: str, findings: Sequence[Finding]) -> str:
    """Return one message with every error that validation found."""
    told = []
    for finding in findings:
        errors = dict.fromkeys(secrets.said(error) for error in finding.errors)  # workers repeat themselves
        told.append(f"{secrets.key_shown(finding.key)}: {' '.join(errors)}")
    count = "1 error" if len(told) == 1 else f"{len(told)} errors"
    return f"config of connector {name} is not valid, {count}; nothing was changed. {'; '.join(told)}"


def trace_told(secrets: Secrets, trace: Optional[str], longest: int = 600) -> str:
    """Return what a trace says in two lines, its first and its last cause; before them what is known of such a one."""
    if not trace:
        return ""
    lines = [line.strip() for line in secrets.trace_shown(trace).splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith("Caused by:")]
    known = "" if secrets.show_traces else known_cause(trace)
    return (f"{known}: " if known else "") + " ".join(line[:longest] for line in lines[:1] + causes[-1:])


def message_shown(secrets: Secrets, error: EventLogError) -> str:
    """Return the message of an error; what of it are the worker's words, without what may be data."""
    shown, rest = "", error.message
    for quoted in error.quoted:
        before, words, rest = rest.partition(quoted)
        shown += secrets.scrub(before) + secrets.said(words)
    return shown + secrets.scrub(rest)


def failure_told(secrets: Secrets, error: EventLogError) -> Dict[str, Any]:
    """Return what every failed task carries."""
    told, message = error.details(), message_shown(secrets, error)
    if told.get("response"):
        told["response"] = secrets.said(told["response"])
    if HIDDEN in message:
        message += f" (what is {HIDDEN} may be of a patient; show_traces, event_log_show_traces of the roles, shows it)"
    return {**told, "msg": message}

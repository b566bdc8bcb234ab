# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings about a source database as one message for people."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mysql_findings
short_description: Findings about a source database as one message
version_added: "0.1.0"
author: OpenMRS Event Log contributors (@openmrs)
description:
  - Turns the result of M(openmrs.event_log.mysql_source_info) into one numbered message that ends in the settings
    and the SQL to paste.
options:
  _input:
    description: What M(openmrs.event_log.mysql_source_info) returned.
    type: dict
    required: true
  severities:
    description: Which findings to show.
    type: list
    elements: str
    choices: [error, warning, info]
    default: [error]
  variables:
    description: Variables of the inventory and their values, to say where host, account, database and tables came from.
    type: dict
    default: {}
  remedy:
    description: Whether the message ends in the settings and the SQL to paste.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Say what is wrong
  ansible.builtin.fail:
    msg: "{{ source | openmrs.event_log.mysql_findings }}"
  when: source | openmrs.event_log.mysql_findings | length > 0
"""

RETURN = r"""
_value:
  description: The message; empty when there is no finding of these severities.
  type: str
"""

from typing import Any, Callable, Mapping, Optional, Sequence

from ansible.errors import AnsibleFilterError

SEVERITIES = ("error", "warning", "info")
_TITLES = {
    "error": "The source database {address} ({server}) cannot feed the event log yet.",
    "warning": "Worth knowing about the source database {address} ({server}):",
}
_NAMES = {"mysql": "MySQL", "mariadb": "MariaDB"}


def mysql_findings(
    result: Mapping[str, Any],
    severities: Sequence[str] = ("error",),
    remedy: bool = True,
    variables: Optional[Mapping[str, Any]] = None,
) -> str:
    """The findings of these severities, numbered, and what to paste."""
    if not isinstance(result, Mapping) or not {"source", "findings", "remedy"} <= set(result):
        raise AnsibleFilterError("mysql_findings wants the result of openmrs.event_log.mysql_source_info.")
    unknown = sorted(set(severities) - set(SEVERITIES))
    if unknown:
        raise AnsibleFilterError(f"mysql_findings knows the severities {', '.join(SEVERITIES)}, not {unknown[0]!r}.")
    shown = [finding for finding in result["findings"] if finding["severity"] in severities]
    if not shown:
        return ""
    parts = [_title(result["source"], severities, variables or {}), *map(_entry, range(1, len(shown) + 1), shown)]
    if remedy:
        parts += _paste(result["remedy"])
    return "\n\n".join(parts) + "\n"


def _title(source: Mapping[str, Any], severities: Sequence[str], variables: Mapping[str, Any]) -> str:
    title = _TITLES["error" if "error" in severities else "warning"]
    flavour = source.get("flavour")
    server = f"{_NAMES.get(str(flavour), flavour)} {source.get('version')}" if flavour else "not seen"
    lines = [title.format(address=source.get("address"), server=server)]
    lines += ["The inventory says:"] if variables else []
    return "\n".join(lines + [f"  {name}: {_value(value)}" for name, value in variables.items()])


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _entry(number: int, finding: Mapping[str, Any]) -> str:
    lead = f"{number}. "
    lines = [f"{finding['what']} [{finding['id']}]", f"Why: {finding['why']}", f"Fix: {finding['fix']}"]
    return lead + ("\n" + " " * len(lead)).join(lines)


def _paste(remedy: Mapping[str, Any]) -> list[str]:
    parts = []
    if remedy.get("my_cnf"):
        parts.append("Settings to paste:\n\n" + str(remedy["my_cnf"]).rstrip())
    if remedy.get("sql"):
        parts.append("SQL to paste:\n\n" + str(remedy["sql"]).rstrip())
    return parts


class FilterModule:
    """The collection's filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"mysql_findings": mysql_findings}

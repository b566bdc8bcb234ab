# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others need to know of a source database that was looked at."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mysql_seen
short_description: What a connector and its consumers need to know of a source database
version_added: "0.1.0"
author: OpenMRS Event Log contributors (@openmrs)
description:
  - Takes from the result of M(openmrs.event_log.mysql_source_info) what decides the connector's class, its TLS and the
    meaning of its times.
options:
  _input:
    description: What M(openmrs.event_log.mysql_source_info) returned.
    type: dict
    required: true
  ssl_mode:
    description: The O(ssl_mode) of that look. With V(disabled) nobody knows whether the server offers TLS.
    type: str
    default: preferred
"""

EXAMPLES = r"""
- name: Choose the connector's class
  ansible.builtin.debug:
    msg: "{{ (source | openmrs.event_log.mysql_seen).flavour }}"
"""

RETURN = r"""
_value:
  description:
    - C(address), C(flavour), C(version), C(server_uuid), C(tls_offered), C(tls_versions), C(time_zone) and C(columns),
      each only if it was seen. Empty when nobody could log in.
  type: dict
"""

from typing import Any, Callable, Mapping

from ansible.errors import AnsibleFilterError

UNUSABLE = "tls_unusable"


def mysql_seen(result: Mapping[str, Any], ssl_mode: str = "preferred") -> dict[str, Any]:
    """What was seen, without what was not."""
    if not isinstance(result, Mapping) or not {"source", "findings"} <= set(result):
        raise AnsibleFilterError("mysql_seen wants the result of openmrs.event_log.mysql_source_info.")
    source = result["source"]
    if not source.get("logged_in"):
        return {}
    variables = source.get("variables") or {}
    unusable = any(finding["id"] == UNUSABLE for finding in result["findings"])
    offered = True if source.get("tls") or unusable else None if ssl_mode == "disabled" else False
    versions = [name.strip() for name in str(variables.get("tls_version") or "").split(",") if name.strip()]
    seen = {
        "address": source.get("address"),
        "flavour": source.get("flavour"),
        "version": source.get("version"),
        "server_uuid": source.get("server_uuid"),
        "tls_offered": offered,
        "tls_versions": versions if offered and versions else None,
        "time_zone": source.get("time_zone"),
        "columns": {name: table["columns"] for name, table in (source.get("tables") or {}).items()} or None,
    }
    return {name: value for name, value in seen.items() if value is not None}


class FilterModule:
    """The collection's filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"mysql_seen": mysql_seen}

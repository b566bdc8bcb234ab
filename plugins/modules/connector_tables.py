#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let a connector capture further tables."""

from __future__ import annotations

DOCUMENTATION = r"""
module: connector_tables
short_description: Let a Debezium connector capture further tables, with their history and their data
version_added: "0.1.0"
author:
  - OpenMRS Event Log contributors (@openmrs)
description:
  - Adds tables to those that a connector of Debezium for MySQL or MariaDB captures. Merely listed, a table would end
    the connector's task at its first event, because the schema history does not know it.
  - Waits until the connector has read everything, stops it, makes sure that no table is being changed, lets it read the
    structure of all captured tables once (C(snapshot.mode=recovery)), and asks for an incremental snapshot of the new
    ones. No event of the other tables is lost or read twice for it.
  - What is under way stands in the connector's configuration (C(event.log.adding)). A call that was cut off, by a power
    cut or otherwise, is finished by the next one.
extends_documentation_fragment:
  - openmrs.event_log.connect
  - openmrs.event_log.capture
attributes:
  check_mode:
    description: Says which tables would be added.
    support: full
  diff_mode:
    description: Returns the tables, before and after.
    support: full
  platform:
    description: Target platforms that can be managed.
    support: full
    platforms: posix
options:
  name:
    description: Name of the connector. It must run, and have a table of signals.
    type: str
    required: true
  tables:
    description:
      - All tables of its database that are to be captured, without the database's name. Those that are not captured yet
        are added, and each of them must have a primary key. None is removed.
    type: list
    elements: str
    required: true
  wait_timeout:
    description: Seconds for the whole call.
    type: int
    default: 300
seealso:
  - module: openmrs.event_log.connector_snapshot
"""

EXAMPLES = r"""
- name: Capture encounters and observations too
  openmrs.event_log.connector_tables:
    url: http://127.0.0.1:8083
    url_username: event-log
    url_password: "{{ event_log_connect_password }}"
    name: openmrs-connector
    tables: [person, patient, encounter, obs]
    database_login:
      login_user: event_log
      login_password: "{{ event_log_capture_password }}"
"""

RETURN = r"""
added:
  description: The tables that were added, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [encounter, obs]
method:
  description: Method of the request that failed.
  returned: when a request failed
  type: str
  sample: PUT
url:
  description: Address of the request that failed.
  returned: when a request failed
  type: str
  sample: http://127.0.0.1:8083/connectors/openmrs-connector/config
status:
  description: HTTP status of the answer, if there was one.
  returned: when a request failed
  type: int
  sample: 500
response:
  description: What the worker said, without secrets; what may be data is hidden unless O(show_traces).
  returned: when a request failed
  type: str
  sample: Internal Server Error
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils._argspec import connect_options, connect_required_by
from ansible_collections.openmrs.event_log.plugins.module_utils._capture_module import carry_out, common
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_tables import TablesOrder, TablesRun
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_argspec import capture_options

OPTIONS = {
    "name": {"type": "str", "required": True},
    "tables": {"type": "list", "elements": "str", "required": True},
    "wait_timeout": {"type": "int", "default": 300},
    **capture_options(),
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={**OPTIONS, **connect_options()},
        required_by=connect_required_by(),
        supports_check_mode=True,
    )
    order = TablesOrder(tables=tuple(dict.fromkeys(module.params["tables"])), **common(module))
    carry_out(module, TablesRun, order)


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let a connector read tables again."""

from __future__ import annotations

DOCUMENTATION = r"""
module: connector_snapshot
short_description: Let a Debezium connector read tables again, in parts, while it goes on streaming
version_added: "0.1.0"
author:
  - OpenMRS Event Log contributors (@openmrs)
description:
  - Asks a connector of Debezium for MySQL or MariaDB for an incremental snapshot of tables that it captures, by a row
    in the table of signals, and sees that the connector has taken it.
  - The tables are read in parts by their primary keys, and changes go on being streamed meanwhile. How far it is stands
    in the connector's stored offset, so that a power cut costs one part. Rows come as events with C(op=r).
  - Rows that are gone from the database come back as nothing; a deletion that was missed stays missed.
extends_documentation_fragment:
  - openmrs.event_log.connect
  - openmrs.event_log.capture
attributes:
  check_mode:
    description: Says which tables would be asked for, and writes nothing.
    support: full
  diff_mode:
    description: Returns the tables that are being read, before and after.
    support: full
  platform:
    description: Target platforms that can be managed. Needs PyMySQL where it runs.
    support: full
    platforms: posix
options:
  name:
    description: Name of the connector. It must run.
    type: str
    required: true
  tables:
    description:
      - Tables of its database, without the database's name. Each must have a primary key.
      - With O(state=stopped), none means all that are being read.
    type: list
    elements: str
    default: []
  state:
    description:
      - V(started) - the tables are being read, or have been since they were asked for.
      - V(finished) - as V(started), and waits until they are read, for O(wait_timeout) at most. What takes longer is
        no failure, it goes on by itself; see RV(finished).
      - V(stopped) - they are not read any further. What was read stays.
      - Tables that are being read are not asked for once more. Tables that have been read are, as each call is a wish.
    type: str
    choices: [started, finished, stopped]
    default: started
  wait_timeout:
    description: Seconds for the whole call. The stored offset is written once in a while, so less than 120 is short.
    type: int
    default: 120
notes:
  - Without the table of signals it fails and says what an administrator has to run.
seealso:
  - module: openmrs.event_log.mysql_signal_table
  - module: openmrs.event_log.connector_info
"""

EXAMPLES = r"""
- name: Read a table again
  openmrs.event_log.connector_snapshot:
    url: http://127.0.0.1:8083
    url_username: event-log
    url_password: "{{ event_log_connect_password }}"
    name: openmrs-connector
    tables: [obs]
    database_login:
      login_user: event_log
      login_password: "{{ event_log_capture_password }}"
"""

RETURN = r"""
tables:
  description: The tables that were asked for, or stopped, by this call; in check mode those that would be.
  returned: success
  type: list
  elements: str
  sample: [openmrs.obs]
signals:
  description: The kind of signal that was written, if any.
  returned: success
  type: list
  elements: str
  sample: [execute-snapshot]
finished:
  description: Whether nothing is being read again any more.
  returned: success
  type: bool
progress:
  description: How far it is, in words; empty when nothing is being read.
  returned: success
  type: str
  sample: "reading again openmrs.obs: 34 % (key 34012 of 100000)"
method:
  description: Method of the request that failed.
  returned: when a request failed
  type: str
  sample: GET
url:
  description: Address of the request that failed.
  returned: when a request failed
  type: str
  sample: http://127.0.0.1:8083/connectors/openmrs-connector/offsets
status:
  description: HTTP status of the answer, if there was one.
  returned: when a request failed
  type: int
  sample: 500
response:
  description: What the worker said, without secrets; what may be data is hidden unless O(show_traces).
  returned: when a request failed
  type: str
  sample: Request timed out
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils._argspec import connect_options, connect_required_by
from ansible_collections.openmrs.event_log.plugins.module_utils._capture_module import carry_out, common
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_snapshot import SnapshotOrder, SnapshotRun
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_argspec import capture_options

OPTIONS = {
    "name": {"type": "str", "required": True},
    "tables": {"type": "list", "elements": "str", "default": []},
    "state": {"type": "str", "choices": ["started", "finished", "stopped"], "default": "started"},
    **capture_options(),
    "wait_timeout": {"type": "int", "default": 120},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={**OPTIONS, **connect_options()},
        required_by=connect_required_by(),
        supports_check_mode=True,
    )
    order = SnapshotOrder(
        state=module.params["state"], tables=tuple(dict.fromkeys(module.params["tables"])), **common(module)
    )
    carry_out(module, SnapshotRun, order)


if __name__ == "__main__":
    main()

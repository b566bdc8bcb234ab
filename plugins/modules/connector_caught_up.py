#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait until a connector has read everything."""

from __future__ import annotations

DOCUMENTATION = r"""
module: connector_caught_up
short_description: Wait until a Debezium connector has read everything that its database had written
version_added: "0.1.0"
author:
  - OpenMRS Event Log contributors (@openmrs)
description:
  - Waits until the stored position of a connector of Debezium for MySQL or MariaDB is where the binary log ended when
    the module was called.
  - Nothing but a row in the table of signals is written, of the kind C(log), so that the position moves on a database
    where nobody writes.
extends_documentation_fragment:
  - openmrs.event_log.connect
  - openmrs.event_log.capture
attributes:
  check_mode:
    description: Looks at the connector only.
    support: full
  diff_mode:
    description: Changes nothing, so that there is no difference to show.
    support: none
  platform:
    description: Target platforms that can be managed.
    support: full
    platforms: posix
options:
  name:
    description: Name of the connector. It must have a table of signals.
    type: str
    required: true
  wait_timeout:
    description: Seconds to wait. Less than 60 are short, as positions are stored once in a while.
    type: int
    default: 120
"""

EXAMPLES = r"""
- name: Wait until everything before the upgrade is read
  openmrs.event_log.connector_caught_up:
    url: http://127.0.0.1:8083
    url_username: event-log
    url_password: "{{ event_log_connect_password }}"
    name: openmrs-connector
    database_login:
      login_user: event_log
      login_password: "{{ event_log_capture_password }}"
"""

RETURN = r"""
caught_up:
  description: Whether it has. Null in check mode, where nobody waits.
  returned: always
  type: bool
position:
  description: The end of the binary log at the time of the call; null in check mode.
  returned: success
  type: dict
  sample: {file: binlog.000003, pos: 157}
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
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_caught_up import CaughtUpOrder, CaughtUpRun
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_argspec import capture_options

OPTIONS = {
    "name": {"type": "str", "required": True},
    "wait_timeout": {"type": "int", "default": 120},
    **capture_options(),
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={**OPTIONS, **connect_options()},
        required_by=connect_required_by(),
        supports_check_mode=True,
    )
    carry_out(module, CaughtUpRun, CaughtUpOrder(**common(module)))


if __name__ == "__main__":
    main()

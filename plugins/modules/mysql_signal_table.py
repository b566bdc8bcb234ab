#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_signal_table
short_description: The table through which a connector is asked to read tables again
version_added: "0.1.0"
author: OpenMRS Event Log contributors (@openmrs)
description:
  - Makes or removes the table of signals of a Debezium connector, which incremental snapshots need, in a database of
    its own beside the one of OpenMRS.
  - A table of that name with the columns C(id), C(type) and C(data) is taken as it is; another one is refused.
extends_documentation_fragment:
  - openmrs.event_log.mysql
attributes:
  check_mode:
    support: full
    description: Looks, and changes nothing.
  diff_mode:
    support: full
    description: Says whether the table is there, before and after.
  platform:
    support: full
    platforms: posix
    description: Needs Python 3.8 or later with PyMySQL where it runs.
options:
  name:
    description: The table, as C(database.table) in letters, digits and underscores.
    type: str
    default: event_log.debezium_signal
  state:
    description:
      - Whether the table is there. V(absent) leaves the database that it was in.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: openmrs.event_log.mysql_capture_account
  - module: openmrs.event_log.connector_snapshot
"""

EXAMPLES = r"""
- name: Make the table of signals, as root over the local socket
  openmrs.event_log.mysql_signal_table:
    login_unix_socket: /run/mysqld/mysqld.sock

- name: See, as the capture account, whether it is there
  openmrs.event_log.mysql_signal_table:
    login_user: event_log
    login_password: "{{ event_log_capture_password }}"
  check_mode: true
  register: signals  # signals.present
"""

RETURN = r"""
table:
  description: The table.
  returned: success
  type: str
  sample: event_log.debezium_signal
present:
  description: Whether it was there before.
  returned: success
  type: bool
statements:
  description: What was done, or would be done in check mode.
  returned: success
  type: list
  elements: str
  sample: ["CREATE DATABASE IF NOT EXISTS `event_log`"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_signal_table as signals
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_argspec import (
    fail_for_library,
    login_of,
    mysql_options,
    mysql_required_by,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import (
    ConnectError,
    MissingLibraryError,
    open_connection,
)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **mysql_options(),
            "name": {"type": "str", "default": "event_log.debezium_signal"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_by=mysql_required_by(),
        supports_check_mode=True,
    )
    try:
        table = signals.SignalTable.parse(module.params["name"])
        connection = open_connection(login_of(module.params))
        try:
            result = signals.ensure(connection, table, module.params["state"] == "present", module.check_mode)
        finally:
            connection.close()
    except MissingLibraryError as error:
        fail_for_library(module, error)
    except (signals.SignalTableError, ConnectError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_capture_account
short_description: The account that the event log reads an OpenMRS database with
version_added: "0.1.0"
author: OpenMRS Event Log contributors (@openmrs)
description:
  - Makes, mends, rotates or removes the account of the connector, with exactly the privileges that it needs on that
    flavour and version; C(SELECT) is given on the OpenMRS database only.
  - Whether the password is right is found by logging in with it, so any password plugin will do. An existing account
    keeps its plugin. A locked account and an expired password are mended.
  - An account that administers the server or fills whole databases, such as C(root) or that of OpenMRS itself, or that
    holds a role, is refused and left alone, whatever O(state) is.
  - An existing account that refuses O(password) gets it only if it looks like the connector's own, so that nobody else
    is locked out. It must have no privilege at all, or C(REPLICATION SLAVE) and C(SELECT) on O(database) and nothing
    that the connector never needs.
  - Tried on MySQL 5.7.22, 8.0.12, 9.7 and MariaDB 10.11 and 11.8.
  - The server's own logs do not get the password. MySQL keeps it out by itself, MariaDB is given its hash. A MariaDB
    that takes no hashes (C(strict_password_validation) with a plugin that looks at passwords) gets it in a session that
    writes neither the binary log nor the general and slow logs, so that replicas do not hear of the account; an
    administrator who may not do that is refused.
extends_documentation_fragment:
  - openmrs.event_log.mysql
attributes:
  check_mode:
    support: full
    description: Looks, and logs in as the account, but changes nothing.
  diff_mode:
    support: full
    description: Shows the account and its grants. The password is only said to be right or not.
  platform:
    support: full
    platforms: posix
    description: Needs Python 3.8 or later with PyMySQL where it runs.
options:
  login_host:
    description:
      - Name or address of the database server, seen from where the module runs. Run it where the connector runs.
      - The account is tried at this address and O(login_port), even where the administrator comes through
        O(login_unix_socket). Only a server that listens on nothing but the socket is tried there.
    type: str
    default: 127.0.0.1
  login_user:
    description: An administrator of the database.
    type: str
    default: root
  name:
    description: The account.
    type: str
    required: true
  host:
    description:
      - The host that the account may come from.
      - Without it, an account of that name that a login from here is matched with is taken; else one is made for
        exactly the host that the server sees. For a connector on the server itself that is C(localhost), or
        C(127.0.0.1) where C(skip_name_resolve) is on; for a server in a container it is the address of the bridge.
    type: str
  password:
    description: Its password. Needed unless O(state=absent).
    type: str
  database:
    description: The OpenMRS database. Needed unless O(state=absent).
    type: str
  signal_table:
    description:
      - A table of signals for incremental snapshots, C(table) or C(database.table), that the connector may insert into
        and delete from, and that M(openmrs.event_log.connector_snapshot) may make. The table must exist.
    type: str
  lock_tables:
    description:
      - Whether the account may lock the tables of O(database), too. The connector does that only where the server
        refuses C(FLUSH TABLES WITH READ LOCK), as managed clouds do.
    type: bool
    default: false
  require_tls:
    description: Whether the account may log in encrypted only. Left as it is when not given.
    type: bool
  state:
    description: Whether the account is there.
    type: str
    choices: [present, absent]
    default: present
  update_password:
    description:
      - V(always) gives the connector's account O(password) when it has another one. V(on_create) does so for a new
        account only, and fails when an existing one refuses O(password).
    type: str
    choices: [always, on_create]
    default: always
  revoke_surplus:
    description: Whether privileges that the connector does not need are taken away. Otherwise they are a finding.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Make the capture account, as root over the local socket
  openmrs.event_log.mysql_capture_account:
    login_unix_socket: /run/mysqld/mysqld.sock
    name: event_log
    password: "{{ event_log_capture_password }}"
    database: openmrs

- name: Make it on another server, for TLS only, with a table for signals
  openmrs.event_log.mysql_capture_account:
    login_host: db.hospital.example
    login_user: admin
    login_password: "{{ mysql_admin_password }}"
    ssl_mode: verify_ca
    ca_cert: /etc/ssl/certs/hospital-ca.pem
    name: event_log
    host: 10.0.0.5
    password: "{{ event_log_capture_password }}"
    database: openmrs
    signal_table: event_log_signal
    require_tls: true

- name: Remove it
  openmrs.event_log.mysql_capture_account:
    login_unix_socket: /run/mysqld/mysqld.sock
    name: event_log
    state: absent
"""

RETURN = r"""
account:
  description: The account, with the host that was given or found.
  returned: success
  type: str
  sample: event_log@localhost
actions:
  description: What was done, in order, or would be done in check mode.
  returned: success
  type: list
  elements: str
  sample: [set_password, grant]
grants:
  description: What the account needs on this server; empty when it is removed.
  returned: success
  type: list
  elements: str
  sample: ["RELOAD, SHOW DATABASES, REPLICATION SLAVE, BINLOG MONITOR ON *.*", "SELECT ON `openmrs`.*"]
surplus:
  description: What it has beyond that.
  returned: success
  type: list
  elements: str
  sample: ["PROCESS ON *.*"]
findings:
  description: What is worth knowing, in the shape of M(openmrs.event_log.mysql_source_info).
  returned: success
  type: list
  elements: dict
  sample:
    - id: account_surplus
      severity: warning
      what: "event_log@localhost has more privileges than it needs: PROCESS ON *.*."
      why: Whoever learns its password may do that too.
      fix: "Revoke them if nothing else uses the account (revoke_surplus: true does it)."
"""

from dataclasses import replace
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_account_run as run
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_account import Desired
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_argspec import (
    fail_for_library,
    login_of,
    mysql_options,
    mysql_required_by,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import ConnectError, MissingLibraryError

ARGUMENT_SPEC: dict[str, Any] = {
    **mysql_options(),
    "name": {"type": "str", "required": True},
    "host": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "database": {"type": "str"},
    "signal_table": {"type": "str"},
    "lock_tables": {"type": "bool", "default": False},
    "require_tls": {"type": "bool"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "update_password": {"type": "str", "choices": ["always", "on_create"], "default": "always", "no_log": False},
    "revoke_surplus": {"type": "bool", "default": False},
}


def desired_of(params: dict[str, Any]) -> Desired:
    """The account that is wanted, from the module's parameters."""
    signal = params["signal_table"] or ""
    return Desired(
        name=params["name"],
        host=params["host"] or "",
        database=params["database"] or "",
        present=params["state"] == "present",
        signal_table=signal if "." in signal or not signal else f"{params['database']}.{signal}",
        lock_tables=params["lock_tables"],
        require_tls=params["require_tls"],
        update_password=params["update_password"] == "always",  # noqa: S105 (no password)
        revoke_surplus=params["revoke_surplus"],
    )


def main() -> None:
    module = AnsibleModule(
        argument_spec=ARGUMENT_SPEC,
        required_by=mysql_required_by(),
        required_if=[("state", "present", ("password", "database"))],
        supports_check_mode=True,
    )
    login = login_of(module.params)
    account = replace(
        login, user=module.params["name"], password=module.params["password"] or "", unix_socket="",
        client_cert=None, client_key=None,
    )  # fmt: skip
    try:
        result = run.ensure(login, account, desired_of(module.params), module.check_mode)
    except MissingLibraryError as error:
        fail_for_library(module, error)
    except (run.AccountError, ConnectError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_settings
short_description: Give a MySQL or MariaDB server the settings that the event log needs, in a file of its own
version_added: "0.1.0"
author: OpenMRS Event Log contributors (@openmrs)
description:
  - Finds the server's process on this host, natively or in a container, the settings files that it reads and their
    order, and sets what Debezium needs and the server does not have. A value that is good enough is left alone.
  - Writes one file, C(zz-event-log.cnf), into the directory of settings files that the server includes last. No other
    file is touched. A setting elsewhere that would beat that file is named with file and line, and nothing is changed.
  - Dynamic settings are set at once. The server is restarted only if a static one differs and O(restart) is
    V(if_needed).
  - The server's own program judges all of its settings, with the new ones among them, before the file goes live. A
    server that does not come back after the restart gets its former configuration and is started again.
  - What no setting can cure, such as a version that is refused or a database that does not exist, is refused first; so
    is a server that listens on its socket only, and a disk with less than 1 GB left for a binary log that is off.
  - Works with MySQL 5.7, 8.0, 8.4, 9.x and MariaDB 10.11, 11.4 and later.
extends_documentation_fragment:
  - openmrs.event_log.mysql
attributes:
  check_mode:
    support: full
    description:
      - Looks and plans; the server's own check is not run. Without PyMySQL it plans from the server's files alone.
  diff_mode:
    support: full
    description: Shows the file and the variables.
  platform:
    support: full
    platforms: linux
    description: Reads C(/proc) as root. Restarts with systemd or Docker. Needs Python 3.8 or later with PyMySQL.
options:
  database:
    description: The OpenMRS database.
    type: str
    required: true
  tables:
    description: Names of the tables to capture, without the database.
    type: list
    elements: str
    default: []
  server_id:
    description: Server id of the connector; V(0) looks for no clash.
    type: int
    default: 0
  longest_outage_days:
    description: How long the binary log must be kept, for the event log may stand still that long. Never shortens it.
    type: int
    default: 14
  binlog_directory:
    description:
      - Directory of the binary log as this host sees it, to judge whether its disk holds what is kept.
      - Found by itself for a server of this host and for a container that has it mounted.
    type: path
  allow_untested:
    description: Whether a version that is refused is taken all the same.
    type: bool
    default: false
  container:
    description: Name of the container that the server runs in. Empty for a server of the host itself.
    type: str
    default: ""
  settings_dir:
    description:
      - Directory of this host for the file. It must be one that the server includes, or is mounted where it does.
      - Empty for the last one that it includes.
    type: str
    default: ""
  settings:
    description:
      - Variables to set beside those that the event log needs, in the same file.
      - One that the event log needs gets this value instead.
      - A value that the server shows otherwise though it was started with it comes back as a note.
    type: dict
    default: {}
  keep:
    description: Variables to leave as they are, though the event log would want another value.
    type: list
    elements: str
    default: []
  restart:
    description: Whether the server may be restarted when a static setting differs.
    type: str
    choices: [never, if_needed]
    default: never
  restart_timeout:
    description: Seconds that the server gets to stop, and again to start and answer.
    type: int
    default: 600
  persist:
    description:
      - Whether a MySQL server of another host, whose files are out of reach, keeps the dynamic settings itself
        (C(SET PERSIST), MySQL 8.0 and later). Such values beat all files there.
    type: bool
    default: false
  validate:
    description:
      - Whether the server's own program checks the settings before they go live, and whether a directory that
        O(settings) names for C(log_bin) must be there for the server to write to.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Make the database of this host ready, as root over its socket
  openmrs.event_log.mysql_settings:
    database: openmrs
    restart: if_needed

- name: Make a database in a container ready, without a restart
  openmrs.event_log.mysql_settings:
    container: openmrs-db
    login_port: 3307
    login_password: "{{ mysql_admin_password }}"
    database: openmrs
    longest_outage_days: 30
  register: settings
"""

RETURN = r"""
path:
  description: The settings file, as this host names it. Null for a server whose files are out of reach.
  returned: success
  type: str
  sample: /etc/mysql/mariadb.conf.d/zz-event-log.cnf
server:
  description: The server and its version.
  returned: success
  type: str
  sample: MariaDB 10.11.6
place:
  description: The unit, container or address of the server.
  returned: success
  type: str
  sample: mariadb.service
unix_socket:
  description: The socket through which the administrator came in, if so.
  returned: success
  type: str
  sample: /run/mysqld/mysqld.sock
binlog_directory:
  description: Where this host finds the binary log of a container.
  returned: success
  type: str
  sample: /srv/openmrs-db/data
statements:
  description: What was set at once, or would be.
  returned: success
  type: list
  elements: str
  sample: ["SET GLOBAL binlog_format = 'ROW'"]
restarted:
  description: Whether the server was restarted, or would be.
  returned: success
  type: bool
waiting:
  description: What is not true before somebody restarts the server.
  returned: success
  type: list
  elements: str
  sample: ["log_bin (now OFF, wanted mysql-bin)"]
notes:
  description: What is worth knowing, such as sessions that still write the old way.
  returned: success
  type: list
  elements: str
  sample: ["2 open sessions still have binlog_format = STATEMENT: restart what they belong to, usually OpenMRS."]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_argspec import (
    fail_for_library,
    login_of,
    mysql_options,
    mysql_required_by,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure import Request
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_foresee import foresee
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_host import Host
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_look import ConfigureError
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_place import PlaceError
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_run import Options, ensure
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import Wanted
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import ConnectError, MissingLibraryError

ARGUMENT_SPEC: dict[str, Any] = {
    **mysql_options(),
    "database": {"type": "str", "required": True},
    "tables": {"type": "list", "elements": "str", "default": []},
    "server_id": {"type": "int", "default": 0},
    "longest_outage_days": {"type": "int", "default": 14},
    "binlog_directory": {"type": "path"},
    "allow_untested": {"type": "bool", "default": False},
    "container": {"type": "str", "default": ""},
    "settings_dir": {"type": "str", "default": ""},
    "settings": {"type": "dict", "default": {}},
    "keep": {"type": "list", "elements": "str", "default": []},
    "restart": {"type": "str", "choices": ["never", "if_needed"], "default": "never"},
    "restart_timeout": {"type": "int", "default": 600},
    "persist": {"type": "bool", "default": False},
    "validate": {"type": "bool", "default": True},
}


def text_of(value: Any) -> str:
    """A value of the inventory as a settings file has it."""
    return {True: "ON", False: "OFF"}[value] if isinstance(value, bool) else str(value)


def options_of(params: dict[str, Any], check_mode: bool) -> Options:
    """What the site asks for and allows, from the module's parameters."""
    wanted = Wanted(
        host=params["login_host"],
        port=params["login_port"],
        user=params["login_user"],
        database=params["database"],
        tables=tuple(dict.fromkeys(params["tables"])),
        server_id=params["server_id"],
        allow_untested=params["allow_untested"],
        longest_outage_days=params["longest_outage_days"],
        binlog_directory=params["binlog_directory"] or "",
        check_access=False,
    )
    further = {name.replace("-", "_").lower(): text_of(value) for name, value in params["settings"].items()}
    keep = frozenset(name.replace("-", "_").lower() for name in params["keep"])
    return Options(
        request=Request(wanted, keep, further),
        container=params["container"],
        settings_dir=params["settings_dir"],
        restart=params["restart"] == "if_needed",
        restart_timeout=params["restart_timeout"],
        persist=params["persist"],
        validate=params["validate"],
        check_mode=check_mode,
    )


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, required_by=mysql_required_by(), supports_check_mode=True)
    docker, systemctl, journalctl = (
        str(module.get_bin_path(name) or name) for name in ("docker", "systemctl", "journalctl")
    )
    host = Host(docker, systemctl, journalctl)
    login, options = login_of(module.params), options_of(module.params, module.check_mode)
    try:
        try:
            result = ensure(login, options, host)
        except MissingLibraryError:
            if not module.check_mode:
                raise
            result = foresee(login, options, host)
    except MissingLibraryError as error:
        fail_for_library(module, error)
    except (ConfigureError, PlaceError, ConnectError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()

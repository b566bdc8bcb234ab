#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_source_info
short_description: Look at an OpenMRS database and say everything that keeps Debezium from reading it
version_added: "0.1.0"
author: OpenMRS Event Log contributors (@openmrs)
description:
  - Logs in as the capture account, runs the statements that Debezium will run where they do no harm, and returns what
    it saw, all findings at once, and a remedy to paste, for the server's flavour and version.
  - Tried on MySQL 5.7.22, 8.0.12, 9.7 and MariaDB 10.11 and 11.8. Other versions are looked at too; those that Debezium
    does not name are a finding.
  - A database that cannot be reached or that refuses the login is a finding, not a failure. The module fails only for
    missing Python libraries.
  - Nothing is written, and nothing is locked. The privilege for C(FLUSH TABLES WITH READ LOCK) is tried by flushing a
    table that does not exist, C(REPLICATION SLAVE) by reading the heads of the oldest and the newest file of the binary
    log, as server id 0 and without waiting, like C(mysqlbinlog); no other reader is disturbed.
  - How fast the binary log grows is measured since its oldest file was begun, and compared with the disk.
extends_documentation_fragment:
  - openmrs.event_log.mysql
attributes:
  check_mode:
    support: full
    description: The same in check mode.
  diff_mode:
    support: none
    description: Nothing is changed.
  platform:
    support: full
    platforms: posix
    description: Needs Python 3.8 or later with PyMySQL where it runs.
options:
  login_user:
    description: The capture account, or an administrator with O(check_access=false).
    type: str
    required: true
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
    description: Server id that the connector will use; V(0) looks for no clash.
    type: int
    default: 0
  allow_untested:
    description: Whether a version that is refused is only a warning.
    type: bool
    default: false
  longest_outage_days:
    description:
      - For how many days the event log may stand still at most. Binary log files that are kept for fewer days are a
        finding, and the disk is judged by the greater of the two.
    type: int
    default: 14
  binlog_directory:
    description:
      - Directory with the binary log, as seen where the module runs, to measure the free space of its disk. For a
        server in a container that is where its volume lies.
      - By default the directory that the server names, if it exists here and holds the very same files.
    type: path
  check_access:
    description:
      - Whether what the account may do is judged. V(false) is for a look at the settings as an administrator, who sees
        other replicas on MariaDB, too, and reaches a server that listens on its socket only.
    type: bool
    default: true
  message_limit:
    description: Size of the largest message that the topics take, in bytes; columns that can hold more are a finding.
    type: int
    default: 1048576
notes:
  - Each finding is explained in C(docs/findings.md).
"""

EXAMPLES = r"""
- name: Look at the source database
  openmrs.event_log.mysql_source_info:
    login_user: event_log
    login_password: "{{ event_log_capture_password }}"
    database: openmrs
    tables: [person, patient, person_name]
    server_id: 184200
  register: source

- name: Stop if it cannot be captured
  ansible.builtin.assert:
    that: source.findings | selectattr('severity', 'equalto', 'error') | length == 0
    fail_msg: "{{ source | openmrs.event_log.mysql_findings }}"
"""

RETURN = r"""
source:
  description: What was seen. Values that could not be seen are null.
  returned: always
  type: dict
  contains:
    address: {description: Host and port or socket., type: str, returned: always, sample: "127.0.0.1:3306"}
    reachable: {description: Whether anything answered there., type: bool, returned: always}
    logged_in: {description: Whether the login worked and the facts could be read., type: bool, returned: always}
    flavour: {description: "V(mysql), V(mariadb) or V(other).", type: str, returned: always, sample: mariadb}
    version: {description: The version in numbers., type: str, returned: always, sample: "10.11.6"}
    version_text: {description: The version as the server says it., type: str, returned: always}
    account: {description: The account as the server matched it., type: str, returned: always, sample: "event_log@%"}
    tls: {description: Cipher of the connection., type: str, returned: always}
    server_uuid: {description: Identity of a MySQL server; changes when it is rebuilt., type: str, returned: always}
    server_id: {description: The server's own id., type: int, returned: always}
    variables: {description: Server variables that matter., type: dict, returned: always}
    expiry_seconds: {description: How long binlog files are kept; 0 is for ever., type: int, returned: always}
    time_zone:
      description: The clock behind DATETIME columns.
      type: dict
      returned: always
      sample: {name: SYSTEM, system: EAT, utc_offset_minutes: 180}
    binlog_position: {description: File and position now., type: str, returned: always, sample: "mysql-bin.000004:1021"}
    binlog_files:
      description: Binlog files with C(name), C(size) and, for the oldest and the newest, when it was C(created).
      type: list
      elements: dict
      returned: always
      sample:
        - {name: mysql-bin.000041, size: 104858112, created: "2026-03-01T05:12:44Z"}
        - {name: mysql-bin.000042, size: 1021, created: "2026-03-14T18:02:10Z"}
    binlog_growth:
      description: How fast the binary log grows, measured over so many seconds; null when it is younger than a day.
      type: dict
      returned: always
      sample: {bytes_per_day: 8011312, seconds: 1130400}
    binlog_disk:
      description: The disk with the binary log, where it was found; C(separate) is whether the tables lie elsewhere.
      type: dict
      returned: always
      sample: {directory: /var/lib/mysql, total: 52521566208, free: 21474836480, separate: false}
    plugin: {description: How the account logged in., type: str, returned: always, sample: mysql_native_password}
    replicas:
      description: Registered replicas with C(server_id), C(host) and C(uuid), where the account may see them.
      type: list
      elements: dict
      returned: always
    tables:
      description:
        - Configured tables that are readable, by name, with kind, engine, primary_key, wide_columns and columns.
        - The C(columns) are a dictionary by name, with C(type) and whether they are in the C(key) of the events.
      type: dict
      returned: always
findings:
  description: What is wrong or worth knowing, the worst first; empty when all is well.
  returned: always
  type: list
  elements: dict
  contains:
    id: {description: Name of the finding., type: str, returned: always, sample: binlog_off}
    severity: {description: "V(error), V(warning) or V(info).", type: str, returned: always}
    what: {description: What was found., type: str, returned: always}
    why: {description: Why it matters here., type: str, returned: always}
    fix: {description: What to do., type: str, returned: always}
remedy:
  description: What would answer all errors and warnings, ready to paste. Holds no password.
  returned: always
  type: dict
  contains:
    my_cnf:
      description: A settings file; empty when none is needed.
      type: str
      returned: always
      sample: |
        # Needs a restart of the database: log_bin.
        [mysqld]
        log_bin = mysql-bin
        binlog_expire_logs_seconds = 1209600
        binlog_format = ROW
    sql:
      description: Statements for an administrator; empty when none are needed.
      type: str
      returned: always
      sample: |
        -- As an administrator of the database, for example with: sudo mysql
        GRANT RELOAD, REPLICATION SLAVE ON *.* TO 'event_log'@'localhost';
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_argspec import (
    fail_for_library,
    login_of,
    mysql_options,
    mysql_required_by,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import Wanted
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import MissingLibraryError
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_read import read_source
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_source import (
    assess,
    describe,
    describe_finding,
)

ARGUMENT_SPEC: dict[str, Any] = {
    **mysql_options(),
    "login_user": {"type": "str", "required": True},
    "database": {"type": "str", "required": True},
    "tables": {"type": "list", "elements": "str", "default": []},
    "server_id": {"type": "int", "default": 0},
    "allow_untested": {"type": "bool", "default": False},
    "longest_outage_days": {"type": "int", "default": 14},
    "binlog_directory": {"type": "path"},
    "check_access": {"type": "bool", "default": True},
    "message_limit": {"type": "int", "default": 1048576},
}


def wanted_of(params: dict[str, Any]) -> Wanted:
    """What the connector will be asked to do, from the module's parameters."""
    return Wanted(
        host=params["login_host"],
        port=params["login_port"],
        user=params["login_user"],
        database=params["database"],
        tables=tuple(dict.fromkeys(params["tables"])),
        unix_socket=params["login_unix_socket"] or "",
        server_id=params["server_id"],
        allow_untested=params["allow_untested"],
        message_limit=params["message_limit"],
        longest_outage_days=params["longest_outage_days"],
        binlog_directory=params["binlog_directory"] or "",
        check_access=params["check_access"],
    )


def main() -> None:
    module = AnsibleModule(
        argument_spec=ARGUMENT_SPEC,
        required_by=mysql_required_by(),
        supports_check_mode=True,
    )
    wanted = wanted_of(module.params)
    try:
        source = read_source(login_of(module.params), wanted)
    except MissingLibraryError as error:
        fail_for_library(module, error)
    assessment = assess(source, wanted)
    module.exit_json(
        changed=False,
        source=describe(source, wanted),
        findings=[describe_finding(finding) for finding in assessment.findings],
        remedy={"my_cnf": assessment.remedy.my_cnf, "sql": assessment.remedy.sql},
    )


if __name__ == "__main__":
    main()

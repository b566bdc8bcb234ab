#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let a connector begin at the present of its database, and record what it has not read."""

from __future__ import annotations

from typing import Any, Dict

DOCUMENTATION = r"""
module: source_repair
short_description: Let a connector begin at the present of its database, and record the gap
version_added: "0.1.0"
author:
  - OpenMRS Event Log contributors (@openmrs)
description:
  - For a Debezium connector for MySQL or MariaDB whose position is no place in the database's binary log any more,
    because the log was purged before it was read, or because the database was restored from a backup or rebuilt.
  - Records the gap in the guard's memory, stops the connector, removes its offsets, forgets which database they
    belonged to, and lets it begin at the present; what may be missing is made good by a snapshot.
  - Where the guard keeps the worker from running, it is started with its connector stopped, so that no event of a
    wrong history is read before.
  - If nothing is wrong with the position, nothing is done. A call that was interrupted is finished by the next one.
    Until then the connector stays stopped.
  - Consumers get each row of the captured tables once more, as an event of the kind C(r). Rows that were deleted in the
    gap bring no event.
extends_documentation_fragment:
  - openmrs.event_log.connect
  - openmrs.event_log.capture
attributes:
  check_mode:
    description: Can run in check mode and tell what it would change, without changing anything.
    support: full
  diff_mode:
    description: What is wrong, and what is done about it.
    support: full
  platform:
    description: Target platforms that can be managed.
    support: full
    platforms: posix
options:
  name:
    description: Name of the connector.
    type: str
    required: true
  reason:
    description:
      - V(binlog_gap) - the binary log was purged before it was read.
      - V(restored_source) - the database was restored from a backup or rebuilt.
    type: str
    choices: [binlog_gap, restored_source]
    required: true
  fill:
    description:
      - How what may be missing is made good.
      - V(full) - by a new snapshot, before the connector goes on. An interrupted one begins anew.
      - V(incremental) - by an incremental snapshot beside the stream, which goes on after an interruption. It needs
        O(signal_table).
      - V(auto) - V(incremental) where that is possible, else V(full).
      - V(nothing) - not at all; the gap is recorded.
    type: str
    choices: [auto, full, incremental, nothing]
    default: auto
  anyway:
    description: Do it although nothing wrong can be seen from here, because somebody knows.
    type: bool
    default: false
  database: {description: The captured database., type: str, required: true}
  tables: {description: "The captured tables, without the database.", type: list, elements: str, required: true}
  signal_table:
    description: Table, with its database, through which the connector takes signals.
    type: str
    default: ""
  memory: {description: Directory of the guard's memory., type: path, default: /var/lib/event-log/guard}
  worker: {description: Name of the worker's container., type: str, default: event-log-connect}
  configs_topic: {description: The topic in which the worker keeps configurations., type: str, required: true}
  producer:
    description: Command that writes what it reads into a topic, up to the options that say which broker and login.
    type: list
    elements: str
    required: true
  wait_timeout:
    description: Seconds for the whole call.
    type: int
    default: 300
seealso:
  - module: openmrs.event_log.connector_offsets
  - module: openmrs.event_log.connector_snapshot
"""

EXAMPLES = r"""
- name: Go on after the binary log was purged
  openmrs.event_log.source_repair:
    url: http://127.0.0.1:8083
    url_username: event-log
    url_password: "{{ event_log_connect_password }}"
    name: openmrs-connector
    reason: binlog_gap
    database_login:
      login_user: event_log
      login_password: "{{ event_log_capture_password }}"
    database: openmrs
    tables: [person, patient]
    configs_topic: event-log-connect-configs
    producer:
      - docker
      - exec
      - -i
      - event-log-broker
      - kafka-class
      - org.apache.kafka.tools.ConsoleProducer
      - --bootstrap-server=127.0.0.1:9092
"""

RETURN = r"""
actions:
  description: What was done, in order, or would be done in check mode. On failure, what was done.
  returned: always
  type: list
  elements: str
  sample: [record_gap, stop, reset, forget_history, resume, close_gap]
why:
  description: What is wrong with the position; empty if nothing is.
  returned: success
  type: str
  sample: "the position binlog.000002:157 is in no file of the binary log (binlog.000009 are there)"
words:
  description: What is done and what it means for consumers, in sentences.
  returned: success
  type: list
  elements: str
  sample: ["Connector openmrs-connector: a repair was begun and not finished."]
gap:
  description: What is recorded as a gap, null if there is none.
  returned: success
  type: dict
  sample: {table: all, from: "binlog.000002:157", to: "binlog.000009:4711", why: "…", repaired: ""}
fill:
  description: How what may be missing is made good, null if there is nothing to do.
  returned: success
  type: str
  sample: full
method:
  description: Method of the request that failed.
  returned: when a request failed
  type: str
  sample: PUT
url:
  description: Address of the request that failed.
  returned: when a request failed
  type: str
  sample: http://127.0.0.1:8083/connectors/openmrs-connector/stop
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

from functools import partial
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils._argspec import (
    connect_options,
    connect_required_by,
    hide_values,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._capture_module import common, end
from ansible_collections.openmrs.event_log.plugins.module_utils._connect_api import ConnectApi
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_snapshot import SnapshotOrder, SnapshotRun
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_argspec import capture_login, capture_options
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_signals import SignalSource
from ansible_collections.openmrs.event_log.plugins.module_utils._source_repair import Wanted
from ansible_collections.openmrs.event_log.plugins.module_utils._source_repair_database import Captured, look
from ansible_collections.openmrs.event_log.plugins.module_utils._source_repair_run import Hands, Order, RepairRun

OPTIONS: Dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "reason": {"type": "str", "choices": ["binlog_gap", "restored_source"], "required": True},
    "fill": {"type": "str", "choices": ["auto", "full", "incremental", "nothing"], "default": "auto"},
    "anyway": {"type": "bool", "default": False},
    **capture_options(),
    "database": {"type": "str", "required": True},
    "tables": {"type": "list", "elements": "str", "required": True},
    "signal_table": {"type": "str", "default": ""},
    "memory": {"type": "path", "default": "/var/lib/event-log/guard"},
    "worker": {"type": "str", "default": "event-log-connect"},
    "configs_topic": {"type": "str", "required": True},
    "producer": {"type": "list", "elements": "str", "required": True},
    "wait_timeout": {"type": "int", "default": 300},
}


def hands(module: Any) -> Hands:
    """What reaches beyond the worker: the database, and programs of this host."""
    given = module.params
    login = capture_login(given)
    captured = Captured(given["database"], given["tables"], given["signal_table"])

    def snapshot(api: ConnectApi) -> None:
        order = SnapshotOrder(state="started", tables=tuple(given["tables"]), **common(module))
        SnapshotRun(order, api, hide_values(module), partial(SignalSource, login)).execute()

    return Hands(
        database=lambda: look(login, captured),
        snapshot=snapshot,
        # As it is: Ansible would add a line, and the tool fails at an empty one.
        run=lambda command, text: module.run_command(list(command), data=text or None, binary_data=True),
    )


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={**OPTIONS, **connect_options()},
        required_by=connect_required_by(),
        supports_check_mode=True,
    )
    given = module.params
    order = Order(
        wanted=Wanted(given["name"], given["reason"], given["fill"], given["anyway"]),
        memory=Path(given["memory"]),
        worker=given["worker"],
        configs_topic=given["configs_topic"],
        producer=given["producer"],
        check_mode=module.check_mode,
        show_traces=given["show_traces"],
    )
    end(module, lambda api: RepairRun(order, api, hands(module)), patient=False)


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep one connector of Kafka Connect as it is described."""

from __future__ import annotations

DOCUMENTATION = r"""
module: connector
short_description: Keep one connector of Kafka Connect as it is described
version_added: "0.1.0"
author:
  - OpenMRS Event Log contributors (@openmrs)
description:
  - Creates, changes, pauses, stops, resumes, heals and deletes one connector through the REST interface of a Kafka
    Connect worker, and waits until the connector and its tasks are in the state that was asked for.
  - A connector that is not named is never touched.
  - Values are compared the way Kafka Connect stores them, so that V(1) and V(true) do not differ from their texts.
    A property that is registered but not in O(config) is removed, and that is a change.
  - Secrets appear in no output, not even with C(-vvv), and not in the log of the managed host. See O(sensitive_keys).
  - Rebalances, restarts of a worker and requests without an answer are waited out, up to O(wait_timeout). After a
    write with an unclear outcome the module looks before it writes again.
extends_documentation_fragment:
  - openmrs.event_log.connect
attributes:
  check_mode:
    description: Can run in check mode and tell what it would change, without changing anything.
    support: full
    details:
      - The plan is made in the same way, and a configuration is validated by the worker, as in a real run.
  diff_mode:
    description: Returns what differs, before and after.
    support: full
    details:
      - Secrets are shown as V(<redacted>), or as V(<redacted, changed>) where they change.
  platform:
    description: Target platforms that can be managed.
    support: full
    platforms: posix
options:
  name:
    description:
      - Name of the connector. It must not begin or end with white space.
    type: str
    required: true
  state:
    description:
      - V(running), V(paused) and V(stopped) are run states, which the module brings about and waits for.
      - V(stopped) needs Connect 3.5 or later. To create a connector paused or stopped needs Connect 3.7 or later; it is
        created so in one request, so that no snapshot begins.
      - V(present) sees to the configuration and leaves the run state alone. It neither waits for it nor heals it.
      - V(absent) deletes the connector. Its offsets and topics stay, so that one of the same name goes on from there.
    type: str
    choices: [running, paused, stopped, present, absent]
    default: running
  config:
    description:
      - The whole configuration, flat. Required for a connector that is not registered, unless O(state=absent).
      - Without it, what is registered stays as it is, and only the run state is seen to.
      - Values are texts, numbers or booleans. Null, lists and dictionaries are refused, and so are masks such as
        V(****), which servers show in place of a secret.
      - References such as C(${file:/run/secrets/db.properties:password}) are resolved by the worker and compared as
        texts.
      - C(name) may be left out. If it is there it must be O(name).
    type: dict
  sensitive_keys:
    description:
      - Regular expressions. A property whose name contains a match, upper or lower case, holds a secret.
      - Secrets are, besides, the properties that the plugin declares as passwords (asked of the worker, Connect 3.2 and
        later), properties with the usual names, addresses with a login in them, and the salt in the name of a
        property C(column.mask.hash.…with.salt.…).
      - A secret of fewer than 6 characters is refused, because it cannot be kept out of the output; give a reference.
    type: list
    elements: str
    default: []
  validate:
    description:
      - Whether to let the plugin validate the configuration before it is created or changed, also in check mode. All
        errors are reported at once. Plugins may ask the database for that; the request has at least 90 seconds,
        whatever O(wait_timeout) says.
      - Nothing is validated when nothing is to be written.
    type: bool
    default: true
  restart_failed:
    description:
      - Whether to restart a connector or tasks that have failed. That is a change. Tasks that run are left alone.
      - A connector that has failed cannot be paused unless it is restarted; with V(false) the module fails then.
    type: bool
    default: true
  restart:
    description:
      - Restart the connector and all of its tasks, though nothing differs. That is a change.
      - Has no effect when the connector is created, and with O(state) V(paused), V(stopped) and V(absent).
    type: bool
    default: false
  wait:
    description:
      - Whether to wait until the connector and its tasks are in the state. A failure ends the wait at once.
      - A rebalance in which the worker cannot tell the run state is waited out in any case, before anything is done.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds that the whole call may take, repeated requests included, also with O(wait=false).
    type: int
    default: 120
  settle:
    description:
      - A worker shows old states for a while. After a write, running counts when it has been seen for so many seconds
        and nothing else between.
    type: int
    default: 3
  predicted:
    description:
      - For check mode where the worker itself is only predicted, because its installation is part of the same run.
        If it cannot be reached the module answers as if no connector were registered, instead of failing. Which
        properties are secret is then judged by their names and O(sensitive_keys).
    type: bool
    default: false
notes:
  - A call that has nothing to do makes three requests.
  - A connector that has itself failed, rather than its tasks, does not show whether it was paused meanwhile. To run, it
    is resumed and restarted, so that RV(actions) has both.
  - A connector that runs without any task does nothing, so it does not count as running.
"""

EXAMPLES = r"""
- name: Register the connector and wait until it runs
  openmrs.event_log.connector:
    url: http://127.0.0.1:8083
    url_username: event-log
    url_password: "{{ event_log_connect_password }}"
    name: openmrs-connector
    config:
      connector.class: io.debezium.connector.mysql.MySqlConnector
      tasks.max: 1
      database.hostname: 127.0.0.1
      database.port: 3306
      database.user: event_log
      database.password: ${file:/run/event-log/secrets/database.properties:password}
      database.server.id: 5401
      topic.prefix: openmrs
      database.include.list: openmrs
      table.include.list: openmrs.person,openmrs.patient
      schema.history.internal.kafka.bootstrap.servers: 127.0.0.1:9092
      schema.history.internal.kafka.topic: schema-changes.openmrs
      # The broker of this collection makes no topic that nobody asked for.
      topic.creation.default.partitions: 1
      topic.creation.default.replication.factor: 1

- name: Manage several connectors with the worker's address given once
  module_defaults:
    group/openmrs.event_log.connect:
      url: http://127.0.0.1:8083
      url_username: event-log
      url_password: "{{ event_log_connect_password }}"
  block:
    - name: Stop the connector before the database is upgraded
      openmrs.event_log.connector:
        name: openmrs-connector
        state: stopped
        config: "{{ connector_config }}"

    - name: Restart every task after something that Connect cannot see has changed
      openmrs.event_log.connector:
        name: openmrs-connector
        restart: true

    - name: Pause a connector that somebody else configures
      openmrs.event_log.connector:
        name: openmrs-connector
        state: paused

    - name: Remove a connector that is no longer needed
      openmrs.event_log.connector:
        name: old-connector
        state: absent
"""

RETURN = r"""
actions:
  description: What was done, in order, or would be done in check mode.
  returned: success
  type: list
  elements: str
  sample: [update, restart]
connector:
  description:
    - The connector as last seen. Null if it does not exist. In check mode as it would be, without tasks yet to be made.
    - Also returned on failure, if it was seen.
  returned: always
  type: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: openmrs-connector
    type:
      description: V(source) or V(sink).
      type: str
      sample: source
    state:
      description: State of the connector itself.
      type: str
      sample: RUNNING
    version:
      description: Version of the plugin, where the worker tells it.
      type: str
      sample: 3.6.0.Final
    config:
      description: The configuration, without secrets.
      type: dict
      sample: {connector.class: io.debezium.connector.mysql.MySqlConnector, tasks.max: "1"}
    tasks:
      description: Its tasks.
      type: list
      elements: dict
      contains:
        id:
          description: Number of the task.
          type: int
          sample: 0
        state:
          description: State of the task.
          type: str
          sample: RUNNING
        worker_id:
          description: The worker that runs it.
          type: str
          sample: 127.0.0.1:8083
        trace:
          description: Why it failed, without secrets. Cut and scrubbed unless O(show_traces).
          type: str
          sample: >-
            io.debezium.DebeziumException: Error reading MySQL variables: Access denied for user
            'event_log'@'localhost' (using password: YES)
diff:
  description: Configuration and run state before and after, without secrets.
  returned: success
  type: dict
  sample:
    before: {state: RUNNING, config: {poll.interval.ms: "1000", tasks.max: "1"}}
    before_header: connector openmrs-connector
    after: {state: RUNNING, config: {tasks.max: "1"}}
    after_header: connector openmrs-connector
method:
  description: Method of the request that failed.
  returned: when a request failed
  type: str
  sample: POST
url:
  description: Address of the request that failed.
  returned: when a request failed
  type: str
  sample: http://127.0.0.1:8083/connectors
status:
  description: HTTP status of the answer, if there was one.
  returned: when a request failed
  type: int
  sample: 400
response:
  description: What the worker said, without secrets; what may be data is hidden unless O(show_traces).
  returned: when a request failed
  type: str
  sample: Connector configuration is invalid and contains the following 1 error(s)
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils._argspec import (
    ConfigVeil,
    conclude,
    connect_options,
    connect_required_by,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._connect_run import ConnectorRun, Order

OPTIONS = {
    "name": {"type": "str", "required": True},
    "state": {
        "type": "str",
        "choices": ["running", "paused", "stopped", "present", "absent"],
        "default": "running",
    },
    # Not logged as it comes in; what of it is secret is found out then. See ConfigVeil.
    "config": {"type": "dict", "no_log": True},
    "sensitive_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "validate": {"type": "bool", "default": True},
    "restart_failed": {"type": "bool", "default": True},
    "restart": {"type": "bool", "default": False},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 120},
    "settle": {"type": "int", "default": 3},
    "predicted": {"type": "bool", "default": False},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={**OPTIONS, **connect_options()},
        required_by=connect_required_by(),
        supports_check_mode=True,
    )
    veil = ConfigVeil(module)
    given = {option: module.params[option] for option in OPTIONS}
    given.update(config=veil.config, sensitive_keys=tuple(given["sensitive_keys"]), check_mode=module.check_mode)
    given["show_traces"] = module.params["show_traces"]
    order = Order(**given)
    patient = not (order.check_mode and order.predicted)
    conclude(module, lambda api: ConnectorRun(order, api, veil), patient)


if __name__ == "__main__":
    main()

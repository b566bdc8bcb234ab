#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at the connectors of a Kafka Connect worker."""

from __future__ import annotations

DOCUMENTATION = r"""
module: connector_info
short_description: Look at the connectors, the plugins and the worker of Kafka Connect
version_added: "0.1.0"
author:
  - OpenMRS Event Log contributors (@openmrs)
description:
  - Returns one, some or all connectors of a Kafka Connect worker (L(REST interface,
    https://kafka.apache.org/documentation/#connect_rest)) - their configuration without secrets, their run state with
    the traces of what has failed, their offsets and the topics that they use; besides, what is installed, and which
    version the worker is.
  - Hundreds of connectors come with one request, L(KIP-465,
    https://cwiki.apache.org/confluence/display/KAFKA/KIP-465%3A+Add+Consolidated+Connector+Endpoint+to+Connect+REST+API).
  - Secrets appear in no output, not even with C(-vvv).
extends_documentation_fragment:
  - openmrs.event_log.connect
attributes:
  check_mode:
    description: Changes nothing, so that check mode makes no difference.
    support: full
  diff_mode:
    description: Changes nothing, so that there is no difference to show.
    support: none
  platform:
    description: Target platforms that can be managed.
    support: full
    platforms: posix
options:
  names:
    description:
      - Names of the connectors to look at. Without it, all of them; an empty list means none.
      - One that is not registered is no error. It is told in RV(missing).
    type: list
    elements: str
  gather:
    description:
      - What to return. What is not gathered is null, or an empty list in RV(connectors).
      - V(config) and V(status) are told of each connector and come with one request for all of them.
      - V(offsets) (Connect 3.5 and later) and V(topics) (Connect 2.5 and later) cost one request for each connector. A
        worker that does not tell them, because it is too old or its C(topic.tracking.enable) is off, is no error; see
        RV(connectors[].unavailable).
      - V(plugins) and V(worker) are about the worker, and cost one request each.
    type: list
    elements: str
    choices: [config, status, offsets, topics, plugins, worker]
    default: [config, status, worker]
  sensitive_keys:
    description:
      - Regular expressions. A property whose name contains a match, upper or lower case, holds a secret.
      - Secrets are, besides, what M(openmrs.event_log.connector) takes for one.
    type: list
    elements: str
    default: []
  wait_timeout:
    description:
      - Seconds that the whole call may take. Rebalances, restarts of the worker and requests without an answer are
        waited out until then.
    type: int
    default: 60
notes:
  - Requests of one call - one for V(worker); one for V(plugins); one for V(config) and V(status) of all connectors, or
    two if O(names) is a single name; one for each plugin in use, to learn which properties are passwords; one for each
    connector for V(offsets), and one for V(topics); one or two for each of several O(names) that the list of all does
    not show. The defaults cost three for any number of connectors of one plugin.
  - With V(offsets) or V(topics) alone, the list of names is one request.
  - In the list of all, a worker leaves out connectors so new that they have no run state yet. O(names) shows them.
seealso:
  - module: openmrs.event_log.connector
  - module: openmrs.event_log.connector_offsets
"""

EXAMPLES = r"""
- name: Look at all connectors
  openmrs.event_log.connector_info:
    url: http://127.0.0.1:8083
    url_username: event-log
    url_password: "{{ event_log_connect_password }}"
  register: connect

- name: Tell which connectors have failed, and why
  ansible.builtin.debug:
    msg: "{{ item.name }}: {{ item.trace or item.tasks | map(attribute='trace') | select | first }}"
  loop: "{{ connect.connectors }}"
  loop_control:
    label: "{{ item.name }}"
  when: "'FAILED' in [item.state] + item.tasks | map(attribute='state')"

- name: Read how far one connector is
  openmrs.event_log.connector_info:
    url: http://127.0.0.1:8083
    url_username: event-log
    url_password: "{{ event_log_connect_password }}"
    names: [openmrs-connector]
    gather: [offsets, topics]
  register: position

- name: Look at what the worker is and what is installed
  openmrs.event_log.connector_info:
    url: http://127.0.0.1:8083
    url_username: event-log
    url_password: "{{ event_log_connect_password }}"
    gather: [plugins, worker]
  register: installed

- name: Refuse to go on without the MySQL connector
  ansible.builtin.assert:
    that:
      - "'io.debezium.connector.mysql.MySqlConnector' in installed.plugins | map(attribute='class')"
"""

RETURN = r"""
connectors:
  description:
    - The connectors, in the order of O(names) or else of their names.
    - Fields are those that M(openmrs.event_log.connector) returns, and some more.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: openmrs-connector
    type:
      description: V(source) or V(sink). With V(config) or V(status).
      type: str
      sample: source
    state:
      description: State of the connector itself. With V(status).
      type: str
      sample: RUNNING
    version:
      description: Version of the plugin, where the worker tells it. With V(config) or V(status).
      type: str
      sample: 3.6.0.Final
    worker_id:
      description: The worker that runs the connector itself. With V(status).
      type: str
      sample: 127.0.0.1:8083
    trace:
      description: Why the connector itself has failed, as of a task. With V(status).
      type: str
      sample: null
    config:
      description: The configuration, without secrets. With V(config).
      type: dict
      sample: {connector.class: io.debezium.connector.mysql.MySqlConnector, tasks.max: "1"}
    tasks:
      description: Its tasks. With V(status).
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
    offsets:
      description:
        - Partitions with the offset that is stored for each, in the form that M(openmrs.event_log.connector_offsets)
          takes. With V(offsets). Null if the worker does not tell.
      type: list
      elements: dict
      sample:
        - partition: {server: openmrs}
          offset: {ts_sec: 1795551088, file: binlog.000001, pos: 2653}
    topics:
      description: Topics that it has used. With V(topics). Null if the worker does not tell.
      type: list
      elements: str
      sample: [__debezium-heartbeat.openmrs, openmrs, openmrs.openmrs.patient, openmrs.openmrs.person]
    unavailable:
      description: Why V(offsets) or V(topics) are null though they were to be gathered.
      type: dict
      sample: {}
missing:
  description: Those of O(names) that are not registered, in their order.
  returned: success
  type: list
  elements: str
  sample: []
plugins:
  description: What is installed. With V(plugins), else null.
  returned: success
  type: list
  elements: dict
  contains:
    type:
      description:
        - V(source), V(sink), and on workers of Connect 3.2 and later V(converter), V(header_converter),
          V(transformation) and V(predicate).
      type: str
      sample: source
    class:
      description: Name of the class.
      type: str
      sample: io.debezium.connector.mysql.MySqlConnector
    version:
      description: Its version.
      type: str
      sample: 3.6.0.Final
worker:
  description: The worker. With V(worker), else null.
  returned: success
  type: dict
  contains:
    version:
      description: Version of Kafka Connect.
      type: str
      sample: 4.3.1
    commit:
      description: Commit that it was built from.
      type: str
      sample: 26b251a451ce941d
    kafka_cluster_id:
      description: Id of the Kafka cluster.
      type: str
      sample: eventlogrigeventlogriA
method:
  description: Method of the request that failed.
  returned: when a request failed
  type: str
  sample: GET
url:
  description: Address of the request that failed.
  returned: when a request failed
  type: str
  sample: http://127.0.0.1:8083/
status:
  description: HTTP status of the answer, if there was one.
  returned: when a request failed
  type: int
  sample: 401
response:
  description: What the worker said, without secrets; what may be data is hidden unless O(show_traces).
  returned: when a request failed
  type: str
  sample: User cannot access the resource.
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils._argspec import (
    conclude,
    connect_options,
    connect_required_by,
    hide_values,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_info import KINDS, InfoOrder, InfoRun

OPTIONS = {
    "names": {"type": "list", "elements": "str"},
    "gather": {
        "type": "list",
        "elements": "str",
        "choices": list(KINDS),
        "default": ["config", "status", "worker"],
    },
    "sensitive_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "wait_timeout": {"type": "int", "default": 60},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={**OPTIONS, **connect_options()},
        required_by=connect_required_by(),
        supports_check_mode=True,
    )
    given = {option: module.params[option] for option in OPTIONS}
    for option in ("names", "gather", "sensitive_keys"):
        given[option] = None if given[option] is None else tuple(given[option])
    order = InfoOrder(**given, show_traces=module.params["show_traces"])
    conclude(module, lambda api: InfoRun(order, api, hide_values(module)))


if __name__ == "__main__":
    main()

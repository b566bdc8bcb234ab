#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change how far a connector of Kafka Connect is."""

from __future__ import annotations

DOCUMENTATION = r"""
module: connector_offsets
short_description: Change or remove the offsets of a connector of Kafka Connect
version_added: "0.1.0"
author:
  - OpenMRS Event Log contributors (@openmrs)
description:
  - Sets how far a connector is, through the REST interface of a Kafka Connect worker
    (L(KIP-875, https://cwiki.apache.org/confluence/display/KAFKA/KIP-875%3A+First-class+offsets+support+in+Kafka+Connect),
    Connect 3.6 and later).
  - Offsets can be changed only while a connector is stopped. If they differ from those asked for, the module stops
    the connector, waits until all of its tasks are gone, changes the offsets, reads them back, brings the connector
    into the run state that it had, and waits until it is there. It does so too if the change fails. If nothing differs,
    the connector is not touched.
  - What the connector's plugin does not accept fails in the plugin's own words, and nothing is changed. Many plugins
    look at nothing; for Debezium's MySQL and MariaDB connectors this module refuses a partition that the connector
    would never read, and an offset without C(file) and C(pos).
  - A connector that runs moves on from the offset that it was given, so that the same task would set it back the next
    time. To set an offset once, stop the connector first (M(openmrs.event_log.connector) with C(state=stopped)); then a
    second call has nothing to do.
extends_documentation_fragment:
  - openmrs.event_log.connect
attributes:
  check_mode:
    description: Can run in check mode and tell what it would change, without changing anything.
    support: full
    details:
      - Whether the plugin accepts the offsets is known only when they are written.
  diff_mode:
    description: Returns all offsets, before and after.
    support: full
  platform:
    description: Target platforms that can be managed.
    support: full
    platforms: posix
options:
  name:
    description:
      - Name of the connector. It must be registered.
    type: str
    required: true
  state:
    description:
      - V(altered) - the partitions in O(offsets) have the offsets given there; other partitions are left alone.
      - V(reset) - the connector has no offsets. It begins from the start again, as far as its plugin and configuration
        let it.
    type: str
    choices: [altered, reset]
    required: true
  offsets:
    description:
      - Partitions with their offsets, in the form of
        RV(openmrs.event_log.connector_info#module:connectors[].offsets). Required with O(state=altered), refused
        with O(state=reset).
      - Values are compared with their types, as JSON tells them apart - V(1), V(1.0), V("1") and V(true) are four
        values. A text that stands where the connector keeps a number, or the other way round, is refused, because the
        connector would fail at it, or never find it.
      - For sink connectors, where the worker itself reads them as numbers, C(kafka_partition) and C(kafka_offset) may
        be texts of digits.
    type: list
    elements: dict
    suboptions:
      partition:
        description:
          - The partition, flat. Of a sink connector, C(kafka_topic) and C(kafka_partition).
        type: dict
        required: true
      offset:
        description:
          - The offset, a flat dictionary. Of a sink connector, C(kafka_offset).
          - Null removes the offset of the partition. If there is none, nothing is done.
        type: raw
        required: true
  sensitive_keys:
    description:
      - Regular expressions for further properties of the connector that hold secrets, see
        O(openmrs.event_log.connector#module:sensitive_keys). Should the connector fail, they are kept out of its trace.
    type: list
    elements: str
    default: []
  wait_timeout:
    description:
      - Seconds for the whole call, repeated requests included.
      - To bring back the former run state there are up to 60 more, if less than that is left.
    type: int
    default: 120
notes:
  - A call that has nothing to do makes two requests. A change takes five reads before the connector is stopped, the
    writes, and the looks until it is stopped and until it is back.
  - If the module is ended by C(SIGTERM) or C(SIGHUP), it brings the former run state back before it fails. If it is
    killed, or the host loses power, meanwhile, the connector stays stopped.
  - After a write with an unclear outcome the module reads the offsets before it writes again.
  - A connector that has itself failed, rather than its tasks, is refused if its offsets differ, because it does not
    show which run state to bring back. Stop it first (M(openmrs.event_log.connector) with C(state=stopped)), or
    heal it.
  - A connector that was stopped stays stopped. One that was paused is paused again; it has no tasks then until it is
    resumed. Anything else is resumed and must have been seen running for 3 seconds; if it fails instead, the module
    fails with the trace, although the offsets are changed.
seealso:
  - module: openmrs.event_log.connector
  - module: openmrs.event_log.connector_info
"""

EXAMPLES = r"""
- name: Let the connector read all tables again, with its snapshot
  openmrs.event_log.connector_offsets:
    url: http://127.0.0.1:8083
    url_username: event-log
    url_password: "{{ event_log_connect_password }}"
    name: openmrs-connector
    state: reset

- name: Let it go on from a given position of the binary log
  openmrs.event_log.connector_offsets:
    url: http://127.0.0.1:8083
    url_username: event-log
    url_password: "{{ event_log_connect_password }}"
    name: openmrs-connector
    state: altered
    offsets:
      - partition:
          server: openmrs
        offset:
          file: binlog.000003
          pos: 157

- name: Skip a record of a sink connector that cannot be stored, and read another partition from the start
  openmrs.event_log.connector_offsets:
    url: http://127.0.0.1:8083
    url_username: event-log
    url_password: "{{ event_log_connect_password }}"
    name: warehouse
    state: altered
    offsets:
      - partition:
          kafka_topic: openmrs.openmrs.person
          kafka_partition: 0
        offset:
          kafka_offset: 1043
      - partition:
          kafka_topic: openmrs.openmrs.patient
          kafka_partition: 0
        offset: null
"""

RETURN = r"""
actions:
  description:
    - What was done, in order, or would be done in check mode - V(stop), V(alter) or V(reset), V(resume) or V(pause).
    - Also returned on failure, with what was begun.
  returned: always
  type: list
  elements: str
  sample: [stop, alter, resume]
offsets:
  description:
    - All offsets of the connector, as read back before it was resumed; in check mode as they would be.
    - Also returned on failure, as last read, if they were; else null.
  returned: always
  type: list
  elements: dict
  sample:
    - partition: {server: openmrs}
      offset: {file: binlog.000003, pos: 157}
message:
  description: What the worker said to the change, null if nothing was written.
  returned: success
  type: str
  sample: >-
    The Connect framework-managed offsets for this connector have been altered successfully. However, if this connector
    manages offsets externally, they will need to be manually altered in the system that the connector uses.
diff:
  description: All offsets before and after.
  returned: success
  type: dict
  sample:
    before:
      offsets:
        - partition: {server: openmrs}
          offset: {file: binlog.000003, pos: 2048}
    after:
      offsets:
        - partition: {server: openmrs}
          offset: {file: binlog.000003, pos: 157}
state:
  description: The run state as last seen, V(FAILED) if the connector or a task had failed, null if it was not seen.
  returned: failure
  type: str
  sample: RUNNING
method:
  description: Method of the request that failed.
  returned: when a request failed
  type: str
  sample: PATCH
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
  sample: Partition objects should contain the key 'filename'
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils._argspec import (
    conclude,
    connect_options,
    connect_required_by,
    hide_values,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_offsets import OffsetsOrder, OffsetsRun

OPTIONS = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["altered", "reset"], "required": True},
    "offsets": {
        "type": "list",
        "elements": "dict",
        "options": {
            "partition": {"type": "dict", "required": True},
            # A dictionary or null. Required, so that removing an offset has to be said; a required dict takes no null.
            "offset": {"type": "raw", "required": True},
        },
    },
    "sensitive_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "wait_timeout": {"type": "int", "default": 120},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={**OPTIONS, **connect_options()},
        required_if=[("state", "altered", ["offsets"])],
        required_by=connect_required_by(),
        supports_check_mode=True,
    )
    given = {option: module.params[option] for option in OPTIONS}
    given.update(sensitive_keys=tuple(given["sensitive_keys"]), check_mode=module.check_mode)
    given["show_traces"] = module.params["show_traces"]
    order = OffsetsOrder(**given)
    conclude(module, lambda api: OffsetsRun(order, api, hide_values(module)))


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: broker_accounts
short_description: Users of the broker, and what they may do
version_added: "0.1.0"
author: OpenMRS Event Log contributors (@openmrs)
description:
  - Makes the SCRAM users and the ACLs of a Kafka broker exactly those that are given. All others are removed. That is
    how access is withdrawn.
  - Whether a password is right is found by logging in with it. A user whose password lets it in stays as it is.
  - Speaks to the broker by a tool of the event log's image, in a container that lives for one answer and has no right
    but to speak to it. A run with nothing to do starts one, a run with changes two. Passwords go in by standard input.
  - New rights are given before old ones are taken, so that a consumer whose ACLs change is never without any. Returns
    when the broker goes by all of it.
  - A connection that is open outlives its user and a change of password, but has no rights any more once these are
    withdrawn.
  - Tried with Kafka 4.3 (KRaft) and 3.9 (ZooKeeper).
attributes:
  check_mode:
    support: full
    description: Looks, and logs in as the users, but changes nothing.
  diff_mode:
    support: full
    description: Shows users and ACLs. A password is only said to be the wanted one or another.
  platform:
    support: full
    platforms: posix
    description: Needs Python 3.8 or later and Docker on the target.
options:
  image:
    description: Reference of the event log's image. It must be on the host.
    type: str
    required: true
  bootstrap:
    description: Address of the listener where users log in, with SCRAM-SHA-512.
    type: str
    default: 127.0.0.1:9092
  admin_bootstrap:
    description: Address of the listener for the service's own account.
    type: str
    default: 127.0.0.1:9094
  client_dir:
    description:
      - Directory on the host with C(client.properties), the settings of a client that logs in at O(admin_bootstrap)
        as a super user. O(uid) must be able to read it.
    type: path
    required: true
  uid:
    description: Numeric uid that the tool runs under.
    type: int
    required: true
  gid:
    description: Numeric gid that the tool runs under.
    type: int
    required: true
  users:
    description: Passwords by name of user. Users that are not in it are removed.
    type: dict
    required: true
  acls:
    description: Rights of users; the filter P(openmrs.event_log.broker_access#filter) makes them. Others are removed.
    type: list
    elements: dict
    required: true
    suboptions:
      user:
        description: Name of the user.
        type: str
        required: true
      resource_type:
        description: What it is a right on.
        type: str
        required: true
        choices: [topic, group, cluster]
      resource:
        description: Name of the topic or group, its beginning where O(acls[].pattern=prefixed), or C(*) for all.
        type: str
        default: kafka-cluster
      pattern:
        description: Whether O(acls[].resource) is the whole name.
        type: str
        choices: [literal, prefixed]
        default: literal
      operations:
        description: What may be done with it, in Kafka's words.
        type: list
        elements: str
        required: true
  predicted:
    description:
      - Whether the broker does not take logins yet, because the run that this is a rehearsal of would switch them on.
        Check mode then foresees all users and ACLs as new and asks nobody. Otherwise it has no effect.
    type: bool
    default: false
  timeout:
    description: Seconds within which the broker must answer and go by the changes.
    type: int
    default: 60
seealso:
  - plugin: openmrs.event_log.broker_access
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Let the laboratory read one table, and nobody else anything
  openmrs.event_log.broker_accounts:
    image: openmrs-event-log:4.3.1-3.6.0-0123456789ab
    client_dir: /opt/event-log/secrets/admin
    uid: 1001
    gid: 1001
    users:
      laboratory: "{{ laboratory_password }}"
    acls:
      - user: laboratory
        resource_type: topic
        resource: openmrs.openmrs.obs
        operations: [READ, DESCRIBE]
      - user: laboratory
        resource_type: group
        resource: laboratory
        operations: [READ]
"""

RETURN = r"""
actions:
  description: What was done, in words, or would be done in check mode.
  returned: success
  type: list
  elements: str
  sample:
    - "allow laboratory DESCRIBE, READ on topic openmrs.openmrs.obs"
    - "add the user laboratory"
    - "remove the user pharmacy"
diff:
  description: Users and ACLs before and after, without secrets.
  returned: success
  type: dict
  sample:
    before: {users: {}, acls: []}
    after:
      users: {laboratory: {password: as wanted, mechanisms: [SCRAM-SHA-512]}}
      acls: ["laboratory, topic openmrs.openmrs.obs: DESCRIBE, READ"]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils import _broker_accounts_run as run
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError

ACL_SPEC: dict[str, Any] = {
    "user": {"type": "str", "required": True},
    "resource_type": {"type": "str", "required": True, "choices": ["topic", "group", "cluster"]},
    "resource": {"type": "str", "default": "kafka-cluster"},
    "pattern": {"type": "str", "choices": ["literal", "prefixed"], "default": "literal"},
    "operations": {"type": "list", "elements": "str", "required": True},
}
ARGUMENT_SPEC: dict[str, Any] = {
    "image": {"type": "str", "required": True},
    "bootstrap": {"type": "str", "default": "127.0.0.1:9092"},
    "admin_bootstrap": {"type": "str", "default": "127.0.0.1:9094"},
    "client_dir": {"type": "path", "required": True},
    "uid": {"type": "int", "required": True},
    "gid": {"type": "int", "required": True},
    "users": {"type": "dict", "required": True, "no_log": True},
    "acls": {"type": "list", "elements": "dict", "required": True, "options": ACL_SPEC},
    "predicted": {"type": "bool", "default": False},
    "timeout": {"type": "int", "default": 60},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        result = run.ensure(module.params, module.check_mode)
    except EventLogError as error:
        module.fail_json(msg=str(error), **error.details())
    module.exit_json(**result)


if __name__ == "__main__":
    main()

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: what is wrong with a broker's topics."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Sequence

from ansible.errors import AnsibleFilterError
from ansible_collections.openmrs.event_log.plugins.module_utils import _topic_audit

DOCUMENTATION = r"""
name: topic_audit
author: OpenMRS Event Log contributors (@openmrs)
version_added: "0.1.0"
short_description: Compare the topics of a Kafka broker with what they must be
description:
  - Reads the text of C(org.apache.kafka.tools.TopicCommand --describe) and returns what is wrong, in words,
    each with the command that repairs it.
  - A setting that the text does not name has Kafka's built-in default, and is compared as such.
  - For C(retention.ms) the values V(-1) and V(9223372036854775807) mean the same; C(cleanup.policy) is a set.
positional: expectations
options:
  _input:
    description:
      - What the tool printed, about all topics or some.
      - If it describes no topic at all, that is the one problem returned.
    type: str
    required: true
  expectations:
    description: What must hold. A topic is judged by every item that names it.
    type: list
    elements: dict
    required: true
    suboptions:
      topic:
        description: Whole name of a topic. Exactly one of O(expectations[].topic) and O(expectations[].regex) is given.
        type: str
      regex:
        description: Pattern (Python) that matches whole topic names, from end to end.
        type: str
      partitions:
        description: Number of partitions. Not checked unless given.
        type: int
      configs:
        description: Topic settings and their values.
        type: dict
      at_least:
        description: Topic settings that are limits, and the smallest that will do. A negative value is no limit.
        type: dict
      required:
        description:
          - Whether it is a problem that there is no such topic.
          - The default is V(true) with O(expectations[].topic), and V(false) with O(expectations[].regex), because
            the topic of a table is made with its first event.
        type: bool
      purpose:
        description: What depends on it, for the message.
        type: str
      variable:
        description: The role variable that governs it, for the message.
        type: str
  image:
    description: Image that the advised commands use.
    type: str
    default: IMAGE
  bootstrap:
    description: Address of the broker in the advised commands.
    type: str
    default: 127.0.0.1:9092
  client_dir:
    description: Directory of the host with the C(client.properties) that the advised commands log in with.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Refuse topics that would lose events
  ansible.builtin.assert:
    that: problems | length == 0
    fail_msg: "{{ problems | join('\n') }}"
  vars:
    problems: "{{ described.stdout | openmrs.event_log.topic_audit(expectations, image=event_log_image) }}"
    expectations:
      - topic: schema-changes.openmrs
        partitions: 1
        configs:
          cleanup.policy: delete
          retention.ms: -1
          retention.bytes: -1
        purpose: without the whole schema history the connector cannot start
      - regex: 'openmrs\.openmrs\..+'
        configs:
          cleanup.policy: delete
          retention.ms: -1
"""

RETURN = r"""
_value:
  description: Problems in words, each with its repair; empty when all is well.
  type: list
  elements: str
"""


def topic_audit(
    text: str,
    expectations: Sequence[Mapping[str, Any]],
    image: str = "IMAGE",
    bootstrap: str = "127.0.0.1:9092",
    client_dir: str = "",
) -> List[str]:
    if not isinstance(text, str):
        raise AnsibleFilterError(f"topic_audit takes the text of TopicCommand --describe, not {type(text).__name__}")
    try:
        found = _topic_audit.audit(text, expectations, _topic_audit.Broker(image, bootstrap, client_dir))
    except (_topic_audit.ExpectationError, TypeError, ValueError) as error:
        raise AnsibleFilterError(f"topic_audit: {error}") from error
    return [str(problem) for problem in found]


class FilterModule:
    def filters(self) -> Dict[str, Callable[..., Any]]:
        return {"topic_audit": topic_audit}

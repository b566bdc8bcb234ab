# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: the sizes of everything, by the size of the server."""

from __future__ import annotations

from typing import Any, Callable, Dict

from ansible.errors import AnsibleFilterError
from ansible_collections.openmrs.event_log.plugins.module_utils import _profiles

DOCUMENTATION = r"""
name: profile
author: OpenMRS Event Log contributors (@openmrs)
version_added: "0.1.0"
short_description: Sizes of an event log by the size of its server
description:
  - Returns heaps, limits, retention, queue and batch sizes for C(event_log_profile).
  - V(auto) takes the largest profile that the memory suffices for, and V(clinic) where it suffices for none.
  - The numbers do not depend on anything else, so that they are the same in every run.
positional: memory_mb
options:
  _input:
    description: V(auto), V(clinic), V(district) or V(referral). Anything else is an error.
    type: str
    required: true
  memory_mb:
    description: Memory of the host in MiB, as the fact C(memtotal_mb) has it. V(0) is unknown, an error with V(auto).
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Show what a server gets
  ansible.builtin.debug:
    msg: "{{ ('auto' | openmrs.event_log.profile(ansible_facts['memtotal_mb'])).reason }}"

- name: See how much each topic of a district hospital keeps
  ansible.builtin.debug:
    msg: "{{ ('district' | openmrs.event_log.profile).retention_bytes }}"
"""

RETURN = r"""
_value:
  description: The profile.
  type: dict
  contains:
    name: {description: "Its name.", type: str, sample: clinic}
    reason: {description: "Name and reason, in words.", type: str, sample: "clinic, by 3916 MB of memory"}
    memory:
      description: What the containers are made with, in MiB, and what the server must have.
      type: dict
      sample:
        host_mb: 3500
        broker_heap_mb: 256
        broker_limit_mb: 640
        connect_heap_mb: 320
        connect_limit_mb: 704
    ui_memory:
      description: What the containers of the web pages are made with, in MiB.
      type: dict
      sample: {kafdrop_heap_mb: 64, kafdrop_limit_mb: 384, kowl_limit_mb: 128}
    zookeeper:
      description: The same for ZooKeeper's container, where there is one.
      type: dict
      sample: {heap_mb: 64, limit_mb: 192}
    retention_bytes: {description: "Bytes that the topic of a table keeps.", type: int, sample: 1073741824}
    queue_bytes: {description: "Bytes that may wait in the connector.", type: int, sample: 33554432}
    queue_size: {description: "Events that may wait in the connector.", type: int, sample: 2048}
    batch_size: {description: "Events that it hands on in one go.", type: int, sample: 512}
"""


def profile(wanted: str, memory_mb: int = 0) -> Dict[str, Any]:
    try:
        choice = _profiles.choose(wanted, int(memory_mb))
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error
    chosen = choice.profile
    return {
        "name": chosen.name,
        "reason": choice.reason,
        "memory": chosen.memory,
        "ui_memory": chosen.ui_memory,
        "zookeeper": chosen.zookeeper,
        "retention_bytes": chosen.retention_bytes,
        "queue_bytes": chosen.queue_bytes,
        "queue_size": chosen.queue_size,
        "batch_size": chosen.batch_size,
    }


class FilterModule:
    def filters(self) -> Dict[str, Callable[..., Any]]:
        return {"profile": profile}

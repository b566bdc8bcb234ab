# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loads the filters of the collection once a run, in the place of once a task and host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: preload
type: aggregate
short_description: Load the collection's filters once a run
version_added: "0.1.0"
author:
  - OpenMRS Event Log contributors (@openmrs)
description:
  - Ansible runs each task of each host in a process of its own, a copy of the one that reads the playbook. What it
    loads is gone with it, and for its first filter of a collection that is every file of them, compiled anew.
  - With this callback they are loaded before the first task, and every copy has them.
  - It prints nothing and changes nothing. docs/performance.md says what it saves.
requirements:
  - enabled in configuration, see C(callbacks_enabled)
"""

EXAMPLES = r"""
ansible_cfg: >
  # Enable the callback in ansible.cfg
  [defaults]
  callbacks_enabled = openmrs.event_log.preload
"""

from typing import Any

from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import filter_loader

#: Any will do: to find one, the loader reads them all.
_ONE_OF_THEM = "openmrs.event_log.profile"


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "openmrs.event_log.preload"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook: Any) -> None:
        filter_loader.get(_ONE_OF_THEM)

#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_uis
short_description: The web pages beside the stack, which never take it with them
version_added: "0.1.0"
author: OpenMRS Event Log contributors (@openmrs)
description:
  - Brings some containers of a Compose project up, each by itself, or removes them. The others are left as they are.
  - What does not come up, or does not become healthy in time, is a warning and not a failure.
attributes:
  check_mode:
    support: full
    description: Says which containers would be made, made anew, started or removed.
  diff_mode:
    support: none
    description: There is no content to compare.
  platform:
    support: full
    platforms: posix
    description: Needs Python 3.8 or later and Docker with Compose v2 on the target.
options:
  state:
    description: Whether the containers are to run or to be gone.
    type: str
    choices: [present, absent]
    default: present
  project_dir:
    description: Directory of the project, with its C(compose.yaml).
    type: path
    required: true
  project:
    description: Name of the project, with which the containers' names begin.
    type: str
    required: true
  containers:
    description: Names of the containers.
    type: list
    elements: str
    required: true
  compose:
    description: The wanted content of C(compose.yaml). Required for V(present).
    type: str
  timeout:
    description: Seconds that containers which were started have to become healthy.
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: Bring a web page up
  openmrs.event_log.stack_uis:
    project_dir: /opt/event-log
    project: event-log
    containers: [event-log-kowl]
    compose: "{{ lookup('ansible.builtin.template', 'compose.yaml.j2') }}"
"""

RETURN = r"""
made:
  description: Containers that were made, made anew or started, or would be.
  returned: success
  type: list
  elements: str
  sample: [event-log-kowl]
removed:
  description: Containers that were removed, or would be.
  returned: success
  type: list
  elements: str
  sample: []
notes:
  description: What is not as it should be, in words.
  returned: success
  type: list
  elements: str
  sample: []
"""

import shutil
from pathlib import Path
from typing import Any, Dict, List

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils._command import runner
from ansible_collections.openmrs.event_log.plugins.module_utils._connect_api import Clock
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError
from ansible_collections.openmrs.event_log.plugins.module_utils._stack_project import ChangeError
from ansible_collections.openmrs.event_log.plugins.module_utils._stack_uis import Uis


def foreseen(uis: Uis, params: Dict[str, Any]) -> List[str]:
    """What would be made. Where the engine itself is only foreseen, all of it."""
    try:
        return uis.foreseen(params["compose"])
    except ChangeError:
        return list(params["containers"])


def carry_out(uis: Uis, params: Dict[str, Any], check_mode: bool) -> Dict[str, Any]:
    result: Dict[str, Any] = {"made": [], "removed": [], "notes": []}
    if params["state"] == "absent":
        result["removed"] = uis.absent(check_mode)
    elif check_mode:
        result["made"] = foreseen(uis, params)
    else:
        result.update(uis.present(params["compose"], params["timeout"]))
    return {**result, "changed": bool(result["made"] or result["removed"])}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "project_dir": {"type": "path", "required": True},
            "project": {"type": "str", "required": True},
            "containers": {"type": "list", "elements": "str", "required": True},
            "compose": {"type": "str"},
            "timeout": {"type": "int", "default": 60},
        },
        required_if=[("state", "present", ["compose"])],
        supports_check_mode=True,
    )
    params = module.params
    # As a question that fails, where there is no docker command yet.
    run = runner(module) if shutil.which("docker") else lambda _command: (127, "", "there is no docker command here")
    uis = Uis(run, Path(params["project_dir"]), params["project"], params["containers"], Clock())
    try:
        result = carry_out(uis, params, module.check_mode)
    except EventLogError as error:
        module.fail_json(msg=str(error), **error.details())
    for note in result["notes"]:
        module.warn(note)
    module.exit_json(**result)


if __name__ == "__main__":
    main()

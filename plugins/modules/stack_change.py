#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_change
short_description: Replace the running version of the stack, with a way back
version_added: "0.1.0"
author: OpenMRS Event Log contributors (@openmrs)
description:
  - Three steps around C(docker compose up). V(begin), once the new files are written, learns which containers will be
    made anew. If all of them are healthy, it notes which connectors run, and stops the containers in order.
    V(verify), once the new containers are healthy, waits until those connectors run again, and closes the way back.
    V(back) puts the former files back, brings the former version up and verifies it.
  - The former files are those that M(openmrs.event_log.file_set) keeps in O(former). Without them, when what runs is
    not healthy, or when the name of its image means another image by now, there is no way back. V(begin) then warns
    and stops nothing.
  - A run that was killed leaves O(former) behind. The next one goes on with the connectors that were noted then.
  - The connectors go on from their positions, which are in Kafka and are not touched.
attributes:
  check_mode:
    support: full
    description: V(begin) says which containers would be made anew. The other steps do nothing.
  diff_mode:
    support: none
    description: There is no content to compare.
  platform:
    support: full
    platforms: posix
    description: Needs Python 3.8 or later and Docker with Compose v2 on the target.
options:
  step:
    description: Which of the steps.
    type: str
    required: true
    choices: [begin, verify, back]
  project_dir:
    description: Directory of the project, with its C(compose.yaml).
    type: path
    required: true
  former:
    description: Where the former files are kept.
    type: path
    required: true
  containers:
    description: Names of the project's containers in the order in which they start. They are stopped in reverse.
    type: list
    elements: str
    required: true
  compose:
    description: The wanted content of C(compose.yaml). Required for V(begin).
    type: str
  timeout:
    description:
      - "V(verify): seconds since V(begin) within which everything must run again."
      - "V(back): the same for the former version."
    type: int
    default: 180
  settle:
    description: Seconds that the connectors must go on running to count.
    type: int
    default: 10
  patience:
    description: Seconds that V(begin) gives containers which have just been started to become healthy.
    type: int
    default: 180
"""

EXAMPLES = r"""
- name: Stop what is about to be replaced
  openmrs.event_log.stack_change:
    step: begin
    project_dir: /opt/event-log
    former: /opt/event-log/former
    containers: [event-log-broker, event-log-connect]
    compose: "{{ lookup('ansible.builtin.template', 'compose.yaml.j2') }}"
  register: change

- name: Make sure that what ran before runs again
  openmrs.event_log.stack_change:
    step: verify
    project_dir: /opt/event-log
    former: /opt/event-log/former
    containers: [event-log-broker, event-log-connect]
  when: change.way_back
"""

RETURN = r"""
recreated:
  description: "V(begin): names of the containers that Compose will make anew."
  returned: success
  type: list
  elements: str
  sample: [event-log-connect]
way_back:
  description:
    - "V(begin): whether the former version can be gone back to. When V(begin) fails: whether it must be, because
      something may have been stopped. If V(false) then, nothing was stopped and the former files are in their places."
  returned: success, and failure of V(begin)
  type: bool
  sample: true
connectors:
  description: The connectors that ran before the change.
  returned: success
  type: list
  elements: str
  sample: [openmrs-connector]
"""

import shutil
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils._command import runner
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_report import message_shown
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError
from ansible_collections.openmrs.event_log.plugins.module_utils._redact import Secrets
from ansible_collections.openmrs.event_log.plugins.module_utils._stack_change import Change


class BeginError(EventLogError):
    """The change could not be begun; tells whether the way back must be gone."""

    def __init__(self, message: str, way_back: bool, details: dict[str, Any]) -> None:
        super().__init__(message)
        self._details = {**details, "way_back": way_back}

    def details(self) -> dict[str, Any]:
        return self._details


def words(error: EventLogError) -> str:
    """What the worker says of an error may quote rows."""
    return message_shown(Secrets(), error)


def begin_failed(change: Change, error: Exception, check_mode: bool) -> BeginError:
    """Nothing stays half begun, whatever went wrong."""
    message, details = f"{type(error).__name__}: {error}", {}
    if isinstance(error, EventLogError):
        message, details = words(error), error.details()
    if check_mode:
        return BeginError(message, False, details)
    try:
        return BeginError(message, change.refuse(), details)
    except EventLogError as another:
        return BeginError(f"{message}; {another}", True, details)


def carry_out(change: Change, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Do the step; what the task returns."""
    nothing = {"recreated": [], "way_back": False, "connectors": []}
    if params["step"] == "begin":
        if shutil.which("docker") is None:
            return nothing
        try:
            return change.begin(params["compose"], check_mode, params["patience"])
        except Exception as error:
            raise begin_failed(change, error, check_mode) from error
    if check_mode:
        return nothing
    act = change.verify if params["step"] == "verify" else change.back
    return {**nothing, "connectors": act(params["timeout"], params["settle"])}


def main() -> None:
    number = {"type": "int"}
    path = {"type": "path", "required": True}
    module = AnsibleModule(
        argument_spec={
            "step": {"type": "str", "required": True, "choices": ["begin", "verify", "back"]},
            "project_dir": path,
            "former": path,
            "containers": {"type": "list", "elements": "str", "required": True},
            "compose": {"type": "str"},
            "timeout": {**number, "default": 180},
            "settle": {**number, "default": 10},
            "patience": {**number, "default": 180},
        },
        required_if=[("step", "begin", ["compose"])],
        supports_check_mode=True,
    )

    params = module.params
    change = Change(runner(module), Path(params["project_dir"]), Path(params["former"]), params["containers"])
    try:
        result = carry_out(change, params, module.check_mode)
    except EventLogError as error:
        module.fail_json(msg=words(error), **{**error.details(), "response": None})
    lost = result.pop("lost", "")
    if lost:
        module.warn(f"There is no way back from this change of the stack: {lost}.")
    # What is made anew is what docker_compose_v2 reports; going back is a change of its own.
    module.exit_json(changed=params["step"] == "back" and not module.check_mode, **result)


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_backup
short_description: An encrypted backup of the event log on a host
version_added: "0.1.0"
author: OpenMRS Event Log contributors (@openmrs)
description:
  - Packs data, settings and secrets of the event log into one file, C(event-log-SITE-UTCTIME.tar.zst.age), with its
    checksum beside it. What is not encrypted passes through pipes only.
  - What runs is stopped in order for the time of the copy, and started again however the copy ends. A process of its
    own watches over that. It starts the event log even when the module is killed. What did not run is not started.
  - The archive has its name only once it is whole and on the disk.
  - Of the backups of O(site) the newest O(keep) stay. Only files that this module has named are removed.
  - Every run makes another backup.
attributes:
  check_mode:
    support: full
    description: Looks at all that a run would look at, and changes nothing.
  diff_mode:
    support: full
    description: The files that come and go, a line each.
  platform:
    support: full
    platforms: posix
    description: Needs Python 3.8 or later, GNU tar, zstd and age on the target, and Docker where something runs.
extends_documentation_fragment: [openmrs.event_log.stack]
options:
  site:
    description: Name of the site. It is part of the file's name.
    type: str
    required: true
  recipients:
    description: Public keys of age, C(age1…). Each of their private keys opens the backup.
    type: list
    elements: str
    required: true
  directory:
    description: Where backups go. It is made with mode V(0700) when it is missing.
    type: path
    required: true
  keep:
    description: How many backups of the site stay.
    type: int
    default: 3
  timeout:
    description: Seconds within which what was healthy must be healthy again.
    type: int
    default: 180
"""

EXAMPLES = r"""
- name: Back the event log up
  openmrs.event_log.stack_backup:
    site: hilltop
    recipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]
    directory: /var/backups/event-log
    home: /opt/event-log
    data_dir: /var/lib/event-log
    project: event-log
"""

RETURN = r"""
file:
  description: The backup.
  returned: when one was made
  type: str
  sample: /var/backups/event-log/event-log-hilltop-20260301T021500Z.tar.zst.age
bytes:
  description: Its size.
  returned: when one was made
  type: int
  sample: 48211907
sha256:
  description: Its checksum.
  returned: when one was made
  type: str
  sample: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
standstill:
  description: Seconds from the stop until all was healthy again.
  returned: when one was made
  type: float
  sample: 31.4
size:
  description: Bytes on the disk of what goes in.
  returned: success
  type: int
  sample: 310118400
files:
  description: How many files go in.
  returned: success
  type: int
  sample: 412
runs:
  description: Whether the event log runs, and stands still for a backup.
  returned: success
  type: bool
  sample: true
removed:
  description: Older backups that were removed, or in check mode would be.
  returned: success
  type: list
  elements: str
  sample: [event-log-hilltop-20260222T021500Z.tar.zst.age]
told:
  description: What is done, in sentences.
  returned: success
  type: list
  elements: str
  sample: ["412 files, 310.1 MB. The event log stands still for 18 s to 51 s."]
"""

from pathlib import Path
from typing import Any, Dict, List

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils import _backup, _backup_key, _backup_stack
from ansible_collections.openmrs.event_log.plugins.module_utils._backup import BackupError
from ansible_collections.openmrs.event_log.plugins.module_utils._backup_make import Backup, Found, Wish
from ansible_collections.openmrs.event_log.plugins.module_utils._backup_stack import catch_signals
from ansible_collections.openmrs.event_log.plugins.module_utils._command import runner

OPTIONS = {
    "site": {"type": "str", "required": True},
    "recipients": {"type": "list", "elements": "str", "required": True},
    "directory": {"type": "path", "required": True},
    **_backup_stack.OPTIONS,
    "keep": {"type": "int", "default": 3},
    "timeout": {"type": "int", "default": 180},
}


def wish_of(params: Dict[str, Any]) -> Wish:
    return Wish(
        site=params["site"],
        places=_backup_stack.places_of(params),
        directory=Path(params["directory"]),
        recipients=_backup_key.recipients(params["recipients"]),
        keep=params["keep"],
        timeout=params["timeout"],
    )


def told(found: Found, directory: str) -> List[str]:
    """What a run does, before it does it."""
    still = f"The event log stands still for {_backup.span_told(found.size)}" if found.state.runs else "Nothing runs"
    lines = [f"{found.files} files, {_backup.mb(found.size)}, into {directory}. {still}."]
    return lines + [f"{name}: removed afterwards, being the oldest." for name in found.removes]


def main() -> None:
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    params = module.params
    problems = _backup_key.problems(params["recipients"])
    if problems:
        # A private key may be among them, and Ansible shows a module's arguments.
        module.no_log_values.update(str(one).strip() for one in params["recipients"] if str(one).strip())
        module.fail_json(msg="\n".join(problems))
    stack = _backup_stack.stack_of(runner(module), params)
    backup = Backup(stack, wish_of(params))
    try:
        found = backup.look()
        result: Dict[str, Any] = {"removed": list(found.removes)}
        if not module.check_mode:
            catch_signals()
            result = backup.make()
    except BackupError as error:
        module.fail_json(msg=f"{error}.")
    looked = {
        "size": found.size,
        "files": found.files,
        "runs": found.state.runs,
        "told": told(found, params["directory"]),
    }
    comes = result.get("file") or f"{params['directory']}/{_backup.name_of(params['site'], 'TIME')}"
    before = "".join(f"{params['directory']}/{name}\n" for name in result["removed"])
    module.exit_json(changed=True, diff={"before": before, "after": f"{comes}\n"}, **looked, **result)


if __name__ == "__main__":
    main()

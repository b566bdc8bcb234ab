#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_restore
short_description: A backup of the event log, verified and brought back
version_added: "0.1.0"
author: OpenMRS Event Log contributors (@openmrs)
description:
  - Brings back what M(openmrs.event_log.stack_backup) has made, on the same host or on another one of the same site.
  - First the checksum is compared and the whole archive is read. It is unpacked beside the places of its parts while
    the event log still runs. Then that is stopped, the parts are renamed into their places, and it is started. What was
    there before is kept until all containers are healthy, and put back if they do not become so.
  - A restore that was cut off leaves a journal and a C(hold), so that no half of it is started. The next one takes it
    back first.
  - A backup that has been brought back already is not brought back again as long as its data are there.
  - Without the image on a host that has no event log yet, only the files are put into their places.
  - The private key reaches age through a pipe. Run the task with C(ansible_pipelining), so that Ansible does not write
    it either.
attributes:
  check_mode:
    support: full
    description: Reads the whole archive too, and changes nothing.
  diff_mode:
    support: full
    description: What is replaced by what, in words.
  platform:
    support: full
    platforms: posix
    description: Needs Python 3.8 or later, zstd and age on the target, and Docker to start what was brought back.
extends_documentation_fragment: [openmrs.event_log.stack]
options:
  site:
    description: Name of the site. The backup must be its own.
    type: str
    required: true
  file:
    description: The backup, a file of the host.
    type: path
    required: true
  identity:
    description: The private key, C(AGE-SECRET-KEY-1…), as the file of age-keygen holds it.
    type: str
  identity_file:
    description: A file of the host that holds it instead, say on a stick.
    type: path
  over:
    description: Name of the site whose data may be replaced. Without it existing data are never replaced.
    type: str
    default: ''
  timeout:
    description: Seconds within which what was brought back must be healthy.
    type: int
    default: 180
"""

EXAMPLES = r"""
- name: Bring a backup back
  openmrs.event_log.stack_restore:
    site: hilltop
    file: /var/backups/event-log/event-log-hilltop-20260301T021500Z.tar.zst.age
    identity: "{{ lookup('ansible.builtin.file', '/media/stick/event-log-backup.key') }}"
    over: hilltop
    home: /opt/event-log
    data_dir: /var/lib/event-log
    project: event-log
  vars:
    ansible_pipelining: true
  no_log: true
"""

RETURN = r"""
made:
  description: When the backup was made, in UTC.
  returned: success
  type: str
  sample: 20260301T021500Z
files:
  description: How many files it holds.
  returned: success
  type: int
  sample: 412
started:
  description: Whether the event log was started, and is healthy, or in check mode would be.
  returned: success
  type: bool
  sample: true
standstill:
  description: Seconds from the stop until all was healthy again.
  returned: when something was brought back
  type: float
  sample: 28.1
told:
  description: What is done, in sentences.
  returned: success
  type: list
  elements: str
  sample: ["The backup of 20260301T021500Z is whole: 412 files."]
"""

from pathlib import Path
from typing import Any, Dict, List

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils import (
    _backup,
    _backup_key,
    _backup_pipe,
    _backup_stack,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._backup import BackupError
from ansible_collections.openmrs.event_log.plugins.module_utils._backup_pipe import Identity
from ansible_collections.openmrs.event_log.plugins.module_utils._backup_stack import catch_signals
from ansible_collections.openmrs.event_log.plugins.module_utils._command import runner
from ansible_collections.openmrs.event_log.plugins.module_utils._restore import Plan, Restore, Wish

OPTIONS = {
    "site": {"type": "str", "required": True},
    "file": {"type": "path", "required": True},
    "identity": {"type": "str", "no_log": True},
    "identity_file": {"type": "path"},
    "over": {"type": "str", "default": ""},
    **_backup_stack.OPTIONS,
    "timeout": {"type": "int", "default": 180},
}


def identity_of(params: Dict[str, Any]) -> Identity:
    """The private key, judged before anything is read with it."""
    text, file = params["identity"] or "", params["identity_file"]
    if file:
        try:
            text = Path(file).read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise BackupError(
                f"event_log_restore_identity is {file}, and it cannot be read: {error.strerror}"
            ) from error
    problem = _backup_key.identity_problem(text)
    if problem:
        raise BackupError(f"event_log_restore_identity {problem}")
    return Identity(file=Path(file)) if file else Identity(text)


def written_by_ansible(command_line: bytes) -> bool:
    """Whether Ansible has put this module, and with it the private key, into a file of the host."""
    return any(b"AnsiballZ_" in word for word in command_line.split(b"\0"))


def told(plan: Plan, over: bool) -> List[str]:
    """What a run does, before it does it."""
    lines = [
        f"The backup of {plan.manifest.made} is whole: {plan.manifest.files} files, {_backup.mb(plan.manifest.bytes)}."
    ]
    if plan.done:
        return [*lines, "It was brought back already, and its data are there: nothing is changed."]
    what = "replaces the data that are there" if over else "goes to where no data are"
    lines.append(f"It {what}; settings and secrets become those of the backup, passwords included.")
    lines.append(
        "The database may have moved on since: the connector reads on from the stored position, which the database's "
        "binary log must still hold."
    )
    return [*lines, *plan.notes]


def main() -> None:
    module = AnsibleModule(
        argument_spec=OPTIONS,
        supports_check_mode=True,
        mutually_exclusive=[("identity", "identity_file")],
        required_one_of=[("identity", "identity_file")],
    )
    params = module.params
    run = runner(module)
    try:
        if params["identity"] and written_by_ansible(Path("/proc/self/cmdline").read_bytes()):
            raise BackupError(
                "this connection writes modules to the host's disk, and with them the private key: put the key into "
                "the host's memory yourself (/dev/shm), and name that file. Nothing was changed"
            )
        lacking = [name for name in _backup_pipe.missing_programs() if name != "tar"]
        if lacking:
            raise BackupError(f"{', '.join(lacking)} is not on this host; the role event_backup installs it")
        wish = Wish(
            site=params["site"],
            places=_backup_stack.places_of(params),
            file=Path(params["file"]),
            identity=identity_of(params),
            over=params["over"],
            timeout=params["timeout"],
        )
        restore = Restore(run, _backup_stack.stack_of(run, params), wish)
        plan = restore.plan()
        replaces = bool(wish.places.data_entries()) and not plan.done
        result: Dict[str, Any] = {"started": plan.starts}
        if not plan.done and not module.check_mode:
            catch_signals()
            result = restore.carry_out(plan)
    except BackupError as error:
        module.fail_json(msg=f"{error}.")
    module.exit_json(
        changed=not plan.done,
        made=plan.manifest.made,
        files=plan.manifest.files,
        told=told(plan, replaces),
        diff={
            "before": "data of this host\n" if replaces else "",
            "after": "" if plan.done else f"backup of {plan.manifest.made}\n",
        },
        **result,
    )


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: removal
short_description: Takes parts of the event log off a host, and nothing else
version_added: "0.1.0"
author: OpenMRS Event Log contributors (@openmrs)
description:
  - Looks at containers, units, files, directories and an account, and removes what is there of them. In check mode it
    only looks, and tells exactly what a run would remove.
  - Of directories only what matches O(trees[].own) goes. The directories above it go when they are empty then. Anything
    else in them is not ours; it stays, and is told in RV(stays). Mount points and links stay, emptied.
  - Nothing is touched when the Docker engine does not answer, when the containers are those of another directory, or
    when O(cluster) says that the data are somebody else's.
attributes:
  check_mode:
    support: full
    description: Removes nothing, and returns the same as a run.
  diff_mode:
    support: full
    description: What goes, a line each.
  platform:
    support: full
    platforms: posix
    description: Needs Python 3.8 or later on the target, nothing else.
options:
  project:
    description: A Compose project whose containers are stopped and removed. They are found by their label.
    type: dict
    suboptions:
      directory: {description: Directory of the project., type: path, required: true}
      name: {description: Name of the project., type: str, required: true}
      order:
        description: Names of containers in the order in which they start. They are stopped the other way round.
        type: list
        elements: str
        default: []
  units:
    description: Unit files of systemd. The first is stopped and disabled, the others are its helpers.
    type: list
    elements: path
    default: []
  files:
    description: Single files.
    type: list
    elements: path
    default: []
  trees:
    description: Directories that hold something of ours.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: The directory., type: path, required: true}
      own: {description: "Patterns, relative to it, of what goes.", type: list, elements: str, required: true}
      kept:
        description: Patterns of what is ours and stays, so that it is not told as somebody else's.
        type: list
        elements: str
        default: []
      wipe:
        description:
          - Overwrite files once with zeros, and see them on the disk, before they are removed. Holes stay holes. A file
            that has another name outside of what goes is not overwritten, and that is told in RV(gone).
          - Solid-state disks, file systems that do not write in place, snapshots and backups keep what was there.
        type: bool
        default: false
      owner: {description: Numeric uid. What belongs to another is not ours whatever its name., type: int}
      roots: {description: "Patterns of what goes too and belongs to root.", type: list, elements: str, default: []}
  account:
    description: A user and a group. They stay, and that is told, unless they are as the role kafka_host makes them.
    type: dict
    suboptions:
      user: {description: Name of the user., type: str, required: true}
      group: {description: Name of its group., type: str, required: true}
      uid: {description: Its number., type: int, required: true}
      gid: {description: Number of the group., type: int, required: true}
  cluster:
    description: Data of a broker that must be this host's own.
    type: dict
    suboptions:
      properties: {description: The broker's file C(meta.properties)., type: path, required: true}
      marker: {description: File with the id of the cluster that this host has formatted., type: path, required: true}
"""

EXAMPLES = r"""
- name: Remove a project but not its secrets
  openmrs.event_log.removal:
    project: {directory: /opt/event-log, name: event-log, order: [event-log-broker, event-log-connect]}
    units: [/etc/systemd/system/event-log.service]
    trees:
      - {path: /opt/event-log, own: [compose.yaml, config], kept: [secrets]}
"""

RETURN = r"""
gone:
  description: What was removed, or in check mode would be, in words.
  returned: success
  type: list
  elements: str
  sample: [container event-log-connect (running), "/var/lib/event-log (14 topics, 1204.3 MB)"]
stays:
  description: What was found and stays because it is not ours, in words.
  returned: success
  type: list
  elements: str
  sample: ["/var/lib/event-log, because of what is not ours in it: /var/lib/event-log/notes.txt"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils._command import runner
from ansible_collections.openmrs.event_log.plugins.module_utils._removal import (
    Removal,
    RemovalError,
    carry_out,
    result,
    wanted,
)

TEXT = {"type": "str", "required": True}
PATH = {"type": "path", "required": True}
NUMBER = {"type": "int", "required": True}
TEXTS = {"type": "list", "elements": "str", "default": []}
PATHS = {"type": "list", "elements": "path", "default": []}
OPTIONS = {
    "project": {"type": "dict", "options": {"directory": PATH, "name": TEXT, "order": TEXTS}},
    "units": PATHS,
    "files": PATHS,
    "trees": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "path": PATH,
            "own": {"type": "list", "elements": "str", "required": True},
            "kept": TEXTS,
            "wipe": {"type": "bool", "default": False},
            "owner": {"type": "int"},
            "roots": TEXTS,
        },
    },
    "account": {"type": "dict", "options": {"user": TEXT, "group": TEXT, "uid": NUMBER, "gid": NUMBER}},
    "cluster": {"type": "dict", "options": {"properties": PATH, "marker": PATH}},
}


def main() -> None:
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    removal = Removal(runner(module), wanted(module.params))
    try:
        steps = removal.plan()
        if not module.check_mode:
            carry_out(steps)
    except RemovalError as error:
        module.fail_json(msg=str(error))
    told = result(steps, removal.stays)
    module.exit_json(diff={"before": "".join(f"{line}\n" for line in told["gone"]), "after": ""}, **told)


if __name__ == "__main__":
    main()

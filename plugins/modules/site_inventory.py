#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site_inventory
short_description: Write the part of the inventory that one server needs
version_added: "0.1.0"
author: OpenMRS Event Log contributors (@openmrs)
description:
  - Writes an inventory of the current host alone, for a run on that server without this control node.
  - The host's variables of this collection go along, with the variables that their templates refer to, and no others.
    Templates stay templates.
  - A variable that is a secret (from an encrypted file or an encrypted inventory, encrypted itself, by its name or one
    in it, by a login in its text, by a role's C(no_log)), is made of one, or reads something that only the control node
    has (a lookup, another host) is resolved here and written encrypted. So no other site's secret goes along, and none
    in the clear.
  - An encrypted file that holds the same values already is left as it is.
  - Works on the control node, whatever host it is for.
attributes:
  check_mode:
    support: full
    description: Says which files would change.
  diff_mode:
    support: full
    description: Of secrets it says only that they change.
  platform:
    support: full
    platforms: posix
    description: Runs on the control node.
options:
  path:
    description: Directory of the inventory to write. It and its parents are made.
    type: path
    required: true
  roles:
    description: The roles whose variables go along.
    type: path
    required: true
  settings:
    description: Host variables that say how the server reaches itself. They go into C(hosts.yml).
    type: dict
    default: {}
  vault_password_file:
    description:
      - File with the password to encrypt with. By default the first password that this run has for its own vaults.
      - With one of its own, whoever sets the server up need not know the password of all sites.
    type: path
"""

EXAMPLES = r"""
- name: Write the server's own inventory
  openmrs.event_log.site_inventory:
    path: /media/stick/hilltop/inventory
    roles: "{{ playbook_dir }}/../roles"
    settings:
      ansible_connection: local
"""

RETURN = r"""
variables:
  description: Names of the variables that go along as they are.
  returned: success
  type: list
  elements: str
  sample: [event_log_site]
secret_variables:
  description: Names of the variables that go along encrypted.
  returned: success
  type: list
  elements: str
  sample: [event_log_capture_password]
changed_paths:
  description: The files that were, or in check mode would be, written or removed.
  returned: success
  type: list
  elements: str
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule


def argument_spec() -> Dict[str, Any]:
    return {
        "path": {"type": "path", "required": True},
        "roles": {"type": "path", "required": True},
        "settings": {"type": "dict", "default": {}},
        "vault_password_file": {"type": "path", "no_log": False},
    }


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    module.fail_json(msg="site_inventory works on the control node, through its action plugin, which was not found.")


if __name__ == "__main__":
    main()

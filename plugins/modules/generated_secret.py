#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: generated_secret
short_description: A password that the host makes once and keeps
version_added: "0.1.0"
author: OpenMRS Event Log contributors (@openmrs)
description:
  - Reads a secret from a file of the host, or makes the file with a random one when it is not there.
  - For logins that only the host itself uses, so that nobody has to invent, send or remember a password.
  - The file belongs to root with mode V(0400). It is never rewritten. Remove it to get a new secret.
  - Always use it with C(no_log), for the secret is in the result.
attributes:
  check_mode:
    support: full
    description: Predicts the change. The secret of the result is then a throw-away one.
  diff_mode:
    support: none
    description: Secrets are not shown.
  platform:
    support: full
    platforms: posix
    description: Needs Python 3.8 or later on the target, nothing else.
options:
  path:
    description: File that holds the secret, one line. Its directory is made with mode V(0700) when it is missing.
    type: path
    required: true
  length:
    description: Number of letters and digits of a new secret.
    type: int
    default: 32
"""

EXAMPLES = r"""
- name: Keep a password for the worker's REST interface
  openmrs.event_log.generated_secret:
    path: /opt/event-log/secrets/connect_password
  register: connect_password
  no_log: true
"""

RETURN = r"""
secret:
  description: The secret, as kept on the host.
  returned: success
  type: str
  sample: h8dJ0m2vQx4nT6bW1rYc9eKf3gLp5sZa
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils._secret_file import generate, write_atomically

SHORTEST = 12


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "length": {"type": "int", "default": 32, "no_log": False},
        },
        supports_check_mode=True,
    )
    path = Path(module.params["path"])
    if module.params["length"] < SHORTEST:
        module.fail_json(msg=f"length is {module.params['length']}: ask for at least {SHORTEST} characters.")
    if path.exists():
        secret = path.read_text(encoding="utf-8").rstrip("\n")
        if not secret:
            module.fail_json(msg=f"{path} is empty: remove it, and the next run makes a new secret.")
        module.exit_json(changed=False, secret=secret)
    secret = generate(module.params["length"])
    if not module.check_mode:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, f"{secret}\n".encode(), 0o400, 0, 0)
    module.exit_json(changed=True, secret=secret)


if __name__ == "__main__":
    main()

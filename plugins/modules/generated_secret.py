#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: generated_secret
short_description: Passwords that the host makes once and keeps
version_added: "0.1.0"
author: OpenMRS Event Log contributors (@openmrs)
description:
  - Reads secrets from files of the host, or makes the files with random ones where they are not there.
  - For logins that only the host itself uses, so that nobody has to invent, send or remember a password.
  - The files belong to root with mode V(0400). They are rewritten only when O(renew) names them.
  - Always use it with C(no_log), for the secrets are in the result.
attributes:
  check_mode:
    support: full
    description: Predicts the change. A secret that is only foreseen is a throw-away one in the result.
  diff_mode:
    support: none
    description: Secrets are not shown.
  platform:
    support: full
    platforms: posix
    description: Needs Python 3.8 or later on the target, nothing else.
options:
  paths:
    description:
      - File of each secret, one line, by the name that the result has for it. Its directory, and
        what is missing above it, is made with mode V(0700).
    type: dict
    required: true
  renew:
    description: Names of those that are made anew though they are there. Each run then makes another one.
    type: list
    elements: str
    default: []
  length:
    description: Number of letters and digits of a new secret.
    type: int
    default: 32
"""

EXAMPLES = r"""
- name: Keep a password for the worker's REST interface
  openmrs.event_log.generated_secret:
    paths: {rest: /opt/event-log/secrets/connect_password}
  register: generated
  no_log: true
"""

RETURN = r"""
secrets:
  description: The secrets by their names, as kept on the host.
  returned: success
  type: dict
  sample: {rest: h8dJ0m2vQx4nT6bW1rYc9eKf3gLp5sZa}
former:
  description: What those of O(renew) were before.
  returned: success
  type: dict
  sample: {}
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import InputError
from ansible_collections.openmrs.event_log.plugins.module_utils._secret_file import (
    generate,
    make_private,
    write_atomically,
)

SHORTEST = 12


def kept(path: Path) -> str:
    """Return the secret that the host keeps; "" where there is none."""
    if not path.exists():
        return ""
    secret = path.read_text(encoding="utf-8").rstrip("\n")
    if not secret:
        raise InputError(f"{path} is empty: remove it, and the next run makes a new secret.")
    return secret


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "paths": {"type": "dict", "required": True},
            "renew": {"type": "list", "elements": "str", "default": []},
            "length": {"type": "int", "default": 32, "no_log": False},
        },
        supports_check_mode=True,
    )
    params = module.params
    paths = {name: Path(path) for name, path in params["paths"].items()}
    if params["length"] < SHORTEST:
        module.fail_json(msg=f"length is {params['length']}: ask for at least {SHORTEST} characters.")
    try:
        secrets = {name: kept(path) for name, path in paths.items()}
    except InputError as error:
        module.fail_json(msg=str(error))
    former = {name: secrets[name] for name in params["renew"] if secrets.get(name)}
    wanting = [name for name in paths if not secrets[name] or name in former]
    for name in wanting:
        secrets[name] = generate(params["length"])
        if not module.check_mode:
            make_private(paths[name].parent)
            write_atomically(paths[name], f"{secrets[name]}\n".encode(), 0o400, 0, 0)
    module.exit_json(changed=bool(wanting), secrets=secrets, former=former)


if __name__ == "__main__":
    main()

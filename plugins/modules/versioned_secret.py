#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: versioned_secret
short_description: A secret file whose name changes with its content
version_added: "0.1.0"
author: OpenMRS Event Log contributors (@openmrs)
description:
  - Writes a secret into a directory that a container mounts, under the name C(STEM-XXXXXXXXSUFFIX).
  - The 8 hex digits are an HMAC of the content. Its key is made in the directory at first and stays there.
  - Whoever refers to the file by its name sees a rotated secret as an ordinary change of that reference,
    in check mode too, and an interrupted run is simply repeated.
  - Files of former versions stay, as a running task may still read them. O(keep) bounds them.
attributes:
  check_mode:
    support: full
    description: Where the key does not exist yet the name is predicted with a throw-away one.
  diff_mode:
    support: none
    description: Secrets are not shown. The name of the file is in the result.
  platform:
    support: full
    platforms: posix
    description: Needs Python 3.8 or later on the target, nothing else.
options:
  directory:
    description: Directory of the secrets, made with mode V(0500) and the owner of the files when it is missing.
    type: path
    required: true
  stem:
    description: First part of the file's name.
    type: str
    required: true
  suffix:
    description: Last part of the file's name, with its dot.
    type: str
    default: .properties
  content:
    description: What the file holds, as it is.
    type: str
    required: true
  owner:
    description: Numeric uid that may read the file, and nobody else but root.
    type: int
    required: true
  group:
    description: Numeric gid of the file.
    type: int
    required: true
  keep:
    description: How many versions to keep, the newest first. The wanted one is always kept.
    type: int
    default: 3
"""

EXAMPLES = r"""
- name: Hand the database password to the worker
  openmrs.event_log.versioned_secret:
    directory: /opt/event-log/secrets/connect
    stem: database
    content: "password={{ event_log_capture_password }}\n"
    owner: 1001
    group: 1001
  register: database_secret
"""

RETURN = r"""
filename:
  description: Name of the file inside O(directory).
  returned: success
  type: str
  sample: database-5f3c09ab.properties
path:
  description: The whole path on the host.
  returned: success
  type: str
  sample: /opt/event-log/secrets/connect/database-5f3c09ab.properties
removed:
  description: Names of former versions that were removed.
  returned: success
  type: list
  elements: str
  sample: []
"""

import secrets
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils._secret_file import (
    DIRECTORY_MODE,
    FILE_MODE,
    KEY_NAME,
    drop_versions,
    keep_directory,
    keep_file,
    versioned_name,
    write_atomically,
)


def ensure(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    directory, owner = Path(params["directory"]), (params["owner"], params["group"])
    content, kind = params["content"].encode(), (params["stem"], params["suffix"])
    changed = keep_directory(directory, DIRECTORY_MODE, owner, check_mode)
    key_file = directory / KEY_NAME
    if key_file.exists():
        key = key_file.read_bytes()
    else:
        changed, key = True, secrets.token_bytes(32)
        if not check_mode:
            write_atomically(key_file, key, FILE_MODE, 0, 0)
    path = directory / versioned_name(*kind, key, content)
    changed |= keep_file(path, content, FILE_MODE, owner, check_mode)
    removed = drop_versions(path, *kind, params["keep"], check_mode)
    return {"changed": changed or bool(removed), "filename": path.name, "path": str(path), "removed": removed}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "stem": {"type": "str", "required": True},
            "suffix": {"type": "str", "default": ".properties"},
            "content": {"type": "str", "required": True, "no_log": True},
            "owner": {"type": "int", "required": True},
            "group": {"type": "int", "required": True},
            "keep": {"type": "int", "default": 3},
        },
        supports_check_mode=True,
    )
    module.exit_json(**ensure(module.params, module.check_mode))


if __name__ == "__main__":
    main()

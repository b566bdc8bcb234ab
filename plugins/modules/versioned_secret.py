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

import os
import secrets
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils._secret_file import (
    KEY_NAME,
    versioned_name,
    write_atomically,
)

#: A container that mounts the directory may read it, and nobody but root writes there.
DIRECTORY_MODE = 0o500
FILE_MODE = 0o400


def state_is(path: Path, mode: int, uid: int, gid: int) -> bool:
    found = path.stat()
    return (found.st_mode & 0o7777, found.st_uid, found.st_gid) == (mode, uid, gid)


def old_versions(directory: Path, stem: str, suffix: str, wanted: str, keep: int) -> list[Path]:
    """Return the versions beyond ``keep``, newest kept first; never the wanted one."""
    found = [p for p in directory.glob(f"{stem}-{'[0-9a-f]' * 8}{suffix}") if p.name != wanted]
    found.sort(key=lambda p: p.stat().st_mtime, reverse=True)
    return found[max(keep - 1, 0) :]


def ensure(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    directory, uid, gid = Path(params["directory"]), params["owner"], params["group"]
    content = params["content"].encode()
    changed = False
    if not directory.is_dir() or not state_is(directory, DIRECTORY_MODE, uid, gid):
        changed = True
        if not check_mode:
            directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
            os.chown(directory, uid, gid)
            directory.chmod(DIRECTORY_MODE)
    key_file = directory / KEY_NAME
    if key_file.exists():
        key = key_file.read_bytes()
    else:
        changed, key = True, secrets.token_bytes(32)
        if not check_mode:
            write_atomically(key_file, key, FILE_MODE, 0, 0)
    name = versioned_name(params["stem"], params["suffix"], key, content)
    path = directory / name
    if not path.exists() or path.read_bytes() != content or not state_is(path, FILE_MODE, uid, gid):
        changed = True
        if not check_mode:
            write_atomically(path, content, FILE_MODE, uid, gid)
    removed = old_versions(directory, params["stem"], params["suffix"], name, params["keep"])
    for old in removed:
        changed = True
        if not check_mode:
            old.unlink()
    return {"changed": changed, "filename": name, "path": str(path), "removed": [p.name for p in removed]}


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

#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: versioned_secret
short_description: Secret files whose names change with their content
version_added: "0.1.0"
author: OpenMRS Event Log contributors (@openmrs)
description:
  - Writes secrets into directories that containers mount, each under the name C(STEM-XXXXXXXXSUFFIX).
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
  files:
    description: The secrets. No two of them have the same stem.
    type: list
    elements: dict
    required: true
    suboptions:
      directory:
        description: Directory of the secret, made with mode V(0500) and the owner of the files when it is missing.
        type: path
        required: true
      stem: {description: First part of the file's name., type: str, required: true}
      suffix: {description: "Last part of the file's name, with its dot.", type: str, default: .properties}
      content: {description: "What the file holds, as it is.", type: str, required: true}
  owner:
    description: Numeric uid that may read the files, and nobody else but root.
    type: int
    required: true
  group:
    description: Numeric gid of the files.
    type: int
    required: true
  keep:
    description: How many versions to keep of each, the newest first. The wanted one is always kept.
    type: int
    default: 3
"""

EXAMPLES = r"""
- name: Hand the database password to the worker
  openmrs.event_log.versioned_secret:
    files:
      - directory: /opt/event-log/secrets/connect
        stem: database
        content: "password={{ event_log_capture_password }}\n"
    owner: 1001
    group: 1001
  register: secrets
  no_log: true
"""

RETURN = r"""
filenames:
  description: Name of each file inside its directory, by its stem.
  returned: success
  type: dict
  sample: {database: database-5f3c09ab.properties}
former:
  description: Paths of former versions that stay.
  returned: success
  type: list
  elements: str
  sample: []
removed:
  description: Paths of former versions that were removed.
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
    other_versions,
    versioned_name,
    write_atomically,
)


class Keeper:
    """Writes, or in check mode foresees; a key that is only foreseen is the same for all files of its directory."""

    def __init__(self, owner: tuple[int, int], keep: int, check_mode: bool) -> None:
        self._owner, self._keep, self._check_mode = owner, keep, check_mode
        self._foreseen: dict[Path, bytes] = {}
        self.changed = False
        self.removed: list[str] = []
        self.former: list[str] = []

    def put(self, file: dict[str, Any]) -> str:
        """See to one file; return its name."""
        directory, content = Path(file["directory"]), file["content"].encode()
        if directory not in self._foreseen:
            self.changed |= keep_directory(directory, DIRECTORY_MODE, self._owner, self._check_mode)
        kind = (file["stem"], file["suffix"])
        path = directory / versioned_name(*kind, self._key(directory), content)
        self.changed |= keep_file(path, content, FILE_MODE, self._owner, self._check_mode)
        others = other_versions(path, *kind)
        gone = drop_versions(others, self._keep, self._check_mode)
        self.removed += [str(one) for one in gone]
        self.former += [str(one) for one in others if one not in gone]
        self.changed |= bool(gone)
        return path.name

    def _key(self, directory: Path) -> bytes:
        file = directory / KEY_NAME
        if file.exists():
            return file.read_bytes()
        if directory not in self._foreseen:
            self.changed = True
            self._foreseen[directory] = secrets.token_bytes(32)
            if not self._check_mode:
                write_atomically(file, self._foreseen[directory], FILE_MODE, 0, 0)
        return self._foreseen[directory]


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "files": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "directory": {"type": "path", "required": True},
                    "stem": {"type": "str", "required": True},
                    "suffix": {"type": "str", "default": ".properties"},
                    "content": {"type": "str", "required": True, "no_log": True},
                },
            },
            "owner": {"type": "int", "required": True},
            "group": {"type": "int", "required": True},
            "keep": {"type": "int", "default": 3},
        },
        supports_check_mode=True,
    )
    params = module.params
    stems = [file["stem"] for file in params["files"]]
    if len(set(stems)) < len(stems):
        twice = sorted({stem for stem in stems if stems.count(stem) > 1})
        module.fail_json(msg=f"{', '.join(twice)} is the stem of several files: give each its own.")
    keeper = Keeper((params["owner"], params["group"]), params["keep"], module.check_mode)
    filenames = {file["stem"]: keeper.put(file) for file in params["files"]}
    module.exit_json(changed=keeper.changed, filenames=filenames, removed=keeper.removed, former=keeper.former)


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: file_set
short_description: Keep a set of small text files and their directories, in one step
version_added: "0.1.0"
author: OpenMRS Event Log contributors (@openmrs)
description:
  - Writes directories and text files with content, owner, group and mode, each file atomically, in the order given.
  - A dozen rendered files are one start of a module instead of a dozen, which counts on a slow server.
  - What is not named is left alone.
  - With O(former) there is a way back, which the module M(openmrs.event_log.stack_change) goes or closes.
attributes:
  check_mode:
    support: full
    description: Says which files and directories would change.
  diff_mode:
    support: full
    description: Before and after of each file; of O(secret_files) only that they differ.
  platform:
    support: full
    platforms: posix
    description: Needs Python 3.8 or later on the target, nothing else.
options:
  directories:
    description: Directories that must exist, parents first. Missing parents are an error.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: The directory., type: path, required: true}
      uid: {description: Numeric owner., type: int, default: 0}
      gid: {description: Numeric group., type: int, default: 0}
      mode: {description: Mode in octal digits., type: str, default: "0755"}
  files:
    description: Files that must hold exactly this.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: The file., type: path, required: true}
      content: {description: "What it holds, as UTF-8.", type: str, required: true}
      uid: {description: Numeric owner., type: int, default: 0}
      gid: {description: Numeric group., type: int, default: 0}
      mode: {description: Mode in octal digits., type: str, default: "0644"}
  secret_files:
    description:
      - The same for files whose content must not be seen. They are written last, and their diff only says that they
        differ.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: The file., type: path, required: true}
      uid: {description: Numeric owner., type: int, default: 0}
      gid: {description: Numeric group., type: int, default: 0}
      mode: {description: Mode in octal digits., type: str, default: "0400"}
  secret_contents:
    description:
      - What each of O(secret_files) holds, by its path, as UTF-8. By itself, so that Ansible writes nothing of it into
        the server's log of what it was asked to do.
    type: dict
    default: {}
  former:
    description:
      - Directory in which all files of the set are kept as they were, before the first of them is changed.
        Its parent must exist by then, or be one of O(directories).
      - It is not made when no file of the set was there before. One that is there already is left as it is,
        for the change that it belongs to is not settled.
    type: path
"""

EXAMPLES = r"""
- name: Write a small project
  openmrs.event_log.file_set:
    directories:
      - path: /opt/event-log
      - path: /opt/event-log/config
    files:
      - path: /opt/event-log/config/server.properties
        content: "process.roles=broker,controller\n"
        gid: 1001
        mode: "0640"
"""

RETURN = r"""
former_kept:
  description: Whether this run made the directory O(former).
  returned: success
  type: bool
  sample: false
changed_paths:
  description: The directories and files that were, or in check mode would be, made or changed.
  returned: success
  type: list
  elements: str
  sample: [/opt/event-log/config/server.properties]
"""

import os
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils import _stack_former
from ansible_collections.openmrs.event_log.plugins.module_utils._secret_file import write_atomically


def attributes_of(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_uid, found.st_gid, found.st_mode & 0o7777


def wanted_attributes(item: dict[str, Any]) -> tuple[int, int, int]:
    try:
        return item["uid"], item["gid"], int(item["mode"], 8)
    except ValueError:
        raise ValueError(f"{item['path']}: mode {item['mode']!r} is not octal") from None


def attribute_text(attributes: tuple[int, int, int] | None) -> str:
    return "absent" if attributes is None else "owner {} group {} mode {:04o}".format(*attributes)


def ensure_directory(item: dict[str, Any], check_mode: bool) -> dict[str, str] | None:
    """Make or mend one directory; return its diff, or ``None`` when nothing differs."""
    path, wanted = Path(item["path"]), wanted_attributes(item)
    before = attributes_of(path) if path.is_dir() else None
    if before == wanted:
        return None
    if not check_mode:
        try:
            path.mkdir(exist_ok=True)
        except FileNotFoundError:
            told = f"{path} cannot be made, for {path.parent} is not there"
            raise ValueError(f"{told}. Make that directory first, or name another place") from None
        os.chown(path, wanted[0], wanted[1])
        path.chmod(wanted[2])
    return {"header": str(path), "before": attribute_text(before) + "\n", "after": attribute_text(wanted) + "\n"}


def ensure_file(item: dict[str, Any], check_mode: bool) -> dict[str, str] | None:
    """Write or mend one file; return its diff, or ``None`` when nothing differs."""
    path, wanted, content = Path(item["path"]), wanted_attributes(item), item["content"].encode()
    exists = path.is_file()
    before = path.read_bytes() if exists else b""
    attributes = attributes_of(path) if exists else None
    if exists and before == content and attributes == wanted:
        return None
    if not check_mode:
        write_atomically(path, content, wanted[2], wanted[0], wanted[1])
    if before == content:
        return {
            "header": str(path),
            "before": attribute_text(attributes) + "\n",
            "after": attribute_text(wanted) + "\n",
        }
    return {"header": str(path), "before": before.decode("utf-8", "replace"), "after": item["content"]}


def with_content(item: dict[str, Any], contents: dict[str, str]) -> dict[str, Any]:
    """Give a file its content."""
    if item["path"] not in contents:
        raise ValueError(f"{item['path']} is one of secret_files and has no content in secret_contents")
    return {**item, "content": contents[item["path"]]}


def ensure_secret_file(item: dict[str, Any], check_mode: bool) -> dict[str, str] | None:
    """Do the same with a file whose content no diff may show."""
    diff = ensure_file(item, check_mode)
    return diff and {**diff, "before": "<not shown>\n", "after": "<not shown, changed>\n"}


def keep_former(directory: str | None, files: list[dict[str, Any]]) -> bool:
    """Keep what is there aside, once it is known that something changes."""
    paths = [Path(item["path"]) for item in files]
    if not directory or not any(path.is_file() for path in paths):
        return False
    return _stack_former.keep(Path(directory), paths)


def main() -> None:
    def options(mode: str, **more: Any) -> dict[str, Any]:
        number = {"type": "int", "default": 0}
        path = {"type": "path", "required": True}
        return {"path": path, "uid": number, "gid": number, "mode": {"type": "str", "default": mode}, **more}

    content = {"type": "str", "required": True}
    listing = {"type": "list", "elements": "dict", "default": []}
    module = AnsibleModule(
        argument_spec={
            "directories": {**listing, "options": options("0755")},
            "files": {**listing, "options": options("0644", content=content)},
            "secret_files": {**listing, "no_log": False, "options": options("0400")},
            "secret_contents": {"type": "dict", "default": {}, "no_log": True},
            "former": {"type": "path"},
        },
        supports_check_mode=True,
    )
    try:
        files = module.params["files"]
        secrets = [with_content(item, module.params["secret_contents"]) for item in module.params["secret_files"]]
        diffs = [ensure_directory(item, module.check_mode) for item in module.params["directories"]]
        differ = not module.check_mode and any(ensure_file(item, check_mode=True) for item in files + secrets)
        kept = differ and keep_former(module.params["former"], files + secrets)
        diffs += [ensure_file(item, module.check_mode) for item in files]
        diffs += [ensure_secret_file(item, module.check_mode) for item in secrets]
    except OSError as error:
        module.fail_json(msg=f"{error.filename2 or error.filename}: {error.strerror}")
    except ValueError as error:
        module.fail_json(msg=str(error))
    made = [diff for diff in diffs if diff]
    module.exit_json(changed=bool(made), former_kept=kept, changed_paths=[diff["header"] for diff in made], diff=made)


if __name__ == "__main__":
    main()

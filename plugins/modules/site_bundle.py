#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site_bundle
short_description: A directory that holds everything to set up one server without internet
version_added: "0.1.0"
author: OpenMRS Event Log contributors (@openmrs)
description:
  - Puts collections, Python packages, Debian packages, images and small files into one directory, with a list of
    checksums over all of it, the inventory that M(openmrs.event_log.site_inventory) wrote there included.
  - Archives of images and the set of packages are compared with their own checksums first, and images with the server's
    processor.
  - Compares by content, and writes only what differs. Files of an earlier bundle that are not wanted are removed.
  - Python packages are fetched once for each list of them, and kept in O(cache_dir).
attributes:
  check_mode:
    support: full
    description: Says which files would change. Python packages that are not in the cache yet are named as one, and
      counted with 16 MB.
  diff_mode:
    support: none
    description: RV(changed_paths) says it.
  platform:
    support: full
    platforms: posix
    description: Needs Python 3.8 or later, and pip when Python packages have to be fetched.
options:
  path:
    description: The directory. It and its parents are made. It may lie on a disk without owners and modes.
    type: path
    required: true
  site:
    description: Name of the site, for C(bundle.conf).
    type: str
    required: true
  release:
    description: Release of the server's system, for C(bundle.conf), as C(ID-VERSION_ID) of its C(os-release).
    type: str
    required: true
  python:
    description: Version of the server's Python.
    type: str
    required: true
  architecture:
    description: What the server's processor is called by C(dpkg --print-architecture).
    type: str
    choices: [amd64, arm64]
    default: amd64
  collections:
    description: The collections that a run needs, each as an archive. The first one is run.
    type: list
    elements: dict
    required: true
    suboptions:
      name: {description: "Its name, as NAMESPACE.NAME.", type: str, required: true}
      path: {description: Where it lies on this machine., type: path, required: true}
      only:
        description: Directories that are enough. By default everything that a run may need.
        type: list
        elements: str
        default: []
  requirements:
    description: List of Python packages with exact versions, dependencies included, in the format of pip.
    type: path
    required: true
  pip:
    description: The command that is pip.
    type: list
    elements: str
    required: true
  packages:
    description:
      - Directory with the set of Debian packages for the release, C(SHA256SUMS) included.
      - Without one the server uses its own mirror.
    type: path
  images:
    description: Names of the images that the server needs, each with a tag. Their archives lie in O(store).
    type: list
    elements: str
    default: []
  store:
    description: Directory with archives of images, as M(openmrs.event_log.image_archive) writes them.
    type: path
  archives:
    description: Further archives of images, by their path. Checksums and descriptions that lie beside them go along.
    type: list
    elements: path
    default: []
  files:
    description: Further files.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: Its name in the bundle., type: str, required: true}
      path: {description: Where it lies on this machine., type: path}
      content: {description: What it holds., type: str}
  inventory_changed:
    description: In check mode, whether M(openmrs.event_log.site_inventory) foretold that it would change the inventory.
    type: bool
    default: false
  cache_dir:
    description: Directory of this machine for what is fetched.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Write the bundle
  openmrs.event_log.site_bundle:
    path: /media/stick/hilltop
    site: hilltop
    release: debian-13
    python: "3.13"
    collections:
      - name: openmrs.event_log
        path: "{{ playbook_dir }}/.."
    requirements: "{{ role_path }}/files/requirements.txt"
    pip: ["{{ ansible_playbook_python }}", -m, pip]
    images: [openmrs-event-log:4.3.1-3.6.0-0a1b2c3d4e5f]
    store: /srv/event-log/images
    cache_dir: ~/.cache/event-log
"""

RETURN = r"""
changed_paths:
  description: Names of the bundle's files that were, or in check mode would be, written or removed.
  returned: success
  type: list
  elements: str
size:
  description: Size of the whole bundle in bytes.
  returned: success
  type: int
number:
  description:
    - First 12 digits of the checksum over the list of checksums. It says on the telephone which bundle it is.
    - Empty in check mode where it depends on files that are yet to be made.
  returned: success
  type: str
  sample: 0a1b2c3d4e5f
"""

import hashlib
from pathlib import Path
from typing import Any, Dict, List, Mapping

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils import _bundle, _bundle_checks, _bundle_parts
from ansible_collections.openmrs.event_log.plugins.module_utils._command import runner
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError

#: For what Ansible writes while it runs, and its compiled files.
SPARE = 64 << 20
#: More than Python packages that are not fetched yet have taken so far.
UNKNOWN_WHEELS = 16 << 20


def argument_spec() -> Dict[str, Any]:
    required = {"type": "str", "required": True}
    path = {"type": "path", "required": True}
    only = {"type": "list", "elements": "str", "default": []}
    file = {"name": required, "path": {"type": "path"}, "content": {"type": "str"}}
    collection = {"name": required, "path": path, "only": only}
    return {
        "path": path,
        "site": required,
        "release": required,
        "python": required,
        "architecture": {"type": "str", "choices": ["amd64", "arm64"], "default": "amd64"},
        "collections": {"type": "list", "elements": "dict", "required": True, "options": collection},
        "requirements": path,
        "pip": {"type": "list", "elements": "str", "required": True},
        "packages": {"type": "path"},
        "images": {"type": "list", "elements": "str", "default": []},
        "store": {"type": "path"},
        "archives": {"type": "list", "elements": "path", "default": []},
        "files": {"type": "list", "elements": "dict", "default": [], "options": file},
        "inventory_changed": {"type": "bool", "default": False},
        "cache_dir": path,
    }


def collections_of(params: Mapping[str, Any]) -> List[_bundle_parts.Collection]:
    given = params["collections"]
    return [_bundle_parts.Collection(item["name"], Path(item["path"]), tuple(item["only"])) for item in given]


def pieces_of(params: Mapping[str, Any], wheels: List[Path]) -> List[_bundle.Piece]:
    collections = collections_of(params)
    archives = {collection.archive_name: _bundle_parts.packed(collection) for collection in collections}
    pieces = [_bundle.Piece(f"collections/{name}", content=content) for name, content in archives.items()]
    pieces += [_bundle.Piece(f"wheels/{path.name}", path) for path in wheels]
    found = _bundle.find_archives(params["images"], params["store"] or "")
    pieces += _bundle.from_images(sorted({*found, *params["archives"]}), params["architecture"])
    if params["packages"]:
        _bundle_checks.check_set(Path(params["packages"]))
        pieces += _bundle.from_directory(Path(params["packages"]), f"packages/{params['release']}")
    for item in params["files"]:
        source = Path(item["path"]) if item["path"] else None
        pieces.append(_bundle.Piece(item["name"], source, (item["content"] or "").encode()))
    room = _bundle_parts.unpacked_size(archives.values(), wheels) + SPARE
    facts = {name: params[name] for name in ("site", "release", "python", "architecture")}
    facts.update(collection=collections[0].version, room_kb=str(room >> 10), format="1")
    return [*pieces, _bundle.Piece(_bundle.CONF, content=_bundle.conf_text(facts).encode())]


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    params = module.params

    root = Path(params["path"])
    inputs = (Path(params["requirements"]), params["python"], params["architecture"], Path(params["cache_dir"]))
    wheels = _bundle_parts.Wheels(*inputs)
    try:
        unknown = not wheels.present
        if unknown and not module.check_mode:
            wheels.fetch(params["pip"], runner(module))
        foretold = _bundle.Foretold()
        if module.check_mode:
            foretold = _bundle.Foretold(inventory=params["inventory_changed"], wheels=unknown)
        changes = _bundle.plan(root, pieces_of(params, wheels.files()), foretold)
        _bundle.check_space(root, changes, UNKNOWN_WHEELS if foretold.wheels else 0)
        if not module.check_mode:
            _bundle.carry_out(root, changes)
    except (EventLogError, OSError) as error:
        module.fail_json(msg=str(error))
    paths = changes.changed_paths + (["wheels"] if foretold.wheels else [])
    number = hashlib.sha256(changes.sums.encode()).hexdigest()[:12] if foretold == _bundle.Foretold() else ""
    module.exit_json(changed=bool(paths), changed_paths=paths, size=changes.total, number=number)


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: package_set
short_description: The packages that a server without internet needs, with all that they depend on
version_added: "0.1.0"
author: OpenMRS Event Log contributors (@openmrs)
description:
  - Collects packages of one Debian or Ubuntu release in a directory, with everything that they depend on, down to the
    C library. The smallest server, and one that was not updated for long, can install them from these files alone.
  - Beside the packages lie C(Packages) (an index for apt), C(SHA256SUMS), C(wanted), C(set.json) (release,
    architecture, versions) and C(install-packages), a shell script that installs what a server lacks.
  - The work is done in a container of the release, with the packages of the mirror that the image names. That
    the set is complete is proven there before it is taken over.
  - A set is made again when the wishes change, not when a mirror gets newer versions; for that there is O(refresh).
extends_documentation_fragment:
  - openmrs.event_log.workshop
attributes:
  check_mode:
    support: full
    description: Says whether the set would be made.
  diff_mode:
    support: none
    description: A set is made as a whole. The return value RV(updated) says which versions are new.
  platform:
    support: full
    platforms: posix
    description: Needs Python 3.8 or later, Docker, and a mirror of the release.
options:
  path:
    description: Directory of the set. It is replaced as a whole.
    type: path
    required: true
  release:
    description: System and version that the set is for.
    type: str
    required: true
  base:
    description:
      - Image of that release. One of Debian that is not here and cannot be pulled is made with C(debootstrap).
      - Where another one cannot be had, the task is skipped, and says why.
    type: str
    required: true
  groups:
    description: Packages by purpose. C(engine) and C(compose) are purposes that another vendor's packages may serve as
      well; any other name is that of a package.
    type: dict
    required: true
  later:
    description: A later suite that a few packages are taken from.
    type: dict
    suboptions:
      suite: {description: Its name., type: str, required: true}
      packages: {description: These and no others., type: list, elements: str, required: true}
  scripts:
    description: Directory with the scripts C(make-set), which runs in the container, and C(install-packages).
    type: path
    required: true
  refresh:
    description: Any text, say a date. When it changes, the set is made again, with the versions of that day.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Collect what a Debian 13 server needs for rsync
  openmrs.event_log.package_set:
    path: /srv/packages/debian-13
    release: debian-13
    base: debian:trixie-slim
    groups:
      rsync: [rsync]
    scripts: "{{ playbook_dir }}/../roles/offline_packages/files"
    log_path: /var/tmp/packages.log
"""

RETURN = r"""
made:
  description: Whether this run made the set, or would in check mode.
  returned: always
  type: bool
count:
  description: Number of packages, 0 when the set is only predicted.
  returned: success
  type: int
bytes:
  description: Their size together.
  returned: success
  type: int
updated:
  description: What the mirror had newer than the former set.
  returned: success
  type: list
  elements: str
  sample: ["zstd 1.5.6+dfsg-1 -> 1.5.7+dfsg-1"]
"""

import datetime
import json
from pathlib import Path
from typing import Any, Dict, Mapping, Sequence

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils import _package_set, _package_set_make
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError
from ansible_collections.openmrs.event_log.plugins.module_utils._image_argspec import workshop_of, workshop_options
from ansible_collections.openmrs.event_log.plugins.module_utils._image_build import Workshop


def argument_spec() -> Dict[str, Any]:
    later = {
        "suite": {"type": "str", "required": True},
        "packages": {"type": "list", "elements": "str", "required": True},
    }
    return {
        "path": {"type": "path", "required": True},
        "release": {"type": "str", "required": True},
        "base": {"type": "str", "required": True},
        "groups": {"type": "dict", "required": True},
        "later": {"type": "dict", "options": later},
        "scripts": {"type": "path", "required": True},
        "refresh": {"type": "str", "default": ""},
        **workshop_options(),
    }


def read_wanted(params: Mapping[str, Any]) -> _package_set.Wanted:
    later = params["later"] or {"suite": "", "packages": []}
    wanted = _package_set.Wanted(
        release=params["release"],
        base=params["base"],
        groups={str(name): tuple(map(str, names)) for name, names in params["groups"].items()},
        later=_package_set.Later(later["suite"], tuple(later["packages"])),
        scripts=_package_set_make.read_scripts(Path(params["scripts"])),
        refresh=params["refresh"],
    )
    _package_set.check(wanted)
    return wanted


def carry_out(params: Mapping[str, Any], workshop: Workshop, check_mode: bool) -> Dict[str, Any]:
    wanted, target = read_wanted(params), Path(params["path"])
    before = _package_set_make.existing(target)
    make = _package_set.key_of(before) != wanted.key
    index: Dict[str, Any] = json.loads(before) if before and not make else {}
    updated: Sequence[str] = []
    if make and not check_mode:
        today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
        index = _package_set_make.make(workshop, wanted, Path(params["scripts"]), target, today)
        updated = _package_set_make.differences(before, index["versions"])
    return {
        "changed": make,
        "made": make,
        "count": len(index.get("files", ())),
        "bytes": index.get("bytes", 0),
        "updated": list(updated),
    }


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)

    params = module.params
    try:
        result = carry_out(params, workshop_of(module, "package-set.log"), module.check_mode)
    except _package_set_make.NoBaseError as error:
        module.exit_json(changed=False, made=False, skipped=True, msg=f"skipped {params['release']}: {error}")
    except (EventLogError, OSError) as error:
        module.fail_json(msg=str(error), made=False)
    module.exit_json(**result)


if __name__ == "__main__":
    main()

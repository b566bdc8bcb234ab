#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_archive
short_description: Archives of container images, to be carried to servers without internet
version_added: "0.1.0"
author: OpenMRS Event Log contributors (@openmrs)
description:
  - Writes images of this machine's engine into a directory, as C(NAME-TAG.tar.zst) with a C(.sha256) and a C(.json)
    that describes it, where one of them is missing or damaged. An image that the engine does not have is pulled.
  - Returns what the directory holds, also without O(images).
  - Uses the commands C(docker) and C(zstd) only, no Python package.
attributes:
  check_mode:
    support: full
    description: Says which archives are missing or damaged.
  diff_mode:
    support: none
    description: An archive is written as a whole.
  platform:
    support: full
    platforms: posix
    description: Needs Python 3.8 or later, and Docker for O(images).
options:
  store:
    description: Directory of the archives. It is made if need be.
    type: path
    required: true
  images:
    description: Images, each with a tag. One that is named by its digest has no name when it is loaded elsewhere.
    type: list
    elements: str
    default: []
  optional:
    description: Further images, each with a tag. One that cannot be pulled is in RV(absent), and fails nothing.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Keep an archive of Kafdrop for the servers
  openmrs.event_log.image_archive:
    store: /srv/images
    images: ["obsidiandynamics/kafdrop:4.2.0"]

- name: List what is there
  openmrs.event_log.image_archive:
    store: /srv/images
  register: store
"""

RETURN = r"""
written:
  description: Images whose archive was written, or would be.
  returned: success
  type: list
  elements: str
absent:
  description: Those of O(optional) that could not be pulled. In check mode it is not tried.
  returned: success
  type: list
  elements: dict
  contains:
    image: {description: The image., type: str}
    why: {description: What was said., type: str}
archives:
  description: All archives of the directory, as their descriptions say.
  returned: success
  type: list
  elements: dict
  contains:
    image: {description: Name and tag., type: str}
    architecture: {description: Processor that it is for., type: str}
    archive: {description: Name of its file., type: str}
    archive_size: {description: Size of its file in bytes., type: int}
    archive_sha256: {description: Checksum of its file., type: str}
    plain_size: {description: Size in bytes before it was packed., type: int}
listing:
  description: The same in words, a line for each.
  returned: success
  type: list
  elements: str
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Dict, List, Sequence

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils import _image_archive, _image_store
from ansible_collections.openmrs.event_log.plugins.module_utils._command import runner
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError, InputError
from ansible_collections.openmrs.event_log.plugins.module_utils._image_build import ImageError, Workshop


def check_names(images: Sequence[str]) -> None:
    unnamed = [image for image in images if "@" in image or ":" not in image.rpartition("/")[2]]
    if unnamed:
        raise InputError(
            f"images holds {', '.join(unnamed)}: name each with a tag, for an archive carries names and tags."
        )


def keep(workshop: Workshop, image: str, store: Path) -> None:
    if workshop.image(image, must_answer=True) is None:
        workshop.logged(["docker", "pull", "--quiet", image], f"Pulling {image}")
    _image_store.write(workshop.logged, image, store)


def carry_out(module: AnsibleModule, workshop: Workshop) -> Dict[str, Any]:
    store, images, optional = Path(module.params["store"]), module.params["images"], module.params["optional"]
    check_names([*images, *optional])
    missing: List[str] = [image for image in [*images, *optional] if _image_store.sound(store, image) is None]
    absent: Dict[str, str] = {}
    for image in [] if module.check_mode else missing:
        try:
            keep(workshop, image, store)
        except ImageError as error:
            if image in images:
                raise
            absent[image] = str(error).splitlines()[-1]
    found = _image_store.everything(store)
    written = [image for image in missing if image not in absent]
    return {
        "changed": bool(written),
        "written": written,
        "absent": [{"image": image, "why": why} for image, why in absent.items()],
        "archives": [asdict(described) for described in found],
        "listing": [_image_archive.in_words(described) for described in found],
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "store": {"type": "path", "required": True},
            "images": {"type": "list", "elements": "str", "default": []},
            "optional": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )

    try:
        result = carry_out(module, Workshop(runner(module), Path(module.tmpdir) / "image-archive.log", None))
    except (EventLogError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()

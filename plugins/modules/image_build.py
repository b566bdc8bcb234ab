#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_build
short_description: A container image whose tag says what is in it
version_added: "0.1.0"
author: OpenMRS Event Log contributors (@openmrs)
description:
  - Builds an image with BuildKit, if the engine does not have it yet.
  - The tag is O(version), a hyphen and 12 hexadecimal digits of a SHA-256 over the context's sorted relative paths and
    contents, O(revision), O(base), O(target) and O(build_args). Modes, times and C(.git) are no part of it.
    The same files give the same tag on every machine, and a second run has nothing to do.
  - A base image C(debian:SUITE) or C(debian:SUITE-slim) that is not here and cannot be pulled is made
    with C(debootstrap).
  - Uses the C(docker) command only, no Python package. Works with Docker 20.10 and later.
extends_documentation_fragment:
  - openmrs.event_log.workshop
attributes:
  check_mode:
    support: full
    description: Says whether the image is missing. The tag is known even where there is no engine yet.
  diff_mode:
    support: none
    description: An image is built as a whole.
  platform:
    support: full
    platforms: posix
    description: Needs Python 3.8 or later and Docker.
options:
  context:
    description: Directory with the Dockerfile. It may say C(ARG BASE) and C(FROM ${BASE}).
    type: path
    required: true
  name:
    description: Name of the image, without a tag.
    type: str
    required: true
  version:
    description:
      - Readable half of the tag. By default the content of the file C(VERSION) in the directory of O(context) that is
        named as O(target), or else in O(context) itself.
    type: str
  revision:
    description: Raised to build anew from the same files, with newer packages; the build argument C(REVISION).
    type: int
    default: 1
  base:
    description: Base image, passed as the build argument C(BASE).
    type: str
    default: debian:trixie-slim
  target:
    description: Stage of the Dockerfile to build, by default the last.
    type: str
    default: ""
  build_args:
    description: Further build arguments.
    type: dict
    default: {}
  ca_file:
    description:
      - Bundle of certificate authorities that the build trusts besides its own, handed to it as the BuildKit
        secret C(ca), for networks whose proxy signs with its own authority. It is in no layer and no part of the tag.
      - By default the bundle of this machine, if there is one. Set it to an empty string to pass none.
    type: path
  archive_dir:
    description:
      - Also save the image to this directory, as C(NAME-TAG.tar.zst) with a C(.sha256) and a C(.json) that describes it
        beside it, where one of them is missing. Without the command C(zstd) it is C(NAME-TAG.tar).
    type: path
"""

EXAMPLES = r"""
- name: Build the image
  openmrs.event_log.image_build:
    context: "{{ playbook_dir }}/../images/event-log"
    name: openmrs-event-log
    log_path: /var/tmp/image-build.log
  register: image

- name: Build it, and write the archive for servers without internet
  openmrs.event_log.image_build:
    context: "{{ playbook_dir }}/../images/event-log"
    name: openmrs-event-log
    archive_dir: /srv/images
"""

RETURN = r"""
image:
  description: Reference of the image, name and tag.
  returned: always
  type: str
  sample: openmrs-event-log:4.3.1-3.6.0-0a1b2c3d4e5f
tag:
  description: The tag alone.
  returned: always
  type: str
  sample: 4.3.1-3.6.0-0a1b2c3d4e5f
built:
  description: Whether this run built it, or would in check mode.
  returned: success
  type: bool
base_origin:
  description: How the base image came here, V(present), V(pulled) or V(made). Empty when nothing was built.
  returned: success
  type: str
size:
  description: Size in bytes, 0 when it is only predicted.
  returned: success
  type: int
archive:
  description: Path of the archive, empty without O(archive_dir).
  returned: success
  type: str
archive_name:
  description: Name that the image's archive has, without the ending C(.tar) or C(.tar.zst).
  returned: always
  type: str
  sample: openmrs-event-log-4.3.1-3.6.0-0a1b2c3d4e5f
"""

from pathlib import Path
from typing import Any, Dict, Mapping, Optional

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils import _image, _image_archive, _image_store
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError
from ansible_collections.openmrs.event_log.plugins.module_utils._image_argspec import workshop_of, workshop_options
from ansible_collections.openmrs.event_log.plugins.module_utils._image_build import Workshop

CA_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")


def argument_spec() -> Dict[str, Any]:
    return {
        "context": {"type": "path", "required": True},
        "name": {"type": "str", "required": True},
        "version": {"type": "str"},
        "revision": {"type": "int", "default": 1},
        "base": {"type": "str", "default": _image.DEFAULT_BASE},
        "target": {"type": "str", "default": ""},
        "build_args": {"type": "dict", "default": {}},
        "ca_file": {"type": "path"},
        **workshop_options(),
        "archive_dir": {"type": "path"},
    }


def read_inputs(params: Mapping[str, Any]) -> _image.Inputs:
    context = Path(params["context"])
    inputs = _image.Inputs(
        name=params["name"],
        files=_image.read_context(context),
        version=_image.read_version(context, params["version"], params["target"]),
        revision=params["revision"],
        base=params["base"],
        target=params["target"],
        build_args={str(key): str(value) for key, value in params["build_args"].items()},
    )
    _image.check(inputs)
    return inputs


def certificates(given: Optional[str]) -> Optional[Path]:
    """The bundle that was named, else the machine's own; none when an empty one was named."""
    if given is not None:
        return Path(given) if given else None
    return next((Path(path) for path in CA_BUNDLES if Path(path).is_file()), None)


def carry_out(module: AnsibleModule, inputs: _image.Inputs, workshop: Workshop) -> Dict[str, Any]:
    found = workshop.image(inputs.reference, must_answer=not module.check_mode)
    directory = Path(module.params["archive_dir"]) if module.params["archive_dir"] else None
    stored = _image_store.sound(directory, inputs.reference) if directory else None
    build, save = found is None, directory is not None and stored is None
    origin = ""
    if not module.check_mode:
        if build:
            origin = workshop.make_base(inputs.base)
            workshop.build(inputs, Path(module.params["context"]), certificates(module.params["ca_file"]))
            found = workshop.image(inputs.reference, must_answer=True)
        if directory is not None and save:
            stored = _image_store.write(workshop.logged, inputs.reference, directory)
    return {
        "changed": build or save,
        "built": build,
        "base_origin": origin,
        "size": found.size if found else 0,
        "archive": str(directory / stored.archive) if directory and stored else "",
    }


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)

    names: Dict[str, str] = {}
    try:
        inputs = read_inputs(module.params)
        names.update(image=inputs.reference, tag=inputs.tag, archive_name=_image_archive.stem_of(inputs.reference))
        result = carry_out(module, inputs, workshop_of(module, "image-build.log"))
    except (EventLogError, OSError) as error:
        module.fail_json(msg=str(error), **names)
    module.exit_json(**names, **result)


if __name__ == "__main__":
    main()

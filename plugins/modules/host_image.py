#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_image
short_description: Container images on a host at the end of a slow line
version_added: "0.1.0"
author: OpenMRS Event Log contributors (@openmrs)
description:
  - Makes sure that the host's engine has images, each under the name that was asked for. One that is there stays.
  - An image comes from an archive on the host, from the control node's store of archives, or from a registry.
  - The first copy from the store is the packed archive. A later version moves only what differs from the image of the
    same name that the host has. A copy that was cut goes on where it stopped, in this run and in the next.
  - Everything is decided before anything is copied. An archive that is cut off, changed, or for another processor, and
    a disk that is too small, are refused then. Before an archive is loaded, every layer is compared with its digest.
  - Uses the commands C(docker) and C(zstd) on the host, and C(rsync) on both sides for copies; no Python package.
    Copies work over SSH and wherever M(ansible.posix.synchronize) does. Where the connection is local,
    the store itself is read.
attributes:
  check_mode:
    support: full
    description: Says what would come and how large it is, and copies nothing.
  diff_mode:
    support: none
    description: An image comes as a whole.
  platform:
    support: full
    platforms: posix
    description: Needs Python 3.8 or later; Docker once something is loaded.
options:
  images:
    description: Names of the images, each with a tag.
    type: list
    elements: str
    required: true
  optional:
    description:
      - Names of further images, each with a tag, that are brought if they can be had. One that cannot is in RV(absent)
        with the reason, and fails nothing.
      - Each comes from an archive where there is one, and else from its registry, unless O(source=archive).
        The registry is asked first, with C(docker manifest inspect).
    type: list
    elements: str
    default: []
  source:
    description:
      - Where a missing image comes from.
      - V(build) does nothing, and says whether the first O(built) images are missing; M(openmrs.event_log.image_build)
        makes them.
    type: str
    choices: [archive, build, registry]
    default: archive
  built:
    description: How many of O(images), counted from the first, are built where O(source) is V(build).
    type: int
    default: 1
  store:
    description: Directory of the control node with archives, as M(openmrs.event_log.image_archive) writes them.
    type: str
  places:
    description:
      - Archives on the host, or directories with archives named as in the store. They are preferred to the store.
      - A file with C(.sha256) added to an archive's name is compared, if it is there.
    type: list
    elements: str
    default: []
  incoming:
    description:
      - Directory on the host. Copies arrive in C(event-log-images) in it, which is removed once they are loaded.
        Whatever else is there stays.
    type: path
    default: /var/cache/event-log-incoming
  registry:
    description: What stands before a name where it is pulled, such as V(registry.hospital.example:5000/openmrs).
    type: str
    default: ""
  digest:
    description: Digest of the first image in the registry, C(sha256:...). It is then pulled by that and not by its tag.
    type: str
    default: ""
  own:
    description:
      - Names, without tag, whose former images are removed from the host when the next one comes, if nothing runs from
        them. In a run in which nothing comes, nothing is removed.
    type: list
    elements: str
    default: []
  keep:
    description:
      - How many of the former images of each name stay, first the one that runs, then the latest. V(-1) removes none.
    type: int
    default: 1
  bandwidth_kbit:
    description: Speed of the line to the host in kilobits per second, for the forecast. V(0) if nobody knows.
    type: int
    default: 0
  limit_kbit:
    description: Speed that copies keep below, in kilobits per second. V(0) for no limit.
    type: int
    default: 0
  minutes:
    description: Time that all copies and pulls of one run may take. What arrived by then is kept for the next run.
    type: int
    default: 240
  step:
    description: One step on the host, for the action plugin of this name. Not for playbooks.
    type: str
    choices: [look, receive, load, pull, finish]
    default: look
  given:
    description: What O(step) needs. Not for playbooks.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Bring the image, from the store or from a stick that was carried there
  openmrs.event_log.host_image:
    images: ["openmrs-event-log:4.3.1-3.6.0-0a1b2c3d4e5f"]
    store: "{{ lookup('ansible.builtin.env', 'HOME') }}/event-log/images"
    places: [/media/stick/images]
    own: [openmrs-event-log]
    bandwidth_kbit: 512

- name: Pull it from the hospital's registry
  openmrs.event_log.host_image:
    images: ["openmrs-event-log:4.3.1-3.6.0-0a1b2c3d4e5f"]
    source: registry
    registry: registry.hospital.example:5000/openmrs
"""

RETURN = r"""
images:
  description: What was done for each image, or would be.
  returned: success
  type: list
  elements: dict
  contains:
    image: {description: The image., type: str}
    way:
      description: V(nothing), V(load) from the host, V(whole) or V(delta) from the store, V(pull) or V(build).
      type: str
    moves: {description: Bytes that go over the line at most., type: int}
    here: {description: Bytes of a cut copy that are on the host already., type: int}
    basis: {description: Image of the host that the difference is made to., type: str}
forecast:
  description: In words, what moves and how long that takes.
  returned: success
  type: list
  elements: str
sent:
  description: Bytes that copies really sent and received.
  returned: when something was copied
  type: int
absent:
  description: Those of O(optional) that cannot be had.
  returned: success
  type: list
  elements: dict
  contains:
    image: {description: The image., type: str}
    why: {description: Where it was looked for and what to do., type: str}
removed:
  description: Former images that were removed, or would be.
  returned: success
  type: list
  elements: str
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Dict, Mapping

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils._command import runner
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError
from ansible_collections.openmrs.event_log.plugins.module_utils._guard_progress import Record
from ansible_collections.openmrs.event_log.plugins.module_utils._image_host import Engine
from ansible_collections.openmrs.event_log.plugins.module_utils._image_incoming import clear

INCOMING = "/var/cache/event-log-incoming"


def argument_spec() -> Dict[str, Any]:
    return {
        "images": {"type": "list", "elements": "str", "required": True},
        "optional": {"type": "list", "elements": "str", "default": []},
        "source": {"type": "str", "choices": ["archive", "build", "registry"], "default": "archive"},
        "built": {"type": "int", "default": 1},
        "store": {"type": "str"},
        "places": {"type": "list", "elements": "str", "default": []},
        "incoming": {"type": "path", "default": INCOMING},
        "registry": {"type": "str", "default": ""},
        "digest": {"type": "str", "default": ""},
        "own": {"type": "list", "elements": "str", "default": []},
        "keep": {"type": "int", "default": 1},
        "bandwidth_kbit": {"type": "int", "default": 0},
        "limit_kbit": {"type": "int", "default": 0},
        "minutes": {"type": "int", "default": 240},
        "step": {"type": "str", "choices": ["look", "receive", "load", "pull", "finish"], "default": "look"},
        "given": {"type": "dict", "default": {}},
    }


def carry_out(engine: Engine, params: Mapping[str, Any]) -> Dict[str, Any]:
    """One step. Every one but the look is asked for by the action plugin only when something has to be done."""
    step, given, incoming = params["step"], params["given"], Path(params["incoming"])
    if step == "receive":
        return {"changed": True, "here": _receive(engine, incoming, given)}
    if step == "load":
        Record("image").end()
        engine.load(given["image"], Path(given["archive"]), given["checksum"])
    elif step == "pull":
        engine.pull(given["image"], given["source"], int(given["seconds"]))
    elif step == "finish":
        clear(incoming)
        return {"changed": True, "removed": engine.remove(given["removals"])}
    else:
        images, ask = [*params["images"], *params["optional"]], given.get("ask", {})
        host = engine.look(given.get("name", "this host"), images, params["places"], incoming, ask)
        return {"changed": False, "host": asdict(host)}
    return {"changed": True}


def _receive(engine: Engine, incoming: Path, given: Mapping[str, Any]) -> int:
    """How much of it is there. Its size tells how far it is: `event-log status` looks at that meanwhile."""
    copy = engine.receive(incoming, given["name"], given["basis"], int(given["owner"]), given["others"])
    here = copy.stat().st_size if copy.exists() else 0
    Record("image").begin("image", given["image"], int(given["size"]), file=str(copy), first=here)
    return here


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)

    if module.check_mode and module.params["step"] != "look":
        module.exit_json(changed=True)
    try:
        module.exit_json(**carry_out(Engine(runner(module)), module.params))
    except (EventLogError, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()

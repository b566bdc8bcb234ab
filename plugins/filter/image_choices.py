# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: which images a host gets, and which of them have to be built."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Sequence

DOCUMENTATION = r"""
name: image_choices
author: OpenMRS Event Log contributors (@openmrs)
version_added: "0.1.0"
short_description: Which images a host gets, and which have to be built
description:
  - Turns what M(openmrs.event_log.image_build) said in check mode about each image of the collection into a choice.
    An image of the site's own stands in the place of the collection's, and is never built.
positional: found, source, save
options:
  _input:
    description:
      - Results of a loop over M(openmrs.event_log.image_build), whose items have C(name), C(target) and C(given).
    type: list
    elements: dict
    required: true
  found:
    description:
      - What M(openmrs.event_log.host_image) said about the same images, in the same order. Empty before it did.
    type: list
    elements: dict
    default: []
  source:
    description: Where images come from. Nothing is built but with V(build).
    type: str
    default: build
  save:
    description: Whether an image without its archive is built, to be saved.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show what would be built
  ansible.builtin.debug:
    msg: "{{ named.results | openmrs.event_log.image_choices(seen.images) | selectattr('due') }}"
"""

RETURN = r"""
_value:
  description:
    - One choice for each image, with C(name), C(target), and C(given) of its item; C(image), the name and tag that the
      host gets; C(due), whether it has to be built; and C(absent), whether it is the site's own, is missing and comes
      from nowhere.
  type: list
  elements: dict
"""


def image_choices(
    named: Sequence[Mapping[str, Any]],
    found: Sequence[Mapping[str, Any]] = (),
    source: str = "build",
    save: bool = False,
) -> List[Dict[str, Any]]:
    choices = []
    for number, result in enumerate(named):
        given = str(result["item"]["given"])
        missing = number < len(found) and found[number]["way"] != "nothing"
        unsaved = save and not result.get("archive")
        choices.append(
            {
                **result["item"],
                "image": given or result["image"],
                "due": source == "build" and not given and (missing or unsaved),
                "absent": source == "build" and bool(given) and missing,
            }
        )
    return choices


class FilterModule:
    def filters(self) -> Dict[str, Callable[..., Any]]:
        return {"image_choices": image_choices}

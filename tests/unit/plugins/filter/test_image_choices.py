# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any, Dict, List

from ansible_collections.openmrs.event_log.plugins.filter.image_choices import image_choices

SECOND = {"way": "nothing"}


def named(archive: str = "", given: str = "") -> List[Dict[str, Any]]:
    ours = [{"name": "one", "target": "", "given": given}, {"name": "two", "target": "zookeeper", "given": ""}]
    return [{"item": item, "image": f"{item['name']}:1", "archive": archive} for item in ours]


def due(*choices: Dict[str, Any]) -> List[str]:
    return [choice["image"] for choice in choices if choice["due"]]


def test_names_are_known_before_the_host_was_asked() -> None:
    choices = image_choices(named(given="shop:2"))
    assert [choice["image"] for choice in choices] == ["shop:2", "two:1"]
    assert due(*choices) == []
    assert [choice["target"] for choice in choices] == ["", "zookeeper"]


def test_what_is_missing_is_built_where_images_are_built() -> None:
    found = [SECOND, {"way": "build"}]
    assert due(*image_choices(named(), found)) == ["two:1"]
    assert due(*image_choices(named(), found, "archive")) == []
    assert due(*image_choices(named(), [SECOND, SECOND])) == []


def test_an_image_without_its_archive_is_built_to_be_saved() -> None:
    assert due(*image_choices(named(), [SECOND, SECOND], "build", True)) == ["one:1", "two:1"]
    assert due(*image_choices(named("/srv/one.tar"), [SECOND, SECOND], "build", True)) == []


def test_a_sites_own_image_is_never_built() -> None:
    one, two = image_choices(named(given="shop:2"), [{"way": "build"}, {"way": "build"}], "build", True)
    assert (one["due"], one["absent"]) == (False, True)
    assert (two["due"], two["absent"]) == (True, False)
    one, _ = image_choices(named(given="shop:2"), [{"way": "load"}, SECOND], "archive")
    assert not one["absent"], "it comes from an archive"

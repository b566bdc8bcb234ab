# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role as Ansible runs it in check mode: where images come from, what is predicted, what is refused.

One host per case, so that one run of ansible-playbook answers for all of them.
"""

from __future__ import annotations

import os
from typing import Any, Dict

import pytest

from tests.unit.plugins.module_utils.image_archives import saved, write
from tests.unit.role_files import ROOT
from tests.unit.roles.role_runs import Outcome, check

HERE = os.uname().machine.replace("x86_64", "amd64").replace("aarch64", "arm64")
#: An engine without images, and one that has shop:2 and two former ones; all were loaded, and shop:0 came last.
DOCKER = r"""#!/bin/sh
case "$1 $2" in
  "info --format") printf '{"DockerRootDir": "%s", "Architecture": "%s", "ID": "x"}\n' / "$(uname -m)" ;;
  "image ls") [ -z "$FULL" ] || printf 'shop:0\nshop:1\nshop:2\n' ;;
  "ps --all") echo nothing ;;
  "image inspect") [ -n "$FULL" ] && [ -z "${3##shop:[012]}" ] || { echo "Error: No such image: $3" >&2; exit 1; }
    echo "[{\"Id\": \"sha256:$3\", \"Size\": 1, \"Created\": \"$((2026 - ${3#*:}))-01-01T00:00:00Z\",
           \"Metadata\": {\"LastTagTime\": \"0001-01-01T00:00:00Z\"}}]" ;;
  "manifest inspect") [ -z "${3##reach*}" ] || { echo "no such host" >&2; exit 1; } ;;
  *) exit 99 ;;
esac
"""
BRING = "Bring the images"
NEXT = {"event_images_source": "registry", "event_images_image": "shop:3"}
# A page whose image the archives hold, and one that is nowhere.
PAGES = {"event_stack_uis": ["kafdrop", "kowl"], "event_stack_kowl_image": "page:1"}
CASES: Dict[str, Dict[str, Any]] = {
    "lying": {"event_images_archive": "{{ archives }}"},
    "whole_file": {"event_images_archive": "{{ archives }}/shop-2.tar"},
    "store": {"event_log_images_dir": "{{ archives }}"},
    "truncated": {"event_images_archive": "{{ archives }}/cut/shop-2.tar"},
    "nowhere": {"event_images_archive": "{{ archives }}/nothing"},
    "registry": {"event_images_source": "registry", "event_images_registry": "reg.example"},
    "own_image": {"event_images_source": "build"},
    "there": {"event_images_name": "shop", "full": "yes"},
    "upgrade": {"event_images_name": "shop", "full": "yes", "event_images_keep": 2, **NEXT},
    "zookeeper": {"event_images_source": "registry", "event_stack_mode": "zookeeper"},
    "zookeeper_own": {
        "event_images_archive": "{{ archives }}",
        "event_stack_mode": "zookeeper",
        "event_log_zookeeper_image": "zoo:1",
    },
    "extra": {"event_images_archive": "{{ archives }}", "event_images_extra": ["other:1"]},
    "pages": {"event_images_archive": "{{ archives }}", **PAGES},
    "pages_there": {"event_images_name": "shop", "full": "yes", **PAGES},
    "pages_required": {"event_images_archive": "{{ archives }}", **PAGES, "event_stack_uis_required": True},
    "pages_pulled": {
        "full": "yes",
        "event_images_source": "registry",
        **PAGES,
        "event_stack_kafdrop_image": "reach/k:1",
    },
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Outcome]:
    folder = tmp_path_factory.mktemp("event_images")
    for word, value in (("empty", ""), ("full", "yes")):
        (folder / word).mkdir()
        (folder / word / "docker").write_text(DOCKER.replace("$FULL", value))
        (folder / word / "docker").chmod(0o755)
    archives = folder / "archives"
    write(archives / "shop-2.tar", saved("shop:2", architecture=HERE))
    write(archives / "page-1.tar", saved("page:1", architecture=HERE))
    write(archives / "zoo-1.tar", saved("zoo:1", architecture=HERE))
    cut = write(archives / "cut" / "shop-2.tar", saved("shop:2", architecture=HERE))
    cut.write_bytes(cut.read_bytes()[:-600])
    hosts = {
        name: {
            "path": f"{folder / variables.get('full', 'empty').replace('yes', 'full')}:{os.environ['PATH']}",
            "archives": str(archives),
            "event_images_source": "archive",
            "event_images_image": "shop:2",
            "event_images_incoming": str(folder / name),
            **variables,
        }
        for name, variables in CASES.items()
    }
    return check(folder, [{"import_role": {"name": "openmrs.event_log.event_images"}}], hosts)


@pytest.mark.parametrize(("case", "word"), [("lying", "load"), ("whole_file", "load"), ("registry", "pull")])
def test_what_is_missing_is_predicted(outcomes: Dict[str, Outcome], case: str, word: str) -> None:
    outcome = outcomes[case]
    assert outcome.failure == ""
    assert outcome.changed == [BRING]
    assert [image["way"] for image in outcome.result(BRING)["images"]] == [word]
    assert outcome.result("Publish the names of the images")["ansible_facts"]["event_images_reference"] == "shop:2"


def test_a_store_without_a_description_has_no_archive(outcomes: Dict[str, Outcome]) -> None:
    """A store is read where it lies here, for the connection is local; its file is an archive like another."""
    assert outcomes["store"].changed == [BRING]


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("truncated", ["cut off or was changed", "Copy both files"]),
        ("nowhere", ["There is no archive of shop:2", "event_log_images_dir", "event_images_archive", "images.yml"]),
        ("own_image", ["shop:2", "event_images_source", "is not on this host"]),
        ("extra", ["There is no archive of other:1"]),
    ],
)
def test_what_cannot_be_is_refused_in_words(outcomes: Dict[str, Outcome], case: str, words: list[str]) -> None:
    assert [word for word in words if word not in outcomes[case].failure] == []
    assert outcomes[case].changed == []


def test_former_images_are_removed_with_the_next_and_by_their_own_rule(outcomes: Dict[str, Outcome]) -> None:
    assert outcomes["upgrade"].failure == ""
    assert outcomes["upgrade"].result(BRING)["removed"] == ["shop:2"]
    assert outcomes["upgrade"].result(BRING)["images"][0]["way"] == "pull"
    assert outcomes["there"].changed == []
    assert BRING not in [name for name, _ in outcomes["there"].results], "nothing to do is one look"


KAFDROP = "obsidiandynamics/kafdrop:4.2.0"
LEFT_OUT = "Say which web pages are left out"


def there(outcome: Outcome) -> Any:
    return outcome.result("Publish the names of the images")["ansible_facts"]["event_images_uis_there"]


def test_the_images_of_web_pages_come_along_and_may_be_missing(outcomes: Dict[str, Outcome]) -> None:
    found = outcomes["pages"]
    assert found.failure == ""
    assert [image["way"] for image in found.result(BRING)["images"]] == ["load", "load"]
    assert there(found) == ["kowl"]
    told = found.result(LEFT_OUT)["msg"]
    words = (
        KAFDROP,
        "the event log goes on without it",
        "event_images_archive",
        "docs/uis.md",
        "openmrs.event_log.images",
    )
    assert [word for word in words if word not in told] == []
    assert "page:1" not in told


def test_a_web_page_that_cannot_be_had_is_no_change(outcomes: Dict[str, Outcome]) -> None:
    found = outcomes["pages_there"]
    assert (found.failure, found.changed, there(found)) == ("", [], [])
    assert KAFDROP in found.result(LEFT_OUT)["msg"]
    assert "page:1" in found.result(LEFT_OUT)["msg"]


def test_a_registry_that_has_the_image_is_foreseen(outcomes: Dict[str, Outcome]) -> None:
    found = outcomes["pages_pulled"]
    assert (found.failure, found.changed, there(found)) == ("", [BRING], ["kafdrop"])
    assert "It cannot be pulled: no such host." in found.result(LEFT_OUT)["msg"]


def test_a_web_page_that_must_be_there_is_refused_before_anything_changes(outcomes: Dict[str, Outcome]) -> None:
    found = outcomes["pages_required"]
    assert found.changed == []
    words = (
        "event_stack_uis_required is true",
        "event_stack_uis is kafdrop, kowl",
        KAFDROP,
        "images.yml",
        "Or take the page out",
    )
    assert [word for word in words if word not in found.failure] == []


def test_a_site_without_web_pages_is_told_nothing(outcomes: Dict[str, Outcome]) -> None:
    assert LEFT_OUT not in [name for name, _ in outcomes["lying"].results]
    assert there(outcomes["lying"]) == []


def published(outcome: Outcome) -> tuple[str, str]:
    facts = outcome.result("Publish the names of the images")["ansible_facts"]
    return facts["event_images_reference"], facts["event_images_zookeeper_reference"]


def test_with_zookeeper_a_second_image_comes_in_the_same_way(outcomes: Dict[str, Outcome]) -> None:
    for case, way in (("zookeeper", "pull"), ("zookeeper_own", "load")):
        assert outcomes[case].failure == ""
        images = outcomes[case].result(BRING)["images"]
        assert [image["way"] for image in images] == [way, way]
        assert published(outcomes[case]) == tuple(image["image"] for image in images)
    version = (ROOT / "images/event-log/zookeeper/VERSION").read_text().strip()
    assert published(outcomes["zookeeper"])[1].startswith(f"openmrs-event-log-zookeeper:{version}-")
    assert published(outcomes["zookeeper_own"])[1] == "zoo:1"
    assert published(outcomes["lying"])[1] == ""

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bundle holds all that a run uses: the collections that roles and playbooks name, and Python packages."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path
from typing import Dict, Iterator, List, Set, Tuple

import pytest
import yaml
from ansible_collections.openmrs.event_log.plugins.filter.bundle import collection_path
from packaging.requirements import Requirement

from tests.unit.role_files import ROOT

ROLE = ROOT / "roles/site_bundle"
OUTSIDE = re.compile(r"\b((?:community|ansible|containers|kubernetes)\.(?!builtin\b)[a-z_]+)\.([a-z_0-9]+)\b")
BUNDLED = yaml.safe_load((ROLE / "vars/main.yml").read_text(encoding="utf-8"))["__site_bundle_collections"]


def texts() -> Iterator[Tuple[Path, str]]:
    for directory in ("roles", "playbooks", "plugins"):
        for path in sorted((ROOT / directory).rglob("*")):
            if path.suffix in (".yml", ".j2", ".py") and path.parent != ROLE / "vars":
                yield path, re.sub(r"^\s*#.*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)


def used() -> Set[Tuple[str, str]]:
    """Collections and their parts, where YAML calls them."""
    return {found for path, text in texts() if path.suffix != ".py" for found in OUTSIDE.findall(text)}


def test_every_collection_that_is_used_is_in_the_bundle() -> None:
    assert ("community.docker", "docker_compose_v2") in used()
    assert {name for name, _ in used()} <= {item["name"] for item in BUNDLED}


def test_of_a_collection_in_part_the_part_that_is_used_is_there() -> None:
    partial = {item["name"]: item["only"] for item in BUNDLED if "only" in item}
    assert "community.general" in partial
    for name, part in sorted(used()):
        if name in partial:
            root = Path(collection_path(name))
            assert [root / kept / f"{part}.py" for kept in partial[name] if (root / kept / f"{part}.py").is_file()], (
                part
            )


def pinned() -> Dict[str, str]:
    lines: List[str] = (ROLE / "files/requirements.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {name.lower(): version for name, version in pairs}


@pytest.mark.parametrize("name", sorted(pinned()))
def test_a_package_comes_with_all_that_it_needs(name: str) -> None:
    if importlib.metadata.version(name) != pinned()[name]:
        pytest.skip(f"{name} is here in another version than in the bundle")
    needs = [Requirement(line) for line in importlib.metadata.requires(name) or []]
    needed = [need for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    assert {need.name.lower() for need in needed} <= set(pinned())
    assert [str(need) for need in needed if not need.specifier.contains(pinned()[need.name.lower()])] == []


def test_a_collection_that_is_not_there_is_told_with_the_remedy() -> None:
    with pytest.raises(Exception, match=r"ansible-galaxy collection install no\.such"):
        collection_path("no.such")

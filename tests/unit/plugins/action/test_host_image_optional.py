# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control node's half for images that may be missing: asked for, brought, or left out with the reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _image_store

from tests.unit.plugins.action.test_host_image import NEW, Clock, action, clock, image, run, store

__all__ = ["clock", "store"]  # fixtures

PAGE = "reg.example/kowl:1"


def test_an_image_that_may_be_missing_and_is_fails_nothing(store: Path, clock: Clock) -> None:
    for check in (True, False):
        asked = action(store, check=check, optional=[PAGE])
        asked.seen["present"] = [{"reference": NEW, "layers": [], "size": 1, "tagged": "", "in_use": True}]
        result = run(asked)
        assert (asked.asked, result["changed"]) == (["look"], False)
        assert result["absent"][0]["image"] == PAGE
        assert "There is no archive of" in result["absent"][0]["why"]
        assert asked.given[0]["ask"] == {}, "where images come as archives, nobody asks a registry"


@pytest.mark.parametrize(("source", "registry"), [("build", ""), ("registry", "reg.local/x")])
def test_its_registry_is_asked_before_it_is_pulled(store: Path, clock: Clock, source: str, registry: str) -> None:
    asked = action(store, source=source, registry=registry, optional=[PAGE])
    asked.seen.update(present=[image(2, "2026-01")], unreached={})
    result = run(asked)
    name = f"{registry}/{PAGE}" if registry else PAGE
    assert asked.given[0]["ask"] == {PAGE: name}
    assert (asked.asked, asked.given[1]["source"], result["absent"]) == (["look", "pull"], name, [])
    assert result["changed"] is True
    refused = action(store, source=source, registry=registry, optional=[PAGE])
    refused.seen.update(present=[image(2, "2026-01")], unreached={PAGE: "no such host"})
    result = run(refused)
    assert (refused.asked, result["changed"]) == (["look"], False)
    assert "It cannot be pulled: no such host." in result["absent"][0]["why"]


def test_a_pull_that_fails_after_all_is_no_change(store: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = action(store, source="build", optional=[PAGE])
    asked.seen["present"] = [image(2, "2026-01")]
    answers = asked._execute_module

    def failing(*words: Any, **more: Any) -> dict[str, Any]:
        told = answers(*words, **more)
        return {"failed": True, "msg": "toomanyrequests"} if asked.asked[-1] == "pull" else told

    monkeypatch.setattr(asked, "_execute_module", failing)
    result = run(asked)
    assert (result["changed"], result["absent"]) == (False, [{"image": PAGE, "why": "toomanyrequests"}])


def test_a_damaged_archive_of_an_image_that_may_be_missing_leaves_it_out(
    store: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = _image_store.find(store, NEW)
    assert stored is not None
    asked = action(store, optional=[PAGE])
    asked.seen["present"] = [image(2, "2026-01")]
    monkeypatch.setattr(asked, "_stored", lambda _image: replace(stored, image=PAGE, archive_size=1))
    result = run(asked)
    assert (asked.asked, result["changed"]) == (["look"], False)
    assert "cut off or was changed" in result["absent"][0]["why"]

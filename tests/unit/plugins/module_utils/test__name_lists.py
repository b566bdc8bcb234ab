# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debezium's lists of names: what is one expression of them, and what it matches."""

from __future__ import annotations

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _name_lists as subject


@pytest.mark.parametrize("name", ["openmrs.person", "open-mrs.person$x", "a,b.c", "ä.b"])
def test_a_literal_matches_its_own_name_alone_also_in_a_list(name: str) -> None:
    listed = f"other.x,{subject.literal(name)}"
    assert subject.matches(listed, name)
    assert not subject.matches(listed, name.replace(".", "x"))
    assert subject.expressions(listed) == ["other.x", subject.literal(name)]


@pytest.mark.parametrize(
    ("listed", "matched"),
    [
        ("", False),
        (" , ", False),
        ("openmrs.obs", True),
        ("x.y , OPENMRS\\.obs ", True),
        ("openmrs.ob", False),
        ("(broken,openmrs.obs", True),
        ("(broken", False),
        (".*", True),
    ],
)
def test_a_whole_name_is_matched_in_any_case(listed: str, matched: bool) -> None:
    assert subject.matches(listed, "openmrs.obs") == matched

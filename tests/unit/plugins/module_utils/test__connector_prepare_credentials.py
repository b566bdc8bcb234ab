# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connectors of files capture no credentials, whatever else they say about columns."""

from __future__ import annotations

from typing import Dict

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _connector_prepare as subject

from tests.unit.plugins.module_utils.test__connector_prepare import MINIMAL, SITE, file, prepared, problems

CREDENTIALS = r"[^.]+\.users\.(?:password|salt|secret_question|secret_answer|activation_key)"


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, CREDENTIALS),
        ({"column.exclude.list": "openmrs.person.gender"}, f"openmrs.person.gender,{CREDENTIALS}"),
        ({"column.blacklist": "openmrs.person.gender"}, f"openmrs.person.gender,{CREDENTIALS}"),
        ({"column.include.list": r"openmrs\.person\..*"}, None),
    ],
)
def test_credentials_are_added_to_what_a_file_leaves_out(own: Dict[str, str], expected: str | None) -> None:
    made = prepared({**MINIMAL, **own})
    assert made.config.get("column.exclude.list") == expected
    again = subject.prepare_all([file("two", made.config)], SITE, "")
    assert again.connectors[0].config.get("column.exclude.list") == expected


def test_a_file_that_captures_credentials_is_refused_by_name() -> None:
    (problem,) = problems(file("two", {**MINIMAL, "column.include.list": r"openmrs\.users\..*"}))
    assert "/site/two.json, connector two" in problem
    assert "users.password" in problem

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values as SQL text."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

import pytest
from ansible_collections.openmrs.event_log.roles.openmrs_sample.files.openmrs_sample import sql


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (True, "1"),
        (False, "0"),
        (12, "12"),
        (36.6, "36.6"),
        (date(1984, 2, 29), "'1984-02-29'"),
        (datetime(2024, 5, 6, 7, 8, 9, 999), "'2024-05-06 07:08:09'"),
        (time(6, 7), "'06:07:00'"),
        ("O'Brien", r"'O\'Brien'"),
        ("C:\\path", r"'C:\\path'"),
        ("two\nlines", r"'two\nlines'"),
        ("𞤀𞤣", "'𞤀𞤣'"),
        ("\\'; DROP TABLE obs; -- ", r"'\\\'; DROP TABLE obs; -- '"),
    ],
)
def test_literal(value: Any, text: str) -> None:
    assert sql.literal(value) == text


def test_an_unknown_column_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="patient has no column uuid"):
        sql.insert("patient", [{"patient_id": 1, "uuid": "x"}])


def test_flags_are_never_null_and_the_rest_is() -> None:
    text = sql.insert("patient_identifier_type", [{"patient_identifier_type_id": 1, "name": "A"}])
    assert text.endswith("VALUES\n(1,'A',NULL,0,0,NULL,NULL,NULL,NULL)")

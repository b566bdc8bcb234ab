# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choices about patients' data that would not mean what they say are refused, with the remedy."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _patient_check as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._patient_data import Policy

TABLES = ["person", "users"]
COLUMNS: Dict[str, Dict[str, Dict[str, Any]]] = {
    "person": {
        "person_id": {"type": "int", "key": True},
        "gender": {"type": "varchar", "key": False},
        "birthdate": {"type": "date", "key": False},
        "uuid": {"type": "char", "key": False},
    },
}
KEYED = {"t": {"ident": {"type": "varchar", "key": True}, "note": {"type": "text", "key": False}}}


def said(policy: Policy, **overrides: Any) -> List[str]:
    return subject.problems(policy, TABLES, {key.replace("_", "."): value for key, value in overrides.items()})


def found(policy: Policy, columns: Any, **overrides: Any) -> List[str]:
    named = {key.replace("_", "."): value for key, value in overrides.items()}
    return subject.column_problems(policy, "openmrs", columns, named)[0]


def told(policy: Policy, columns: Any) -> List[str]:
    return subject.column_problems(policy, "openmrs", columns, {})[1]


@pytest.mark.parametrize("profile", ["full", "masked", "minimal"])
def test_a_plain_choice_is_no_problem(profile: str) -> None:
    assert said(Policy(profile)) == []
    assert subject.column_problems(Policy(profile), "openmrs", COLUMNS, {}) == ([], [])


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (Policy("most"), ["event_log_patient_data is most", "full, masked, minimal"]),
        (Policy("full", ["person.birthdate"]), ["event_connector_masked_columns is person.birthdate", "full", "Set"]),
        (Policy("minimal", (), ["person.gender"]), ["event_connector_clear_columns is person.gender", "minimal"]),
        (Policy("masked", ["birthdate"]), ["event_connector_masked_columns has 'birthdate'", "write table.column"]),
        (Policy("masked", ["obs.comments"]), ["event_connector_masked_columns has obs.comments", "event_log_tables ("]),
        (Policy("masked", (), ["users.password"]), ["event_connector_clear_columns has users.password", "Remove"]),
        (Policy("masked", ["person.gender"], ["person.gender"]), ["both have person.gender", "Remove"]),
    ],
)  # fmt: skip
def test_what_the_lists_cannot_mean_is_refused(policy: Policy, words: List[str]) -> None:
    (problem,) = said(policy)
    assert [word for word in words if word not in problem] == []


@pytest.mark.parametrize(
    ("profile", "override", "value", "word"),
    [
        ("masked", "column_truncate_to_5_chars", "x", "column.truncate.to.5.chars"),
        ("masked", "column_include_list", "x", "column.include.list"),
        ("masked", "column_propagate_source_type", "x", "column.propagate.source.type"),
        ("minimal", "column_exclude_list", "x", "column.exclude.list"),
        ("minimal", "include_query", True, "include.query"),
        ("full", "include_query", "true", "the table users is captured"),
        ("full", "column_include_list", r"openmrs\.users\.(user_id|password)", "users.password"),
    ],
)
def test_overrides_that_would_undo_the_choice_are_refused(profile: str, override: str, value: Any, word: str) -> None:
    (problem,) = said(Policy(profile), **{override: value})
    assert word in problem
    assert "event_connector_overrides" in problem


def test_overrides_that_do_not_are_taken() -> None:
    assert said(Policy("masked"), column_exclude_list="a", include_query=False, column_mask_with_0_chars=None) == []
    assert said(Policy(), column_exclude_list="a", column_truncate_to_9_chars="b") == []
    assert said(Policy(), column_include_list=r"openmrs\.users\.user_id") == []


@pytest.mark.parametrize(
    ("policy", "variable"),
    [
        (Policy("masked", ["person.brithdate"]), "event_connector_masked_columns"),
        (Policy("masked", (), ["person.brithdate"]), "event_connector_clear_columns"),
    ],
)
def test_a_column_that_is_not_there_is_refused_with_those_that_are(policy: Policy, variable: str) -> None:
    (problem,) = found(policy, COLUMNS)
    assert f"{variable} has person.brithdate" in problem
    assert "person_id, gender, birthdate, uuid" in problem
    assert "Correct the name" in problem


@pytest.mark.parametrize("kind", ["json", "blob", "varbinary", "point", "vector", "something_new"])
def test_a_type_that_cannot_be_emptied_wants_a_decision(kind: str) -> None:
    columns = {"person": {"extra": {"type": kind, "key": False}}}
    (problem,) = found(Policy("masked"), columns)
    assert [word for word in ("person.extra", kind, "event_connector_masked_columns") if word not in problem] == []
    assert found(Policy("masked", ["person.extra"]), columns) == []
    assert found(Policy("masked", (), ["person.extra"]), columns) == []
    assert found(Policy("full"), columns) == found(Policy("minimal"), columns) == []


@pytest.mark.parametrize("profile", ["masked", "minimal"])
def test_a_key_with_what_is_hidden_is_refused(profile: str) -> None:
    (problem,) = found(Policy(profile), KEYED)
    assert [word for word in (f"is {profile}", "t.ident", "event_log_tables") if word not in problem] == []


def test_a_key_that_may_tell_who_it_is_is_told_under_full() -> None:
    assert found(Policy(), KEYED) == []
    (warning,) = told(Policy(), KEYED)
    assert "t.ident" in warning


def test_a_site_may_say_that_a_key_tells_nothing_or_choose_another() -> None:
    assert found(Policy("masked", (), ["t.ident"]), KEYED) == []
    (problem,) = found(Policy("masked"), KEYED, message_key_columns=r"openmrs\.t:note;openmrs.other:x")
    assert "t.note" in problem


def test_a_file_that_captures_credentials_is_refused() -> None:
    captures = {"table.include.list": "openmrs.person,openmrs.users", "database.include.list": "openmrs"}
    assert subject.file_problems(captures, "openmrs") == []
    (problem,) = subject.file_problems({**captures, "column.include.list": ".*"}, "openmrs")
    assert "users.password" in problem
    (problem,) = subject.file_problems({**captures, "include.query": "true"}, "openmrs")
    assert "include.query" in problem
    elsewhere = {"table.include.list": "openmrs.person", "column.include.list": ".*", "include.query": "true"}
    assert subject.file_problems(elsewhere, "openmrs") == []

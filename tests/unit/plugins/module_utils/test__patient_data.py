# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is captured of patients' data: by what stays, so that what nobody thought of is hidden."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _debezium
from ansible_collections.openmrs.event_log.plugins.module_utils import _patient_data as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._patient_data import CLEAR, EMPTY, LEFT_OUT, Policy
from hypothesis import given
from hypothesis import strategies as st

SCHEMA = Path(__file__).parents[4] / "roles/openmrs_sample/files/openmrs_sample/schema"
SECRET = ("password", "salt", "secret_question", "secret_answer", "activation_key")
#: The sample's tables about persons, and the columns of them that hold text and may stay.
STAYS = {
    "person.gender", "patient.allergy_status", "obs.status", "obs.interpretation",
}  # fmt: skip
NAMES = st.text("abcdefghijklmnopqrstuvwxyz_0123456789", min_size=1, max_size=20)


def sample() -> Iterator[Tuple[str, str, str]]:
    """Table, column and type of the sample's schema."""
    for file in sorted(SCHEMA.glob("*.sql")):
        for table, body in re.findall(r"CREATE TABLE (\w+) \((.*?)\n\)", file.read_text(encoding="utf-8"), re.DOTALL):
            for name, kind in re.findall(r"^\s+(\w+) ([a-z]+)", body, re.MULTILINE):
                yield table, name, kind


def fate(profile: str, column: str, kind: str = "varchar", **more: Any) -> str:
    return subject.fate(subject.settings(Policy(profile, **more), {}), f"openmrs.{column}", kind)


@pytest.mark.parametrize("profile", subject.PROFILES)
@pytest.mark.parametrize("column", SECRET)
def test_credentials_are_captured_in_no_profile(profile: str, column: str) -> None:
    assert fate(profile, f"users.{column}") == LEFT_OUT
    assert fate(profile, f"USERS.{column.upper()}") == LEFT_OUT


def test_everything_else_is_clear_by_default() -> None:
    columns = list(sample())
    assert len(columns) > 100
    odd = {f"{t}.{c}" for t, c, k in columns if fate("full", f"{t}.{c}", k) != CLEAR} - {f"users.{c}" for c in SECRET}
    assert odd == set()


def test_masked_leaves_no_text_of_the_sample_but_coded_words_and_metadata() -> None:
    clear = {
        f"{table}.{name}"
        for table, name, kind in sample()
        if kind in subject.CHARACTER
        and table not in subject.METADATA
        and fate("masked", f"{table}.{name}", kind) == CLEAR
    }
    assert {column for column in clear if not column.endswith(".uuid")} == STAYS


def test_masked_leaves_what_is_no_text() -> None:
    for table, name, kind in sample():
        if kind not in subject.CHARACTER and table != "users":
            assert fate("masked", f"{table}.{name}", kind) == CLEAR


@given(NAMES, NAMES)
def test_a_column_that_nobody_knows_is_emptied(table: str, column: str) -> None:
    known = table in subject.METADATA or column == "uuid" or column in subject.CODED.get(table, ())
    assert known or fate("masked", f"{table}.{column}", "text") == EMPTY


@pytest.mark.parametrize("table", subject.METADATA)
def test_metadata_keep_their_text_but_not_the_reasons(table: str) -> None:
    assert fate("masked", f"{table}.name") == CLEAR
    for reason in subject.REASONS:
        assert fate("masked", f"{table}.{reason}") == EMPTY


@pytest.mark.parametrize(
    "table", ["person_attribute", "provider", "location_attribute", "global_property", "concept_proposal"]
)
def test_tables_that_only_sound_like_metadata_are_emptied(table: str) -> None:
    assert fate("masked", f"{table}.name") == EMPTY


def test_a_site_refines_masked() -> None:
    more: Dict[str, Any] = {"masked": ["person.birthdate", "person.gender"], "clear": ["person_address.country"]}
    assert fate("masked", "person.birthdate", "date", **more) == LEFT_OUT
    assert fate("masked", "person.gender", **more) == LEFT_OUT
    assert fate("masked", "person_address.country", **more) == CLEAR
    assert fate("masked", "person_address.country_of_birth", **more) == EMPTY
    assert fate("masked", "other.country", **more) == EMPTY


@pytest.mark.parametrize(
    ("column", "kind", "expected"),
    [
        ("person.person_id", "int", CLEAR),
        ("person.uuid", "char", CLEAR),
        ("obs.encounter_id", "int", CLEAR),
        ("obs.date_created", "datetime", CLEAR),
        ("obs.voided", "tinyint", CLEAR),
        ("encounter.encounter_type", "int", CLEAR),
        ("person.birthdate", "date", LEFT_OUT),
        ("person.gender", "varchar", LEFT_OUT),
        ("obs.obs_datetime", "datetime", LEFT_OUT),
        ("obs.value_numeric", "double", LEFT_OUT),
        ("obs.value_coded", "int", LEFT_OUT),
        ("obs.value_coded_name_id", "int", LEFT_OUT),
        ("obs.value_text", "text", LEFT_OUT),
        ("encounter_type.name", "varchar", LEFT_OUT),
        # A number of a person that is named like a key: text is emptied even so.
        ("person.national_id", "varchar", EMPTY),
        ("users.system_id", "varchar", EMPTY),
    ],
)
def test_minimal_is_keys_and_marks_of_change(column: str, kind: str, expected: str) -> None:
    assert fate("minimal", column, kind) == expected


def test_minimal_lets_no_text_of_the_sample_pass() -> None:
    for table, name, kind in sample():
        if kind in subject.CHARACTER and name != "uuid":
            assert fate("minimal", f"{table}.{name}", kind) != CLEAR


def test_a_sites_own_lists_are_added_to_and_never_taken() -> None:
    own = {"column.exclude.list": r"openmrs\.person\.gender"}
    made = subject.settings(Policy(), own)
    assert made["column.exclude.list"].startswith(own["column.exclude.list"] + ",")
    assert subject.fate(made, "openmrs.users.password", "varchar") == LEFT_OUT
    gone = subject.settings(Policy("masked"), {"column.exclude.list": None, "column.mask.with.0.chars": None})
    assert gone == subject.settings(Policy("masked"), {})
    included = subject.settings(Policy(), {"column.include.list": r"openmrs\.person\..*"})
    assert set(included) == {"column.include.list"}
    assert subject.fate(included, "openmrs.users.password", "varchar") == LEFT_OUT


def test_what_is_appended_stands_there_once() -> None:
    once = subject.appended("a, b", ["c"])
    assert once == "a,b,c"
    assert subject.appended(once, ["c"]) == once


@pytest.mark.parametrize("profile", subject.PROFILES)
def test_no_expression_holds_a_comma_of_its_own(profile: str) -> None:
    """Debezium cuts lists there."""
    more = {"masked": ["a.b"], "clear": ["c.d"]} if profile == "masked" else {}
    for listed in subject.settings(Policy(profile, **more), {}).values():
        for pattern in listed.split(","):
            re.compile(pattern)


def test_the_connector_gets_them_whatever_the_site_overrides() -> None:
    source = _debezium.Source(
        site="s", host="h", port=1, database="openmrs", user="u", password_file="/f", tables=["users"],
        overrides={"column.exclude.list": None, "column.mask.with.0.chars": "x", "poll.interval.ms": 7},
        patient_data="masked",
    )  # fmt: skip
    made = {key: str(value) for key, value in _debezium.connector_config(source).items()}
    assert made["poll.interval.ms"] == "7"
    assert subject.fate(made, "openmrs.users.password", "varchar") == LEFT_OUT
    assert subject.fate(made, "openmrs.users.username", "varchar") == EMPTY


@pytest.mark.parametrize("profile", subject.PROFILES)
def test_the_table_of_signals_stays_legible_and_nothing_else_does(profile: str) -> None:
    made = subject.settings(Policy(profile), {}, "event_log.debezium_signal")
    for column in ("id", "type", "data"):
        assert subject.fate(made, f"event_log.debezium_signal.{column}", "varchar") == CLEAR
    hidden = subject.fate(subject.settings(Policy(profile), {}), "openmrs.person_name.given_name", "varchar")
    for near in ("openmrs.person_name.given_name", "event_log.debezium_signals.data", "openmrs.debezium_signal.data"):
        assert subject.fate(made, near, "varchar") == hidden

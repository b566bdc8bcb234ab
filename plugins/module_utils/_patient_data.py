# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the patients' data a connector captures: everything, everything but text, or hardly more than keys. Pure.

Settings of Debezium 3.6 ("Debezium connector for MySQL", Connector properties), each a list of regular expressions that
match the whole of ``database.table.column``, without regard to case:

- ``column.mask.with.0.chars`` empties columns of character types and leaves all others as they are. The first rule that
  matches a column decides, and one of ``column.truncate`` goes before one of ``column.mask``.
- ``column.exclude.list`` and ``column.include.list`` leave columns out; only one of the two may be set.
- None of them touches a message's key.

By what stays clear, not by what is hidden: a column that a later DDL adds is hidden.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterable, List, Mapping, Sequence, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._name_lists import expressions, literal, matches
from ansible_collections.openmrs.event_log.plugins.module_utils._stack_config import Overrides

FULL, MASKED, MINIMAL = "full", "masked", "minimal"
#: From the one that tells most to the one that tells least.
PROFILES = (FULL, MASKED, MINIMAL)

EXCLUDE, INCLUDE, MASK = "column.exclude.list", "column.include.list", "column.mask.with.0.chars"
KEYS, QUERY = "message.key.columns", "include.query"

#: Never captured, whatever the profile. Names of OpenMRS 2.x.
CREDENTIALS: Mapping[str, Tuple[str, ...]] = {
    "users": ("password", "salt", "secret_question", "secret_answer", "activation_key"),
}

#: Text that stays under ``masked``: a word of a fixed list, never what somebody has typed.
CODED: Mapping[str, Tuple[str, ...]] = {
    "allergy": ("allergen_type",),
    "conditions": ("clinical_status", "verification_status"),
    "drug_order": ("dosing_type",),
    "encounter_diagnosis": ("certainty",),
    "obs": ("interpretation", "status", "value_modifier"),
    "orders": ("fulfiller_status", "order_action", "urgency"),
    "patient": ("allergy_status",),
    "person": ("gender",),
    "referral_order": ("laterality",),
    "test_order": ("laterality",),
    "user_property": ("property",),
    "user_role": ("role",),
}
#: In every table.
ANYWHERE = ("uuid",)

#: Tables that describe the hospital's forms, places and words and no person: their text stays under ``masked``.
METADATA: Tuple[str, ...] = (
    "care_setting",
    "concept",
    "concept_answer",
    "concept_attribute_type",
    "concept_class",
    "concept_complex",
    "concept_datatype",
    "concept_description",
    "concept_map_type",
    "concept_name",
    "concept_name_tag",
    "concept_name_tag_map",
    "concept_numeric",
    "concept_reference_map",
    "concept_reference_source",
    "concept_reference_term",
    "concept_reference_term_map",
    "concept_set",
    "concept_stop_word",
    "diagnosis_attribute_type",
    "drug",
    "drug_ingredient",
    "drug_reference_map",
    "encounter_role",
    "encounter_type",
    "field",
    "field_answer",
    "field_type",
    "form",
    "form_field",
    "location",
    "location_attribute_type",
    "location_tag",
    "location_tag_map",
    "order_attribute_type",
    "order_frequency",
    "order_group_attribute_type",
    "order_set",
    "order_set_attribute_type",
    "order_set_member",
    "order_type",
    "order_type_class_map",
    "patient_identifier_type",
    "person_attribute_type",
    "privilege",
    "program",
    "program_attribute_type",
    "program_workflow",
    "program_workflow_state",
    "provider_attribute_type",
    "provider_role",
    "relationship_type",
    "role",
    "role_privilege",
    "role_role",
    "visit_attribute_type",
    "visit_type",
)
#: What somebody has typed, in metadata too.
REASONS = ("retire_reason", "void_reason")

#: What ``minimal`` captures. What is named value_… is a value, also where it is a key of another table.
MINIMAL_COLUMNS = (
    r"(?!value_).+_id",
    "uuid",
    "creator",
    "changed_by",
    "voided_by",
    "retired_by",
    "date_created",
    "date_changed",
    "date_voided",
    "date_retired",
    "voided",
    "retired",
    "preferred",
    "encounter_type",
    "identifier_type",
    "parent_location",
    "person_a",
    "person_b",
    "previous_version",
    "relationship",
)

#: Types as information_schema names them. What the mask empties …
CHARACTER = {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"}
#: … and what cannot hold text, or is a UUID. All others (json, blob, binary, geometry, …) the mask does not see.
PLAIN = {
    *("bit", "tinyint", "smallint", "mediumint", "int", "integer", "bigint", "decimal", "numeric", "float", "double"),
    *("real", "date", "datetime", "timestamp", "time", "year", "uuid"),
}

CLEAR, EMPTY, LEFT_OUT = "clear", "empty", "left out"


@dataclass(frozen=True)
class Policy:
    """What the site has chosen. ``masked`` and ``clear`` are columns as ``table.column``."""

    profile: str = FULL
    masked: Sequence[str] = ()
    clear: Sequence[str] = ()


def settings(policy: Policy, overrides: Overrides, signals: str = "") -> dict[str, str]:
    """Return the properties for columns; of the site's own ones what goes beside them stays, see ``problems``.

    ``signals`` is the table that the connector reads its signals from, which it could not understand masked.
    """
    own = {key: str(value) for key, value in overrides.items() if _decides(key) and value is not None}
    if policy.profile == MINIMAL:
        included = _pattern("[^.]+", _any(MINIMAL_COLUMNS))
        if signals:
            included += rf",{re.escape(signals)}\..+"
        return {**own, INCLUDE: included, MASK: _but(signals, _pattern("[^.]+", r"(?!uuid$).+"))}
    if policy.profile == MASKED:
        own[MASK] = ",".join(_but(signals, pattern) for pattern in _masks(policy))
    if INCLUDE not in own:
        own[EXCLUDE] = appended(own.get(EXCLUDE, ""), _excluded(policy))
    return own


def _decides(key: str) -> bool:
    return key in (EXCLUDE, INCLUDE) or key.startswith(("column.mask.", "column.truncate."))


def appended(listed: str, patterns: Iterable[str]) -> str:
    """Return a list of expressions with others behind it, each of which stands there once."""
    there = expressions(listed)
    return ",".join([*there, *(one for one in patterns if one not in there)])


def _pattern(table: str, column: str) -> str:
    return rf"[^.]+\.{table}\.{column}"


def _but(signals: str, pattern: str) -> str:
    """Return an expression that does not match the columns of the table of signals."""
    return rf"(?!{re.escape(signals)}\.){pattern}" if signals else pattern


def _any(names: Iterable[str]) -> str:
    return f"(?:{'|'.join(names)})"


def credentials() -> List[str]:
    """Return the expressions for what is never captured."""
    return [_pattern(table, _any(columns)) for table, columns in CREDENTIALS.items()]


def _excluded(policy: Policy) -> List[str]:
    return [*credentials(), *(rf"[^.]+\.{column}" for column in map(literal, sorted(policy.masked)))]


def _masks(policy: Policy) -> List[str]:
    coded = [f"{table}.{column}" for table, columns in CODED.items() for column in columns]
    stays = rf"(?!{_any(map(literal, sorted({*coded, *policy.clear})))}$)"
    metadata = _any(METADATA)
    # An expression must not hold a comma: Debezium cuts the list there.
    return [
        rf"[^.]+\.{stays}(?!{metadata}\.)[^.]+\.(?!{_any(ANYWHERE)}$).+",
        rf"[^.]+\.{stays}{metadata}\.{_any(REASONS)}",
    ]


def fate(config: Mapping[str, str], column: str, kind: str) -> str:
    """Return what becomes of the values of ``database.table.column`` of a type, by the properties for columns."""
    included = config.get(INCLUDE)
    if matches(config.get(EXCLUDE, ""), column) or (included is not None and not matches(included, column)):
        return LEFT_OUT
    return EMPTY if kind in CHARACTER and matches(config.get(MASK, ""), column) else CLEAR


def names_credentials(listed: str, database: str) -> List[str]:
    """Return the columns with credentials that a list of expressions matches, as ``table.column``."""
    return [
        f"{table}.{column}"
        for table, columns in CREDENTIALS.items()
        for column in columns
        if matches(listed, f"{database}.{table}.{column}")
    ]

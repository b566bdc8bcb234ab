# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a database: seen, remembered or declared; and the class, the TLS and the file that follow."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any, Dict, List, Optional

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _connector_source as subject
from hypothesis import given
from hypothesis import strategies as st

SITE = subject.Site("openmrs-connector", "openmrs", "db.example.org", 3306, "openmrs")
ZONE = {"name": "SYSTEM", "system": "EAT", "utc_offset_minutes": 180}
MYSQL: Dict[str, Any] = {
    "flavour": "mysql",
    "version": "8.0.12",
    "server_uuid": "b8d52ea5-7f1d-11ef-9d5e-0242ac110002",
    "tls_offered": True,
    "tls_versions": ["TLSv1.2", "TLSv1.3"],
    "time_zone": ZONE,
}
MARIADB = {**MYSQL, "flavour": "mariadb", "version": "11.8.2", "server_uuid": None}
NOON = datetime(2026, 6, 15, 12, tzinfo=timezone.utc)


def known(seen: Optional[Dict[str, Any]] = None, remembered: str = "", **site: Any) -> subject.Known:
    return subject.connector_source(replace(SITE, **site), seen or {}, remembered, NOON)


def test_the_facts_for_consumers_as_a_whole() -> None:
    assert known(MYSQL, time_zone="Africa/Nairobi").facts == {
        "address": "db.example.org:3306",
        "connector": "openmrs-connector",
        "database": "openmrs",
        "flavour": "mysql",
        "patient_data": {"profile": "full", "masked_columns": [], "clear_columns": []},
        "server_uuid": "b8d52ea5-7f1d-11ef-9d5e-0242ac110002",
        "signal_table": None,
        "time_zone": {"site": "Africa/Nairobi", "name": "SYSTEM", "system": "EAT", "utc_offset_minutes": 180},
        "tls_offered": True,
        "tls_versions": ["TLSv1.2", "TLSv1.3"],
        "topic_prefix": "openmrs",
        "version": "8.0.12",
    }


def test_where_nobody_looked_the_default_is_mysql_and_nothing_is_made_up() -> None:
    made = known()
    assert (made.flavour, made.ssl_mode, made.problems, made.notes) == ("mysql", "preferred", (), ())
    assert made.facts["time_zone"] == {"site": None, "name": None, "system": None, "utc_offset_minutes": None}
    assert (made.facts["version"], made.facts["server_uuid"], made.facts["tls_offered"]) == (None, None, None)


@pytest.mark.parametrize("seen", [MYSQL, MARIADB])
def test_a_run_that_did_not_look_says_the_same_as_the_one_that_did(seen: Dict[str, Any]) -> None:
    looked = known(seen)
    assert known(remembered=json.dumps(looked.facts)) == looked


def test_what_is_seen_counts_more_than_what_is_remembered() -> None:
    remembered = json.dumps(known(MARIADB).facts)
    assert known(MYSQL, remembered) == known(MYSQL)


@pytest.mark.parametrize(
    "remembered",
    [
        "",
        "{",
        "[]",
        "null",
        json.dumps({"address": "db.example.org:3306", "flavour": "mariadb"}),
        json.dumps({**known(MARIADB).facts, "address": "db.example.org:3307"}),
        json.dumps({**known(MARIADB).facts, "version": None}),
    ],
)
def test_what_is_no_memory_of_this_server_is_forgotten(remembered: str) -> None:
    assert known(remembered=remembered) == known()


def test_a_flavour_that_was_only_declared_contradicts_nobody_later() -> None:
    declared = json.dumps(known(flavour="mariadb").facts)
    assert known(remembered=declared, flavour="mysql").problems == ()
    assert known(remembered=declared).flavour == "mysql"


@pytest.mark.parametrize(
    ("declared", "seen", "flavour"),
    [
        ("", MARIADB, "mariadb"),
        ("", MYSQL, "mysql"),
        ("mariadb", None, "mariadb"),
        ("mariadb", MARIADB, "mariadb"),
        ("", {**MYSQL, "flavour": "other"}, "mysql"),
        ("mariadb", {**MYSQL, "flavour": "other"}, "mariadb"),
        ("mariadb", {"flavour": None}, "mariadb"),
    ],
)
def test_the_flavour_is_declared_or_seen(declared: str, seen: Any, flavour: str) -> None:
    made = known(seen, flavour=declared)
    assert (made.flavour, made.facts["flavour"], made.problems) == (flavour, flavour, ())


@pytest.mark.parametrize(("declared", "seen"), [("mysql", MARIADB), ("mariadb", MYSQL)])
def test_a_flavour_that_contradicts_what_was_seen_is_one_message(declared: str, seen: Dict[str, Any]) -> None:
    for made in (known(seen, flavour=declared), known(remembered=json.dumps(known(seen).facts), flavour=declared)):
        (message,) = made.problems
        assert f"event_log_database_flavour is {declared}" in message
        assert f"the server at db.example.org:3306 is {seen['flavour']} ({seen['version']})" in message


OLD = {"tls_versions": ["TLSv1", "TLSv1.1"]}


@pytest.mark.parametrize(
    ("seen", "wanted", "mode"),
    [
        (MYSQL, "preferred", "preferred"),
        ({**MYSQL, "tls_offered": False}, "preferred", "preferred"),
        ({**MYSQL, "tls_offered": None}, "preferred", "preferred"),
        ({**MYSQL, **OLD}, "preferred", "disabled"),
        ({**MYSQL, "tls_versions": []}, "preferred", "preferred"),
        (MARIADB, "preferred", "required"),
        ({**MARIADB, "tls_offered": False}, "preferred", "disabled"),
        ({**MARIADB, "tls_offered": None}, "preferred", "disabled"),
        ({**MARIADB, **OLD}, "preferred", "disabled"),
        ({**MARIADB, "tls_versions": ["TLSv1.1", "TLSv1.2"]}, "preferred", "required"),
        (MARIADB, "disabled", "disabled"),
        (MYSQL, "disabled", "disabled"),
        (MARIADB, "verify_ca", "verify_ca"),
        (MYSQL, "required", "required"),
        (MYSQL, "verify_identity", "verify_identity"),
    ],
)
def test_tls_is_used_where_the_server_offers_it_and_the_site_does_not_say_otherwise(
    seen: Dict[str, Any], wanted: str, mode: str
) -> None:
    made = known(seen, ssl_mode=wanted)
    assert (made.ssl_mode, made.problems) == (mode, ())


@pytest.mark.parametrize("wanted", ["required", "verify_ca", "verify_identity"])
@pytest.mark.parametrize(
    ("seen", "words"),
    [
        ({**MYSQL, "tls_offered": False}, "offers no TLS"),
        ({**MARIADB, "tls_offered": False, **OLD}, "offers no TLS"),
        ({**MYSQL, **OLD}, "speaks only TLSv1, TLSv1.1, which Java refuses"),
    ],
)
def test_tls_that_cannot_be_is_told_before_the_connector_fails(seen: Dict[str, Any], wanted: str, words: str) -> None:
    (message,) = known(seen, ssl_mode=wanted).problems
    assert f"event_connector_ssl_mode is {wanted}, but the server at db.example.org:3306 {words}" in message


@pytest.mark.parametrize("seen", [{}, {**MYSQL, "tls_offered": None, "tls_versions": []}])
def test_where_nothing_is_known_of_tls_the_driver_finds_out(seen: Dict[str, Any]) -> None:
    assert known(seen, ssl_mode="verify_ca").problems == ()


def test_both_contradictions_are_told_at_once() -> None:
    assert len(known({**MYSQL, "tls_offered": False}, flavour="mariadb", ssl_mode="required").problems) == 2


@pytest.mark.parametrize(
    ("zone", "offset", "notes"),
    [
        ("Africa/Nairobi", 180, []),
        ("Africa/Kigali", 180, ["event_log_time_zone is Africa/Kigali (UTC+02:00 now)", "clock shows UTC+03:00"]),
        ("Asia/Kathmandu", 345, []),
        ("America/Port-au-Prince", 0, ["UTC-04:00", "UTC+00:00"]),
        ("Africa/Nairobi", None, []),
        ("Nowhere/Land", 180, []),
        ("../../etc/passwd", 180, []),
        ("", 180, []),
    ],
)
def test_a_declared_zone_and_the_databases_clock(zone: str, offset: Optional[int], notes: List[str]) -> None:
    made = known({**MYSQL, "time_zone": {**ZONE, "utc_offset_minutes": offset}}, time_zone=zone)
    assert made.facts["time_zone"]["site"] == (zone or None), "the site's word stands, whatever the database says"
    assert len(made.notes) == bool(notes)
    assert all(words in made.notes[0] for words in notes)
    assert made.problems == ()


@pytest.mark.parametrize(("minutes", "text"), [(0, "UTC+00:00"), (345, "UTC+05:45"), (-210, "UTC-03:30")])
def test_an_offset_for_people(minutes: int, text: str) -> None:
    assert subject.offset_text(minutes) == text


@given(st.dictionaries(st.sampled_from(sorted(subject.SEEN)), st.none() | st.booleans() | st.text() | st.integers()))
def test_a_hand_over_of_odd_values_is_read_as_not_known(seen: Dict[str, Any]) -> None:
    made = known(seen)
    assert made.flavour in ("mysql", "mariadb")
    json.dumps(made.facts)


@given(st.text())
def test_any_text_in_the_place_of_the_file_is_survived(text: str) -> None:
    assert known(remembered=text).flavour == "mysql"

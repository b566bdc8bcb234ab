# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SHOW GRANTS as real servers print it, and what may be concluded from it."""

from __future__ import annotations

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_grants import like, parse_grants, pattern

HASH = "IDENTIFIED BY PASSWORD '*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19'"
CASES = [
    ("GRANT USAGE ON *.* TO 'a'@'%'", "RELOAD", False),
    ("GRANT RELOAD ON *.* TO 'a'@'%'", "RELOAD", True),
    ("GRANT RELOAD, REPLICATION SLAVE ON *.* TO `a`@`%`", "REPLICATION SLAVE", True),
    ("GRANT REPLICATION REPLICA ON *.* TO `a`@`%`", "REPLICATION SLAVE", True),
    ("GRANT REPLICATION SLAVE ADMIN ON *.* TO `a`@`%`", "REPLICATION SLAVE", False),
    ("GRANT BINLOG MONITOR ON *.* TO `a`@`%` " + HASH, "REPLICATION CLIENT", True),
    ("GRANT REPLICATION CLIENT ON *.* TO `a`@`%`", "BINLOG MONITOR", True),
    ("GRANT ALL PRIVILEGES ON *.* TO 'root'@'localhost' WITH GRANT OPTION", "RELOAD", True),
    ("GRANT ALL PRIVILEGES ON *.* TO `a`@`%` " + HASH + " WITH GRANT OPTION", "REPLICATION SLAVE", True),
    ("GRANT ALL ON *.* TO `a`@`%`", "RELOAD", True),
    ("GRANT ALL PRIVILEGES ON `openmrs`.* TO 'a'@'%'", "RELOAD", False),
    ("GRANT FLUSH_TABLES,BACKUP_ADMIN ON *.* TO `a`@`%`", "FLUSH_TABLES", True),
    ("GRANT PROXY ON ''@'' TO 'root'@'localhost' WITH GRANT OPTION", "RELOAD", False),
    ("grant reload on *.* to a", "RELOAD", True),
    ("GRANT RELOAD ON *.* TO 'o''neil ON *.* TO'@'%'", "RELOAD", True),
    ("GRANT USAGE ON *.* TO 'RELOAD, SELECT ON *.* TO'@'%'", "RELOAD", False),
    ("GRANT `reload`@`%` TO `a`@`%`", "RELOAD", False),
    ("SET DEFAULT ROLE `r` FOR `a`@`%`", "RELOAD", False),
    ("", "RELOAD", False),
]


@pytest.mark.parametrize(("line", "privilege", "allowed"), CASES)
def test_privileges_on_the_whole_server(line: str, privilege: str, allowed: bool) -> None:
    assert parse_grants([line]).allows(privilege) is allowed


TABLE_CASES = [
    ("GRANT SELECT ON *.* TO a", "openmrs", "person", True),
    ("GRANT SELECT ON `openmrs`.* TO 'a'@'%'", "openmrs", "person", True),
    ("GRANT SELECT ON `openmrs`.* TO 'a'@'%'", "other", "person", False),
    ("GRANT ALL PRIVILEGES ON `openmrs`.* TO a", "openmrs", "person", True),
    (r"GRANT SELECT ON `open\_mrs`.* TO a", "open_mrs", "person", True),
    (r"GRANT SELECT ON `open\_mrs`.* TO a", "openXmrs", "person", False),
    ("GRANT SELECT ON `open_mrs`.* TO a", "openXmrs", "person", True),
    ("GRANT SELECT ON `openmrs%`.* TO a", "openmrs_test", "person", True),
    ("GRANT SELECT ON `openmrs`.`person` TO a", "openmrs", "person", True),
    ("GRANT SELECT ON `openmrs`.`person` TO a", "openmrs", "patient", False),
    ("GRANT SELECT ON `openmrs`.`person` TO a", "openmrs", "*", False),
    ("GRANT SELECT ON `open_mrs`.`person` TO a", "openXmrs", "person", False),
    ("GRANT SELECT (`gender`, `dead`), INSERT ON `openmrs`.`person` TO a", "openmrs", "person", False),
    ("GRANT SELECT (`gender`), SELECT ON `openmrs`.`person` TO a", "openmrs", "person", True),
    ("GRANT SELECT ON TABLE `openmrs`.`person` TO a", "openmrs", "person", True),
    ("GRANT SELECT ON `odd``name`.* TO a", "odd`name", "t", True),
    ("GRANT SELECT ON `odd.name, TO`.* TO a", "odd.name, TO", "t", True),
    ('GRANT SELECT ON "openmrs".* TO "a"@"%"', "openmrs", "person", True),
    ("GRANT EXECUTE ON FUNCTION `openmrs`.`person` TO a", "openmrs", "person", False),
    ("GRANT EXECUTE ON PROCEDURE `openmrs`.`p` TO a", "openmrs", "p", False),
]


@pytest.mark.parametrize(("line", "database", "table", "allowed"), TABLE_CASES)
def test_select_on_a_table(line: str, database: str, table: str, allowed: bool) -> None:
    assert parse_grants([line]).allows("SELECT", database, table) is allowed


def test_execute_on_routines_is_not_execute_on_tables() -> None:
    assert parse_grants(["GRANT EXECUTE ON FUNCTION `openmrs`.`f` TO a"]).entries == ()


def test_roles_are_named() -> None:
    lines = ["GRANT USAGE ON *.* TO `a`@`%`", "GRANT `capture`@`%`,`other`@`localhost` TO `a`@`%`", "GRANT `r` TO `b`"]
    assert parse_grants(lines).roles == ("capture", "other", "r")


def test_the_privileges_of_active_roles_count() -> None:
    lines = ["GRANT USAGE ON *.* TO `a`@`%`", "GRANT `r`@`%` TO `a`@`%`", "GRANT RELOAD ON *.* TO `a`@`%`"]
    assert parse_grants(lines).allows("RELOAD")


def test_a_partial_revoke_takes_the_database_away() -> None:
    grants = parse_grants(["GRANT SELECT ON *.* TO `a`@`%`", "REVOKE SELECT ON `openmrs`.* FROM `a`@`%`"])
    assert not grants.allows("SELECT", "openmrs", "person")
    assert grants.allows("SELECT", "other", "person")
    assert grants.allows("SELECT")


def test_no_line_is_no_privilege() -> None:
    assert not parse_grants([]).allows("SELECT", "openmrs", "person")


@pytest.mark.parametrize(
    ("line", "passes_on"),
    [
        ("GRANT SELECT ON `a`.* TO `b`@`c` WITH GRANT OPTION", True),
        ("GRANT USAGE ON *.* TO `b`@`c` IDENTIFIED BY PASSWORD '*2' WITH MAX_QUERIES_PER_HOUR 5 GRANT OPTION", True),
        ("GRANT SELECT ON `a`.* TO `b`@`c`", False),
        ("GRANT SELECT ON `a`.* TO `b`@`WITH GRANT OPTION`", False),
    ],
)
def test_passing_privileges_on_is_a_privilege(line: str, passes_on: bool) -> None:
    [entry] = parse_grants([line]).entries
    assert ("GRANT OPTION" in entry.privileges) is passes_on


@pytest.mark.parametrize("name", ["openmrs", "open_mrs", "a%b_c\\d", "", "o`p"])
def test_the_pattern_of_a_name_means_that_name_alone(name: str) -> None:
    assert like(pattern(name), name)
    assert not like(pattern(name), name + "x")
    assert not like(pattern("a_b"), "aXb")


@pytest.mark.parametrize(
    ("text", "name", "matches"),
    [
        ("openmrs", "openmrs", True),
        ("openmrs", "openmrs2", False),
        ("%", "anything", True),
        ("open.rs", "openmrs", False),
        (r"a\%", "a%", True),
        (r"a\%", "ab", False),
        ("a\\", "a\\", True),
    ],
)
def test_patterns(text: str, name: str, matches: bool) -> None:
    assert like(text, name) is matches

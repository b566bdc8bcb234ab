# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The statements that carry a plan out, word by word, and that passwords stand in values only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, List, Tuple

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_account as plans
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_account_sql as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_account import Account, Desired
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_grants import Grants

from tests.unit.plugins.module_utils.mysql_sources import ALL
from tests.unit.plugins.module_utils.test__mysql_account import DESIRED, grants, planned, server, sound

PASSWORD = "secret-word"
HASH = subject.native_hash(PASSWORD)
WHO = ("event_log", "localhost")


def said(kind: str, current: Account, literal: bool = False, **desired: Any) -> List[Tuple[str, Tuple[str, ...]]]:
    wanted = replace(DESIRED, **desired)
    plan = planned(kind, current, **desired)
    assert not plan.refusal
    made = subject.statements(server(kind), plan, current, wanted, PASSWORD, literal_names=literal)
    assert all(PASSWORD not in statement.text for statement in made)
    return [(statement.text, statement.values) for statement in made]


@pytest.mark.parametrize("kind", ALL)
def test_a_new_account(kind: str) -> None:
    create, everywhere, select = said(kind, Account())
    if kind.startswith("mariadb"):
        assert create == ("CREATE USER %s@%s IDENTIFIED BY PASSWORD %s PASSWORD EXPIRE NEVER", (*WHO, HASH))
    else:
        assert create == ("CREATE USER %s@%s IDENTIFIED BY %s PASSWORD EXPIRE NEVER", (*WHO, PASSWORD))
    assert everywhere[0].endswith(" ON *.* TO %s@%s")
    assert select == (r"GRANT SELECT ON `open\_mrs`.* TO %s@%s", WHO)
    assert not any("IDENTIFIED" in text for text, _values in (everywhere, select))


def test_tls_is_required_from_the_beginning() -> None:
    create = said("mysql-8.0", Account(), require_tls=True)[0][0]
    assert create == "CREATE USER %s@%s IDENTIFIED BY %s REQUIRE SSL PASSWORD EXPIRE NEVER"


@pytest.mark.parametrize(
    ("kind", "plugin", "words", "secret"),
    [
        ("mysql-5.7", "mysql_native_password", "WITH mysql_native_password BY %s", PASSWORD),
        ("mysql-8.0", "sha256_password", "WITH sha256_password BY %s", PASSWORD),
        ("mysql-9.7", "caching_sha2_password", "WITH caching_sha2_password BY %s", PASSWORD),
        ("mariadb-11.8", "mysql_native_password", "BY PASSWORD %s", HASH),
    ],
)
def test_an_existing_account_keeps_its_plugin(kind: str, plugin: str, words: str, secret: str) -> None:
    current = sound(kind, login=plans.WRONG, plugin=plugin)
    assert said(kind, current) == [(f"ALTER USER %s@%s IDENTIFIED {words}", (*WHO, secret))]


def test_a_plugin_that_the_server_has_not_loaded_gives_way_to_its_default() -> None:
    current = sound("mysql-8.4", login=plans.NO_PLUGIN)
    assert said("mysql-8.4", current) == [("ALTER USER %s@%s IDENTIFIED BY %s", (*WHO, PASSWORD))]


def test_everything_about_the_login_is_one_statement() -> None:
    current = sound("mysql-8.0", login=plans.EXPIRED, locked=True)
    [(text, _values)] = said("mysql-8.0", current, require_tls=True)
    assert text == (
        "ALTER USER %s@%s IDENTIFIED WITH mysql_native_password BY %s REQUIRE SSL PASSWORD EXPIRE NEVER ACCOUNT UNLOCK"
    )
    assert said("mariadb-11.8", sound("mariadb-11.8", login=plans.LOCKED)) == [("ALTER USER %s@%s ACCOUNT UNLOCK", WHO)]


def test_ed25519_gets_a_hash_where_the_library_is_there_and_a_way_out_where_hashes_are_refused() -> None:
    current = sound("mariadb-11.8", login=plans.WRONG, plugin="ed25519")
    plan = planned("mariadb-11.8", current)
    [statement] = subject.statements(
        server("mariadb-11.8"), plan, current, DESIRED, PASSWORD, base_point_times=lambda scalar: scalar
    )
    assert statement.text == "ALTER USER %s@%s IDENTIFIED VIA ed25519 USING %s"
    assert PASSWORD not in statement.values
    assert statement.plain is not None
    assert statement.plain.text == "ALTER USER %s@%s IDENTIFIED VIA ed25519 USING PASSWORD(%s)"


def test_hashes_are_those_of_the_servers() -> None:
    # MySQL's manual: PASSWORD('mypass') in the hash of 4.1 and later.
    assert subject.native_hash("mypass") == "*6C8989366EAF75BB670AD8EA7A7FC1176A95CEF4"
    seen: List[bytes] = []
    subject.ed25519_hash("x", lambda scalar: seen.append(scalar) or b"")  # type: ignore[func-returns-value]
    assert (seen[0][0] & 7, seen[0][31] & 0xC0) == (0, 0x40)


@pytest.mark.parametrize(
    ("database", "literal", "target"),
    [
        ("openmrs", False, "`openmrs`.*"),
        ("open_mrs", False, r"`open\_mrs`.*"),
        ("open_mrs", True, "`open_mrs`.*"),
        ("o`p%n", False, r"`o``p\%%n`.*"),
    ],
)
def test_names_of_databases_are_quoted_and_no_patterns(database: str, literal: bool, target: str) -> None:
    text, values = said("mysql-8.0", Account(), literal, database=database)[-1]
    assert text == f"GRANT SELECT ON {target} TO %s@%s"
    assert text % values == f"GRANT SELECT ON {target.replace('%%', '%')} TO event_log@localhost"


def test_names_of_tables_are_taken_literally() -> None:
    text, _values = said("mysql-8.0", Account(), signal_table="my_log.the`signal")[-1]
    assert text == "GRANT SELECT, INSERT, DELETE, CREATE ON `my_log`.`the``signal` TO %s@%s"


def test_surplus_is_revoked_as_it_was_granted() -> None:
    current = sound("mysql-8.0")
    extra = grants("PROCESS ON *.*", r"SELECT, SHOW VIEW ON `a\_b%`.*", "INSERT ON `a`.`t`")
    current = replace(current, grants=Grants(current.grants.entries + extra.entries))
    assert [text for text, _values in said("mysql-8.0", current, revoke_surplus=True)] == [
        "REVOKE PROCESS ON *.* FROM %s@%s",
        r"REVOKE SELECT, SHOW VIEW ON `a\_b%%`.* FROM %s@%s",
        "REVOKE INSERT ON `a`.`t` FROM %s@%s",
    ]


def test_the_account_is_dropped() -> None:
    assert said("mysql-8.0", sound("mysql-8.0"), present=False) == [("DROP USER %s@%s", WHO)]


def test_old_mariadb_knows_no_expiry() -> None:
    old = replace(server("mariadb-10.11"), version=(10, 3, 39))
    plan = plans.plan_account(old, Account(), DESIRED)
    assert "EXPIRE" not in subject.statements(old, plan, Account(), DESIRED, PASSWORD)[0].text


def test_grants_can_be_read_by_people() -> None:
    wanted = Desired("a", "b", "o%p")
    assert subject.granted(server("mariadb-11.8"), wanted) == (
        "RELOAD, SHOW DATABASES, REPLICATION SLAVE, BINLOG MONITOR ON *.*",
        r"SELECT ON `o\%p`.*",
    )

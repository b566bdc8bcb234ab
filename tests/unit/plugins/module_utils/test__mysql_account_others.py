# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other people's accounts, with scripted servers: what is read of their grants, and that nothing is done to them."""
# ruff: noqa: F811 (tests take the fixture by its name)

from __future__ import annotations

from typing import Any, Optional

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_account_run as subject

from tests.unit.plugins.module_utils.test__mysql_account_run import (
    DENIED,
    HELD,
    LANDED,
    Servers,
    Session,
    admin,
    ensure,  # noqa: F401 (a fixture)
    refused,
)

SHOWN = [
    ("GRANT USAGE ON *.* TO `a (b)`@`%` IDENTIFIED BY PASSWORD '*24'", None),
    ("GRANT SELECT ON `open(mrs`.* TO `a`@`%`", None),
    ("GRANT `role`@`%` TO `a`@`%`", None),
    ("SET DEFAULT ROLE `role` FOR `a`@`%`", None),
    ("GRANT SELECT (`name`) ON `openmrs`.`person` TO `a`@`%`", "SELECT (`name`) ON `openmrs`.`person`"),
    ("GRANT SELECT, UPDATE (`name`) ON `o`.`p` TO 'a'@'%'", "SELECT, UPDATE (`name`) ON `o`.`p`"),
    ("GRANT EXECUTE ON PROCEDURE `openmrs`.`p` TO `a`@`%`", "EXECUTE ON PROCEDURE `openmrs`.`p`"),
    ("GRANT PROXY ON 'b'@'%' TO 'a'@'%' IDENTIFIED BY PASSWORD '*24'", "PROXY ON 'b'@'%'"),
]


@pytest.mark.parametrize(("line", "special"), SHOWN)
def test_grants_on_columns_routines_and_proxies_are_noticed(line: str, special: Optional[str]) -> None:
    assert subject.special_grants([line]) == ((special,) if special else ())


def held_by_roles(kind: str, *roles: str, mandatory: str = "") -> Session:
    lines = [*HELD, *({"g": f"GRANT {role} TO `event_log`@`localhost`"} for role in roles)]
    created = [{"x": "CREATE USER a"}]
    named = [{"Value": mandatory}] if kind.startswith("mysql") else []
    return admin(
        kind,
        answers={
            "SHOW GRANTS": lines,
            "SHOW CREATE USER": created,
            "SHOW GLOBAL VARIABLES LIKE 'mandatory_roles'": named,
        },
    )


@pytest.mark.parametrize(("kind", "role"), [("mysql-8.0", "`app`@`%`"), ("mariadb-11.8", "`app`")])
def test_an_account_with_a_role_is_not_touched(ensure: Any, kind: str, role: str) -> None:
    session = held_by_roles(kind, role)
    assert "holds a role (app)" in refused(ensure, Servers(session, DENIED))
    assert session.written == []


def test_roles_that_everybody_has_do_not_count(ensure: Any) -> None:
    session = held_by_roles("mysql-8.0", "`staff`@`%`,`all`@`%`", mandatory="`all`@`%`,staff")
    assert ensure(Servers(session, DENIED, LANDED))["actions"] == ["set_password"]
    session = held_by_roles("mysql-8.0", "`staff`@`%`,`app`@`%`", mandatory="staff@%")
    assert "holds a role (app)" in refused(ensure, Servers(session, LANDED))


def test_the_account_of_a_replica_keeps_its_password(ensure: Any) -> None:
    session = admin(answers={"SHOW GRANTS": [{"g": "GRANT REPLICATION SLAVE ON *.* TO `event_log`@`localhost`"}]})
    assert "lacks SELECT ON openmrs.*" in refused(ensure, Servers(session, DENIED))
    assert session.written == []


def test_a_right_on_a_routine_is_seen_before_the_password_is_set(ensure: Any) -> None:
    lines = [{"g": "GRANT EXECUTE ON PROCEDURE `openmrs`.`p` TO `event_log`@`localhost`"}]
    session = admin(answers={"SHOW GRANTS": lines})
    assert "EXECUTE ON PROCEDURE" in refused(ensure, Servers(session, DENIED))
    assert session.written == []

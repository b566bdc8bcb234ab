# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that takes no hashes is told the password only where none of its logs gets it."""
# ruff: noqa: F811 (tests take the fixture by its name)

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.plugins.module_utils.test__mysql_account_run import (
    DENIED,
    HELD,
    LANDED,
    Servers,
    admin,
    ensure,  # noqa: F401 (a fixture)
    refused,
)

REASON = {"Level": "Error", "Code": 1290, "Message": "strict_password_validation"}
OTHER_REASON = {"Level": "Error", "Code": 1133, "Message": "no such account"}


def test_another_reason_to_refuse_is_none_to_tell_the_password(ensure: Any) -> None:
    answers = {
        "SHOW CREATE USER": [{"x": "CREATE USER a"}],
        "ALTER USER %s@%s IDENTIFIED BY PASSWORD": 1396,
        "SHOW WARNINGS": [OTHER_REASON],
    }
    session = admin("mariadb-11.8", answers=answers)
    assert "1396" in refused(ensure, Servers(session, DENIED))
    assert "secret-word" not in str(session.said)


@pytest.mark.parametrize(("code", "warnings"), [(1290, []), (1396, [OTHER_REASON, REASON])])
def test_a_server_that_refuses_hashes_is_told_the_password(ensure: Any, code: int, warnings: Any) -> None:
    held = [{"g": HELD[0]["g"].replace("REPLICATION CLIENT", "BINLOG MONITOR")}, HELD[1]]
    answers = {
        "SHOW CREATE USER": [{"x": "CREATE USER a"}],
        "SHOW GRANTS": held,
        "ALTER USER %s@%s IDENTIFIED BY PASSWORD": code,
        "SHOW WARNINGS": warnings,
    }
    session = admin("mariadb-11.8", answers=answers)
    ensure(Servers(session, DENIED, LANDED))
    assert session.said[-2] == ("SET SESSION sql_log_bin = 0, sql_log_off = 1, slow_query_log = 0", ())
    assert session.said[-1] == ("ALTER USER %s@%s IDENTIFIED BY %s", ("event_log", "localhost", "secret-word"))


def test_no_password_is_told_where_logs_would_get_it(ensure: Any) -> None:
    answers = {"CREATE USER %s@%s IDENTIFIED BY PASSWORD": 1290, "SET SESSION": 1227}
    session = admin("mariadb-11.8", hosts=(), answers=answers)
    said = refused(ensure, Servers(session, DENIED))
    assert all(words in said for words in ("strict_password_validation", "BINLOG ADMIN", "1227"))
    assert "secret-word" not in str(session.said)

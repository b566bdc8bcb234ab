# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan for a server of which nothing but SQL can be reached, and the SQL itself."""

from __future__ import annotations

from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import DAY

from tests.unit.plugins.module_utils.test__mysql_configure import REQUEST, present


def test_out_of_reach_the_server_itself_keeps_what_is_dynamic() -> None:
    state = present("mysql-8.0", {"binlog_format": "MIXED", "binlog_expire_logs_seconds": "3600"})
    plan = subject.plan_remote(state, REQUEST)
    assert plan.statements(persist=True) == (
        "SET PERSIST binlog_format = 'ROW'",
        f"SET PERSIST binlog_expire_logs_seconds = {14 * DAY}",
    )
    assert plan.problems == ()


def test_out_of_reach_a_static_setting_is_a_problem() -> None:
    (problem,) = subject.plan_remote(present("mysql-8.0", {"log_bin": "OFF"}), REQUEST).problems
    assert problem.startswith("log_bin is OFF and has to be mysql-bin")


def test_values_are_quoted_for_sql() -> None:
    assert subject.statement("a", "it's \\") == "SET GLOBAL a = 'it''s \\\\'"
    assert subject.statement("a", "-1") == "SET GLOBAL a = -1"

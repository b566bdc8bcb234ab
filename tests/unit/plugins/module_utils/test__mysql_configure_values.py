# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site's own settings: the server's way of showing a value is not taken for another value, run after run."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, Optional

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure as plans
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure_values as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure import Plan, Request
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import DAY

from tests.unit.plugins.module_utils.mysql_sources import WANTED
from tests.unit.plugins.module_utils.test__mysql_configure import Server, present

POOL = {"innodb_buffer_pool_chunk_size": "134217728", "innodb_buffer_pool_instances": "8"}


@pytest.mark.parametrize(
    ("name", "wanted", "before", "after"),
    [
        ("log_bin", "/data/binlog/mysql-bin", {"log_bin": "OFF"}, {"log_bin_basename": "/data/binlog/mysql-bin"}),
        ("log_bin", "/data/binlog/a.log", {"log_bin": "OFF"}, {"log_bin_basename": "/data/binlog/a"}),
        ("log_bin", "hospital", {"log_bin": "OFF"}, {"log_bin_basename": "/var/lib/mysql/hospital"}),
        ("innodb_buffer_pool_size", "1500M", {**POOL}, {"innodb_buffer_pool_size": "2147483648"}),
        ("long_query_time", "0.5", {"long_query_time": "10.000000"}, {"long_query_time": "0.500000"}),
        ("max_binlog_size", "100000001", {"max_binlog_size": "1G"}, {"max_binlog_size": "99999744"}),
        ("skip_name_resolve", "true", {"skip_name_resolve": "OFF"}, {"skip_name_resolve": "ON"}),
        ("max_heap_table_size", "1P", {"max_heap_table_size": "16384"}, {"max_heap_table_size": str(1024**5)}),
    ],
)
def test_two_runs_with_a_restart_between_and_the_second_has_nothing_to_do(
    name: str, wanted: str, before: Dict[str, str], after: Dict[str, str]
) -> None:
    request = Request(WANTED, further={name: wanted})
    first = plan(before, request)
    assert f"{name} = {wanted}\n" in (first.content or "")
    assert len(first.dynamic) + len(first.waiting) == 1
    again = plan({**before, "log_bin": "ON", **after}, request, first.content)
    assert (again.content, again.dynamic, again.waiting, again.stubborn) == (first.content, (), (), ())


def plan(running: Dict[str, str], request: Request, existing: Optional[str] = None, settled: bool = False) -> Plan:
    state = replace(present("mysql-8.4", running), settled=settled)
    return plans.plan(state, request, existing, lambda text: [], "/ours")


def test_another_series_of_files_is_a_change_that_waits() -> None:
    running = {"log_bin_basename": "/var/lib/mysql/binlog"}
    found = plan(running, Request(WANTED, further={"log_bin": "/data/binlog/mysql-bin"}))
    assert [change.name for change in found.waiting] == ["log_bin"]


@pytest.mark.parametrize("name", ["innodb_log_file_size", "log_bin"])
def test_what_the_server_was_started_with_waits_for_nothing(name: str) -> None:
    running = {"innodb_log_file_size": "50331648", "log_bin_basename": "/elsewhere/a"}
    request = Request(WANTED, further={name: "12345"})
    first = plan(running, request, settled=True)
    assert ([change.name for change in first.waiting], first.stubborn) == ([name], ())
    again = plan(running, request, first.content, settled=True)
    assert ([change.name for change in again.stubborn], again.waiting) == ([name], ())
    # Another value is another matter.
    other = plan(running, Request(WANTED, further={name: "54321"}), first.content, settled=True)
    assert [change.name for change in other.waiting] == [name]


def test_even_what_is_needed_waits_for_one_restart_only() -> None:
    server = Server("mysql-5.7")
    server.restart()
    server.ours = server.plan().content
    state = replace(server.present(), settled=True)
    again = plans.plan(state, Request(WANTED), server.ours, server.entries, "/ours")
    assert ([change.name for change in again.stubborn], again.waiting) == (["log_bin"], ())


@pytest.mark.parametrize(
    ("since", "modified", "settled"),
    [(100.0, 100.9, True), (200.0, 100.0, True), (100.0, 102.0, False), (None, 1.0, False), (1.0, None, False)],
)
def test_a_start_counts_only_after_the_file_was_written(
    since: Optional[float], modified: Optional[float], settled: bool
) -> None:
    assert subject.started_with(since, modified) is settled


def test_a_persisted_value_beats_a_further_setting_and_is_named() -> None:
    server = Server("mysql-8.0", max_binlog_size="1073741824")
    server.running["max_binlog_size"] = "1073741824"
    (problem,) = server.plan(Request(WANTED, further={"max_binlog_size": "100M"})).problems
    assert "RESET PERSIST max_binlog_size;" in problem
    assert server.plan(Request(WANTED, further={"max_binlog_size": "1G"})).problems == ()


def test_numbers_and_switches_are_written_as_sql_takes_them() -> None:
    assert subject.statement("long_query_time", "0.5") == "SET GLOBAL long_query_time = 0.5"
    assert subject.statement("slow_query_log", "true") == "SET GLOBAL slow_query_log = 'ON'"


def test_days_that_stand_in_the_way_of_seconds_are_set_to_none_first() -> None:
    running = {"expire_logs_days": "3", "binlog_expire_logs_seconds": "0"}
    found = plans.plan_remote(present("mysql-8.0", running), Request(WANTED))
    assert found.statements(persist=True) == (
        "SET GLOBAL expire_logs_days = 0",
        f"SET PERSIST binlog_expire_logs_seconds = {14 * DAY}",
    )
    assert [change.before for change in found.dynamic] == ["3", "0"]
    mariadb = plans.plan_remote(present("mariadb-10.11", {**running, "expire_logs_days": "3"}), Request(WANTED))
    assert [change.name for change in mariadb.dynamic] == ["binlog_expire_logs_seconds"]

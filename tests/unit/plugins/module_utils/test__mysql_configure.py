# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: only what differs is set, what others set after us is found first, and a second plan has nothing to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Optional, Sequence

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure import Plan, Present, Request
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_files import (
    COMMAND_LINE,
    Entry,
    entries,
    parse_option,
    read_files,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import DAY

from tests.unit.plugins.module_utils.mysql_sources import ALL, MARIADB, WANTED, good

OURS = "/etc/mysql/conf.d/zz-event-log.cnf"
REQUEST = Request(WANTED)
#: What the versions start with when no file says anything.
DEFAULTS: Dict[str, Dict[str, str]] = {
    "mysql-5.7": {"log_bin": "", "server_id": "0", "expire_logs_days": "0"},
    "mysql-8.0": {"log_bin": "binlog", "binlog_expire_logs_seconds": "2592000", "expire_logs_days": "0"},
    "mysql-8.4": {"log_bin": "binlog", "binlog_expire_logs_seconds": "2592000"},
    "mysql-9.7": {"log_bin": "binlog", "binlog_expire_logs_seconds": "2592000"},
    "mariadb-10.11": {
        "log_bin": "", "binlog_format": "MIXED", "sync_binlog": "0", "expire_logs_days": "0",
        "binlog_expire_logs_seconds": "0",
    },
    "mariadb-11.8": {
        "log_bin": "", "binlog_format": "MIXED", "sync_binlog": "0", "expire_logs_days": "0",
        "binlog_expire_logs_seconds": "0", "binlog_legacy_event_pos": "FALSE",
    },
}  # fmt: skip
COMMON = {
    "server_id": "1",
    "binlog_format": "ROW",
    "binlog_row_image": "FULL",
    "sync_binlog": "1",
    "innodb_flush_log_at_trx_commit": "1",
}


def present(kind: str, running: Optional[Dict[str, str]] = None, **more: Any) -> Present:
    source = good(kind)
    defaults = {**COMMON, **DEFAULTS[kind]}
    return Present(replace(source, variables={**source.variables, **(running or {})}), defaults, **more)


class Server:
    """Settings files with ours between two others, and a server that starts with them."""

    def __init__(self, kind: str, before: str = "", after: str = "", **persisted: str) -> None:
        self.kind, self.before, self.after, self.persisted = kind, before, after, persisted
        self.ours: Optional[str] = None
        self.running: Dict[str, str] = {}

    def entries(self, text: Optional[str]) -> Sequence[Entry]:
        found: List[Entry] = []
        for path, content in (("/a.cnf", self.before), (OURS, text), ("/zz.cnf", self.after)):
            files = {path: content or ""}
            found += entries(read_files([path], _Reader(files)), ["mysqld"])
        return found

    def present(self) -> Present:
        return present(self.kind, self.running, persisted=self.persisted)

    def restart(self) -> None:
        """Run with what the files say."""
        started = subject.next_source(replace(self.present(), persisted={}), self.entries(self.ours))
        self.running = dict(started.variables)

    def plan(self, request: Request = REQUEST) -> Plan:
        return subject.plan(self.present(), request, self.ours, self.entries, OURS)


class _Reader:
    def __init__(self, files: Dict[str, str]) -> None:
        self.files = files

    def read(self, path: str) -> Optional[str]:
        return self.files.get(path)

    def names(self, directory: str) -> Sequence[str]:
        return ()


def settings(content: Optional[str]) -> Dict[str, str]:
    lines = [line.partition("=") for line in (content or "").splitlines() if "=" in line and line[0] != "#"]
    return {name.strip(): value.strip() for name, _, value in lines}


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("mysql-5.7", {"server_id": "1", "log_bin": "mysql-bin", "expire_logs_days": "14"}),
        ("mysql-8.0", {}),
        ("mysql-8.4", {}),
        ("mysql-9.7", {}),
        (
            "mariadb-10.11",
            {
                "log_bin": "mysql-bin",
                "binlog_format": "ROW",
                "binlog_expire_logs_seconds": str(14 * DAY),
                "sync_binlog": "1",
            },
        ),
        (
            "mariadb-11.8",
            {
                "log_bin": "mysql-bin",
                "binlog_format": "ROW",
                "binlog_legacy_event_pos": "1",
                "binlog_expire_logs_seconds": str(14 * DAY),
                "sync_binlog": "1",
            },
        ),
    ],
)
def test_a_server_of_the_distribution_gets_what_its_version_lacks(kind: str, wanted: Dict[str, str]) -> None:
    server = Server(kind)
    server.restart()
    plan = server.plan()
    assert (settings(plan.content), plan.problems) == (wanted, ())
    assert [change.name for change in plan.waiting] == (["log_bin"] if "log_bin" in wanted else [])


@pytest.mark.parametrize("kind", ALL)
def test_after_a_restart_there_is_nothing_left_to_plan(kind: str) -> None:
    server = Server(kind)
    server.restart()
    first = server.plan()
    server.ours = first.content
    server.restart()
    again = server.plan()
    assert (again.content, again.dynamic, again.waiting, again.problems) == (first.content, (), (), ())


@pytest.mark.parametrize("kind", MARIADB)
def test_without_a_restart_the_binary_log_alone_goes_on_waiting(kind: str) -> None:
    server = Server(kind)
    server.restart()
    plan = server.plan()
    server.ours = plan.content
    server.running.update({change.name: change.after for change in plan.dynamic})
    again = server.plan()
    assert (again.content, again.dynamic) == (plan.content, ())
    assert [(change.name, change.before) for change in again.waiting] == [("log_bin", "OFF")]


@pytest.mark.parametrize("kind", ALL)
def test_a_server_that_is_ready_gets_no_file(kind: str) -> None:
    tuned = "[mysqld]\nlog_bin=/var/log/mysql/mysql-bin.log\nserver_id=7\nbinlog_format=ROW\nsync_binlog=1\n"
    tuned += "expire_logs_days=30\n" if kind == "mysql-5.7" or kind in MARIADB else ""
    tuned += "binlog_legacy_event_pos=ON\n" if kind == "mariadb-11.8" else ""
    server = Server(kind, tuned)
    server.restart()
    assert server.plan() == Plan()


def test_a_tuned_file_is_adopted_and_only_what_is_wrong_in_it_is_set() -> None:
    server = Server(
        "mysql-5.7",
        "[mysqld]\nlog-bin=hospital\nserver-id=7\nbinlog_format=STATEMENT\nexpire_logs_days=10\nsync_binlog=0\n",
    )
    server.restart()
    plan = server.plan()
    assert settings(plan.content) == {"binlog_format": "ROW", "expire_logs_days": "14", "sync_binlog": "1"}
    assert plan.statements() == (
        "SET GLOBAL binlog_format = 'ROW'",
        "SET GLOBAL expire_logs_days = 14",
        "SET GLOBAL sync_binlog = 1",
    )
    assert (plan.waiting, plan.open_sessions) == ((), ("binlog_format",))


def test_a_value_that_was_only_set_at_run_time_goes_into_the_file() -> None:
    server = Server("mariadb-10.11", "[mysqld]\nlog_bin=a\nexpire_logs_days=30\n")
    server.restart()
    server.running.update(binlog_format="ROW", sync_binlog="1")
    plan = server.plan()
    assert settings(plan.content) == {"binlog_format": "ROW", "sync_binlog": "1"}
    assert (plan.dynamic, plan.waiting) == ((), ())


def test_a_value_that_was_only_spoilt_at_run_time_takes_no_file() -> None:
    server = Server("mysql-8.4")
    server.running["sync_binlog"] = "0"
    plan = server.plan()
    assert (plan.content, plan.statements()) == (None, ("SET GLOBAL sync_binlog = 1",))


@pytest.mark.parametrize(
    ("kind", "line", "said"),
    [
        ("mysql-8.0", "binlog-format=MIXED", "binlog_format = MIXED in /zz.cnf line 2"),
        ("mysql-8.0", "skip-log-bin", "log_bin = OFF in /zz.cnf line 2"),
        ("mysql-8.4", "binlog_expire_logs_seconds=3600", "binlog_expire_logs_seconds = 3600 in /zz.cnf line 2"),
        ("mariadb-10.11", "expire_logs_days=10", "expire_logs_days = 10 in /zz.cnf line 2"),
        ("mariadb-11.8", "sync_binlog=0", "sync_binlog = 0 in /zz.cnf line 2"),
    ],
)
def test_a_setting_that_is_read_later_is_named_with_file_and_line(kind: str, line: str, said: str) -> None:
    server = Server(kind, after=f"[mysqld]\n{line}\n")
    server.restart()
    (problem,) = server.plan().problems
    assert said in problem
    assert OURS in problem
    assert "mysql_binlog_keep" in problem


def test_the_same_setting_before_ours_is_no_problem() -> None:
    server = Server("mariadb-10.11", "[mysqld]\nexpire_logs_days=10\n")
    server.restart()
    assert server.plan().problems == ()


def test_a_persisted_value_beats_every_file_and_is_named() -> None:
    server = Server("mysql-8.0", sync_binlog="100")
    server.running["sync_binlog"] = "100"
    (problem,) = server.plan().problems
    assert "mysqld-auto.cnf" in problem
    assert "RESET PERSIST sync_binlog;" in problem


def test_the_command_line_beats_every_file_and_is_named() -> None:
    state = present("mysql-8.0", {"binlog_format": "MIXED"})
    argument = parse_option("binlog-format=MIXED", COMMAND_LINE)
    assert argument is not None
    plan = subject.plan(state, REQUEST, None, lambda text: [argument], OURS)
    assert "command line" in plan.problems[0]


def test_an_expiry_is_as_long_as_the_longest_outage_and_never_shortened() -> None:
    server = Server("mysql-5.7", "[mysqld]\nlog_bin=a\nserver_id=1\nexpire_logs_days=10\n")
    server.restart()
    thirty = Request(replace(WANTED, longest_outage_days=30))
    plan = server.plan(thirty)
    assert settings(plan.content) == {"expire_logs_days": "30"}
    server.ours = plan.content
    server.restart()
    assert server.plan(Request(replace(WANTED, longest_outage_days=3))) == Plan(plan.content)


def test_what_our_file_sets_already_stays_though_another_file_says_it_too() -> None:
    server = Server("mariadb-10.11")
    server.restart()
    server.ours = server.plan().content
    server.before = "[mysqld]\nlog_bin=other\n"
    server.restart()
    assert settings(server.plan().content)["log_bin"] == "mysql-bin"


def test_comments_in_our_file_are_no_reason_to_write_it() -> None:
    server = Server("mariadb-10.11")
    server.restart()
    server.ours = (server.plan().content or "") + "# ours, says the administrator\n"
    server.restart()
    assert server.plan().content == server.ours


def test_what_the_site_keeps_is_left_alone_and_taken_out_again() -> None:
    server = Server("mariadb-10.11")
    server.restart()
    server.ours = server.plan().content
    server.restart()
    kept = server.plan(Request(WANTED, keep=frozenset({"sync_binlog"})))
    assert "sync_binlog" not in settings(kept.content)
    assert kept.problems == ()


def test_further_settings_go_into_the_same_file_and_the_static_ones_wait() -> None:
    server = Server("mysql-8.4")
    server.running.update(max_binlog_size="1073741824", innodb_log_group_home_dir="./")
    further = {"max_binlog_size": "100M", "innodb_log_group_home_dir": "/elsewhere"}
    plan = server.plan(Request(WANTED, further=further))
    assert settings(plan.content) == further
    assert plan.statements() == ("SET GLOBAL max_binlog_size = 104857600",)
    assert [change.name for change in plan.waiting] == ["innodb_log_group_home_dir"]


def test_a_further_setting_that_another_file_beats_is_a_problem() -> None:
    server = Server("mysql-8.4", after="[mysqld]\nmax_binlog_size=1G\n")
    server.running["max_binlog_size"] = "1073741824"
    (problem,) = server.plan(Request(WANTED, further={"max_binlog_size": "100M"})).problems
    assert "max_binlog_size = 1G in /zz.cnf line 2" in problem


def test_what_the_server_calls_read_only_waits_for_a_restart() -> None:
    state = present(
        "mariadb-11.8", {"binlog_legacy_event_pos": "OFF"}, read_only=frozenset({"binlog_legacy_event_pos"})
    )
    plan = subject.plan(state, REQUEST, None, lambda text: [], OURS)
    assert [change.name for change in plan.waiting] == ["binlog_legacy_event_pos"]

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading settings files as the server does: order, groups, prefixes, quotes, and the place of each setting."""

from __future__ import annotations

import posixpath
from typing import Dict, List, Optional, Sequence

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure_files as subject

MAIN = "/etc/mysql/my.cnf"
GROUPS = ("mysqld", "server", "mariadb")


class Files:
    """Files in memory."""

    def __init__(self, files: Dict[str, str]) -> None:
        self.files = files

    def read(self, path: str) -> Optional[str]:
        return self.files.get(path)

    def names(self, directory: str) -> Sequence[str]:
        return [posixpath.basename(path) for path in self.files if posixpath.dirname(path) == directory]


def found(files: Dict[str, str], *arguments: str, order: Sequence[str] = (MAIN,)) -> List[subject.Entry]:
    return subject.entries(subject.read_files(order, Files(files)), GROUPS, arguments)


def shown(files: Dict[str, str], *arguments: str) -> Dict[str, str]:
    return {name: entry.shown for name, entry in subject.last(found(files, *arguments)).items()}


def test_files_of_a_directory_are_read_by_name_where_the_line_stands() -> None:
    entries = found(
        {
            MAIN: "[mysqld]\nsync_binlog=1\n!includedir /etc/mysql/conf.d/\n[mysqld]\nsync_binlog=4\n",
            "/etc/mysql/conf.d/b.cnf": "[mysqld]\nsync-binlog = 3\n",
            "/etc/mysql/conf.d/a.cnf": "[mysqld]\nsync_binlog=2\n",
            "/etc/mysql/conf.d/c.txt": "[mysqld]\nsync_binlog=9\n",
        }
    )
    assert [entry.value for entry in entries] == ["1", "2", "3", "4"]
    assert entries[2].place == "/etc/mysql/conf.d/b.cnf line 2"


def test_included_files_begin_without_a_group_and_leave_the_outer_one_as_it_was() -> None:
    entries = found(
        {
            MAIN: "[mysqld]\n!include other.cnf\nserver_id=1\n",
            "/etc/mysql/other.cnf": "server_id=5\n[client]\nserver_id=6\n",
        }
    )
    assert [entry.value for entry in entries] == ["1"]


def test_a_file_that_includes_itself_ends_somewhere() -> None:
    assert len(found({MAIN: f"[mysqld]\nserver_id=1\n!include {MAIN}\n"})) == subject.DEEPEST + 1


def test_only_the_servers_groups_count() -> None:
    assert shown({MAIN: "[client]\nlog_bin=a\n[mysqld_safe]\nlog_bin=b\n[mariadb]\nlog_bin=c\n"}) == {"log_bin": "c"}


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("binlog-format = ROW", "binlog_format", "ROW"),
        ("Binlog_Format=row # as told", "binlog_format", "row"),
        ("log_bin = '/var/log/mysql/a # b' # why", "log_bin", "/var/log/mysql/a # b"),
        ("log_bin", "log_bin", "ON"),
        ("skip-log-bin", "log_bin", "OFF"),
        ("disable_log_bin", "log_bin", "OFF"),
        ("skip_log_bin=0", "log_bin", "0"),
        ("loose-sync_binlog=1", "sync_binlog", "1"),
        ("enable-log-bin-compress", "log_bin_compress", "ON"),
        ("binlog_row_value_options =", "binlog_row_value_options", ""),
    ],
)
def test_an_option_is_read_in_every_spelling(line: str, name: str, value: str) -> None:
    assert shown({MAIN: f"[mysqld]\n{line}\n"}) == {name: value}


@pytest.mark.parametrize("line", ["# log_bin=a", "; log_bin=a", "", "???"])
def test_what_sets_nothing_is_left_out(line: str) -> None:
    assert shown({MAIN: f"[mysqld]\n{line}\n"}) == {}


def test_the_command_line_comes_last() -> None:
    entry = subject.last(found({MAIN: "[mysqld]\nserver_id=1\n"}, "--server-id=2", "--", "mysqld"))["server_id"]
    assert (entry.value, entry.place) == ("2", subject.COMMAND_LINE)


def test_an_overlay_shows_a_file_as_it_would_be() -> None:
    files = Files({MAIN: "!includedir /d\n", "/d/a.cnf": "[mysqld]\nserver_id=1\n"})

    def value(text: Optional[str], path: str = "/d/zz.cnf") -> List[Optional[str]]:
        layout = subject.read_files([MAIN], subject.Overlay(files, path, text))
        return [entry.value for entry in subject.entries(layout, GROUPS)]

    assert value("[mysqld]\nserver_id=2\n") == ["1", "2"]
    assert value(None) == ["1"]
    assert value(None, "/d/a.cnf") == []


def test_all_that_is_read_becomes_one_file_without_what_others_read() -> None:
    files = Files({MAIN: "[client]\npassword=secret\n[mysqld]\na=1\n!includedir /d\n", "/d/a.cnf": "[server]\nb=2\n"})
    assert subject.flattened(subject.read_files([MAIN], files), GROUPS) == "[mysqld]\na=1\nb=2\n"


HELP = """mysqld  Ver 8.0.12 for Linux on x86_64

Default options are read from the following files in the given order:
/etc/my.cnf /etc/mysql/my.cnf ~/.my.cnf
The following groups are read: mysqld server mysqld-8.0
log-bin is mentioned here, too

Variables (--variable-name=value)
and boolean options {FALSE|TRUE}                             Value (after reading options)
------------------------------------------------------------ -------------
binlog-format                                                ROW
log-bin                                                      (No default value)
sync-binlog                                                  1

To see what values a running MySQL server is using, type
"""


def test_the_programs_help_names_files_groups_and_defaults() -> None:
    assert subject.default_files(HELP) == (
        ["/etc/my.cnf", "/etc/mysql/my.cnf", "~/.my.cnf"],
        ["mysqld", "server", "mysqld-8.0"],
    )
    defaults = subject.defaults(HELP)
    assert (defaults["binlog_format"], defaults["log_bin"], defaults["sync_binlog"]) == ("ROW", "", "1")
    assert subject.default_files("") == ([], [])


@pytest.mark.parametrize(
    ("arguments", "environment", "order"),
    [
        ((), {}, ["/etc/my.cnf"]),
        ((), {"HOME": "/var/lib/mysql"}, ["/etc/my.cnf", "/var/lib/mysql/.my.cnf"]),
        ((), {"MYSQL_HOME": "/m", "HOME": "/h"}, ["/etc/my.cnf", "/m/my.cnf", "/h/.my.cnf"]),
        (("--defaults-file=/x.cnf",), {"HOME": "/h"}, ["/x.cnf"]),
        (("--defaults-extra-file=/x.cnf",), {"HOME": "/h"}, ["/etc/my.cnf", "/x.cnf", "/h/.my.cnf"]),
        (("--no-defaults", "--datadir=/d"), {"HOME": "/h"}, []),
    ],
)
def test_options_and_environment_change_which_files_are_read(
    arguments: Sequence[str], environment: Dict[str, str], order: List[str]
) -> None:
    assert subject.reading_order(["/etc/my.cnf", "~/.my.cnf"], arguments, environment) == order


def test_a_suffix_adds_groups() -> None:
    assert subject.group_names(["mysqld"], ["--defaults-group-suffix=-2"]) == ["mysqld", "mysqld-2"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ON", "1", True), ("off", "FALSE", True), ("100M", "104857600", True), ("1.000000", "1", True),
        ("ROW", "row", True), ("ROW", "MIXED", False), ("", "0", False),
    ],
)  # fmt: skip
def test_values_are_compared_by_meaning(one: str, other: str, same: bool) -> None:
    assert subject.same_value(one, other) is same

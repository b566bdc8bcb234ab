# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S101 - what pytest asserts
"""Each natively installed server of the scenario, as its administrator would look at it."""

from __future__ import annotations

from typing import Any

from tests.helpers.databases import databases

testinfra_hosts = [f"docker://{database.server.name}" for database in databases() if database.native]
OURS = "zz-event-log.cnf"


def is_mysql(host: Any) -> bool:
    return "mysql" in str(host.backend.name)


def sql(host: Any, statement: str) -> str:
    client = "mysql" if is_mysql(host) else "mariadb"
    return str(host.check_output(f'{client} --skip-column-names -e "{statement}"'))


def test_it_runs_with_the_binary_log_on(host: Any) -> None:
    assert host.service("mysql" if is_mysql(host) else "mariadb").is_running
    asked = "SELECT @@log_bin, @@global.binlog_format, @@global.binlog_row_image, @@global.sync_binlog"
    assert sql(host, asked).split() == ["1", "ROW", "FULL", "1"]


def test_the_settings_are_in_one_file_that_everybody_may_read(host: Any) -> None:
    found = host.check_output(f"find /etc/mysql -name {OURS}").split()
    # MySQL 9.7 needs none: its defaults are what the event log wants.
    assert len(found) == (0 if is_mysql(host) else 1)
    for path in found:
        file = host.file(path)
        assert (file.user, file.group, file.mode) == ("root", "root", 0o644)
        assert "[mysqld]" in file.content_string


def test_what_the_packages_brought_is_as_they_brought_it(host: Any) -> None:
    packages = "dpkg-query --show --showformat '${Package}\\n' 'mysql*' 'mariadb*'"
    names = host.check_output(packages).split()
    installed = [name for name in names if host.package(name).is_installed]
    assert installed
    assert host.run(f"dpkg --verify {' '.join(installed)} | grep /etc/").stdout == ""


def test_the_capture_account_may_read_and_write_signals_and_nothing_more(host: Any) -> None:
    lines = sql(host, "SHOW GRANTS FOR 'event_log'@'%'").splitlines()
    (signals,) = [line for line in lines if "debezium_signal" in line]
    assert signals.startswith("GRANT SELECT, INSERT, DELETE, CREATE ON `event_log`.`debezium_signal` TO ")
    grants = "\n".join(line for line in lines if line != signals)
    assert "REPLICATION SLAVE" in grants
    assert "SELECT ON `openmrs`.*" in grants
    for never in ("ALL PRIVILEGES", "SUPER", "INSERT", "UPDATE", "DELETE", "DROP", "GRANT OPTION"):
        assert never not in grants

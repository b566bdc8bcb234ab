# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Without the driver the files alone tell what would be set, what waits, and what beats our file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure_foresee as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure import Request
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_look import ConfigureError
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_place import Place
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_run import Options
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import Login

from tests.unit.plugins.module_utils.mysql_sources import WANTED

PLACE = Place(7, "/usr/sbin/mysqld", (), {}, 999, 999, "/var/lib/mysql", "", "mysql.service")
HELP = """mysqld  Ver {version} for Linux on x86_64
Default options are read from the following files in the given order:
{folder}/my.cnf
The following groups are read: mysqld server
Variables (--variable-name=value)
------------------------------------------------------------ -------------
{defaults}
"""
MYSQL = "log-bin binlog\nbinlog-format ROW\nbinlog-row-image FULL\nbinlog-expire-logs-seconds 2592000\nsync-binlog 1\n"
MARIADB = (
    "log-bin (No default value)\nbinlog-format MIXED\nserver-id 1\nexpire-logs-days 0\n"
    "binlog-expire-logs-seconds 0\nsync-binlog 0\n"
)


def foresee(folder: Path, version: str, defaults: str, tuned: str = "", **options: Any) -> Dict[str, Any]:
    class Found:
        """A host with one server."""

        def find(self, container: str, port: int) -> Any:
            return PLACE if version else None

        def help(self, place: Place) -> str:
            return HELP.format(version=version, folder=folder, defaults=defaults)

    (folder / "conf.d").mkdir(exist_ok=True)
    (folder / "my.cnf").write_text(f"!includedir conf.d\n[mysqld]\n{tuned}")
    host: Any = Found()
    return subject.foresee(Login("127.0.0.1", 3306, "root", ""), Options(Request(WANTED), **options), host)


def test_a_server_that_is_ready_as_installed_stays_as_it_is(tmp_path: Path) -> None:
    result = foresee(tmp_path, "8.0.12", MYSQL)
    assert (result["changed"], result["waiting"], result["notes"]) == (False, [], [subject.BLIND])


def test_a_bare_mariadb_gets_a_file_and_a_restart_if_allowed(tmp_path: Path) -> None:
    version = "10.11.6-MariaDB-0+deb12u1"
    result = foresee(tmp_path, version, MARIADB, restart=True)
    assert (result["changed"], result["restarted"], result["waiting"]) == (True, True, [])
    assert "log_bin = mysql-bin" in result["diff"][0]["after"]
    assert foresee(tmp_path, version, MARIADB)["waiting"] == ["log_bin (now OFF, wanted mysql-bin)"]
    assert list((tmp_path / "conf.d").iterdir()) == []


def test_what_beats_our_file_is_foreseen(tmp_path: Path) -> None:
    with pytest.raises(ConfigureError, match=r"binlog_format = STATEMENT in .*my\.cnf line 3"):
        foresee(tmp_path, "8.0.12", MYSQL, "binlog_format=STATEMENT\n")


@pytest.mark.parametrize(("version", "said"), [("", "No database server of this host"), ("unknown", "its version")])
def test_without_a_server_nothing_is_foreseen(tmp_path: Path, version: str, said: str) -> None:
    with pytest.raises(ConfigureError, match=said):
        foresee(tmp_path, version, MYSQL)

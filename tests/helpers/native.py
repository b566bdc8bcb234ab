# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A test server with Debian's own MariaDB under systemd, in the place of the sample database."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Any, ClassVar

from tests.helpers.playbooks import site_variables
from tests.helpers.records import ROOT
from tests.helpers.server import Server

#: Of an inventory for a server with the sample database.
_OF_THE_SAMPLE = ("event_log_sample", "openmrs_sample_archive", "event_log_database_port")


@dataclass(frozen=True)
class Native(Server):
    """Its administrator asks the database as root, over the socket."""

    CLIENT: ClassVar[tuple[str, ...]] = ("mariadb", "--batch", "--skip-column-names", "--unbuffered")
    DATA: ClassVar[str] = "/var/lib/mysql"

    def stop_database(self, *, kill: bool = False) -> None:
        # systemd starts again what is killed, and nobody may write into files that are put in place of others.
        self.sh(f"{'systemctl kill --signal=KILL mariadb; ' * kill}systemctl stop mariadb")

    def start_database(self) -> None:
        self.sh("systemctl start mariadb")


@dataclass(frozen=True)
class NativeSample(Native):
    """The same with the tables and rows of the sample database."""

    CLIENT: ClassVar[tuple[str, ...]] = (*Native.CLIENT, "openmrs")

    def fill(self, patients: int = 200) -> None:
        words = [sys.executable, "-m", "openmrs_sample", "generate", "--patients", str(patients)]
        where = ROOT / "roles/openmrs_sample/files"
        made = subprocess.run(words, cwd=where, capture_output=True, text=True, check=True)
        self.exec(*Native.CLIENT, stdin="CREATE DATABASE openmrs")
        self.sql(made.stdout)


def native_variables() -> dict[str, Any]:
    """The inventory of such a server: its binary log is made by the run."""
    usual = {name: value for name, value in site_variables().items() if name not in _OF_THE_SAMPLE}
    return {**usual, "mysql_binlog_mode": "configure", "mysql_binlog_restart": "if_needed"}

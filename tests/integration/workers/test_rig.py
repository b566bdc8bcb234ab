# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rig is what the other tests take it for."""

from __future__ import annotations

import subprocess

from tests.helpers.workers import DATABASE_PORT, Rig


def test_the_workers_are_what_they_are_called(rig: Rig) -> None:
    lines = {worker.name: worker.get("/")["version"] for worker in (rig.a, rig.b, rig.old)}
    assert {name: version[:3] for name, version in lines.items()} == {
        "eventlog-rig-a": "4.3",
        "eventlog-rig-b": "4.3",
        "eventlog-rig-old": "3.9",
    }


def test_the_database_has_a_binlog_of_rows(rig: Rig) -> None:
    assert rig.sql("SELECT @@log_bin, @@binlog_format, @@binlog_row_image") == [(1, "ROW", "FULL")]


def test_nothing_listens_beyond_loopback(rig: Rig) -> None:
    listening = subprocess.run(["ss", "-Hltn"], capture_output=True, text=True, check=True).stdout.split()
    ports = (29092, 29093, 28083, 28084, 28085, DATABASE_PORT)
    ours = {one for one in listening if one.rpartition(":")[2] in map(str, ports)}
    assert len(ours) == len(ports)
    assert all("127.0.0.1" in one for one in ours), ours

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S101 - what pytest asserts
"""The server that reads all databases, two of them in containers of its own."""

from __future__ import annotations

import json
from typing import Any

from tests.helpers.databases import databases

CONTAINERS = [database.name for database in databases() if not database.native]
testinfra_hosts = ["docker://eventlog-test-stack"]
OURS = "/srv/{}/conf.d/zz-event-log.cnf"


def test_a_container_gets_its_settings_through_the_mounted_directory(host: Any) -> None:
    file = host.file(OURS.format("mysql-5.7"))
    assert (file.user, file.group, file.mode) == ("root", "root", 0o644)
    assert "log_bin" in file.content_string
    # Has what it needs from the start.
    assert "mysql-8.0" not in CONTAINERS or not host.file(OURS.format("mysql-8.0")).exists


def test_what_the_image_and_the_site_brought_is_not_edited(host: Any) -> None:
    for name in CONTAINERS:
        assert host.file(f"/srv/{name}/my.cnf").content_string.endswith("!includedir /etc/mysql/conf.d/\n")
        assert "event" not in host.file(f"/srv/{name}/my.cnf").content_string


def test_consumers_find_the_time_zone_of_each_database(host: Any) -> None:
    found = host.check_output("ls /opt/event-log/source-*/config/source.json").split()
    assert len(found) == len(databases())
    for path in found:
        assert json.loads(host.file(path).content_string)["time_zone"]["system"] == "UTC"


def test_it_runs_under_the_uid_that_the_inventory_names(host: Any) -> None:
    users = host.check_output("docker inspect -f '{{.Config.User}}' event-log-broker event-log-connect").split()
    assert users == ["1717:1717"] * 2
    for path in ("/var/lib/event-log/kafka/data", "/var/lib/event-log/kafka/data/log"):
        assert (host.file(path).uid, host.file(path).gid) == (1717, 1717)
    assert host.user("nurse").uid == 1001

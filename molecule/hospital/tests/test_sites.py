# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S101 - what pytest asserts
"""Converged servers without internet, as their administrator would look at them over SSH."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.helpers.hospital import CARRIED, Site, hosts

# What holds on every converged server holds here too; these ask over SSH, as the fixtures below say. pytest finds tests
# and fixtures by their names in this file (F401).
from tests.testinfra.test_containers import (  # noqa: F401
    stack,
    test_cis_4_1_no_process_is_root,
    test_cis_5_4_no_capability_is_left,
    test_cis_5_13_the_root_is_read_only,
    test_cis_5_26_no_privilege_can_be_gained,
)
from tests.testinfra.test_host import (  # noqa: F401
    inspected,
    test_configuration_cannot_be_written_by_the_service,
    test_no_secret_is_in_the_configuration_or_the_containers,
    test_no_unit_has_failed,
    test_nobody_else_can_read_a_secret,
    test_the_broker_owns_its_data,
    test_the_connector_runs,
    test_the_kafka_account_cannot_log_in,
    test_the_worker_lets_in_only_who_logs_in,
)

testinfra_hosts = hosts(sudo=True)
CARRIED_PACKAGES = ("docker.io", "zstd", "age", "rsync", "python3-requests", "python3-pymysql", "python3-cryptography")


@pytest.fixture(scope="module")
def server(host: Any) -> Site:
    return Site(host.backend.host.name)


def test_it_is_reached_as_somebody_who_is_not_root(server: Site) -> None:
    assert server.ssh("id", "-un").strip() == "provisioning"
    assert server.ssh("sudo", "id", "-un").strip() == "root"


def test_all_containers_are_healthy(inspected: dict[str, dict[str, Any]], server: Site) -> None:  # noqa: F811
    expected = {"event-log-broker", "event-log-connect"} | ({"openmrs-sample-db"} if "clinic" in server.name else set())
    assert set(inspected) == expected
    for name, container in inspected.items():
        assert container["State"]["Health"]["Status"] == "healthy", name


@pytest.mark.parametrize("name", CARRIED_PACKAGES)
def test_what_was_carried_is_installed(host: Any, name: str) -> None:
    assert host.package(name).is_installed


def test_the_packages_came_from_the_control_node(host: Any) -> None:
    """Each at the version of the set, and the server's own list of mirrors was neither asked nor changed."""
    release = "debian-12" if host.system_info.release.startswith("12") else "debian-13"
    set_of_it = (CARRIED / "packages" / release / "Packages").read_text(encoding="utf-8")
    versions = dict(zip(fields(set_of_it, "Package"), fields(set_of_it, "Version")))
    assert host.package("docker.io").version == versions["docker.io"]
    assert host.check_output("find /var/lib/apt/lists -name '*_dists_*'") == ""
    assert (
        host.check_output(
            "grep -rhE '^(deb|URIs:) ' /etc/apt/sources.list /etc/apt/sources.list.d | grep -c file: || true"
        )
        == "0"
    )


def fields(index: str, name: str) -> list[str]:
    return [line.partition(": ")[2] for line in index.splitlines() if line.startswith(f"{name}: ")]


def test_the_unit_starts_the_stack_at_boot_and_says_how_it_is(host: Any) -> None:
    unit = host.service("event-log.service")
    assert unit.is_enabled
    assert unit.is_running
    sentence = json.loads(host.check_output("event-log status --json"))["sentence"]
    shown = host.check_output("systemctl show event-log.service -p StatusText --value")
    assert shown
    assert shown.split()[:3] == sentence.split()[:3], (shown, sentence)


def test_the_verdict_is_good(host: Any) -> None:
    said = json.loads(host.check_output("event-log status --json"))
    assert (said["verdict"], said["findings"]) == ("ok", []), said


def test_no_log_grows_without_end(inspected: dict[str, dict[str, Any]]) -> None:  # noqa: F811
    for name, container in inspected.items():
        config = container["HostConfig"]["LogConfig"]["Config"]
        assert config.get("max-size"), name
        assert int(config.get("max-file", 0)) >= 1, name


def test_the_hospitals_database_is_ready(host: Any, server: Site) -> None:
    if "district" not in server.name:
        assert not host.service("mariadb").is_running
        return
    asked = "SELECT @@log_bin, @@global.binlog_format, @@global.binlog_row_image, @@global.sync_binlog"
    assert host.check_output(f"mariadb --skip-column-names -e '{asked}'").split() == ["1", "ROW", "FULL", "1"]
    assert host.file("/etc/mysql/mariadb.conf.d/zz-event-log.cnf").exists

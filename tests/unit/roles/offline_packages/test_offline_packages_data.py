# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sets hold what the other roles would otherwise install themselves."""

from __future__ import annotations

from typing import Any

import yaml

from tests.unit.role_files import ROOT


def variables(role: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "roles" / role / "vars/main.yml").read_text(encoding="utf-8"))
    return loaded


OWN = variables("offline_packages")


def test_every_release_that_gets_an_engine_has_a_set() -> None:
    engines = variables("docker_engine")["__docker_engine_data"]
    assert set(OWN["__offline_packages_releases"]) == set(engines)
    for data in engines.values():
        assert data["engine"]
        assert data["compose"]


def test_the_image_of_a_set_is_the_release_that_it_is_for() -> None:
    suites = {"Debian 12": "bookworm", "Debian 13": "trixie", "Ubuntu 22.04": "22.04", "Ubuntu 24.04": "24.04"}
    for release, base in OWN["__offline_packages_releases"].items():
        assert suites[release] in base, release


def test_the_database_driver_is_part_of_it() -> None:
    assert set(variables("mysql_binlog")["__mysql_binlog_packages"]) <= set(OWN["__offline_packages_beside"])


def test_the_tools_of_the_images_are_part_of_it() -> None:
    text = (ROOT / "roles/event_images/vars/main.yml").read_text(encoding="utf-8")
    tools = [tool for tool in ("rsync", "zstd", "xz-utils", "skopeo", "jq", "curl") if f"'{tool}'" in text]
    assert "zstd" in tools, "the role names its tools in another way now?"
    assert set(tools) <= set(OWN["__offline_packages_beside"])


def test_what_backups_need_is_part_of_it() -> None:
    assert set(variables("event_backup")["__event_backup_packages"]) <= set(OWN["__offline_packages_beside"])

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is handed on of a source database: what was seen, and nothing else."""

from __future__ import annotations

from typing import Any, Dict, Optional

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.openmrs.event_log.plugins.filter.mysql_seen import FilterModule, mysql_seen
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_source import SEEN
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_source import (
    assess,
    describe,
    describe_finding,
)

from tests.unit.plugins.module_utils.mysql_sources import ALL, WANTED, good


def result(**changed: Any) -> Dict[str, Any]:
    source = {
        "logged_in": True, "address": "db:3306", "flavour": "mariadb", "version": "10.11.6", "server_uuid": None,
        "tls": "TLS_AES_256_GCM_SHA384", "time_zone": {"name": "SYSTEM", "system": "EAT", "utc_offset_minutes": 180},
        "variables": {"tls_version": "TLSv1.2,TLSv1.3"},
    }  # fmt: skip
    return {"source": {**source, **changed}, "findings": []}


def test_what_was_seen_is_handed_on_and_what_was_not_is_left_out() -> None:
    assert mysql_seen(result()) == {
        "address": "db:3306",
        "flavour": "mariadb",
        "version": "10.11.6",
        "tls_offered": True,
        "tls_versions": ["TLSv1.2", "TLSv1.3"],
        "time_zone": {"name": "SYSTEM", "system": "EAT", "utc_offset_minutes": 180},
    }


@pytest.mark.parametrize(("mode", "offered"), [("preferred", False), ("disabled", None)])
def test_without_tls_it_depends_on_whether_it_was_tried(mode: str, offered: Optional[bool]) -> None:
    seen = mysql_seen(result(tls=None), mode)
    assert seen.get("tls_offered") is offered
    assert "tls_versions" not in seen


def test_tls_that_this_host_refuses_is_offered_all_the_same() -> None:
    old = {**result(tls=None, variables={"tls_version": "TLSv1,TLSv1.1"}), "findings": [{"id": "tls_unusable"}]}
    assert (mysql_seen(old)["tls_offered"], mysql_seen(old)["tls_versions"]) == (True, ["TLSv1", "TLSv1.1"])


def test_of_a_database_that_let_nobody_in_nothing_is_handed_on() -> None:
    assert mysql_seen(result(logged_in=False)) == {}


@pytest.mark.parametrize("kind", ALL)
def test_the_connector_understands_all_of_it(kind: str) -> None:
    source = good(kind)
    findings = [describe_finding(finding) for finding in assess(source, WANTED).findings]
    seen = mysql_seen({"source": describe(source, WANTED), "findings": findings})
    assert set(seen) - {"address", "columns"} <= set(SEEN)
    assert seen["flavour"] == kind.partition("-")[0]


def test_anything_else_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="mysql_source_info"):
        FilterModule().filters()["mysql_seen"]({"flavour": "mysql"})

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One server id for a site: the id that is looked for among the replicas is the id that the connector gets."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._debezium import server_id

from tests.unit.role_files import ROOT
from tests.unit.roles.role_runs import Outcome, check

CASES: Dict[str, Dict[str, Any]] = {
    "derived": {},
    "zero": {"event_log_server_id": 0},
    "given": {"event_log_server_id": 184200},
    "as_text": {"event_log_server_id": "184200"},
}
WANTED = {"derived": server_id("demo"), "zero": server_id("demo"), "given": 184200, "as_text": 184200}
SHOWN = {
    "checked": "{{ __mysql_binlog_connector_id | int }}",
    "used": "{{ (__event_connector_source | openmrs.event_log.connector_config)['database.server.id'] }}",
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Outcome]:
    tasks: Any = [
        {"name": f"{role} {part}", "ansible.builtin.include_vars": str(ROOT / "roles" / role / part / "main.yml")}
        for role in ("mysql_binlog", "event_connector")
        for part in ("defaults", "vars")
    ]
    known = {"__event_connector_known": {"flavour": "mysql", "ssl_mode": "preferred"}}
    tasks.append({"name": "Show", "ansible.builtin.debug": {"msg": SHOWN}, "vars": known})
    hosts = {
        name: {"path": "/usr/bin:/bin", "event_log_site": "demo", "event_log_profile": "clinic", **given}
        for name, given in CASES.items()
    }
    return check(tmp_path_factory.mktemp("ids"), tasks, hosts)


@pytest.mark.parametrize("case", CASES)
def test_the_id_that_is_checked_is_the_one_that_is_used(outcomes: Dict[str, Outcome], case: str) -> None:
    shown = outcomes[case].result("Show")["msg"]
    assert {name: int(value) for name, value in shown.items()} == {"checked": WANTED[case], "used": WANTED[case]}

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The limits of each version's expiry: what it cannot be told is never planned, and what is missing is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure as plans
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure import Request
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import DAY

from tests.unit.plugins.module_utils.mysql_sources import WANTED, good, judged, with_variables
from tests.unit.plugins.module_utils.test__mysql_configure import Server, present, settings

YEAR = replace(WANTED, longest_outage_days=365)
MARIADB = {"binlog_expire_logs_seconds": str(99 * DAY), "expire_logs_days": "99.000000"}


@pytest.mark.parametrize(
    ("kind", "most"),
    [
        ("mysql-5.7", {"expire_logs_days": "99"}),
        ("mysql-8.0", {"binlog_expire_logs_seconds": str(365 * DAY)}),
        ("mysql-9.7", {"binlog_expire_logs_seconds": str(365 * DAY)}),
        ("mariadb-10.11", MARIADB),
        ("mariadb-11.8", MARIADB),
    ],
)
def test_a_year_is_planned_as_far_as_the_version_goes_and_only_once(kind: str, most: Dict[str, str]) -> None:
    server = Server(kind)
    server.restart()
    first = server.plan(Request(YEAR))
    [(name, value)] = list(most.items())[:1]
    assert settings(first.content)[name] == value
    server.ours = first.content
    server.restart()
    again = server.plan(Request(YEAR))
    assert (again.content, again.dynamic, again.waiting, again.problems) == (first.content, (), (), ())
    found = {finding.id: finding for finding in judged(with_variables(good(kind), **most), YEAR).findings}
    assert ("expiry_short" in found) == (value != str(365 * DAY))
    if "expiry_short" in found:
        assert "For the 266 days that are missing nothing can be set" in found["expiry_short"].fix
        assert found["expiry_short"].settings == ()


@pytest.mark.parametrize("kind", ["mysql-5.7", "mariadb-10.11"])
def test_a_binary_log_that_is_switched_on_gets_no_more_than_there_is(kind: str) -> None:
    source = with_variables(good(kind), log_bin="OFF", expire_logs_days="0", binlog_expire_logs_seconds="0")
    [found] = [finding for finding in judged(source, YEAR).findings if finding.id == "binlog_off"]
    assert found.settings[1].value == ("99" if kind == "mysql-5.7" else "8553600")


def test_short_timeouts_are_set_as_the_look_wants_them() -> None:
    state = present("mysql-8.4", {"net_read_timeout": "10", "net_write_timeout": "60"})
    found = plans.plan(state, Request(WANTED), None, lambda text: [], "/ours")
    assert found.statements() == ("SET GLOBAL net_read_timeout = 30",)
    assert "net_read_timeout = 30" in (found.content or "")

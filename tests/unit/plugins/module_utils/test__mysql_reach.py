# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the connector reaches the server and stays connected; and the look of an administrator."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_facts as facts
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import Failure, Source
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_grants import Grants
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_server import parse_server

from tests.unit.plugins.module_utils.mysql_sources import ALL, WANTED, good, ids, judged, with_refusal, with_variables

ADMIN = replace(WANTED, user="root", check_access=False)


@pytest.mark.parametrize("kind", ALL)
def test_a_server_without_a_network_is_opened_for_this_host_only(kind: str) -> None:
    source = with_variables(good(kind), skip_networking="ON", bind_address="*")
    assert ids(source) == {"skip_networking": "error"}
    my_cnf = judged(source).remedy.my_cnf
    assert "skip_networking = 0\nbind_address = 127.0.0.1" in my_cnf
    assert "Needs a restart" in my_cnf
    local = judged(with_variables(source, bind_address="127.0.0.1")).remedy.my_cnf
    assert "bind_address" not in local
    assert ids(with_variables(source, skip_networking="OFF")) == {}


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(
    ("variable", "low", "enough"),
    [("net_read_timeout", "29", "30"), ("net_write_timeout", "59", "60"), ("wait_timeout", "599", "600")],
)
def test_short_timeouts(kind: str, variable: str, low: str, enough: str) -> None:
    assert ids(with_variables(good(kind), **{variable: enough})) == {}
    source = with_variables(good(kind), **{variable: low})
    assert ids(source) == {"net_timeouts": "warning"}
    assert f"{variable} is {low} s" in judged(source).findings[-1].what
    # How long a session may idle is for the site to say.
    assert (f"{variable} = {enough}" in judged(source).remedy.my_cnf) == variable.startswith("net_")


@pytest.mark.parametrize(
    ("mode", "found"), [("ON", False), ("OFF", False), ("ON_PERMISSIVE", True), ("OFF_PERMISSIVE", True)]
)
def test_gtid_modes(mode: str, found: bool) -> None:
    assert ids(with_variables(good("mysql-8.0"), gtid_mode=mode)) == ({"gtid_mode": "info"} if found else {})


@pytest.mark.parametrize("kind", ALL)
def test_an_administrator_is_not_judged_as_the_capture_account(kind: str) -> None:
    source = replace(good(kind), grants=Grants(), plugin="auth_socket")
    assert ids(with_refusal(source, "binlog_dump", 1227), ADMIN) == {}
    assert "grant_replication_slave" in ids(with_refusal(source, "binlog_dump", 1227))
    assert ids(with_variables(source, sync_binlog="0"), ADMIN) == {"sync_binlog": "warning"}


@pytest.mark.parametrize("kind", [facts.LOGIN, facts.HOST_REFUSED, facts.ACCOUNT_UNUSABLE, facts.PLUGIN])
def test_an_administrator_who_is_refused_is_not_given_an_account(kind: str) -> None:
    source = Source(server=parse_server("8.0.12"), failure=Failure(kind, 1045, "denied"))
    assessment = judged(source, ADMIN)
    assert [found.id for found in assessment.findings] == ["admin_login_refused"]
    assert (assessment.remedy.sql, assessment.remedy.my_cnf) == ("", "")


def test_an_administrator_finds_a_dead_server_like_anybody() -> None:
    assert ids(Source(failure=Failure(facts.UNREACHABLE, 0, "refused")), ADMIN) == {"server_unreachable": "error"}

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that speak to a worker and, as the capture account, to its database: how they end."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Dict, Iterator, List

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_signals
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import (
    Login,
    MissingLibraryError,
)
from ansible_collections.openmrs.event_log.plugins.modules import (
    connector_caught_up,
    connector_snapshot,
    connector_tables,
)

from tests.unit.plugins.module_utils.fake_connect import FakeConnect
from tests.unit.plugins.module_utils.test__connector_snapshot import CONFIG
from tests.unit.plugins.modules.conftest import Call

#: The modules, with what they need beside connector and logins.
MODULES: List[Any] = [
    (connector_caught_up, {}),
    (connector_snapshot, {"tables": ["person"]}),
    (connector_tables, {"tables": ["person", "visit"]}),
]


@pytest.fixture
def options() -> Iterator[Dict[str, Any]]:
    worker = FakeConnect()
    worker.register("n", CONFIG, "RUNNING RUNNING")
    server = worker.serve()
    login = {"login_host": "db", "login_port": 3307, "login_user": "event_log", "login_password": "secret-word"}
    yield {"url": f"http://127.0.0.1:{server.server_address[1]}", "name": "n", "database_login": login}
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("module", "more"), MODULES)
def test_a_missing_library_is_named_and_the_capture_account_is_who_logs_in(
    options: Dict[str, Any], call: Call, monkeypatch: pytest.MonkeyPatch, module: ModuleType, more: Dict[str, Any]
) -> None:
    logins: List[Login] = []

    def lack(login: Login) -> None:
        logins.append(login)
        raise MissingLibraryError("PyMySQL")

    monkeypatch.setattr(_mysql_signals, "open_connection", lack)
    failed = call(module, **options, **more)
    assert failed["failed"]
    assert "(PyMySQL)" in failed["msg"]
    assert "to log in to the source database" in failed["msg"]
    assert logins == [Login("db", 3307, "event_log", "secret-word")]


@pytest.mark.parametrize(("module", "more"), MODULES)
def test_what_the_order_itself_fails_with_is_the_end(
    options: Dict[str, Any], call: Call, module: ModuleType, more: Dict[str, Any]
) -> None:
    failed = call(module, **{**options, **more, "name": "stranger"})
    assert failed["failed"]
    assert failed["msg"].startswith("connector stranger is not registered")


@pytest.mark.parametrize(("module", "more"), MODULES)
def test_a_worker_that_does_not_answer_is_told_with_the_request(
    options: Dict[str, Any], call: Call, module: ModuleType, more: Dict[str, Any]
) -> None:
    nobody = {**options, **more, "url": "http://127.0.0.1:9", "wait_timeout": 1}
    failed = call(module, **nobody)
    assert (failed["method"], failed["url"]) == ("GET", "http://127.0.0.1:9/connectors/n")


def test_a_table_of_signals_with_an_odd_name_is_told(options: Dict[str, Any], call: Call) -> None:
    worker = FakeConnect()
    worker.register("n", {**CONFIG, "signal.data.collection": "event-log.signals"}, "RUNNING RUNNING")
    server = worker.serve()
    failed = call(connector_caught_up, **{**options, "url": f"http://127.0.0.1:{server.server_address[1]}"})
    server.shutdown()
    server.server_close()
    assert failed["msg"] == "'event-log.signals' is not database.table, in letters, digits and underscores."

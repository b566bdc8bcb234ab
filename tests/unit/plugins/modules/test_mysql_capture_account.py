# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's shape: what reaches the work from its options, and what fails; no password comes out."""

from __future__ import annotations

import json
from typing import Any, Dict

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_account import Desired
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_account_run import AccountError
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import Login, MissingLibraryError
from ansible_collections.openmrs.event_log.plugins.modules import mysql_capture_account as subject

from tests.unit.plugins.modules.conftest import Call

OPTIONS = {"name": "event_log", "password": "secret-word", "login_password": "admin-word", "database": "openmrs"}
RESULT: Dict[str, Any] = {"changed": True, "account": "event_log@localhost", "actions": ["create"]}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Dict[str, Any]:
    """What the work was given."""
    given: Dict[str, Any] = {}

    def ensure(login: Login, account: Login, desired: Desired, check: bool) -> Dict[str, Any]:
        given.update(login=login, account=account, desired=desired, check=check)
        return RESULT

    monkeypatch.setattr(subject.run, "ensure", ensure)
    return given


def test_the_defaults(call: Call, seen: Dict[str, Any]) -> None:
    result = call(subject, **OPTIONS)
    assert (result["changed"], result["account"]) == (True, "event_log@localhost")
    assert seen["login"] == Login("127.0.0.1", 3306, "root", "admin-word")
    assert seen["account"] == Login("127.0.0.1", 3306, "event_log", "secret-word")
    assert seen["desired"] == Desired("event_log", "", "openmrs")
    assert seen["check"] is False


def test_the_account_is_tried_over_the_network_though_the_administrator_is_local(
    call: Call, seen: Dict[str, Any]
) -> None:
    call(
        subject, check=True, **OPTIONS, login_unix_socket="/run/s", login_host="db", login_port=3307, connect_timeout=3,
        ssl_mode="verify_ca", ca_cert="/ca.pem", client_cert="/c.pem", client_key="/k.pem",
        host="%", signal_table="signal", lock_tables=True, require_tls=True, update_password="on_create",
        revoke_surplus=True,
    )  # fmt: skip
    assert seen["login"] == Login(
        "db", 3307, "root", "admin-word", "/run/s", 3, "verify_ca", "/ca.pem", "/c.pem", "/k.pem"
    )
    assert seen["account"] == Login("db", 3307, "event_log", "secret-word", "", 3, "verify_ca", "/ca.pem")
    assert seen["desired"] == Desired(
        "event_log", "%", "openmrs", True, "openmrs.signal", True, True, update_password=False, revoke_surplus=True
    )
    assert seen["check"] is True


def test_removing_needs_no_password(call: Call, seen: Dict[str, Any]) -> None:
    call(subject, name="event_log", state="absent")
    assert seen["desired"] == Desired("event_log", "", present=False)


@pytest.mark.parametrize("missing", ["password", "database"])
def test_making_needs_a_password_and_a_database(call: Call, seen: Dict[str, Any], missing: str) -> None:
    result = call(subject, **{name: value for name, value in OPTIONS.items() if name != missing})
    assert missing in result["msg"]
    assert seen == {}


@pytest.mark.parametrize(
    ("error", "said"),
    [(AccountError("do this"), "do this"), (MissingLibraryError("PyMySQL"), "PyMySQL")],
)
def test_what_fails_is_said(call: Call, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str) -> None:
    def fail(*_arguments: Any) -> Any:
        raise error

    monkeypatch.setattr(subject.run, "ensure", fail)
    result = call(subject, **OPTIONS)
    assert result["failed"]
    assert said in result["msg"]


def test_no_result_holds_a_password(call: Call, seen: Dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject.run, "ensure", lambda *_arguments: {"changed": False, "said": "secret-word admin-word"})
    shown = json.dumps(call(subject, **OPTIONS))
    assert "secret-word" not in shown
    assert "admin-word" not in shown

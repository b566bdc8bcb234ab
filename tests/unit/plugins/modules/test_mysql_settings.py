# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's shape: its options reach the plan, check mode writes nothing, and refusals end as failures."""

from __future__ import annotations

import json
from typing import Any, Dict

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_look import ConfigureError
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_place import PlaceError
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_run import Options
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import Login, MissingLibraryError
from ansible_collections.openmrs.event_log.plugins.modules import mysql_settings as subject

from tests.unit.plugins.modules.conftest import Call

RESULT = {"changed": True, "path": "/etc/mysql/conf.d/zz-event-log.cnf", "waiting": [], "notes": []}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Dict[str, Any]:
    found: Dict[str, Any] = {}

    def ensure(login: Login, options: Options, host: Any) -> Dict[str, Any]:
        found.update(login=login, options=options, host=host)
        if "error" in found:
            raise found["error"]
        return RESULT

    monkeypatch.setattr(subject, "ensure", ensure)
    return found


def test_options_reach_the_plan_in_the_servers_words(call: Call, seen: Dict[str, Any]) -> None:
    result = call(
        subject, check=True, login_password="not-to-be-seen", database="openmrs", tables=["person", "person"],
        settings={"Max-Connections": 300, "skip_name_resolve": True}, keep=["Sync-Binlog"], restart="if_needed",
        longest_outage_days=30, container="db",
    )  # fmt: skip
    options: Options = seen["options"]
    assert result["changed"] is True
    assert options.request.further == {"max_connections": "300", "skip_name_resolve": "ON"}
    assert options.request.keep == frozenset({"sync_binlog"})
    assert (options.request.wanted.tables, options.request.wanted.longest_outage_days) == (("person",), 30)
    assert options.request.wanted.check_access is False
    assert (options.restart, options.check_mode, options.container) == (True, True, "db")
    assert (seen["login"].user, seen["login"].password) == ("root", "not-to-be-seen")


def test_nothing_is_allowed_that_was_not_said(call: Call, seen: Dict[str, Any]) -> None:
    call(subject, database="openmrs")
    options: Options = seen["options"]
    assert (options.restart, options.persist, options.validate, options.check_mode) == (False, False, True, False)


@pytest.mark.parametrize("error", [ConfigureError("cannot, says not-to-be-seen"), PlaceError("where is it")])
def test_a_refusal_fails_in_words_without_the_password(call: Call, seen: Dict[str, Any], error: Exception) -> None:
    seen["error"] = error
    result = call(subject, database="openmrs", login_password="not-to-be-seen")
    assert result["msg"].startswith(str(error).split(",")[0])
    assert "not-to-be-seen" not in json.dumps(result["msg"])


def test_a_missing_library_is_named(call: Call, seen: Dict[str, Any]) -> None:
    seen["error"] = MissingLibraryError("PyMySQL")
    assert "PyMySQL" in call(subject, database="openmrs")["msg"]


def test_in_check_mode_the_files_tell_where_the_library_is_only_predicted(
    call: Call, seen: Dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen["error"] = MissingLibraryError("PyMySQL")
    monkeypatch.setattr(subject, "foresee", lambda login, options, host: {**RESULT, "notes": ["foreseen"]})
    assert call(subject, check=True, database="openmrs")["notes"] == ["foreseen"]

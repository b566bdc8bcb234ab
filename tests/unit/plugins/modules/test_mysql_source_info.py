# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's shape: never changed, bad databases are findings, only missing libraries fail; no password comes out."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_facts as facts
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import Failure, Source
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import Login, MissingLibraryError
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_server import parse_server
from ansible_collections.openmrs.event_log.plugins.modules import mysql_source_info as subject

from tests.unit.plugins.module_utils.mysql_sources import ALL, good

ARGUMENTS = {
    "login_user": "event_log",
    "login_password": "not-to-be-seen",
    "database": "openmrs",
    "tables": ["person", "patient", "person"],
}


class LeftError(Exception):
    """The module ended, one way or the other."""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Dict[str, Any]]:
    """The module's result over a source, or over what reading it raises."""

    def call(source: Any, **arguments: Any) -> Dict[str, Any]:
        seen: Dict[str, Any] = {}

        def read(login: Any, wanted: Any) -> Source:
            seen.update(login=login, wanted=wanted)
            if isinstance(source, Exception):
                raise source
            return source

        def leave(module: Any, failed: bool = False, **result: Any) -> None:
            seen.update(result, failed=failed)
            raise LeftError

        monkeypatch.setattr(subject, "read_source", read)
        monkeypatch.setattr(basic.AnsibleModule, "exit_json", leave)
        monkeypatch.setattr(basic.AnsibleModule, "fail_json", lambda module, **result: leave(module, True, **result))
        with patch_module_args({**ARGUMENTS, **arguments}), pytest.raises(LeftError):
            subject.main()
        return seen

    return call


@pytest.mark.parametrize("kind", ALL)
def test_a_sound_source(run: Callable[..., Dict[str, Any]], kind: str) -> None:
    result = run(good(kind))
    assert (result["failed"], result["changed"]) == (False, False)
    assert [one["id"] for one in result["findings"]] == (["version_untested"] if kind == "mysql-5.7" else [])
    assert result["source"]["flavour"] == kind.split("-", maxsplit=1)[0]
    assert result["source"]["version"].startswith(kind.split("-")[1])
    assert (result["source"]["reachable"], result["source"]["logged_in"]) == (True, True)
    assert result["source"]["tables"]["person"]["primary_key"] == ["person_id"]
    assert result["remedy"] == {"my_cnf": "", "sql": ""}


@pytest.mark.parametrize(
    ("failure", "reachable"),
    [
        (Failure(facts.UNREACHABLE, 0, "refused"), False),
        (Failure(facts.LOGIN, 1045, "denied"), True),
        (Failure(facts.HOST_REFUSED, 1130, "not from here"), True),
    ],
)
def test_a_database_that_does_not_let_us_in_is_a_finding(
    run: Callable[..., Dict[str, Any]], failure: Failure, reachable: bool
) -> None:
    result = run(Source(server=parse_server("8.0.12") if failure.code == 1045 else None, failure=failure))
    assert (result["failed"], result["changed"]) == (False, False)
    assert [one["severity"] for one in result["findings"]] == ["error"]
    assert (result["source"]["reachable"], result["source"]["logged_in"]) == (reachable, False)


@pytest.mark.parametrize("library", ["PyMySQL", "cryptography"])
def test_a_missing_library_fails_and_is_named(run: Callable[..., Dict[str, Any]], library: str) -> None:
    result = run(MissingLibraryError(library))
    assert result["failed"]
    assert library in result["msg"]


def test_arguments_arrive(run: Callable[..., Dict[str, Any]]) -> None:
    result = run(
        good("mysql-8.0"),
        login_host="db",
        login_port=3307,
        login_unix_socket="/run/s",
        connect_timeout=3,
        ssl_mode="verify_ca",
        ca_cert="/ca.pem",
        client_cert="/c.pem",
        client_key="/k.pem",
        server_id=184200,
        allow_untested=True,
        longest_outage_days=30,
        binlog_directory="/srv/db",
        check_access=False,
        message_limit=5,
    )
    assert result["login"] == Login(
        "db", 3307, "event_log", "not-to-be-seen", "/run/s", 3, "verify_ca", "/ca.pem", "/c.pem", "/k.pem"
    )
    assert result["wanted"] == subject.Wanted(
        "db", 3307, "event_log", "openmrs", ("person", "patient"), "/run/s", 184200, True, 5, 30, "/srv/db", False
    )


def test_no_result_holds_the_password(run: Callable[..., Dict[str, Any]]) -> None:
    source = Source(server=parse_server("8.0.12"), failure=Failure(facts.LOGIN, 1045, "denied"))
    result = run(source)
    shown = json.dumps({key: result[key] for key in ("source", "findings", "remedy")})
    assert "CREATE USER" in shown
    assert "not-to-be-seen" not in shown
    assert subject.ARGUMENT_SPEC["login_password"]["no_log"] is True

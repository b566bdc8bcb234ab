# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The message that people read when a source database is refused."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.openmrs.event_log.plugins.filter.mysql_findings import FilterModule, mysql_findings


def finding(name: str, severity: str) -> Dict[str, str]:
    return {
        "id": name,
        "severity": severity,
        "what": f"What of {name}.",
        "why": f"Why of {name}.",
        "fix": f"Fix of {name}.",
    }


RESULT: Dict[str, Any] = {
    "source": {"address": "127.0.0.1:3306", "flavour": "mariadb", "version": "10.11.6"},
    "findings": [
        finding("one", "error"),
        finding("two", "error"),
        finding("three", "warning"),
        finding("four", "info"),
    ],
    "remedy": {"my_cnf": "[mysqld]\nlog_bin = mysql-bin\n", "sql": "GRANT RELOAD ON *.* TO 'a'@'%';\n"},
}


def test_errors_are_numbered_and_what_to_paste_is_at_the_end() -> None:
    assert mysql_findings(RESULT, variables={"event_log_tables": ["a", "b"], "event_log_database_port": 3306}) == (
        "The source database 127.0.0.1:3306 (MariaDB 10.11.6) cannot feed the event log yet.\n"
        "The inventory says:\n"
        "  event_log_tables: a, b\n"
        "  event_log_database_port: 3306\n"
        "\n"
        "1. What of one. [one]\n"
        "   Why: Why of one.\n"
        "   Fix: Fix of one.\n"
        "\n"
        "2. What of two. [two]\n"
        "   Why: Why of two.\n"
        "   Fix: Fix of two.\n"
        "\n"
        "Settings to paste:\n"
        "\n"
        "[mysqld]\n"
        "log_bin = mysql-bin\n"
        "\n"
        "SQL to paste:\n"
        "\n"
        "GRANT RELOAD ON *.* TO 'a'@'%';\n"
    )


def test_warnings_by_themselves_do_not_say_that_it_cannot_work() -> None:
    message = mysql_findings(RESULT, ["warning", "info"], remedy=False)
    assert message.startswith("Worth knowing about the source database 127.0.0.1:3306")
    assert "1. What of three." in message
    assert "2. What of four." in message
    assert "paste" not in message
    assert "What of one" not in message


def test_nothing_to_say_is_an_empty_text() -> None:
    assert mysql_findings({**RESULT, "findings": []}) == ""
    assert mysql_findings({**RESULT, "findings": [finding("three", "warning")]}) == ""


def test_empty_parts_are_left_out() -> None:
    message = mysql_findings({**RESULT, "remedy": {"my_cnf": "", "sql": ""}})
    assert message.endswith("Fix: Fix of two.\n")


def test_a_server_that_was_not_seen() -> None:
    message = mysql_findings({**RESULT, "source": {"address": "db:3306", "flavour": None, "version": None}})
    assert "db:3306 (not seen)" in message


@pytest.mark.parametrize("wrong", [{}, {"findings": []}, "text", None])
def test_anything_but_the_modules_result_is_refused(wrong: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="mysql_source_info"):
        mysql_findings(wrong)


def test_an_unknown_severity_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="'fatal'"):
        mysql_findings(RESULT, ["fatal"])


def test_the_filter_is_found_by_its_name() -> None:
    assert FilterModule().filters() == {"mysql_findings": mysql_findings}

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's settings, as the role writes them and as they may be found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from event_guard import settings
from event_log.errors import EventLogError


def environ(tmp_path: Path, text: str) -> dict[str, str]:
    (tmp_path / "guard.json").write_text(text)
    return {"EVENT_LOG_SETTINGS": str(tmp_path / "event-log.json")}


def test_without_a_file_the_defaults_count(tmp_path: Path) -> None:
    found = settings.load({"EVENT_LOG_SETTINGS": str(tmp_path / "event-log.json")})
    assert found == settings.Guard()
    assert found.directory == Path("/var/lib/event-log/guard")


def test_a_file_is_read_and_what_it_leaves_out_has_its_default(tmp_path: Path) -> None:
    text = json.dumps(
        {
            "directory": "/data/guard",
            "site": "hilltop",
            "free_drop": 12.5,
            "interval": "20",
            "may_drop_unread": True,
            "consumer_groups": ["warehouse"],
            "restart_minutes": [1, 2],
            "report_command": ["/usr/local/bin/send", "--now"],
            "unknown": 1,
        }
    )
    found = settings.load(environ(tmp_path, text))
    assert found == settings.Guard(
        directory=Path("/data/guard"),
        site="hilltop",
        free_drop=12.5,
        interval=20,
        may_drop_unread=True,
        consumer_groups=("warehouse",),
        restart_minutes=(1, 2),
        report_command=("/usr/local/bin/send", "--now"),
    )
    assert isinstance(found.interval, int)


@pytest.mark.parametrize("value", ["yes", 1, "true"])
def test_unread_events_go_only_where_that_is_said_plainly(tmp_path: Path, value: Any) -> None:
    found = settings.load(environ(tmp_path, json.dumps({"may_drop_unread": value})))
    assert found.may_drop_unread is False


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "not a JSON object"),
        ("{", "not valid JSON"),
        ('{"interval": "soon"}', "interval cannot be 'soon'"),
        ('{"interval": true}', "interval cannot be True"),
        ('{"consumer_groups": "warehouse"}', "consumer_groups cannot be 'warehouse'"),
    ],
)
def test_a_fault_is_named_with_the_file(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(EventLogError, match=told) as raised:
        settings.load(environ(tmp_path, text))
    assert str(tmp_path / "guard.json") in str(raised.value)

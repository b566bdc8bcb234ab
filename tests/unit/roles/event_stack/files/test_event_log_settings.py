# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings: found, checked, and what is said when they are not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log import settings
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log.errors import EventLogError

WHOLE = {
    "image": "i:1",
    "bootstrap": "127.0.0.1:9092",
    "data_dir": "/data/log",
    "project": "event-log",
    "uid": 1001,
    "gid": 1001,
    "database": "openmrs",
}


def write(path: Path, data: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def test_whole_settings_are_read_and_home_is_two_levels_above_them(tmp_path: Path) -> None:
    path = write(tmp_path / "opt" / "config" / "event-log.json", {**WHOLE, "topic_prefix": "pih", "connect_url": "x"})
    read = settings.load({"EVENT_LOG_SETTINGS": str(path)})
    assert (read.home, read.data_dir, read.topic_prefix) == (tmp_path / "opt", Path("/data/log"), "pih")
    assert "event-log-connect-offsets" in read.internal_topics


def test_settings_say_where_the_login_is_and_older_ones_have_none(tmp_path: Path) -> None:
    path = tmp_path / "event-log.json"
    now = settings.from_mapping({**WHOLE, "client_dir": "/secrets/command", "logins": True}, path)
    assert (now.client_dir, now.logins) == (Path("/secrets/command"), True)
    before = settings.from_mapping(WHOLE, path)
    assert (before.client_dir, before.logins) == (None, False)


def test_default_path_is_beside_the_lib_directory_of_the_package() -> None:
    package = Path(settings.__file__).resolve().parent
    assert settings.path_of_settings({}) == package.parents[1] / "config" / "event-log.json"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({key: value for key, value in WHOLE.items() if key not in ("image", "uid")}, "does not say: image, uid"),
        ({**WHOLE, "gid": "staff"}, "uid and gid must be numbers"),
        ([], "is not a JSON object"),
        ("{", "is not valid JSON"),
    ],
)
def test_faulty_settings_are_named_with_the_remedy(tmp_path: Path, content: Any, words: str) -> None:
    path = write(tmp_path / "config" / "event-log.json", content)
    with pytest.raises(EventLogError) as caught:
        settings.load({"EVENT_LOG_SETTINGS": str(path)})
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "playbook" in str(caught.value)


def test_missing_settings_say_that_nothing_is_installed(tmp_path: Path) -> None:
    with pytest.raises(EventLogError, match="not installed here"):
        settings.load({"EVENT_LOG_SETTINGS": str(tmp_path / "none.json")})


def test_hold_is_named_when_the_broker_does_not_answer(tmp_path: Path) -> None:
    read = settings.from_mapping(WHOLE, tmp_path / "config" / "event-log.json")
    assert "on hold" not in read.not_answering()
    assert "docker logs" in read.not_answering()
    (tmp_path / "hold").write_text("disk is being replaced")
    assert "on hold" in read.not_answering()
    assert str(tmp_path / "hold") in read.not_answering()

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every act is told with its reason and counted, whatever the disk does."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict

import pytest
from event_guard import acts

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


class Kept:
    """A memory as far as acts need one."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.data: Dict[str, Dict[str, Any]] = {}

    def get(self, key: str) -> Dict[str, Any]:
        return self.data.get(key, {})

    def put(self, key: str, value: Dict[str, Any]) -> None:
        self.data[key] = value


def note(kept: Kept, act: str, reason: str, about: str = "") -> None:
    acts.note(kept, act, reason, about, now=NOW)  # type: ignore[arg-type]


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def test_an_act_is_in_the_journal_in_the_file_and_counted(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    note(kept, "restart", "the task\nhas failed", "openmrs-connector")
    note(kept, "restart", "again", "openmrs-connector")
    note(kept, "stop_worker", "no room")
    assert kept.data["acts"] == {"restart": 2, "stop_worker": 1}
    assert capsys.readouterr().out.splitlines()[0] == "<5>restart openmrs-connector: the task has failed"
    found = acts.recent(kept.directory)
    assert found[0] == {
        "time": "2026-01-02T03:04:05Z",
        "act": "restart",
        "reason": "the task has failed",
        "about": "openmrs-connector",
    }
    assert [one["act"] for one in found] == ["restart", "restart", "stop_worker"]
    assert (kept.directory / acts.NAME).stat().st_mode & 0o777 == 0o600


def test_half_a_line_of_a_power_cut_costs_no_other_line(kept: Kept) -> None:
    note(kept, "one", "a")
    path = kept.directory / acts.NAME
    path.write_bytes(path.read_bytes() + b'{"time": "20')
    note(kept, "two", "b")
    assert [one["act"] for one in acts.recent(kept.directory)] == ["one", "two"]


def test_the_file_stays_bounded_and_keeps_the_newest(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acts, "_LARGEST", 2000)
    for number in range(200):
        note(kept, "act", f"reason {number}")
        assert (kept.directory / acts.NAME).stat().st_size < 2200
    assert json.loads((kept.directory / acts.NAME).read_text().splitlines()[-1])["reason"] == "reason 199"
    assert kept.data["acts"] == {"act": 200}


def test_a_full_disk_does_not_stop_the_act(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    (kept.directory / acts.NAME).mkdir()  # nothing can be appended to it
    note(kept, "restart", "failed")
    assert kept.data["acts"] == {"restart": 1}
    assert "cannot be written" in capsys.readouterr().out


def test_nothing_was_done_where_there_is_no_file(tmp_path: Path) -> None:
    assert acts.recent(tmp_path) == []

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures for Prometheus: what is in the file, what is left out, and that the alert rules ask for nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from event_guard import metrics
from event_guard.memory import GAPS, Memory
from event_guard.settings import Guard
from event_log import overview

from tests.unit.role_files import ROOT

NOW = 1_800_000_000.0
SITE: Any = SimpleNamespace(data_dir=Path("/there/is/none"))
TOLD: dict[str, Any] = {
    "verdict": "ill",
    "findings": [{"id": "lag", "verdict": "ill"}, {"id": "gap", "verdict": "ok"}],
    "connectors": [
        {"name": "a", "state": "RUNNING", "tasks": ["RUNNING"], "running": True},
        {"name": 'b"\n', "state": "RUNNING", "tasks": ["FAILED"], "running": False},
    ],
    "lag": {"heartbeat": "2023-11-14T22:13:20.500Z", "newest_event": None},
    "disk": {"free": 5, "size": 10, "bytes": {"events": 2}, "forecast": {"days": None}},
    "topics": [{"topic": "o.obs", "bytes": 7, "events": 3}],
    "guard": {"acts": {"restart": 4}},
    "binlog_since": None,
}


def lines(told: dict[str, Any], gaps: int = 0) -> list[str]:
    text = metrics.as_text(metrics.families(told, gaps, NOW))
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_what_is_known_is_in_the_file() -> None:
    found = lines(TOLD, gaps=2)
    assert [line for line in found if line.startswith("event_log_verdict")] == [
        'event_log_verdict{verdict="ok"} 0',
        'event_log_verdict{verdict="busy"} 0',
        'event_log_verdict{verdict="held"} 0',
        'event_log_verdict{verdict="ill"} 1',
        'event_log_verdict{verdict="down"} 0',
    ]
    for line in (
        'event_log_finding{id="lag",severity="wrong"} 1',
        'event_log_finding{id="gap",severity="note"} 1',
        'event_log_connector_running{connector="a"} 1',
        'event_log_connector_running{connector="b\\"\\n"} 0',
        "event_log_heartbeat_timestamp_seconds 1700000000.500",
        'event_log_disk_bytes{what="events"} 2',
        "event_log_disk_days +Inf",
        'event_log_topic_events{topic="o.obs"} 3',
        'event_log_acts_total{act="restart"} 4',
        "event_log_gaps 2",
        "event_log_guard_timestamp_seconds 1800000000",
    ):
        assert line in found


def test_each_directory_of_the_data_is_measured_on_the_disk(tmp_path: Path) -> None:
    (tmp_path / "kafka/data/log").mkdir(parents=True)
    (tmp_path / "kafka/data/log/0.log").write_bytes(b"x" * 10000)
    with (tmp_path / "kafka/data/log/0.index").open("wb") as stream:
        stream.truncate(10 << 20)  # as Kafka makes them: there is nothing of it on the disk yet
    for other in ("guard", "lost+found"):
        (tmp_path / other).mkdir()
    found = metrics.directories(tmp_path)
    assert set(found) == {"kafka", "guard"}
    assert 10000 <= found["kafka"] < 1 << 20
    assert found["guard"] == 0
    assert metrics.directories(tmp_path / "none") == {}
    text = metrics.as_text(metrics.families(TOLD, 0, NOW, found))
    assert f'event_log_directory_bytes{{directory="kafka"}} {found["kafka"]}\n' in text


def test_what_is_not_known_is_not_in_it() -> None:
    found = "\n".join(lines({**TOLD, "lag": None, "disk": None, "guard": {}}))
    for name in ("heartbeat", "newest_event", "disk", "acts", "binlog"):
        assert f"event_log_{name}" not in found


def test_each_figure_says_what_it_is_once_and_before_its_values() -> None:
    text = metrics.as_text(metrics.families(TOLD, 0, NOW))
    names = re.findall(r"^# HELP (\w+) ", text, re.MULTILINE)
    assert len(names) == len(set(names)) == len(re.findall(r"^# TYPE ", text, re.MULTILINE))
    assert text.endswith("\n")


def test_the_alert_rules_and_their_page_ask_for_no_other_figure() -> None:
    known = {family[0] for family in metrics.families({**TOLD, "binlog_since": "2023-11-14T22:13:20.000Z"}, 0, NOW)}
    for name in ("docs/examples/event-log-alerts.yml", "docs/alerts.md"):
        used = set(re.findall(r"\bevent_log_\w+", (ROOT / name).read_text()))
        assert used - known == set(), name
    page = (ROOT / "docs/alerts.md").read_text()
    for anchor in re.findall(
        r"runbook: docs/alerts.md#(\w+)", (ROOT / "docs/examples/event-log-alerts.yml").read_text()
    ):
        assert re.search(rf"^## {anchor}$", page, re.MULTILINE | re.IGNORECASE), anchor


def test_it_is_written_once_a_minute_whole_and_for_all_to_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_TURN", {})
    monkeypatch.setattr(overview, "look", lambda *_given: None)
    monkeypatch.setattr(overview, "as_data", lambda _seen: TOLD)
    memory = Memory.load(tmp_path)
    memory.put(GAPS, [{"why": "x"}, {"why": "y", "repaired": True}])
    file = tmp_path / metrics.NAME
    metrics.step(SITE, Guard(), memory, NOW)
    assert not file.exists(), "only where the site wants it"
    guard = Guard(metrics_dir=str(tmp_path))
    metrics.step(SITE, guard, memory, NOW)
    assert "event_log_gaps 1\n" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o644
    file.unlink()
    metrics.step(SITE, guard, memory, NOW + 59)
    assert not file.exists()
    metrics.step(SITE, guard, memory, NOW - 3600)
    assert file.exists(), "a clock that was set back does not keep it from writing"
    assert [one.name for one in tmp_path.glob("*.new")] == []


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_TURN", {})
    monkeypatch.setattr(overview, "look", lambda *_given: None)
    monkeypatch.setattr(overview, "as_data", lambda _seen: TOLD)
    with pytest.raises(FileNotFoundError):
        metrics.step(SITE, Guard(metrics_dir=str(tmp_path / "no")), Memory.load(tmp_path), NOW)

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dropping events: which files may go, what the broker is asked, and what its tool's answer means."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import List, Sequence

import pytest
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.kafka_batches import Made, write_segment
from event_guard import room
from event_log import groups
from event_log.errors import EventLogError
from event_log.groups import Reading
from event_log.settings import Settings, from_mapping

HOUR = 3_600_000


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "data").mkdir()
    told = {
        "image": "i", "bootstrap": "127.0.0.1:1", "data_dir": str(tmp_path / "data"), "project": "event-log", "uid": 1,
        "gid": 1, "database": "openmrs", "topic_prefix": "openmrs",
    }  # fmt: skip
    return from_mapping(told, tmp_path / "home" / "config" / "event-log.json")


def _topic(settings: Settings, name: str, *starts: int, begin: int = 0) -> None:
    """A topic with a file of 10 events from each offset on, one an hour."""
    for number, start in enumerate(starts):
        moment = (begin + number + 1) * HOUR
        write_segment(settings.data_dir / f"{name}-0", start, [Made(start, 10, moment, moment, payload=939)])


def _reading(group: str, topic: str, committed: int) -> Reading:
    return Reading(group, topic, 0, committed, 30, 30 - committed, None, None)


@pytest.fixture
def asked(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> List[Sequence[str]]:
    """The calls of the broker's tool; it does what it is asked, but for a topic called stubborn."""
    calls: List[Sequence[str]] = []

    def output_of(_settings: Settings, _purpose: str, arguments: Sequence[str], program: Sequence[str]) -> str:
        assert program[:2] == ("sh", "-c")
        calls.append(arguments)
        lines = ["Executing records delete operation", "Records delete operation completed:"]
        for one in json.loads(arguments[0])["partitions"]:
            place = f"{one['topic']}-{one['partition']}"
            if "stubborn" in place:
                lines.append(f"partition: {place}\terror: Request parameters do not satisfy the configured policy.")
            else:
                lines.append(f"partition: {place}\tlow_watermark: {one['offset']}")
        return "\n".join(lines)

    monkeypatch.setattr(room, "output_of", output_of)
    for name in ("require_docker", "require_broker"):
        monkeypatch.setattr(room, name, lambda _settings: None)
    return calls


def _read_by(monkeypatch: pytest.MonkeyPatch, *readings: Reading) -> None:
    monkeypatch.setattr(groups, "read", lambda _settings: list(readings))


def test_whole_files_that_every_group_has_read_go(
    settings: Settings, asked: List[Sequence[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _topic(settings, "openmrs.openmrs.obs", 0, 10, 20, 30)
    obs = "openmrs.openmrs.obs"
    _read_by(monkeypatch, _reading("a", obs, 40), _reading("b", obs, 25))
    found = room.drop(settings, 10**9, ())
    assert json.loads(asked[0][0])["partitions"] == [{"topic": obs, "partition": 0, "offset": 20}]
    assert found == room.Dropped(2000, (obs,), HOUR, ((obs, 0, 20, HOUR, 3 * HOUR),))


def test_the_account_that_sees_every_group_is_asked(
    settings: Settings, asked: List[Sequence[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broker = settings.home / "config" / "broker"
    broker.mkdir(parents=True)
    (broker / "server.properties").write_text("listeners=BROKER://127.0.0.1:9092,ADMIN://127.0.0.1:9094\n")
    seen: List[str] = []

    def read(who: Settings) -> List[Reading]:
        seen.append(who.bootstrap)
        return []

    monkeypatch.setattr(groups, "read", read)
    room.drop(replace(settings, logins=True, client_dir=tmp_path / "command"), 1, ())
    assert seen == ["127.0.0.1:9094"]


def test_no_more_goes_than_is_missing(
    settings: Settings, asked: List[Sequence[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _topic(settings, "openmrs.openmrs.obs", 0, 10, 20, 30)
    _read_by(monkeypatch, _reading("a", "openmrs.openmrs.obs", 40))
    found = room.drop(settings, 1, ())
    assert found is not None
    assert found.size == 1000


@pytest.mark.parametrize("required", [("warehouse",), ("a", "warehouse")])
def test_a_group_that_must_have_read_and_never_came_keeps_everything(
    settings: Settings, asked: List[Sequence[str]], monkeypatch: pytest.MonkeyPatch, required: Sequence[str]
) -> None:
    _topic(settings, "openmrs.openmrs.obs", 0, 10, 20)
    _read_by(monkeypatch, _reading("a", "openmrs.openmrs.obs", 30))
    assert room.drop(settings, 10**9, required) is None
    assert asked == []


def test_what_nobody_reads_stays(
    settings: Settings, asked: List[Sequence[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _topic(settings, "openmrs.openmrs.obs", 0, 10, 20)
    _read_by(monkeypatch)
    assert room.drop(settings, 10**9, ()) is None
    assert asked == []


def test_only_topics_of_tables_are_touched(
    settings: Settings, asked: List[Sequence[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _topic(settings, "__debezium-heartbeat.clinic", 0)
    for name in ("schema-changes.openmrs", "event-log-connect-offsets", "reports.of.others", "openmrsx.openmrs.obs"):
        _topic(settings, name, 0, 10, 20)
    _topic(settings, "clinic.openmrs.obs", 0, 10, 20)
    assert [one.topic for one in room.closed(settings)] == ["clinic.openmrs.obs"] * 2
    found = room.drop(settings, 10**9, (), unread=True)
    assert found is not None
    assert found.topics == ("clinic.openmrs.obs",)


def test_files_that_the_broker_removes_already_do_not_count_again(settings: Settings) -> None:
    _topic(settings, "openmrs.openmrs.obs", 0, 10, 20)
    (settings.data_dir / "log-start-offset-checkpoint").write_text("0\n1\nopenmrs.openmrs.obs 0 10\n")
    assert [(one.base, one.end) for one in room.closed(settings)] == [(10, 20)]


def test_unread_events_go_the_oldest_first_over_all_topics(settings: Settings, asked: List[Sequence[str]]) -> None:
    _topic(settings, "openmrs.openmrs.obs", 0, 10, 20, begin=5)
    _topic(settings, "openmrs.openmrs.person", 0, 10, 20)
    found = room.drop(settings, 2500, (), unread=True)
    assert found is not None
    assert found.gaps == (
        ("openmrs.openmrs.obs", 0, 10, 6 * HOUR, 7 * HOUR),
        ("openmrs.openmrs.person", 0, 20, HOUR, 3 * HOUR),
    )


def test_only_what_the_broker_did_is_told(settings: Settings, asked: List[Sequence[str]]) -> None:
    for table in ("stubborn", "obs"):
        _topic(settings, f"openmrs.openmrs.{table}", 0, 10)
    told: List[room.Dropped] = []
    found = room.drop(settings, 10**9, (), unread=True, announce=told.append)
    assert found is not None
    assert (found.topics, found.size) == (("openmrs.openmrs.obs",), 1000)
    assert told[0].topics == ("openmrs.openmrs.obs", "openmrs.openmrs.stubborn")


def test_a_broker_that_refuses_all_of_it_is_told(settings: Settings, asked: List[Sequence[str]]) -> None:
    _topic(settings, "openmrs.openmrs.stubborn", 0, 10)
    with pytest.raises(EventLogError, match="do not satisfy the configured policy"):
        room.drop(settings, 10**9, (), unread=True)


def test_with_logins_the_services_own_account_asks(settings: Settings, tmp_path: Path) -> None:
    assert room.administrator(settings) == settings
    secured = replace(settings, logins=True, client_dir=tmp_path / "secrets" / "command")
    with pytest.raises(EventLogError, match="cannot be read"):
        room.administrator(secured)
    broker = secured.home / "config" / "broker"
    broker.mkdir(parents=True)
    properties = broker / "server.properties"
    properties.write_text("node.id=1\nlisteners=BROKER://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093\n")
    with pytest.raises(EventLogError, match="names no listener"):
        room.administrator(secured)
    properties.write_text("node.id=1\nlisteners=BROKER://127.0.0.1:9092,ADMIN://127.0.0.1:9094\n")
    service = room.administrator(secured)
    assert (service.bootstrap, service.client_dir) == ("127.0.0.1:9094", tmp_path / "secrets" / "admin")

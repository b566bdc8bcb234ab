# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard and a disk that fills up: each threshold, the way back, and what is remembered of it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import pytest
from event_guard import disk, room
from event_guard.memory import Memory
from event_guard.settings import Guard
from event_log import stack
from event_log.errors import EventLogError
from event_log.growth import Room
from event_log.settings import Settings, from_mapping

NOW = 1_700_000_000
SIZE = 10**9
READ = room.Dropped(
    50_000_000, ("a.b.obs",), 1_600_000_000_000, (("a.b.obs", 0, 10, 1_600_000_000_000, 1_650_000_000_000),)
)
UNREAD = replace(READ, size=20_000_000)


@dataclass
class Site:
    """A host whose disk, engine and broker are what the test says."""

    root: Path
    settings: Settings
    guard: Guard
    free: float = 50.0
    worker: str = "running"
    stopped: List[str] = field(default_factory=list)
    asked: List[Tuple[int, Tuple[str, ...], bool]] = field(default_factory=list)
    read: Optional[room.Dropped] = None
    unread: Optional[room.Dropped] = None
    error: str = ""
    announced: List[Any] = field(default_factory=list)
    cut: bool = False

    def round(self, free: float, now: float = NOW) -> Memory:
        """One round; the memory is read from the file before it, and written after it."""
        self.free = free
        memory = Memory.load(self.guard.directory)
        disk.step(self.settings, self.guard, memory, now)
        memory.save()
        return Memory.load(self.guard.directory)

    def acts(self) -> Dict[str, int]:
        return dict(Memory.load(self.guard.directory).get("acts"))

    def drop(
        self,
        _settings: Settings,
        wanted: int,
        required: Sequence[str],
        unread: bool = False,
        announce: Callable[[room.Dropped], None] = lambda _going: None,
    ) -> Any:
        if self.error:
            raise EventLogError(self.error)
        self.asked.append((wanted, tuple(required), unread))
        if unread and self.unread:
            announce(self.unread)
            self.announced = Memory.load(self.guard.directory).get("gaps", [])
            if self.cut:
                raise KeyboardInterrupt
        return self.unread if unread else self.read


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    (tmp_path / "data").mkdir()
    (tmp_path / "guard").mkdir()
    told = {
        "image": "i", "bootstrap": "127.0.0.1:1", "data_dir": str(tmp_path / "data"), "project": "event-log", "uid": 1,
        "gid": 1, "database": "openmrs",
    }  # fmt: skip
    settings = from_mapping(told, tmp_path / "home" / "config" / "event-log.json")
    made = Site(tmp_path, settings, Guard(directory=tmp_path / "guard", reserve_mb=1))

    def look(_settings: Settings) -> Dict[str, stack.Container]:
        described = [{"Name": "/event-log-connect", "State": {"Status": made.worker}, "Config": {}}]
        return stack.parse_inspect(json.dumps(described))

    def run(command: Sequence[str], seconds: float = 0) -> CompletedProcess[str]:
        assert command[:2] == ["docker", "stop"]
        made.stopped.append(command[2])
        made.worker = "exited"
        return CompletedProcess(list(command), 0, "", "")

    monkeypatch.setattr(disk, "room_of", lambda _path: Room(int(SIZE * made.free / 100), SIZE))
    monkeypatch.setattr(stack, "look", look)
    monkeypatch.setattr(stack, "run", run)
    monkeypatch.setattr(room, "drop", made.drop)
    return made


def test_a_reserve_is_kept_while_there_is_plenty(site: Site) -> None:
    site.round(50)
    reserve = site.guard.directory / "reserve"
    assert reserve.stat().st_blocks * 512 >= 1024**2
    assert site.acts() == {"keep_reserve": 1}
    site.round(50, NOW + 7200)
    assert site.acts() == {"keep_reserve": 1}


def test_no_reserve_is_taken_where_it_would_bring_the_disk_near_the_first_threshold(site: Site) -> None:
    site.round(12.05)
    assert not (site.guard.directory / "reserve").exists()


def test_no_reserve_is_taken_on_another_disk(site: Site) -> None:
    site.guard = replace(site.guard, directory=Path(f"/dev/shm/{site.root.name}"))
    site.guard.directory.mkdir()
    try:
        site.round(50)
        assert not (site.guard.directory / "reserve").exists()
    finally:
        shutil.rmtree(site.guard.directory)


def test_what_everybody_has_read_goes_below_the_first_threshold(site: Site) -> None:
    site.guard = replace(site.guard, consumer_groups=("warehouse",))
    site.read = READ
    memory = site.round(9)
    assert site.asked == [(int(SIZE * 0.03), ("warehouse",), False)]
    assert site.stopped == []
    assert site.acts() == {"disk_low": 1, "drop_read": 1}
    assert memory.get("disk")["dropped"] == [
        {"time": NOW, "bytes": 50_000_000, "unread": False, "topics": 1, "from": 1_600_000_000_000}
    ]
    assert memory.get("gaps", []) == []


def test_the_broker_is_given_time_to_free_what_was_dropped(site: Site) -> None:
    site.read = READ
    for after in (0, 10, disk.SETTLE - 1):
        site.round(9, NOW + after)
    assert len(site.asked) == 1
    site.round(9, NOW + disk.SETTLE)
    assert len(site.asked) == 2


def test_where_nothing_may_go_it_is_asked_again_later(site: Site) -> None:
    site.round(9)
    site.round(9, NOW + disk.AGAIN - 1)
    assert len(site.asked) == 1
    site.round(9, NOW + disk.AGAIN)
    assert len(site.asked) == 2
    assert site.acts() == {"disk_low": 1}


def test_a_clock_that_was_ahead_does_not_stop_it(site: Site) -> None:
    site.round(9, NOW + 400 * 86400)
    site.round(9, NOW)
    assert len(site.asked) == 2


def test_the_worker_stops_below_the_second_threshold_once(site: Site) -> None:
    memory = site.round(4.9)
    assert site.stopped == ["event-log-connect"]
    assert memory.get("waiting")["id"] == "disk_full"
    assert "4.9 %" in memory.get("waiting")["what"]
    site.round(4.9, NOW + 10)
    assert site.stopped == ["event-log-connect"]
    assert site.acts() == {"disk_stop": 1, "stop_worker": 1}


def test_a_worker_that_comes_up_all_the_same_is_stopped_again(site: Site) -> None:
    site.round(4.9)
    site.worker = "running"
    site.round(4.9, NOW + 10)
    assert site.acts()["stop_worker"] == 2


def test_the_worker_is_left_alone_while_the_stack_is_changed(site: Site) -> None:
    former = site.settings.home / "former"
    former.mkdir(parents=True)
    (former / "files.json").write_text("{}")
    site.round(4.9)
    assert site.stopped == []


def test_the_worker_may_not_start_until_there_is_room_to_spare(site: Site) -> None:
    memory = site.round(4.9)
    for free, refused in ((4.9, True), (6.9, True), (7.1, False)):
        site.free = free
        found = disk.refusal(site.settings, site.guard, memory)
        assert (found is not None) is refused, free
    site.free = 4.0
    assert disk.refusal(site.settings, site.guard, Memory(site.root, {})) is not None


def test_the_reserve_is_given_up_below_the_third_threshold_and_taken_again(site: Site) -> None:
    site.round(50)
    reserve = site.guard.directory / "reserve"
    site.round(4)
    assert reserve.exists()
    site.round(2.9)
    assert not reserve.exists()
    assert site.acts()["give_up_reserve"] == 1
    site.round(11, NOW + 3600)
    assert not reserve.exists()
    site.round(60, NOW + 7200)
    assert reserve.exists()
    assert site.acts()["keep_reserve"] == 2


@pytest.mark.parametrize("free", [9, 4, 2])
def test_unread_events_never_go_without_consent(site: Site, free: float) -> None:
    site.unread = UNREAD
    site.round(free)
    assert [unread for _, _, unread in site.asked] == [False]


def test_unread_events_go_with_consent_only_where_the_worker_had_to_stop(site: Site) -> None:
    site.guard = replace(site.guard, may_drop_unread=True)
    site.unread = UNREAD
    site.round(9)
    assert [unread for _, _, unread in site.asked] == [False]
    memory = site.round(4)
    assert site.asked[-1] == (int(SIZE * 0.03), (), True)
    assert memory.get("gaps", []) == [
        {
            "table": "obs",
            "topic": "a.b.obs",
            "from": "2020-09-13T12:26:40.000Z",
            "to": "2022-04-15T05:20:00.000Z",
            "why": "unread events were dropped for want of room (4.0 % (38.1 MiB) free), offsets 0 to 9",
            "key": "gap.dropped",
            "fields": {"percent": 4.0, "free": 40_000_000, "first": 0, "last": 9},
            "repaired": False,
        }
    ]
    assert site.acts()["drop_unread"] == 1


def test_a_gap_is_on_the_disk_before_the_events_go(site: Site) -> None:
    site.guard = replace(site.guard, may_drop_unread=True)
    site.unread, site.cut = UNREAD, True
    with pytest.raises(KeyboardInterrupt):
        site.round(4)
    assert [gap["table"] for gap in Memory.load(site.guard.directory).get("gaps", [])] == ["obs"]
    site.cut = False
    site.round(4, NOW + 2 * disk.AGAIN)
    assert len(site.announced) == 2


def test_unread_events_stay_while_read_ones_can_go(site: Site) -> None:
    site.guard = replace(site.guard, may_drop_unread=True)
    site.read, site.unread = READ, UNREAD
    site.round(4)
    assert [unread for _, _, unread in site.asked] == [False]


def test_a_broker_that_does_not_answer_stops_nothing_else(site: Site) -> None:
    site.round(50)
    site.error = "Kafka does not answer"
    site.round(2)
    assert site.stopped == ["event-log-connect"]
    assert not (site.guard.directory / "reserve").exists()


def test_rounds_that_see_the_same_write_nothing(site: Site) -> None:
    site.round(50)
    memory = Memory.load(site.guard.directory)
    disk.step(site.settings, site.guard, memory, NOW + 10)
    assert not memory.changed


def test_findings_tell_what_a_person_should_know(site: Site) -> None:
    def ids(memory: Memory) -> List[str]:
        return [one.id for one in disk.findings(site.guard, memory, NOW)]

    assert ids(site.round(50)) == []
    assert ids(site.round(9)) == ["disk_low"]
    memory = site.round(4)
    assert ids(memory) == []  # the loop's own word for a worker that waits says it
    memory.put("waiting", {})
    assert ids(memory) == ["disk_full"]
    memory.put("disk", {"root": "stop"})
    assert ids(memory) == ["root_disk"]


@pytest.mark.parametrize(("a_day", "told"), [(2.0, ["disk_soon"]), (0.5, []), (-1.0, [])])
def test_a_disk_that_is_full_within_two_weeks_is_told_of(site: Site, a_day: float, told: List[str]) -> None:
    for hour in range(0, 49, 6):
        memory = site.round(30 - a_day * hour / 24, NOW + hour * 3600)
    found = disk.findings(site.guard, memory, NOW)
    assert [one.id for one in found] == told
    if found:
        assert "in about 8 days only 10 % are free" in found[0].what


def test_the_systems_own_disk_is_told_of_and_left_alone(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "ROOT", Path("/dev/shm"))
    monkeypatch.setattr(disk, "room_of", lambda path: Room(40 if path == disk.ROOT else 500, 1000))
    memory = site.round(50)
    assert memory.get("acts")["root_disk_stop"] == 1
    assert site.stopped == []
    assert [one.id for one in disk.findings(site.guard, memory, NOW)] == ["root_disk"]
    monkeypatch.setattr(disk, "ROOT", site.root)
    assert "root" not in site.round(50).get("disk")

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a database still has the history that the events were read from. Pure: what was seen is data.

Server ids and uuids do not tell: MariaDB has no uuid, and a restored data directory keeps both. The binary log does.
A server begins a new file whenever it starts and never writes into an older one again, so a file with its time of
creation, and how far it was written, belong to one history. Remembered are therefore the stored offset, the newest
position that was seen, when the files of both and the oldest file were begun, and one event with its content. A
database that was restored from a dump or built anew began its files at another time; one that runs on a copy of its
data ends earlier than what was seen, or lacks the file.

Imports the standard library only: the guard runs this very file on the host.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any, Dict, Mapping, Optional, Set, Tuple

KEY = "history"
_NOT_THE_ONE = "The database is not the one that the events were read from, or it was built anew or restored: "
_GONE_BACK = (
    "The database has gone back to an earlier state than that of {time}, as after the restoration of a copy, or after "
    "a power cut with sync_binlog other than 1: "
)
#: In English. The guard says the same in the site's language: its catalogue (``words_en.json``) has these texts too.
TEXTS = {
    "binlog_off": "The database writes no binary log{at}.",
    "binlog_purged": "The database has deleted {file} of its binary log, from which the event log would read on at "
    "{pos}; the oldest that is left is {oldest}. What was written between them cannot be read any more{at}.",
    "database_other.begun": _NOT_THE_ONE + "its {file} was begun {now}, the one that was read {before}{at}.",
    "database_other.not_listed": _NOT_THE_ONE + "{file}, which comes next, is not among its files ({there}){at}.",
    "database_other.not_readable": _NOT_THE_ONE
    + "{file}, which comes next, is not among its files (nothing that can be read){at}.",
    "database_other.event": _NOT_THE_ONE
    + "at {place} there is not the event of {time} by server {server}, but one of {time_now} by server "
    "{server_now}{at}.",
    "database_other.no_event": _NOT_THE_ONE
    + "at {place} there is not the event of {time} by server {server}, but none{at}.",
    "database_older.gone": _GONE_BACK + "{file} is not there any more, and it was being written {time}{at}.",
    "database_older.shorter": _GONE_BACK + "{file} ends at {end}, and it had been written up to {pos}{at}.",
    "database_older.middle": _GONE_BACK
    + "at {place}, where an event ended {time}, there is now the middle of another{at}.",
}
HEAD = 4  # where the first event of every file begins
OTHER, OLDER, PURGED, OFF = "database_other", "database_older", "binlog_purged", "binlog_off"
#: Which playbook makes it right again.
REPAIRS = {OTHER: "repair_restored_source", OLDER: "repair_restored_source", PURGED: "repair_binlog_gap"}
REMEDIES = {
    OFF: "Switch it on again: site.yml with mysql_binlog_mode=configure.",
    PURGED: f"Run the playbook {REPAIRS[PURGED]}: it records the gap and reads again what may be missing.",
    OTHER: f"If it is the wrong database, correct its address. If it was restored or built anew, run the playbook "
    f"{REPAIRS[OTHER]}.",
    OLDER: f"Run the playbook {REPAIRS[OLDER]}.",
}


@dataclass(frozen=True)
class Position:
    """A place in the binary log."""

    file: str
    pos: int

    @property
    def order(self) -> Tuple[int, int]:
        """Later places have a greater one."""
        return number(self.file), self.pos

    def __str__(self) -> str:
        return f"{self.file}:{self.pos}"


@dataclass(frozen=True)
class Event:
    """An event as the server sends it. ``digest`` is of its bytes: times and sizes alone repeat themselves."""

    at: Position
    time: int
    server_id: int
    end: int
    kind: int
    digest: str


@dataclass(frozen=True)
class Remembered:
    """The history as it was seen last."""

    offset: Optional[Position] = None  # where the worker would read on
    newest: Optional[Position] = None  # surely on the database's disk, and perhaps read
    event: Optional[Event] = None
    created: Mapping[str, int] = field(default_factory=dict)  # by file
    server_uuid: str = ""
    time: int = 0

    def as_data(self) -> Dict[str, Any]:
        return asdict(self)

    @property
    def files(self) -> Set[str]:
        """The files that something is remembered of."""
        places = (self.offset, self.newest, self.event.at if self.event else None)
        return {place.file for place in places if place} | set(self.created)


@dataclass(frozen=True)
class Seen:
    """What the database shows now, in one session."""

    files: Mapping[str, int]  # with their sizes; empty without a binary log
    created: Mapping[str, Optional[int]] = field(default_factory=dict)  # of those asked for; None: cannot be read
    event: Optional[Event] = None  # at the place of the remembered one
    newest_begins: bool = True  # whether an event begins, or the file ends, at the newest remembered position
    server_uuid: str = ""


@dataclass(frozen=True)
class Difference:
    """Why reading on would be wrong."""

    key: str  # of its text
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.key.partition(".")[0]

    @property
    def what(self) -> str:
        return TEXTS[self.key].format(**self.fields, at="")

    @property
    def remedy(self) -> str:
        return REMEDIES[self.id]


def number(file: str) -> int:
    """The number in a file's name, ``binlog.000012``; -1 where there is none."""
    digits = file.rpartition(".")[2]
    return int(digits) if digits.isdigit() else -1


def from_data(data: Any) -> Optional[Remembered]:
    """What ``as_data`` made; None for anything else, for a memory may be old or broken."""
    try:
        event = data.get("event")
        return Remembered(
            offset=_position(data.get("offset")),
            newest=_position(data.get("newest")),
            event=Event(**{**event, "at": Position(**event["at"])}) if event else None,
            created={str(file): int(when) for file, when in (data.get("created") or {}).items()},
            server_uuid=str(data.get("server_uuid") or ""),
            time=int(data.get("time") or 0),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _position(data: Any) -> Optional[Position]:
    return Position(str(data["file"]), int(data["pos"])) if data else None


def position_of(offset: Any) -> Optional[Position]:
    """The place in an offset as Kafka Connect shows it; None for one without."""
    if isinstance(offset, Mapping) and isinstance(offset.get("file"), str) and type(offset.get("pos")) is int:
        return Position(offset["file"], offset["pos"])
    return None


def remembered_of(memory: Any, connector: str) -> Optional[Remembered]:
    """What the memory holds of a connector's database."""
    return from_data(memory.get(KEY).get(connector))


def forget(memory: Any, connector: str) -> None:
    """For a repair: what was remembered of the former history must not hold the worker any more."""
    memory.put(KEY, {name: known for name, known in memory.get(KEY).items() if name != connector})


def compare(known: Remembered, seen: Seen) -> Optional[Difference]:
    """The first difference that makes reading on wrong; None when it is the same history as far as can be told."""
    if not seen.files:
        return Difference(OFF)
    for rule in (_begun, _listed, _long_enough, _same_event):
        found = rule(known, seen)
        if found is not None:
            return found
    return None


def _begun(known: Remembered, seen: Seen) -> Optional[Difference]:
    for file in sorted(known.created, key=number):
        now = seen.created.get(file)
        if now is not None and now != known.created[file]:
            told = {"file": file, "now": moment(now), "before": moment(known.created[file])}
            return Difference("database_other.begun", told)
    return None


def _listed(known: Remembered, seen: Seen) -> Optional[Difference]:
    """Files that are needed and gone: purged, or never there."""
    wanted, newest = known.offset or known.newest, known.newest
    if wanted is None or not _gone(wanted.file, seen):
        if newest is not None and _gone(newest.file, seen):
            return Difference("database_older.gone", {"file": newest.file, "time": moment(known.time)})
        return None
    kept = [file for file in seen.files if not _gone(file, seen)]
    oldest = min((number(file) for file in kept), default=-1)
    uuid_differs = bool(known.server_uuid and seen.server_uuid and known.server_uuid != seen.server_uuid)
    last = newest or wanted
    continues = (not _gone(last.file, seen)) or oldest > number(last.file)
    if uuid_differs or not continues or oldest < number(wanted.file) or _base(kept[0]) != _base(wanted.file):
        if not kept:
            return Difference("database_other.not_readable", {"file": wanted.file})
        return Difference("database_other.not_listed", {"file": wanted.file, "there": f"{kept[0]} … {kept[-1]}"})
    return Difference(PURGED, {"file": wanted.file, "pos": wanted.pos, "oldest": kept[0]})


def _gone(file: str, seen: Seen) -> bool:
    """Whether a file is not listed, or only listed: somebody removed it by hand."""
    return file not in seen.files or (file in seen.created and seen.created[file] is None)


def _base(file: str) -> str:
    return file.rpartition(".")[0]


def _long_enough(known: Remembered, seen: Seen) -> Optional[Difference]:
    for place in (known.offset, known.newest):
        if place is not None and seen.files.get(place.file, place.pos) < place.pos:
            told = {"file": place.file, "end": seen.files[place.file], "pos": place.pos, "time": moment(known.time)}
            return Difference("database_older.shorter", told)
    if not seen.newest_begins:
        return Difference("database_older.middle", {"place": str(known.newest), "time": moment(known.time)})
    return None


def _same_event(known: Remembered, seen: Seen) -> Optional[Difference]:
    event = known.event
    if event is None or _gone(event.at.file, seen) or seen.event == event:
        return None
    told = {"place": str(event.at), "time": moment(event.time), "server": event.server_id}
    if seen.event is None:
        return Difference("database_other.no_event", told)
    now = {"time_now": moment(seen.event.time), "server_now": seen.event.server_id}
    return Difference("database_other.event", {**told, **now})


def moment(when: int) -> str:
    """A time for a sentence."""
    return f"{datetime.fromtimestamp(when, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


def renewed(
    known: Optional[Remembered],
    files: Mapping[str, int],
    offset: Optional[Position],
    synced: Optional[Position],
    now: int,
) -> Remembered:
    """What is to be remembered after a look at the same history; creation times and events are added to it.

    ``synced`` is where the log ended one look ago: what is being written this very moment may not survive a power cut.
    The offset is from events that the server sent, and it sends what is on its disk.
    """
    before = known or Remembered()
    offset = offset or before.offset
    places = [place for place in (before.newest, synced, offset) if place is not None and place.file in files]
    newest = max(places, key=lambda place: place.order, default=None)
    event = before.event if before.event and before.event.at.file in files else None
    kept = {place.file for place in (offset, newest, event.at if event else None) if place} | set(list(files)[:1])
    created = {file: when for file, when in before.created.items() if file in kept}
    return Remembered(offset, newest, event, created, before.server_uuid, int(now))

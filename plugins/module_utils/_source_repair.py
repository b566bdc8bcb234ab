# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do when a connector's position is no place in its database's binary log any more. Pure.

Two ways lead there. The binary log was purged before it was read: what happened in between is a gap. Or the database is
another one, restored from a dump or rebuilt: its binary log tells another history. In both cases the connector begins
at the present, and the tables are read again. What was deleted meanwhile no snapshot can tell: the record of the gap
does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._errors import InputError, PlanError
from ansible_collections.openmrs.event_log.plugins.module_utils._guard_history import REPAIRS

GAP, RESTORED = "binlog_gap", "restored_source"
AUTO, FULL, INCREMENTAL, NOTHING = "auto", "full", "incremental", "nothing"

#: Debezium 3.6 when the file of its position is gone (BinlogConnectorTask, MySqlConnectorTask).
_GONE = "no longer available on the server"

_FILLED = {
    FULL: "a new snapshot of the captured tables",
    INCREMENTAL: "an incremental snapshot of the captured tables, beside the stream",
    NOTHING: "nothing: the tables are not read again",
}


@dataclass(frozen=True)
class Database:
    """The source database as it is now."""

    position: str = ""  # FILE:POS
    files: Mapping[str, int] = field(default_factory=dict)  # with their sizes
    rows: Mapping[str, int] = field(default_factory=dict)  # the database's own guess, by table
    signals: bool = False  # whether the capture account can send signals through a table


@dataclass(frozen=True)
class Seen:
    """Connector, worker and the guard's memory as they are now. ``config`` is None where no worker answers."""

    database: Database
    worker: bool
    config: Optional[Mapping[str, str]] = None
    state: str = ""
    trace: str = ""
    offset: Optional[Mapping[str, Any]] = None
    hold: Mapping[str, Any] = field(default_factory=dict)
    gaps: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Wanted:
    """What the person asks for. ``anyway``: although nothing of it can be seen from here."""

    connector: str
    reason: str
    fill: str = AUTO
    anyway: bool = False


@dataclass(frozen=True)
class Plan:
    """What is done, in order; empty where nothing is to be repaired. ``gap`` is what will be remembered."""

    why: str
    fill: str = NOTHING
    actions: Tuple[str, ...] = ()
    gap: Mapping[str, Any] = field(default_factory=dict)
    words: Tuple[str, ...] = ()


def place(offset: Optional[Mapping[str, Any]]) -> str:
    """Return a position for people: file, place in it, and the time of its event."""
    if not offset or not offset.get("file"):
        return "unknown"
    seconds = offset.get("ts_sec")
    when = f" ({moment(seconds)})" if isinstance(seconds, int) and seconds > 0 else ""
    return f"{offset['file']}:{offset.get('pos', '?')}{when}"


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def unfinished(gaps: Sequence[Mapping[str, Any]], connector: str) -> Optional[Mapping[str, Any]]:
    """Return the gap of a repair that was begun and did not come to its end."""
    return next((gap for gap in gaps if gap.get("connector") == connector and not gap.get("repaired")), None)


def why(seen: Seen, wanted: Wanted) -> str:
    """Return what is wrong with the position; empty where nothing is."""
    begun = unfinished(seen.gaps, wanted.connector)
    if begun:
        return f"a repair was begun and not finished ({begun.get('why')})"
    if seen.hold.get("id") in REPAIRS and seen.hold.get("connector") in (wanted.connector, "", None):
        return str(seen.hold.get("what") or seen.hold["id"]).rstrip(".")
    if _GONE in seen.trace:
        return f"the connector failed, because its position {place(seen.offset)} is {_GONE}"
    missing = _missing(seen)
    if missing:
        return missing
    return "somebody says so (anyway)" if wanted.anyway else ""


def _missing(seen: Seen) -> str:
    """Return what the position itself tells: its file is gone, or shorter than that."""
    files, offset = seen.database.files, seen.offset or {}
    name, pos = offset.get("file"), offset.get("pos")
    if not isinstance(name, str) or not files:
        return ""
    if name not in files:
        return (
            f"the position {place(offset)} is in no file of the binary log ({', '.join(_ends(list(files)))} are there)"
        )
    if isinstance(pos, int) and pos > files[name]:
        return f"the position {place(offset)} is behind the end of that file, at {files[name]}"
    return ""


def _ends(names: List[str]) -> List[str]:
    return names if len(names) < 3 else [names[0], "…", names[-1]]


def plan(seen: Seen, wanted: Wanted, now: float) -> Plan:
    """Return what to do, or raise where it cannot be done."""
    reason = why(seen, wanted)
    if not reason:
        told = "Nothing is to be repaired: "
        told += (
            f"connector {wanted.connector} is {seen.state or 'not seen'}, at {place(seen.offset)}, and that is there."
        )
        return Plan("", words=(told,))
    meant = REPAIRS.get(str(seen.hold.get("id")))
    if meant and meant != f"repair_{wanted.reason}" and not wanted.anyway:
        raise PlanError(f"{reason}. That is what the playbook {meant} is for, and nothing was changed")
    if not seen.database.position:
        raise PlanError(
            "the database tells no position of its binary log (is log_bin on?), so there is nowhere to begin"
        )
    if seen.worker and seen.config is None:
        raise InputError(
            f"connector {wanted.connector} is not registered. The playbook connector does, and it reads all tables"
        )
    fill = wanted.fill
    if fill == AUTO:
        fill = INCREMENTAL if seen.database.signals else FULL
    if fill == INCREMENTAL and not seen.database.signals:
        raise PlanError(
            "an incremental snapshot needs the signal table (event_connector_signal_table), which the capture account "
            "cannot write to here; say full or nothing"
        )
    gap = {
        "connector": wanted.connector,
        "table": "all",
        "from": place(seen.offset),
        "to": f"{seen.database.position} ({moment(now)})",
        "why": reason,
        "repaired": "",
    }
    return Plan(reason, fill, _actions(seen, fill), gap, tuple(_words(seen, wanted, fill, gap)))


def _actions(seen: Seen, fill: str) -> Tuple[str, ...]:
    """The order is that of a power cut: what is not done yet is seen, and done, by the next run."""
    begin = ["record_gap"]
    begin += ["stop"] if seen.worker else ["mark_stopped", "start_worker"]
    begin += ["reset", "forget_history"]
    if fill == FULL:
        return (*begin, "resume", "close_gap")
    follow = ["read_schema", "resume"]
    return (*begin, *follow, *(["signal"] if fill == INCREMENTAL else []), "close_gap")


def _words(seen: Seen, wanted: Wanted, fill: str, gap: Mapping[str, Any]) -> List[str]:
    rows = seen.database.rows
    about = f"about {sum(rows.values())} rows in {len(rows)} tables" if rows else "its tables"
    told = [f"Connector {wanted.connector}: {gap['why']}."]
    if wanted.reason == RESTORED:
        told.append(
            "The database is another one than the events came from, restored or rebuilt. What it had after the backup "
            "and has no more stays in the topics: events that are there are never changed."
        )
    told.append(f"What is recorded as a gap, for all captured tables: from {gap['from']} to {gap['to']}.")
    told.append(f"The connector begins at the present, and what may be missing is made good by {_FILLED[fill]}.")
    if fill == NOTHING:
        told.append("Rows that changed in the gap reach consumers only when they change again.")
    else:
        told.append(
            f"That reads {about} again: consumers get each row as an event of the kind r, also those that they have."
        )
        told.append(
            "Rows that were deleted in the gap bring no event. A consumer that must know them takes the rows of this "
            "snapshot for all there are."
        )
    if not seen.worker:
        told.append(
            "The worker does not run. It is started with its connector stopped, so that nothing is read before."
        )
    return told


def opened(gaps: Sequence[Mapping[str, Any]], gap: Mapping[str, Any]) -> List[Dict[str, Any]]:
    """Return the gaps with this one; a repair that is done again keeps the place where its gap began."""
    begun = unfinished(gaps, str(gap["connector"]))
    others = [dict(one) for one in gaps if one is not begun]
    return [*others, {**gap, **({key: begun[key] for key in begun if key not in ("to", "repaired")} if begun else {})}]


def marked(gaps: Sequence[Mapping[str, Any]], connector: str, marks: Mapping[str, Any]) -> List[Dict[str, Any]]:
    """Return the gaps, this connector's open one with something more said of it."""
    begun = unfinished(gaps, connector)
    return [{**gap, **marks} if gap is begun else dict(gap) for gap in gaps]


def closing(fill: str, now: float) -> str:
    """Return what is said of a gap once nothing more is done about it."""
    return f"{moment(now)}: {'not read again' if fill == NOTHING else _FILLED[fill]}"

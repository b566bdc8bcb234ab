# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong only later: certificates that end, backups that grow old, a binary log that is too short."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from . import certificates, source
from .certificates import Certificate
from .settings import Settings
from .sizes import guard_directory, read_json
from .text import iso_utc, local_time
from .verdict import ILL, OK, Finding
from .words import phrase

DAY = 86400
#: Below so many days a certificate is told of, and below so many somebody has to come.
SOON_DAYS, LAST_DAYS = 30, 7
#: A backup that is older is told of, unless the site says another number of days (``backup_days`` of the guard).
BACKUP_DAYS = 31
#: So many times the longest outage the binary log should reach back.
TIMES = 2
#: The guard writes down every 5 minutes that events flow: an outage of now is one after so many seconds.
_NOW_AWAY = 900
_VERIFYING = ("verify_ca", "verify_identity")
RECORD = "backup.json"  # beside compose.yaml; the module stack_backup writes it


@dataclass(frozen=True)
class Backup:
    """The last one that was made here, and when, in seconds since 1970."""

    file: str
    bytes: int
    made: int


@dataclass(frozen=True)
class Headroom:
    """How long the event log may be away, and how long it was at most. Seconds; times since 1970."""

    since: Optional[int] = None  # so far back the binary log reaches
    expiry: Optional[int] = None  # the database keeps it for so long; 0: for ever
    longest: Optional[Tuple[int, int]] = None  # from, until

    @property
    def outage(self) -> int:
        return self.longest[1] - self.longest[0] if self.longest else 0

    def kept(self, now: float) -> Optional[float]:
        """A log that is younger than its expiry was not cut yet; None: it is kept for ever, or nobody knows."""
        if not self.expiry:
            return None
        return max(float(self.expiry), now - self.since if self.since is not None else 0.0)


@dataclass(frozen=True)
class Upkeep:
    """All of it."""

    now: float
    certificates: Sequence[Certificate] = ()
    backup: Optional[Backup] = None
    backup_days: float = BACKUP_DAYS
    headroom: Headroom = Headroom()
    database: str = ""  # flavour and version


def look(settings: Settings, now: float) -> Upkeep:
    """Read what lies on the host: what is not there, or cannot be read, is not told."""
    guard = read_json(settings.home / "config" / "guard.json")
    memory = read_json(guard_directory(guard) / "memory.json")
    facts = source.read(settings.home)
    capture, asked = _map(facts.get("capture")), _map(memory.get("database"))
    days = _number(guard.get("backup_days"))
    return Upkeep(
        now=now,
        certificates=_certificates(capture, asked),
        backup=_backup(read_json(settings.home / RECORD)),
        backup_days=BACKUP_DAYS if days is None else days,
        headroom=Headroom(
            binlog_since(memory), _whole(asked.get("expiry")), _longest(_map(memory.get("outages")), now)
        ),
        database=_database(facts, asked),
    )


def _certificates(capture: Dict[str, Any], asked: Dict[str, Any]) -> Tuple[Certificate, ...]:
    found = []
    if capture.get("ca_file"):
        found += [certificates.authority(Path(str(capture["ca_file"])))]
        found += [certificates.trusted(Path(str(capture.get("password_file") or "")).parent)]
    until = _whole(asked.get("certificate_until"))
    if until is not None:
        verified = capture.get("ssl_mode") in _VERIFYING
        found.append(Certificate(certificates.DATABASE, str(asked.get("address") or ""), until, verified))
    return tuple(one for one in found if one is not None)


def _backup(record: Dict[str, Any]) -> Optional[Backup]:
    made, size = _whole(record.get("made")), _whole(record.get("bytes"))
    if made is None or size is None or not record.get("file"):
        return None
    return Backup(str(record["file"]), size, made)


def binlog_since(memory: Dict[str, Any]) -> Optional[int]:
    """When the oldest file of the binary log that the guard knows was begun: so long the event log may be away."""
    found = []
    histories = memory.get("history")
    for known in histories.values() if isinstance(histories, dict) else ():
        created = known.get("created") if isinstance(known, dict) else None
        if isinstance(created, dict):
            found += [int(one) for one in created.values() if isinstance(one, (int, float)) and one > 0]
    return min(found, default=None)


def _longest(outages: Dict[str, Any], now: float) -> Optional[Tuple[int, int]]:
    """The longest outage that the guard remembers, the one of now included."""
    listed = outages.get("list")
    found = []
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, list) and len(one) == 2 and None not in map(_whole, one):
            found.append((int(one[0]), int(one[1])))
    alive = _whole(outages.get("alive"))
    if alive is not None and now - alive > _NOW_AWAY:
        found.append((alive, int(now)))
    return max(found, key=lambda one: one[1] - one[0], default=None)


def _database(facts: Dict[str, Any], asked: Dict[str, Any]) -> str:
    version = asked.get("version") or facts.get("version") or ""
    return f"{facts.get('flavour') or ''} {version}".strip()


def findings(seen: Upkeep) -> List[Finding]:
    """What a person should know of it."""
    found = []
    for one in seen.certificates:
        left = one.until - seen.now
        if one.verified and left < SOON_DAYS * DAY:
            gravity = ILL if left < LAST_DAYS * DAY else OK
            found.append(
                Finding.of(
                    "certificate_expires",
                    gravity,
                    "certificate_expired" if left < 0 else "certificate_expires",
                    certificate=_NAMES[one.what](),
                    where=one.where,
                    day=_day(one.until),
                    left=left,
                )
            )
    if seen.backup is not None and seen.now - seen.backup.made > seen.backup_days * DAY:
        age = seen.now - seen.backup.made
        found.append(Finding.of("backup_old", OK, "backup_old", age=age, file=seen.backup.file))
    kept, outage = seen.headroom.kept(seen.now), seen.headroom.outage
    if kept is not None and 0 < kept < TIMES * outage:
        found.append(Finding.of("headroom_short", OK, "headroom_short", kept=kept, outage=outage))
    return found


_NAMES: Dict[str, Callable[[], str]] = {
    certificates.AUTHORITY: lambda: phrase("certificate.authority"),
    certificates.TRUSTSTORE: lambda: phrase("certificate.truststore"),
    certificates.DATABASE: lambda: phrase("certificate.database"),
}


def _day(seconds: int) -> str:
    return local_time(seconds * 1000)[:10]


def as_data(seen: Upkeep) -> Dict[str, Any]:
    """For programs."""
    room, backup = seen.headroom, seen.backup
    kept = room.kept(seen.now)
    return {
        "certificates": [
            {"what": one.what, "where": one.where, "until": _iso(one.until), "verified": one.verified}
            for one in seen.certificates
        ],
        "backup": None
        if backup is None
        else {"file": backup.file, "bytes": backup.bytes, "made": _iso(backup.made), "days": seen.backup_days},
        "headroom": {
            "expiry_seconds": room.expiry,
            "kept_seconds": None if kept is None else int(kept),
            "longest_outage": None if room.longest is None else [_iso(one) for one in room.longest],
            "longest_outage_seconds": room.outage or None,
        },
    }


def as_lines(seen: Upkeep) -> List[str]:
    """For a person."""
    lines = []
    room, backup = seen.headroom, seen.backup
    if room.since is not None:
        lines.append(phrase("overview.binlog", since=room.since))
    if room.expiry is not None:
        lines.append(phrase("overview.kept" if room.expiry else "overview.kept_forever", kept=room.expiry))
    if room.longest is not None:
        lines.append(phrase("overview.outage", outage=room.outage, since=room.longest[0]))
    for one in seen.certificates:
        name = _NAMES[one.what]()
        lines.append(phrase("overview.certificate", certificate=name, where=one.where, day=_day(one.until)))
    if backup is not None:
        lines.append(phrase("overview.backup", made=backup.made, file=backup.file, bytes=backup.bytes))
    return lines


def _iso(seconds: int) -> Optional[str]:
    return iso_utc(seconds * 1000)


def _map(value: Any) -> Dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> Optional[float]:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _whole(value: Any) -> Optional[int]:
    number = _number(value)
    return None if number is None else int(number)

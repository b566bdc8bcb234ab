# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes room by dropping events, the oldest first and whole files only: a record that frees nothing is not dropped.

Only topics of tables are touched. Their prefixes are the site's own, and those of the connectors that write heartbeats.
The broker removes the files at its next look, 5 minutes later at most, and deletes them from the disk a minute later
(log.retention.check.interval.ms, file.delete.delay.ms). The file that it writes to is never removed, whatever is asked.
"""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable, Dict, FrozenSet, List, Mapping, Optional, Sequence, Set, Tuple

from event_log import groups, kafka_log, login
from event_log.containers import output_of, require_broker, require_docker
from event_log.errors import EventLogError
from event_log.growth import Drop, Place, Segment, plan_drop, read_by_all
from event_log.settings import Settings

TOOL = "org.apache.kafka.tools.DeleteRecordsCommand"
#: The container has no directory of the host but that of the login: the offsets come as a word, and are no secret.
_PROGRAM = ("sh", "-c", 'printf %s "$1" > /tmp/offsets.json && shift && exec kafka-class "$@"', "sh")
_ADMIN = re.compile(r"(?m)^listeners=.*\bADMIN://(127\.0\.0\.1:\d+)")
_HEARTBEAT = re.compile(r"__debezium-heartbeat\.(.+)")
#: How the tool (Kafka 4.3) tells of a partition.
_DONE = re.compile(r"(?m)^partition: (.+)-(\d+)\s+low_watermark: (-?\d+)")
_REFUSED = re.compile(r"(?m)^partition: (.+-\d+)\s+error: (.*)$")


@dataclass(frozen=True)
class Dropped:
    """What went. ``gaps``: (topic, first offset, next offset, from when, until when), of each partition."""

    size: int
    topics: Tuple[str, ...]
    from_ms: Optional[int]
    gaps: Tuple[Tuple[str, int, int, Optional[int], Optional[int]], ...]


def administrator(settings: Settings) -> Settings:
    """The same for the service's own account, which has a listener and a login of its own where there are logins."""
    if not settings.logins or settings.client_dir is None:
        return settings
    path = settings.home / "config" / "broker" / "server.properties"
    try:
        found = _ADMIN.search(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EventLogError(f"{path} cannot be read ({error.strerror}).") from None
    if found is None:
        raise EventLogError(f"{path} names no listener of the service's own account. Run the playbook site.yml again.")
    return replace(settings, bootstrap=found.group(1), client_dir=settings.client_dir.parent / "admin")


def prefixes(settings: Settings) -> FrozenSet[str]:
    """How the names of the topics of tables begin."""
    beats = (_HEARTBEAT.fullmatch(topic) for topic, _, _ in kafka_log.partitions(settings.data_dir))
    others = {f"{beat.group(1)}." for beat in beats if beat}
    return frozenset({settings.own_topics} | others if settings.own_topics else others)


def closed(settings: Settings) -> List[Segment]:
    """The files of events that the broker does not write to any more, without those that it removes already."""
    starts = {(topic, number): offset for topic, number, offset in kafka_log.start_offsets(settings.data_dir)}
    mine = tuple(prefixes(settings))
    found = []
    for topic, number, directory in kafka_log.partitions(settings.data_dir):
        if topic.startswith(mine):
            with contextlib.suppress(FileNotFoundError):
                found += [one for one in _files(topic, number, directory) if one.end > starts.get(one.place, 0)]
    return found


def _files(topic: str, number: int, directory: Path) -> List[Segment]:
    paths = kafka_log.segments(directory)
    found = []
    for path, following in zip(paths, paths[1:]):
        with path.open("rb") as log:
            size = log.seek(0, 2)
            batch = kafka_log.batch_at(log, 0, size)
        first = batch.first_timestamp if batch is not None else None
        found.append(Segment(topic, number, int(path.stem), int(following.stem), size, first or 0))
    return found


def drop(
    settings: Settings,
    wanted: int,
    required: Sequence[str],
    unread: bool = False,
    announce: Callable[[Dropped], None] = lambda _going: None,
) -> Optional[Dropped]:
    """Drop what every group has read, or with ``unread`` whatever is oldest; None: nothing may go.

    ``wanted``: bytes that are missing. ``announce`` is told what will go, before it goes.
    """
    # Kafka leaves out without a word the groups that an account may not see: only the service's own sees them all.
    service = administrator(settings)
    require_docker(service)
    require_broker(service)
    files = closed(settings)
    if unread:
        up_to = {one.place: one.end for one in files}  # the last file of a partition comes last
    else:
        readings = groups.read(service)
        up_to = read_by_all([(one.group, one.topic, one.partition, one.committed) for one in readings], required)
    plan = plan_drop(files, up_to, wanted)
    if not plan.offsets:
        return None
    announce(_what_goes(settings, files, plan, set(plan.offsets)))
    done = _delete(service, plan.offsets)
    return _what_goes(settings, files, plan, done)


def _delete(service: Settings, offsets: Mapping[Place, int]) -> Set[Place]:
    """Set where these partitions begin; those where the broker did so."""
    entries = [{"topic": topic, "partition": number, "offset": to} for (topic, number), to in sorted(offsets.items())]
    text = json.dumps({"version": 1, "partitions": entries})
    arguments = [TOOL, *login.broker(service), "--offset-json-file", "/tmp/offsets.json"]  # noqa: S108 - of the container
    said = output_of(service, "drop", [text, *arguments], program=_PROGRAM)
    done = {(topic, int(number)) for topic, number, _ in _DONE.findall(said)}
    if not done:
        refused = _REFUSED.findall(said)
        why = f"{refused[0][0]}: {refused[0][1]}" if refused else said.strip()[-300:] or "its tool said nothing"
        raise EventLogError(f"The broker dropped nothing: {why}")
    return done


def _what_goes(settings: Settings, files: Sequence[Segment], plan: Drop, done: Set[Place]) -> Dropped:
    gone = [one for one in files if one.place in done and one.end <= plan.offsets.get(one.place, 0)]
    directories = {(topic, number): path for topic, number, path in kafka_log.partitions(settings.data_dir)}
    parts: Dict[Place, List[Segment]] = {}
    for one in gone:
        parts.setdefault(one.place, []).append(one)
    gaps = []
    for place, ones in sorted(parts.items()):
        ends = max(one.end for one in ones)
        until = None
        with contextlib.suppress(OSError, KeyError):
            until = kafka_log.written_at(directories[place], ends)
        gaps.append((place[0], min(one.base for one in ones), ends, min(one.first_ms for one in ones) or None, until))
    return Dropped(
        size=sum(one.size for one in gone),
        topics=tuple(sorted({one.topic for one in gone})),
        from_ms=min((one.first_ms for one in gone if one.first_ms), default=None),
        gaps=tuple(gaps),
    )

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``event-log tail``: the events of a topic as they come, one JSON object a line."""

from __future__ import annotations

import collections
import json
import os
import re
import select
import threading
from dataclasses import dataclass
from typing import IO, Deque, Iterator, List, Optional, Sequence

from . import kafka_log, login
from .containers import ToolContainer, last_lines, output_of, require_broker, require_docker
from .errors import EventLogError
from .settings import Settings
from .text import iso_utc
from .topics import list_partitions, resolve

CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer"
TOPIC_TOOL = "org.apache.kafka.tools.TopicCommand"
TIMED_OUT = 3  # exit code: --timeout passed before --max events came
_RECORD = re.compile(rb"(?:(?:CreateTime|LogAppendTime):(-?\d+)|NO_TIMESTAMP)\tPartition:(\d+)\tOffset:(\d+)\t")
_CONTROL = re.compile("[\x7f-\x9f\u2028\u2029]")  # a name in the data must not steer the terminal
_UNREACHABLE = ("could not be established", "Bootstrap broker", "disconnected")


@dataclass(frozen=True)
class Wish:
    """What the person asked for."""

    table: str
    from_start: bool = False
    maximum: Optional[int] = None
    timeout: Optional[float] = None


@dataclass(frozen=True)
class Start:
    """Where reading begins. A partition is named where there is only one: no group, no wait for a rebalance."""

    topic: str
    partition: Optional[int] = None
    offset: Optional[int] = None


def _json_or_text(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    try:
        json.loads(text)
    except ValueError:
        text = json.dumps(text, ensure_ascii=False)
    return _CONTROL.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def as_json_line(line: bytes) -> Optional[str]:
    """A line of the console consumer as JSON, keys and values as they were written; None when it is no record."""
    match = _RECORD.match(line)
    if match is None:
        return None
    key, _, value = line[match.end() :].rstrip(b"\n").partition(b"\t")
    time = iso_utc(int(match.group(1))) if match.group(1) is not None else None
    return (
        f'{{"timestamp": {json.dumps(time)}, "partition": {int(match.group(2))}, "offset": {int(match.group(3))}, '
        f'"key": {_json_or_text(key)}, "value": {_json_or_text(value)}}}'
    )


def consumer_arguments(settings: Settings, start: Start, wish: Wish) -> List[str]:
    """Arguments of Kafka's console consumer; it commits no offsets, so looking changes nothing."""
    arguments = [CONSUMER, *login.broker(settings), "--topic", start.topic]
    if start.partition is not None:
        offset = "earliest" if wish.from_start else "latest" if start.offset is None else str(start.offset)
        arguments += ["--partition", str(start.partition), "--offset", offset]
    elif wish.from_start:
        arguments.append("--from-beginning")
    arguments += ["--isolation-level", "read_committed"]
    for name in ("timestamp", "partition", "offset", "key"):
        arguments += ["--formatter-property", f"print.{name}=true"]
    if wish.maximum is not None:
        arguments += ["--max-messages", str(wish.maximum)]
    if wish.timeout is not None:
        arguments += ["--timeout-ms", str(int(wish.timeout * 1000))]
    return arguments


def find_start(settings: Settings, table: str) -> Start:
    """The topic meant, and the offset at which it ends now: what comes while the tool starts is not missed."""
    try:
        parts = list_partitions(settings.data_dir)
    except EventLogError:
        # Not readable (a member of the group docker, say): ask the broker.
        listed = output_of(settings, "topics", [TOPIC_TOOL, *login.broker(settings), "--list"])
        return Start(resolve(table, listed.split(), settings.internal_topics, settings.own_topics))
    topic = resolve(table, sorted({name for name, _, _ in parts}), settings.internal_topics, settings.own_topics)
    mine = [(number, directory) for name, number, directory in parts if name == topic]
    if len(mine) != 1:
        return Start(topic)
    number, directory = mine[0]
    try:
        return Start(topic, number, kafka_log.summarise_partition(directory, number).end_offset)
    except OSError:
        return Start(topic, number)


def lines_of(source: IO[bytes], reader_fd: int) -> Iterator[bytes]:
    """Lines as they come; BrokenPipeError as soon as nobody reads ``reader_fd`` any more, not only at the next line."""
    poller = select.poll()
    poller.register(source.fileno(), select.POLLIN)
    poller.register(reader_fd, 0)  # errors and hang-ups are always reported
    rest = b""
    while True:
        ready = dict(poller.poll())
        if ready.get(reader_fd, 0) & (select.POLLERR | select.POLLHUP | select.POLLNVAL):
            raise BrokenPipeError
        if source.fileno() not in ready:
            continue
        chunk = os.read(source.fileno(), 65536)
        if not chunk:
            break
        *complete, rest = (rest + chunk).split(b"\n")
        yield from complete
    if rest:
        yield rest


class _Words(threading.Thread):
    """Reads what the tool says beside the events; keeps the end of it, and tells once that Kafka is away."""

    def __init__(self, source: IO[bytes], tell: IO[str], unreachable: str) -> None:
        super().__init__(daemon=True)
        self.lines: Deque[str] = collections.deque(maxlen=40)
        self._source, self._tell, self._unreachable = source, tell, unreachable

    def run(self) -> None:
        told = False
        for raw in iter(self._source.readline, b""):
            line = raw.decode("utf-8", "replace").rstrip()
            self.lines.append(line)
            if (
                any(words in line for words in _UNREACHABLE)
                and not told
                and login.refusal("\n".join(self.lines)) is None
            ):
                told = True
                print(f"{self._unreachable} Waiting for it (Ctrl-C ends).", file=self._tell, flush=True)


def failure(status: int, words: Sequence[str]) -> Optional[str]:
    """Why the consumer ended, if it did so by a fault: an error in a record ends it with exit code 0."""
    text = "\n".join(words)
    if status != 0 or "Error processing message" in text:
        refused = login.refusal(text)
        if refused is not None:
            return refused
    if "Error processing message" in text and "TimeoutException" not in text:
        return f"Kafka's consumer stopped at an event that it cannot read: {last_lines(text)}"
    if status != 0:
        reason = last_lines(text) or "it gave no reason"
        memory = " (137: stopped from outside, or out of memory)" if status == 137 else ""
        return f"Kafka's consumer ended with exit code {status}{memory}: {reason}"
    return None


def run(settings: Settings, wish: Wish, out: IO[bytes], tell: IO[str]) -> int:
    """Print events until told to stop; the exit code."""
    require_docker(settings)
    require_broker(settings)
    start = find_start(settings, wish.table)
    origin = "from its oldest event" if wish.from_start else "from now on; --from-start shows the older events too"
    print(f"Reading {start.topic} ({origin}). Ctrl-C ends.", file=tell, flush=True)
    arguments = consumer_arguments(settings, start, wish)
    shown = 0
    unreachable = f"Kafka does not answer at {settings.bootstrap} at the moment."
    with ToolContainer(settings, "tail", arguments) as tool:
        words = _Words(tool.stderr, tell, unreachable)
        words.start()
        for line in lines_of(tool.stdout, out.fileno()):
            event = as_json_line(line)
            if event is None:
                words.lines.append(line.decode("utf-8", "replace"))
                continue
            out.write(event.encode("utf-8") + b"\n")
            out.flush()
            shown += 1
        status = tool.wait()
        words.join(timeout=5)
    fault = failure(status, list(words.lines))
    if fault is not None:
        raise EventLogError(fault)
    if wish.timeout is not None and (wish.maximum is None or shown < wish.maximum):
        print(f"No event for {wish.timeout:g} s; {shown} shown.", file=tell)
        return 0 if wish.maximum is None else TIMED_OUT
    return 0

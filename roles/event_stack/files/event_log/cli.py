# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import List, NoReturn, Optional

from . import doctor, groups, guarded, lag, overview, settings, sizes, status, tail, topics, unit, words
from .errors import EventLogError

_EXIT_CODES = """
exit codes:
  0  done, or the reader of the output went away
  1  it failed; the message says what to do
  2  wrong usage, or no such topic, or several
  3  tail: --timeout passed before --max events came
  130, 143  ended by Ctrl-C, by a signal
"""

_TOPICS = """What is kept in the event log, one line per topic (a topic per table).

Read from the broker's own directory, so it also works while the broker is down; it needs root or the right to
read that directory. EVENTS KEPT is the newest offset less the oldest: in a topic that is written in transactions the
markers of the transactions count too, and in a compacted topic so do events that compaction has removed. ON DISK is
what the files take, indexes included. OLDEST EVENT tells how far back a new consumer can read."""

_TAIL = """Shows the events of one table as they come, one JSON object a line: timestamp, partition, offset, key, value.

TABLE is a table (person_name), database.table (openmrs.person_name) or a whole topic name. Events hold patient data:
mind where you send the output. Looking changes nothing: no offsets are stored. An empty value (null) after a delete is
its tombstone. It runs in a container of its own, takes a few seconds to start, and shows whatever was written after
the command was given (with several partitions: after it started)."""

_GROUPS = """Who reads the event log (consumer groups), up to where, and how far behind the end of each topic.

A group that nobody is connected to keeps its place, and goes on from there when it comes back."""

_SIZES = """What takes the disk of the event log: events, Kafka's own files, the reserve, and all else on the same disk.

It says how fast the disk fills, in how many days it is nearly full, and what is done about that at which share of free
space. Read from the disk itself, so it also works while the broker is down; it needs root."""

_LAG = """How far the events are behind the database, and each group of readers behind the events.

The connector writes a heartbeat every few seconds for as long as it reads the database's log, also where nothing
changes: its age is how far behind the events are. A group's oldest unread event says since when it has not read."""

_STATUS = """How the event log is: one sentence, and under it what else should be known.

Looks at the engine, both containers, the connectors, a hold, the disk and the newest event, within ten seconds, and
shows no data of patients. The exit code is 0 whenever an answer could be given, good or bad; --json has the verdict:
ok, busy (starting, or changing), held (by somebody, on purpose), ill (it runs, and needs a person), down."""


_DOCTOR = """All that is wrong with the event log, each with what to do about it, and what the guard did lately and why.

It looks at the same as status does, changes nothing, and shows no data of patients. The exit code is 0 whenever an
answer could be given."""


_OVERVIEW = """Everything at once: the verdict, how far the events are behind, the disk and its outlook, how far the
binary log reaches back, connectors, and what each table has brought today.

With --json also how it was day by day, for a year: what the guard has written down. It shows no data of patients."""


class _Signalled(KeyboardInterrupt):
    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def _positive_int(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _positive_seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < 1e9:
        raise ValueError
    return number


_positive_int.__name__ = "number (1 or more)"
_positive_seconds.__name__ = "number of seconds (above 0)"


def build_parser() -> argparse.ArgumentParser:
    """All that can be asked."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="event-log",
        description="Look into the OpenMRS event log of this host.",
        epilog="event-log COMMAND --help says more about a command.\n" + _EXIT_CODES,
        formatter_class=raw,
    )
    parser.add_argument("--language", choices=words.LANGUAGES,
                        help="of what is told; without it the site's own (event_log_language)")  # fmt: skip
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    one = commands.add_parser("topics", help="what is kept: events, bytes, oldest and newest", description=_TOPICS,
                              formatter_class=raw)  # fmt: skip
    one.add_argument("--all", action="store_true", help="also the internal topics of Kafka, Connect and Debezium")
    one.add_argument("--json", action="store_true", help="for programs; times in UTC")
    two = commands.add_parser("tail", help="show the events of a table as they come", description=_TAIL,
                              epilog=_EXIT_CODES, formatter_class=raw)  # fmt: skip
    two.add_argument("table", metavar="TABLE", help="table, database.table or topic")
    two.add_argument("--from-start", action="store_true", help="begin with the oldest event kept")
    two.add_argument("--max", type=_positive_int, metavar="N", help="end after N events")
    two.add_argument("--timeout", type=_positive_seconds, metavar="S", help="end when no event came for S seconds")
    three = commands.add_parser("groups", help="who reads the event log, and how far behind", description=_GROUPS,
                                formatter_class=raw)  # fmt: skip
    three.add_argument("--json", action="store_true", help="for programs")
    four = commands.add_parser("status", help="how the event log is, in one sentence", description=_STATUS,
                               formatter_class=raw)  # fmt: skip
    four.add_argument("--json", action="store_true", help="for programs")
    seven = commands.add_parser("doctor", help="all that is wrong, and what to do about it", description=_DOCTOR,
                                formatter_class=raw)  # fmt: skip
    seven.add_argument("--json", action="store_true", help="for programs")
    five = commands.add_parser("sizes", help="what takes the disk, and until when there is room", description=_SIZES,
                               formatter_class=raw)  # fmt: skip
    five.add_argument("--json", action="store_true", help="for programs; sizes in bytes")
    six = commands.add_parser("lag", help="how far behind the events and their readers are", description=_LAG,
                              formatter_class=raw)  # fmt: skip
    six.add_argument("--json", action="store_true", help="for programs; times in UTC")
    eight = commands.add_parser("overview", help="all of it for a person far away", description=_OVERVIEW,
                                formatter_class=raw)  # fmt: skip
    eight.add_argument("--json", action="store_true", help="what the status page of many sites is made of")
    commands.add_parser("unit").add_argument("verb", choices=unit.VERBS)  # what event-log.service calls: in no list
    commands.add_parser("guard")  # what event-log-guard.service runs: in no list either
    return parser


def _dispatch(arguments: argparse.Namespace) -> int:
    chosen = settings.load()
    for wanted in (chosen.language, os.environ.get(words.ENVIRONMENT_VARIABLE, ""), arguments.language or ""):
        words.speak(wanted)
    if arguments.command == "tail":
        wish = tail.Wish(arguments.table, arguments.from_start, arguments.max, arguments.timeout)
        return tail.run(chosen, wish, out=sys.stdout.buffer, tell=sys.stderr)
    if arguments.command == "unit":
        return unit.run(chosen, arguments.verb)
    if arguments.command == "guard":
        return guarded.run(chosen)
    if arguments.command == "status":
        answer = status.run(chosen, as_json=arguments.json)
    elif arguments.command == "doctor":
        answer = doctor.run(chosen, as_json=arguments.json)
    elif arguments.command == "topics":
        answer = topics.run(chosen, show_all=arguments.all, as_json=arguments.json)
    else:
        others = {"groups": groups, "sizes": sizes, "lag": lag, "overview": overview}
        answer = others[arguments.command].run(chosen, as_json=arguments.json)
    print(answer, flush=True)
    return 0


def _on_signal(number: int, _frame: object) -> NoReturn:
    raise _Signalled(number)


def main(argv: Optional[List[str]] = None) -> int:
    """Run one command; the exit code. The only place that turns failures into words and codes."""
    arguments = build_parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _on_signal)
    signal.signal(signal.SIGHUP, _on_signal)
    try:
        return _dispatch(arguments)
    except EventLogError as error:
        print(f"event-log: {error}", file=sys.stderr)
        return unit.FAILED if getattr(arguments, "verb", "") == "condition" else error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes once more at its end
        return 0
    except KeyboardInterrupt as stop:
        return 128 + (stop.number if isinstance(stop, _Signalled) else int(signal.SIGINT))

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans how a database server gets the settings that the event log needs: one file of its own, statements that make the
dynamic ones true at once, and what waits for a restart. Pure.

What is needed is asked of the same rules that judge a server: once for the values it runs with, once for those that it
would start with. So only what differs is set, and what another file sets after ours is found before anything is
written.
The file plus SET GLOBAL is one truth that the database's owner can read; SET PERSIST, whose values beat every file, is
used only where the files are out of reach.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import Callable, Iterable, Mapping, Optional, Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_settings as rules
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_files import (
    Entry,
    last,
    same_value,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_values import (
    meets,
    override,
    statement,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_expiry import days_in_the_way, expiry
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import DAY, Setting, Source, Wanted
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_reach import net_timeouts

FILE_NAME = "zz-event-log.cnf"
EXPIRY = ("binlog_expire_logs_seconds", "expire_logs_days")
#: What the rules may ask for, in the order in which it is written.
NAMES = (
    "server_id",
    "log_bin",
    "binlog_format",
    "binlog_row_image",
    "binlog_row_value_options",
    "binlog_legacy_event_pos",
    "log_bin_compress",
    *EXPIRY,
    "sync_binlog",
    "innodb_flush_log_at_trx_commit",
    "net_read_timeout",
    "net_write_timeout",
)
_ORDER = {name: number for number, name in enumerate(NAMES)}
STATIC = frozenset({"log_bin"})
#: Of what a site may add, that which needs no restart.
DYNAMIC = frozenset(
    {
        "binlog_cache_size",
        "binlog_row_metadata",
        "connect_timeout",
        "expire_logs_days",
        "general_log",
        "interactive_timeout",
        "log_bin_trust_function_creators",
        "long_query_time",
        "max_allowed_packet",
        "max_binlog_size",
        "max_connections",
        "slow_query_log",
        "time_zone",
        "wait_timeout",
    }
)
#: A session keeps the value that it began with.
OF_SESSIONS = ("binlog_format", "binlog_row_image", "binlog_row_value_options")

EntriesWith = Callable[[Optional[str]], Sequence[Entry]]


@dataclass(frozen=True)
class Present:
    """The server as it is. `defaults` are what it would start with if no file said anything.

    `settled` is whether it was started since our file was written.
    """

    source: Source
    defaults: Mapping[str, str] = field(default_factory=dict)
    persisted: Mapping[str, str] = field(default_factory=dict)
    read_only: frozenset[str] = frozenset()
    settled: bool = False


@dataclass(frozen=True)
class Request:
    """What the site asks for beside what the event log needs."""

    wanted: Wanted
    keep: frozenset[str] = frozenset()
    further: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """A variable that is not as it must be."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Plan:
    """What would be done. `content` is the file's text, None for no file. `problems` forbid all of it.

    `stubborn` is what the server was started with and shows otherwise all the same: no restart would change that.
    """

    content: Optional[str] = None
    dynamic: tuple[Change, ...] = ()
    waiting: tuple[Change, ...] = ()
    stubborn: tuple[Change, ...] = ()
    problems: tuple[str, ...] = ()

    def statements(self, persist: bool = False) -> tuple[str, ...]:
        """SQL for the dynamic ones."""
        return tuple(
            # Days of 0 are only for the moment: kept, they would have no meaning, and from 8.4 on no variable.
            statement(change.name, change.after, persist and (change.name, change.after) != (EXPIRY[1], "0"))
            for change in self.dynamic
        )

    @property
    def open_sessions(self) -> tuple[str, ...]:
        """What sessions that are open now will go on doing the old way."""
        return tuple(change.name for change in self.dynamic if change.name in OF_SESSIONS)


def plan(
    present: Present, request: Request, existing: Optional[str], entries_with: EntriesWith, path: str = ""
) -> Plan:
    """Plan for a server whose files can be read; `entries_with` tells what it would read with this text in our file."""
    source = present.source
    kept = _retained(existing, request)
    first = next_source(present, entries_with(render(kept)))
    settings = {**kept, **{setting.name: _value(setting, source) for setting in needed(first, request)}}
    if settings == kept and existing is not None and _retained(existing, request, everything=True) == kept:
        content: Optional[str] = existing  # somebody's comments in it stay
    else:
        content = render(settings)
    found = last(entries_with(content))
    started = next_source(present, entries_with(content))
    problems = [
        _override(setting, found, present, path) for setting in needed(started, request) if setting.name in settings
    ]
    problems += [
        _override(Setting(name, value), found, present, path)
        for name, value in request.further.items()
        if not same_value(present.persisted.get(name, value), value)
        or (name in found and not same_value(found[name].shown, value))
    ]
    dynamic, waiting = _differing(present, request, settings)
    written = _retained(existing, request, everything=True) if present.settled else {}
    stubborn = tuple(change for change in waiting if written.get(change.name) == change.after)
    waiting = tuple(change for change in waiting if change not in stubborn)
    return Plan(content, dynamic, waiting, stubborn, tuple(dict.fromkeys(problems)))


def plan_remote(present: Present, request: Request) -> Plan:
    """Plan for a server of which nothing but SQL can be reached."""
    source = present.source
    settings = {setting.name: _value(setting, source) for setting in needed(source, request)}
    dynamic, waiting = _differing(present, request, {**settings, **request.further})
    problems = [
        f"{change.name} is {change.before or 'empty'} and has to be {change.after}, which takes a settings file and a "
        "restart on the database's own server"
        for change in waiting
    ]
    return Plan(None, dynamic, problems=tuple(problems))


def needed(source: Source, request: Request) -> list[Setting]:
    """The settings that a server with these variables lacks, without those that the site wants left alone."""
    judged = [rule(source, request.wanted) for rule in (*rules.RULES, net_timeouts)]
    # The expiry counts as soon as the binary log is on.
    judged.append(expiry(_with(source, {"log_bin": "ON"}), request.wanted))
    found: dict[str, Setting] = {}
    for finding in judged:
        for setting in finding.settings if finding else ():
            if setting.name not in request.keep and setting.name not in request.further:
                found.setdefault(setting.name, setting)
    return sorted(found.values(), key=lambda setting: _ORDER.get(setting.name, len(NAMES)))


def next_source(present: Present, found: Iterable[Entry]) -> Source:
    """The server as it would be after a restart with these entries."""
    found = list(found)
    listed = last(found)
    values: dict[str, str] = {}
    for name in (*NAMES, "binlog_expire_logs_auto_purge"):
        if name not in present.source.variables:
            continue
        default = present.defaults.get(name)
        if name == "log_bin" and default is not None:
            default = "ON" if default else "OFF"
        if default is not None:
            values[name] = default
        entry = listed.get(name)
        if entry is not None:
            values[name] = entry.shown if name != "log_bin" else "OFF" if entry.negated else "ON"
        if name in present.persisted:
            values[name] = present.persisted[name]
    # A file or the program's help may say FALSE; as a variable that is OFF.
    values = {name: {"TRUE": "ON", "FALSE": "OFF"}.get(value.upper(), value) for name, value in values.items()}
    return _with(present.source, {**values, **_expiry_at_start(present, found)})


def _expiry_at_start(present: Present, found: Iterable[Entry]) -> dict[str, str]:
    """MySQL: days alone put the seconds out of force; given both, the seconds count. MariaDB: the last one counts."""
    seconds, days = EXPIRY
    given = [entry for entry in found if entry.name in EXPIRY]
    names = {entry.name for entry in given} | {name for name in EXPIRY if name in present.persisted}
    if seconds not in present.source.variables or not given:
        return {}
    server = present.source.server
    if server is not None and server.mariadb and given[-1].name == days:
        with contextlib.suppress(ValueError):
            return {seconds: str(int(float(given[-1].shown) * DAY))}
    return {seconds: "0"} if names == {days} else {}


def render(settings: Mapping[str, str]) -> Optional[str]:
    """The text of our file; None when there is nothing to set."""
    if not settings:
        return None
    lines = [
        "# Settings that the event log needs, kept by its role mysql_binlog. Only what the server did not have",
        "# by itself is here. Remove this file and restart the database to take them back.",
        "[mysqld]",
    ]
    ordered = sorted(settings, key=lambda name: (_ORDER.get(name, len(NAMES)), name))
    return "\n".join([*lines, *(f"{name} = {settings[name]}".rstrip() for name in ordered)]) + "\n"


def _retained(existing: Optional[str], request: Request, everything: bool = False) -> dict[str, str]:
    """What our file sets already: it stays, for without its log_bin the server would begin another series of files."""
    kept: dict[str, str] = {}
    for line in (existing or "").splitlines():
        name, equals, value = line.strip().partition("=")
        name = name.strip().replace("-", "_")
        if equals and not name.startswith(("#", "[")) and (everything or (name in NAMES and name not in request.keep)):
            kept[name] = value.strip()
    return {**kept, **({} if everything else request.further)}


def _value(setting: Setting, source: Source) -> str:
    """The value to write: an expiry is never shortened."""
    present = source.expiry_seconds
    if setting.name not in EXPIRY or source.text("log_bin") == "OFF" or not present:
        return setting.value
    unit = 1 if setting.name == EXPIRY[0] else DAY
    return str(max(int(setting.value), int(present // unit)))


def _differing(
    present: Present, request: Request, settings: Mapping[str, str]
) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    """What the running server lacks, apart by whether it takes a restart."""
    source = present.source
    lacking = {setting.name: settings.get(setting.name, _value(setting, source)) for setting in needed(source, request)}
    if source.text("log_bin") != "ON":
        # Without a binary log its expiry means nothing yet, and the restart brings it.
        lacking = {name: value for name, value in lacking.items() if name not in EXPIRY}
    for name, value in request.further.items():
        if not meets(name, value, source.variables):
            lacking[name] = value
    static = STATIC | present.read_only | {name for name in request.further if name not in {*DYNAMIC, *NAMES}}
    changes = [Change(name, source.variables.get(name, ""), value) for name, value in lacking.items()]
    seconds, days = EXPIRY
    if seconds in lacking and days not in lacking and days_in_the_way(source):
        # As long as the days count, MySQL 8.0 refuses the seconds (error 3683 or 11079).
        changes.insert(list(lacking).index(seconds), Change(days, source.variables[days], "0"))
    return (
        tuple(change for change in changes if change.name not in static),
        tuple(change for change in changes if change.name in static),
    )


def _override(setting: Setting, found: Mapping[str, Entry], present: Present, path: str) -> str:
    names = EXPIRY if setting.name in EXPIRY else (setting.name,)
    return override(setting, names, found, present.persisted, path)


def _with(source: Source, values: Mapping[str, str]) -> Source:
    return replace(source, variables={**source.variables, **values})

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings a database server's settings where the event log needs them, and back again if the server does not like it.

Everything that can be refused is refused before the first change. A file goes live only after the server's own check.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Mapping, Optional

from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure as plans
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure_back as back
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure_look as look
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure import Change, Plan, Request
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_files import Layout, flattened
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_host import Host
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_look import ConfigureError, Files, Seen
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_place import Place
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_refuse import UNTOUCHED, unusable
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_values import started_with
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import Login
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_server import Server


@dataclass(frozen=True)
class Options:
    """What the site allows."""

    request: Request
    container: str = ""
    settings_dir: str = ""
    restart: bool = False
    restart_timeout: int = 600
    persist: bool = False
    validate: bool = True
    check_mode: bool = False


def ensure(login: Login, options: Options, host: Host) -> dict[str, Any]:
    """Plan, refuse or carry out; what was done, or would be in check mode."""
    seen = look.look(login, options.request, host, options.container, options.persist)
    words = unusable(seen.place, options.request, seen.present.source) if seen.place and options.validate else ""
    if words:
        raise ConfigureError(
            f"The binary log cannot be written where mysql_binlog_settings wants it: {words}. {UNTOUCHED}"
        )
    files = look.files_of(seen, seen.place, options.settings_dir) if seen.place else None
    done = _judged(seen, files, _plan(seen, files, options), options)
    if done.changed and not options.check_mode:
        done = _carry_out(done, options, host)
    return done.result()


def foreseen(seen: Seen, files: Files, plan: Plan, options: Options) -> dict[str, Any]:
    """What would be done, for a plan that somebody else made."""
    return _judged(seen, files, plan, options).result()


def _judged(seen: Seen, files: Optional[Files], plan: Plan, options: Options) -> Done:
    """Refuse what could not come out right, and decide about the restart."""
    _refuse(seen, plan, files)
    restart = bool(plan.waiting) and options.restart and bool(seen.place and seen.place.can_restart)
    written = files is not None and plan.content != files.existing
    return Done(seen, files, plan, written, () if restart else plan.statements(options.persist and not files), restart)


@dataclass(frozen=True)
class Done:
    """A plan and how much of it was, or would be, carried out."""

    seen: Seen
    files: Optional[Files]
    plan: Plan
    written: bool
    statements: tuple[str, ...]
    restarted: bool
    left: tuple[Change, ...] = ()

    @property
    def changed(self) -> bool:
        return self.written or bool(self.statements) or self.restarted

    @property
    def waiting(self) -> tuple[Change, ...]:
        """What is not true before somebody restarts the server."""
        return self.left if self.restarted else (*self.plan.waiting, *self.left)

    def result(self) -> dict[str, Any]:
        """As the module returns it."""
        place, files = self.seen.place, self.files
        changes = {change.name: change for change in (*self.plan.dynamic, *self.plan.waiting)}
        return {
            "changed": self.changed,
            "path": str(files.host_path) if files else None,
            "server": self.seen.server.name,
            "place": place.name if place else self.seen.address,
            "unix_socket": self.seen.login.unix_socket or None,
            "binlog_directory": self.seen.binlog_directory or None,
            "statements": list(self.statements),
            "restarted": self.restarted,
            "waiting": [_words(change) for change in self.waiting],
            "notes": self._notes(),
            "diff": self._diff(changes),
        }

    def _notes(self) -> list[str]:
        notes = [*self.seen.notes, *(back.shows_otherwise(change) for change in self.plan.stubborn)]
        names = [] if self.restarted else self.plan.open_sessions
        if names:
            notes.append(
                f"Sessions that were open before go on with the old {' and '.join(names)} until they end: restart "
                "OpenMRS, or wait until its pool of connections has been renewed, before you trust the events."
            )
        return notes

    def _diff(self, changes: Mapping[str, Change]) -> list[dict[str, str]]:
        shown = []
        if self.files and self.written:
            shown.append(
                {
                    "header": str(self.files.host_path),
                    "before": self.files.existing or "",
                    "after": self.plan.content or "",
                }
            )
        applied = [change for change in changes.values() if self.restarted or change in self.plan.dynamic]
        if applied:
            shown.append(
                {
                    "header": f"variables of {self.seen.server.name} at {self.seen.address}",
                    "before": "".join(f"{change.name} = {change.before}\n" for change in applied),
                    "after": "".join(f"{change.name} = {change.after}\n" for change in applied),
                }
            )
        return shown


def _plan(seen: Seen, files: Optional[Files], options: Options) -> Plan:
    if files is None:
        return plans.plan_remote(seen.present, options.request)
    present = replace(seen.present, settled=started_with(seen.started, files.modified))
    return plans.plan(present, options.request, files.existing, files.entries_with, files.path)


def _refuse(seen: Seen, plan: Plan, files: Optional[Files]) -> None:
    """Stop before the first change if this could not come out right."""
    if seen.too_much and any(change.name in plans.EXPIRY for change in plan.dynamic):
        raise ConfigureError(
            f"The binary log would be kept for longer than the disk holds. {seen.too_much} Make room, set "
            "mysql_binlog_longest_outage_days to what you really expect, or leave the expiry as it is with "
            f"mysql_binlog_keep: [{', '.join(plans.EXPIRY)}]. {UNTOUCHED}"
        )
    if not plan.problems:
        return
    if files is None:
        lead = f"{seen.server.name} at {seen.address} cannot be made ready from here:"
    else:
        lead = f"{files.host_path} could not take effect in {seen.server.name} ({seen.place_name}):"
    raise ConfigureError("\n".join([lead, *(f"- {problem}" for problem in plan.problems), UNTOUCHED]))


def _carry_out(done: Done, options: Options, host: Host) -> Done:
    seen, files, place = done.seen, done.files, done.seen.place
    if files is None or place is None:
        return replace(done, left=back.execute(seen, done.statements, done.plan, persist=options.persist))
    if options.validate and (done.written or done.restarted):
        _check(place, seen.server, files, done.plan, host)
    if done.written:
        back.write(files.host_path, done.plan.content)
    try:
        left = back.execute(seen, done.statements, done.plan)
    except ConfigureError as error:
        outcome = f" {back.restored(files)}" if done.written else ""
        raise ConfigureError(f"{error}{outcome}") from error
    if not done.restarted:
        return replace(done, left=left)
    return replace(done, seen=back.restart(seen, files, done.plan, options.restart_timeout, host), left=left)


def _check(place: Place, server: Server, files: Files, plan: Plan, host: Host) -> None:
    """Let the server judge all of its settings, with ours as they would be; tell whose fault a refusal is."""
    words = host.refusal(place, server, flattened(files.layout_with(plan.content), files.groups))
    if not words:
        return
    alone = host.refusal(place, server, flattened(_only(files, plan.content), files.groups))
    if alone:
        raise ConfigureError(
            f"{server.name} refuses the settings that would go into {files.host_path}:\n{words}\n"
            f"Correct mysql_binlog_settings. {UNTOUCHED}"
        )
    raise ConfigureError(
        f"{server.name} refuses its configuration together with {files.host_path}, which is sound by itself:\n{words}\n"
        "Correct the file that is meant; or, if the server starts with it all the same, set mysql_binlog_validate to "
        f"false to go without this check. {UNTOUCHED}"
    )


def _only(files: Files, content: Optional[str]) -> Layout:
    layout = files.layout_with(content)
    return replace(layout, lines=tuple(line for line in layout.lines if line.file == files.path))


def _words(change: Change) -> str:
    return f"{change.name} (now {change.before or 'empty'}, wanted {change.after or 'empty'})"

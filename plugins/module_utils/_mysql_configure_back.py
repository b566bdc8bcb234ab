# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes, sets and restarts, each with its way back. Nothing on a way back may keep the next step of it from being
tried: the database has to run again, whatever else fails.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Optional, Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure_look as look
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure import Change, Plan
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_host import Host
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_look import ConfigureError, Files, Seen
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_place import Place
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_values import meets, statement
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import (
    ConnectError,
    Login,
    StatementError,
    open_connection,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._secret_file import write_atomically

READ_ONLY_VARIABLE = 1238


def write(path: Path, content: Optional[str]) -> None:
    """Make the file say this; None is for no file."""
    try:
        if content is None:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
        else:
            write_atomically(path, content.encode(), 0o644, 0, 0)
    except OSError as error:
        raise ConfigureError(f"{path} cannot be written: {error.strerror}.") from error


def restored(files: Files) -> str:
    """Put the file back as it was; what came of it, in words."""
    try:
        write(files.host_path, files.existing)
    except Exception as error:  # whatever it is, the next step has to come
        by_hand = "Remove it" if files.existing is None else "Take its last change back"
        return f"THE FILE COULD NOT BE PUT BACK ({error}): {by_hand} by hand."
    return f"{files.host_path} {'is taken away again' if files.existing is None else 'has its former content'}."


def execute(seen: Seen, statements: Sequence[str], plan: Plan, persist: bool = False) -> tuple[Change, ...]:
    """Set variables; what turns out to need a restart is returned, and a refusal takes back what was set."""
    left: list[Change] = []
    done: list[str] = []
    undo: list[str] = []
    if not statements:
        return ()
    connection = open_connection(seen.login)
    try:
        for change, text in zip(plan.dynamic, statements):
            try:
                connection.query(text)
            except StatementError as error:
                if error.refusal.code == READ_ONLY_VARIABLE:
                    left.append(change)
                    continue
                for former in reversed(undo):
                    with contextlib.suppress(StatementError):
                        connection.query(former)
                raise ConfigureError(f"{text} was refused: {error.refusal.message}.") from error
            done.append(text)
            # Run in the reverse order, for SET PERSIST would set the running value too.
            undo += [statement(change.name, change.before), *_unkept(seen, change, text, persist)]
    except ConnectError as error:
        already = f"already done, and not taken back: {'; '.join(done)}" if done else "nothing was set"
        raise ConfigureError(f"The server broke off while variables were set ({already}): {error}.") from error
    finally:
        connection.close()
    return tuple(left)


def _unkept(seen: Seen, change: Change, text: str, persist: bool) -> list[str]:
    """What takes the kept value back."""
    if not persist or not text.startswith("SET PERSIST"):
        return []
    former = seen.present.persisted.get(change.name)
    return [f"RESET PERSIST {change.name}" if former is None else statement(change.name, former, persist=True)]


def restart(seen: Seen, files: Files, plan: Plan, timeout: int, host: Host) -> Seen:
    """Restart and wait; a server that does not come back gets its former configuration and is started again."""
    place = seen.place
    if place is None:
        raise ConfigureError(f"{seen.server.name} cannot be restarted from here.")
    answered = _start(seen, place, host, timeout)
    if answered:
        return replace(answered, notes=(*answered.notes, *_still_different(answered, plan)))
    file = restored(files)
    again = _start(seen, place, host, timeout)
    outcome = (
        "It runs again with its former configuration."
        if again
        else f"IT DOES NOT ANSWER WITH ITS FORMER CONFIGURATION EITHER within {timeout} seconds: look at it now."
    )
    if again and file.startswith("THE FILE"):
        outcome = "It runs again all the same."
    try:
        words = host.log(place, seen.present.source.variables.get("log_error", ""))
    except Exception as error:  # a log is no reason to keep the rest back
        words = f"(cannot be read: {error or type(error).__name__})"
    raise ConfigureError(
        f"{seen.server.name} ({place.name}) did not come back after the restart with {files.host_path}. {file} "
        f"{outcome}\nThe server's own log ends:\n{words}"
    )


def _start(seen: Seen, place: Place, host: Host, timeout: int) -> Optional[Seen]:
    found: list[Login] = []

    def answers(there: Place) -> bool:
        login = look.login_after(seen, there)
        try:
            open_connection(login).close()
        except ConnectError:
            return False
        found.append(login)
        return True

    try:
        refused = host.restart(place, timeout)
        if refused and not place.container:
            return None
        place_now = host.wait(place, answers, timeout)
    except Exception:  # then it has not come back, as far as anybody can tell
        return None
    return replace(seen, place=place_now, login=found[-1]) if place_now else None


def shows_otherwise(change: Change) -> str:
    """That a value is not what was asked for, though the server was started with it."""
    return (
        f"{change.name} is {change.before or 'empty'} though the server was started with {change.after or 'nothing'}: "
        "that is what it makes of it, and another restart would not change that."
    )


def _still_different(seen: Seen, plan: Plan) -> list[str]:
    """What a restart has not brought; the look at the end judges what the event log needs."""
    variables: dict[str, str] = {}
    asked = {change.name: change for change in (*plan.dynamic, *plan.waiting)}
    try:
        connection = open_connection(seen.login)
        try:
            for name in (*asked, "log_bin_basename"):
                rows = connection.query("SHOW GLOBAL VARIABLES WHERE Variable_name = %s", (name,))
                variables.update({str(row["Variable_name"]).lower(): str(row["Value"]) for row in rows})
        finally:
            connection.close()
    except (ConnectError, StatementError):
        return []
    variables = {**seen.present.source.variables, **variables} if variables else {}
    return [
        shows_otherwise(replace(change, before=variables[name]))
        for name, change in asked.items()
        if name in variables and not meets(name, change.after, variables)
    ]

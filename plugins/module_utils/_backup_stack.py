# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event log stopped for a moment, and started again whatever happens meanwhile.

Programs are started through one function.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, NoReturn, Optional, Sequence, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._backup import BackupError, Places
from ansible_collections.openmrs.event_log.plugins.module_utils._command import Run
from ansible_collections.openmrs.event_log.plugins.module_utils._connect_api import Clock, Deadline

UNIT = "event-log.service"
#: Options of the modules for backups; the doc fragment ``stack`` tells of them.
OPTIONS = {
    "home": {"type": "path", "required": True},
    "data_dir": {"type": "path", "required": True},
    "secrets_dir": {"type": "path"},
    "project": {"type": "str", "required": True},
    "command": {"type": "path", "default": "/usr/local/bin/event-log"},
}
_SHOWN = (
    "{{.Name}}\t{{.State.Status}}\t{{.State.StartedAt}}\t{{if .State.Health}}{{.State.Health.Status}}{{end}}\t"
    '{{index .Config.Labels "com.docker.compose.project.working_dir"}}'
)
#: Ends without a word from the one who started it: then it was killed, and what it stopped is started.
_WATCH = 'read -r word || exec "$@"'


@dataclass(frozen=True)
class Container:
    name: str
    status: str
    since: str
    health: str

    @property
    def up(self) -> bool:
        return self.status in ("running", "restarting", "paused")

    @property
    def well(self) -> bool:
        return self.status == "running" and self.health in ("healthy", "")


@dataclass(frozen=True)
class State:
    """What runs. ``unit``: systemd holds the event log to be started. ``reads``: its connectors read the database."""

    containers: Tuple[Container, ...] = ()
    unit: bool = False
    reads: bool = False

    @property
    def up(self) -> List[str]:
        return [one.name for one in self.containers if one.up]

    @property
    def well(self) -> List[str]:
        return [one.name for one in self.containers if one.well]

    @property
    def runs(self) -> bool:
        return self.unit or bool(self.up)


class Stack:
    """The containers of one Compose project, with or without systemd."""

    def __init__(self, run: Run, home: Path, project: str, command: Path, clock: Optional[Clock] = None) -> None:
        self._run = run
        self._home = home
        self._project = project
        self._command = command
        self.clock = clock or Clock()

    def hold(self) -> str:
        """Why nobody may start or stop it; empty when there is no hold."""
        path = self._home / "hold"
        if not path.exists():
            return ""
        with contextlib.suppress(OSError):
            return " ".join(path.read_text(encoding="utf-8", errors="replace").split())[:200] or "no reason given"
        return "no reason given"

    def look(self) -> State:
        """What runs now. Raises where nobody can know."""
        return State(self._containers(), self._unit_active())

    def look_well(self) -> State:
        """What runs now, and how it is as a whole."""
        state = self.look()
        return replace(state, reads=bool(state.up) and self._verdict()[0] == "ok")

    def has_unit(self) -> bool:
        """Whether systemd knows the event log."""
        return self._systemd() and self._run(["systemctl", "cat", UNIT])[0] == 0

    def stop(self, state: State) -> None:
        """Stop it in order, the worker before the broker."""
        if state.unit:
            self._do(["systemctl", "stop", UNIT])
        if state.up and self.look().up:
            self._do(self._without_systemd("stop"))
        left = self.look().up
        if left:
            raise BackupError(f"{', '.join(left)} did not stop")

    def start_command(self, state: State) -> List[str]:
        """What brings back what ran."""
        return ["systemctl", "start", UNIT] if state.unit else self._without_systemd("start")

    def start(self, state: State, seconds: float) -> None:
        """Start it, and wait until what was well is well again, and the rest runs."""
        self._do(self.start_command(state))
        deadline = Deadline(self.clock, seconds)
        pause = deadline.pauses(0.5, 2.0)
        while True:
            found = {one.name: one for one in self.look().containers}
            ill = [name for name in state.up if not _as_before(found.get(name), name in state.well)]
            told = ", ".join(_told(name, found) for name in ill)
            if not ill:
                verdict, told = self._verdict() if state.reads else ("ok", "")
                if verdict == "ok":
                    return
            if deadline.passed:
                raise BackupError(f"the event log was started, and after {int(seconds)} s it is not well: {told}")
            pause()

    @contextlib.contextmanager
    def watched(self, state: State) -> Iterator[None]:
        """Within it, the death of this process starts the event log again, whatever killed it."""
        with subprocess.Popen(
            ["sh", "-c", _WATCH, "sh", *self.start_command(state)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        ) as watch:
            try:
                yield
            finally:
                watch.communicate("done\n")

    def _containers(self) -> Tuple[Container, ...]:
        if shutil.which("docker") is None:
            return ()
        label = f"label=com.docker.compose.project={self._project}"
        code, out, err = self._run(["docker", "ps", "--all", "--filter", label, "--format", "{{.Names}}"])
        if code != 0:
            if not (self._home / "compose.yaml").is_file():
                return ()
            raise BackupError(f"the Docker engine does not answer, so that nobody knows what runs: {err.strip()}")
        names = sorted(out.split())
        if not names:
            return ()
        shown = self._do(["docker", "container", "inspect", "--format", _SHOWN, *names])
        found = [line.split("\t") for line in shown.splitlines() if line.count("\t") == 4]
        for line in found:
            if Path(line[4]).resolve() != self._home.resolve():
                raise BackupError(
                    f"{line[0].lstrip('/')} is a container of {line[4]} and not of {self._home}: see event_log_home"
                )
        return tuple(Container(line[0].lstrip("/"), *line[1:4]) for line in found)

    @staticmethod
    def _systemd() -> bool:
        return shutil.which("systemctl") is not None and Path("/run/systemd/system").is_dir()

    def _verdict(self) -> Tuple[str, str]:
        """The host command's word and sentence, which it cleans of data."""
        if not self._command.is_file():
            return "", "there is no host command"
        _code, out, _err = self._run([str(self._command), "status", "--json"])
        try:
            found = json.loads(out)
            return str(found["verdict"]), str(found["sentence"]).rstrip(".")
        except (ValueError, KeyError, TypeError):
            return "", "the host command does not answer"

    def _unit_active(self) -> bool:
        if not self._systemd():
            return False
        _code, out, _err = self._run(["systemctl", "is-active", UNIT])
        return out.strip() in ("active", "activating", "reloading")

    def _without_systemd(self, verb: str) -> List[str]:
        if self._command.is_file():
            return [str(self._command), "unit", verb]
        words = ["stop"] if verb == "stop" else ["up", "--detach", "--no-recreate", "--no-build", "--pull", "never"]
        return ["docker", "compose", "--ansi", "never", "--project-directory", str(self._home), *words]

    def _do(self, command: Sequence[str]) -> str:
        code, out, err = self._run(command)
        if code != 0:
            raise BackupError(f"{' '.join(command)} failed: {err.strip() or out.strip()}")
        return out


def places_of(params: Mapping[str, Any]) -> Places:
    """Where the event log is, by the options."""
    home = Path(params["home"])
    return Places(home, Path(params["data_dir"]), Path(params["secrets_dir"] or home / "secrets"))


def stack_of(run: Run, params: Mapping[str, Any]) -> Stack:
    """The stack that the options mean."""
    return Stack(run, Path(params["home"]), params["project"], Path(params["command"]))


def _as_before(one: Optional[Container], was_well: bool) -> bool:
    return one is not None and (one.well if was_well else one.up)


def _told(name: str, found: Dict[str, Container]) -> str:
    one = found.get(name)
    return f"{name} is gone" if one is None else f"{name} is {one.status}{f' and {one.health}' if one.health else ''}"


def stop_on(number: int, _frame: object) -> NoReturn:
    raise BackupError(f"the run was ended by signal {number}")


def catch_signals() -> None:
    """A line that is cut ends nothing; whoever ends the module finds the event log started."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop_on)

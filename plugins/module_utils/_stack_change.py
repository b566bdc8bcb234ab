# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of the running stack: begun, verified or taken back.

Docker is asked through one function, Connect by REST.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils import _stack_former
from ansible_collections.openmrs.event_log.plugins.module_utils._command import Run
from ansible_collections.openmrs.event_log.plugins.module_utils._connect_api import Clock, ConnectApi, Deadline
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_state import OLD_FAILURE_GRACE, Status, shows
from ansible_collections.openmrs.event_log.plugins.module_utils._http import Connection, Transport
from ansible_collections.openmrs.event_log.plugins.module_utils._stack_project import (
    ChangeError,
    Container,
    compose_command,
    differing,
    do,
    image_id,
    look,
    read_wanted,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._trace import LOGIN_REFUSED, safe_words

SECRETS = "/run/event-log/secrets"


def access(worker: Container) -> Connection:
    """How to reach the worker, by what its container was given."""
    inside = worker.environment.get("REST_LOGIN_FILE", "")
    path = Path(worker.mounts.get(SECRETS, SECRETS)) / Path(inside).name
    try:
        login = path.read_text(encoding="utf-8").strip().partition("=")
    except OSError as error:
        raise ChangeError(f"the worker's login {path} cannot be read: {error.strerror}") from error
    port = worker.environment.get("REST_PORT", "8083")
    return Connection(f"http://127.0.0.1:{port}", username=login[0], password=login[2], timeout=10)


def running(states: Mapping[str, Status]) -> List[str]:
    """The connectors that run in every part."""
    return sorted(name for name, status in states.items() if shows("running", status))


def told(name: str, status: Optional[Status]) -> str:
    """A connector's states in words; nothing of a trace's messages, for they may hold data."""
    if status is None:
        return f"{name}: gone"
    why = safe_words(status.first_trace() or "")
    return f"{name}: {status.describe()}" + (f" ({why})" if why else "")


def shut_out(status: Optional[Status]) -> bool:
    """Whether the database refuses the connector's login: its account was given another password, which comes next."""
    return status is not None and status.failed and LOGIN_REFUSED in safe_words(status.first_trace() or "")


class Change:
    """One change of one project. ``former`` is where the files of the version before are kept."""

    def __init__(
        self, run: Run, project: Path, former: Path, names: Sequence[str], clock: Optional[Clock] = None
    ) -> None:
        self._run = run
        self._project = project
        self._former = former
        self._names = list(names)
        self._clock = clock or Clock()

    def begin(self, compose: str, check_mode: bool, patience: float) -> Dict[str, Any]:
        """Learn what is about to be replaced; when it can be gone back to, note that and stop it, the last first.

        ``lost`` says why a running version cannot be gone back to.
        """
        containers = self._look()
        different = self._differing(containers, compose)
        result: Dict[str, Any] = {"recreated": different, "way_back": False, "connectors": [], "lost": ""}
        if check_mode:
            return result
        noted = _stack_former.notes(self._former) if _stack_former.exists(self._former) else {}
        if noted:
            noted.update(resumed=True, back=False)
        else:
            lost = self._lost(containers, patience) if different else ""
            if lost or not different:
                _stack_former.drop(self._former)
                return {**result, "lost": lost}
            noted = {"connectors": running(self._states(30))}
        # Before the first stop: a run that is killed in the middle of it must leave the way back to the next one.
        _stack_former.note(self._former, {**noted, "since": time.time()})
        if different:
            self._stop(reversed(self._names))
            _stack_former.note(self._former, {**noted, "since": time.time()})
        return {**result, "way_back": True, "connectors": noted["connectors"]}

    def refuse(self) -> bool:
        """The change could not be begun. Whether something may have been stopped, so that it must be gone back.

        Otherwise the files become those of the version that runs again.
        """
        if not _stack_former.exists(self._former):
            return False
        if _stack_former.notes(self._former):
            return True
        _stack_former.put_back(self._former)
        _stack_former.drop(self._former)
        return False

    def verify(self, seconds: float, settle: float) -> List[str]:
        """Return once what ran before runs again; then nothing is kept aside any more."""
        noted = _stack_former.notes(self._former)
        spent = time.time() - float(noted.get("since", time.time()))
        left = max(seconds - max(spent, 0), 2 * settle + 5)
        wanted = [str(name) for name in noted.get("connectors", [])]
        found = self._await_connectors(wanted, left, settle, bool(noted.get("resumed")), bool(noted.get("back")))
        _stack_former.drop(self._former)
        return found

    def back(self, seconds: float, settle: float) -> List[str]:
        """Bring the former version up again, and verify it."""
        files = _stack_former.put_back(self._former)
        if any(path.startswith("/etc/systemd/") for path in files):
            self._do(["systemctl", "daemon-reload"])
        services = json.loads(self._do([*self._compose(), "config", "--format", "json"]))["services"]
        core = [name for name, service in services.items() if service.get("container_name") in self._names]
        others = [name for name in services if name not in core]
        up = [*self._compose(), "up", "--detach", "--no-build", "--pull", "never"]
        self._do([*up, "--remove-orphans", "--wait", "--wait-timeout", str(int(seconds)), *core])
        if others:
            # The web pages: what becomes of them decides nothing.
            self._run([*up, "--no-deps", *others])
        more = {"since": time.time(), "resumed": True, "back": True}
        noted = {**_stack_former.notes(self._former), **more}
        _stack_former.note(self._former, noted)
        return self.verify(seconds, settle)

    # Docker

    def _compose(self) -> List[str]:
        return compose_command(self._project)

    def _do(self, command: Sequence[str]) -> str:
        return do(self._run, command)

    def _look(self) -> Dict[str, Container]:
        return look(self._run, self._names)

    def _differing(self, containers: Mapping[str, Container], compose: str) -> List[str]:
        if not containers:
            return []
        wanted = read_wanted(self._run, self._project, compose)
        return differing(containers, wanted.hashes, wanted.images)

    def _lost(self, containers: Mapping[str, Container], patience: float) -> str:
        """Why what runs cannot be gone back to; empty when it can."""
        if not _stack_former.exists(self._former):
            return "its files were not kept"
        for one in containers.values():
            if one.image and image_id(self._run, one.image) != one.image_id:
                return f"{one.name} runs an image that {one.image} does not mean any more"
        return self._not_healthy(patience)

    def _not_healthy(self, patience: float) -> str:
        """What does not run or is not healthy; what has just started is given a moment."""
        deadline = Deadline(self._clock, patience)
        pause = deadline.pauses(1, 3)
        while True:
            found = self._look()
            missing = [name for name in self._names if name not in found]
            if missing:
                return f"{' and '.join(missing)} did not exist"
            ill = [one for one in found.values() if not one.healthy]
            if not ill:
                return ""
            if deadline.passed or not all(one.running and one.health != "unhealthy" for one in ill):
                return " and ".join(f"{one.name} was {one.health if one.running else 'not running'}" for one in ill)
            pause()

    def _stop(self, names: Any) -> None:
        # One after the other: the worker says goodbye to a broker that is still there.
        containers = self._look()
        for name in names:
            if name in containers:
                self._do([*self._compose(), "stop", containers[name].service])

    # Connect

    def _states(self, seconds: float) -> Dict[str, Status]:
        found = self._look()
        worker = next((one for one in found.values() if "REST_LOGIN_FILE" in one.environment), None)
        if worker is None:
            raise ChangeError("there is no container of the worker")
        api = ConnectApi(Transport(access(worker)), Deadline(self._clock, seconds))
        return {name: listed.status for name, listed in api.connectors().items()}

    def _await_connectors(
        self, noted: Sequence[str], seconds: float, settle: float, patient: bool, back: bool
    ) -> List[str]:
        """All of them run, and go on running for a while: a task that cannot work fails only after its start.

        A failure that lasts ends the wait, unless ``patient``: after a version whose connectors failed, the worker goes
        on showing those failures until its own tasks have started, which takes long on a slow host (tried). One that
        even the former version, which is ``back``, does not know was deleted by somebody: that is not waited for. One
        that the database refuses to let in says nothing against the stack: whoever registers connectors sees to that.
        """
        deadline = Deadline(self._clock, seconds)
        good_since = bad_since = None
        while noted:
            states = self._states(max(deadline.remaining, 1))
            now = self._clock.now()
            wanted = [name for name in noted if name in states or not back]
            missing = [name for name in wanted if name not in running(states) and not shut_out(states.get(name))]
            failed = not patient and any(states[name].failed for name in missing if name in states)
            good_since = None if missing else good_since or now
            bad_since = (bad_since or now) if failed else None
            if good_since is not None and now - good_since >= settle:
                return wanted
            if deadline.passed or (bad_since is not None and now - bad_since >= OLD_FAILURE_GRACE):
                seen = "; ".join(told(name, states.get(name)) for name in missing or wanted)
                raise ChangeError(f"connectors that ran before do not run steadily now: {seen}")
            self._clock.pause(min(1.0, settle))
        return []

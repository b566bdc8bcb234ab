# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers beside the event log, its web pages: whatever becomes of them, broker and worker are left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils._command import Run
from ansible_collections.openmrs.event_log.plugins.module_utils._connect_api import Clock, Deadline
from ansible_collections.openmrs.event_log.plugins.module_utils._stack_project import (
    Container,
    Wanted,
    compose_command,
    differing,
    do,
    look,
    read_wanted,
)


def title(name: str, project: str) -> str:
    """``event-log-kowl`` as people call it."""
    return name[len(project) + 1 :].capitalize() if name.startswith(f"{project}-") else name


def state(container: Optional[Container]) -> str:
    if container is None:
        return "it has no container"
    if container.restarting:
        return "it fails and is started again and again"
    return container.health or "no health check" if container.running else "it has stopped"


class Uis:
    """Some of a project's containers, by name."""

    def __init__(self, run: Run, project: Path, name: str, containers: Sequence[str], clock: Clock) -> None:
        self._run = run
        self._project = project
        self._name = name
        self._containers = list(containers)
        self._clock = clock

    def absent(self, check_mode: bool) -> List[str]:
        """Remove those that are there; return their names."""
        found = sorted(look(self._run, self._containers))
        if not check_mode:
            for name in found:
                do(self._run, ["docker", "container", "rm", "--force", name])
        return found

    def foreseen(self, compose: str) -> List[str]:
        """Return which would be made, made anew or started."""
        return self._pending(look(self._run, self._containers), compose)[0]

    def present(self, compose: str, seconds: float) -> Dict[str, List[str]]:
        """Bring them up and give those that were started some time to become healthy; ``notes`` says what is not."""
        pending, wanted = self._pending(look(self._run, self._containers), compose)
        refused = {name: self._up(name, wanted) for name in pending}
        waiting = [name for name in pending if not refused[name]]
        found = self._wait(waiting, seconds)
        notes = [self._note(name, refused.get(name, ""), found) for name in self._containers]
        return {"made": pending, "notes": [note for note in notes if note]}

    def _pending(self, found: Mapping[str, Container], compose: str) -> tuple[List[str], Optional[Wanted]]:
        missing = [name for name in self._containers if name not in found]
        still = [name for name, one in found.items() if not (one.running or one.restarting)]
        wanted = read_wanted(self._run, self._project, compose) if found else None
        changed = differing(found, wanted.hashes, wanted.images) if wanted else []
        return [name for name in self._containers if name in {*missing, *still, *changed}], wanted

    def _up(self, name: str, wanted: Optional[Wanted]) -> str:
        """Make or start one. What Docker said if it could not; empty if it could."""
        names = wanted.names if wanted else {}
        service = next((one for one, container in names.items() if container == name), name[len(self._name) + 1 :])
        command = [*compose_command(self._project), "up", "--detach", "--no-deps", "--no-build", "--pull", "never"]
        code, out, err = self._run([*command, service])
        lines = (err.strip() or out.strip()).splitlines()
        return "" if code == 0 else (lines[-1] if lines else f"docker ended with {code}")

    def _wait(self, names: Sequence[str], seconds: float) -> Dict[str, Container]:
        """Until all of these are healthy or one is known not to be; the state of all."""
        deadline = Deadline(self._clock, seconds)
        pause = deadline.pauses(1, 3)
        while True:
            found = look(self._run, self._containers)
            ill = [one for one in (found.get(name) for name in names) if one and not one.healthy]
            if not [one for one in ill if one.health == "starting"] or deadline.passed:
                return found
            pause()

    def _note(self, name: str, refused: str, found: Mapping[str, Container]) -> str:
        container = found.get(name)
        if not refused and container and container.healthy:
            return ""
        why = f"could not be started ({refused})" if refused else f"is not healthy ({state(container)})"
        return (
            f"{title(name, self._name)} {why}. The event log itself does not depend on it. "
            f"See why: docker logs --tail 50 {name}"
        )

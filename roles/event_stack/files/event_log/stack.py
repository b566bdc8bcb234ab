# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Docker and systemd say about the containers of the stack and its web pages.

Every question has a time limit.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from . import words
from .errors import EventLogError
from .settings import Settings

UNIT = "event-log.service"
SECRETS = "/run/event-log/secrets"  # where the worker sees its secrets
_SECONDS = 4.0
_HEAP_FULL = 3


class EngineError(EventLogError):
    """The Docker engine cannot be asked; ``said`` holds its own words."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


@dataclass(frozen=True)
class Container:
    """One container as ``docker inspect`` describes it."""

    name: str
    status: str  # created, running, paused, restarting, exited, dead
    health: str  # starting, healthy, unhealthy; none where there is no check
    exit_code: int
    restarts: int
    out_of_memory: bool
    policy: str
    image: str
    image_id: str
    environment: Mapping[str, str]
    mounts: Mapping[str, str]
    labels: Mapping[str, str]

    @property
    def memory_ran_out(self) -> bool:
        """The kernel ended it, or it did so itself: Java's code with -XX:+ExitOnOutOfMemoryError.

        Kafka Connect has that code for a start that fails, too.
        """
        return self.out_of_memory or self.exit_code == _HEAP_FULL

    @property
    def end(self) -> str:
        """How it ended, in words."""
        if not self.memory_ran_out:
            return words.phrase("end", code=self.exit_code)
        return words.phrase("end.memory" if self.out_of_memory else "end.heap", code=self.exit_code)

    @property
    def running(self) -> bool:
        return self.status == "running"

    @property
    def healthy(self) -> bool:
        return self.running and self.health in ("healthy", "none")


def parse_inspect(text: str) -> Dict[str, Container]:
    """The containers of ``docker inspect``, by name."""
    found = {}
    for entry in json.loads(text or "[]"):
        state, config, host = entry["State"], entry["Config"], entry.get("HostConfig", {})
        name = str(entry["Name"]).lstrip("/")
        found[name] = Container(
            name=name,
            status=str(state.get("Status", "")),
            health=str((state.get("Health") or {}).get("Status", "none")),
            exit_code=int(state.get("ExitCode", 0)),
            restarts=int(entry.get("RestartCount", 0)),
            out_of_memory=bool(state.get("OOMKilled")),
            policy=str(host.get("RestartPolicy", {}).get("Name", "")),
            image=str(config.get("Image", "")),
            image_id=str(entry.get("Image", "")),
            environment=dict(line.partition("=")[::2] for line in config.get("Env") or []),
            mounts={str(m["Destination"]): str(m.get("Source", "")) for m in entry.get("Mounts") or []},
            labels=dict(config.get("Labels") or {}),
        )
    return found


def names(settings: Settings) -> Tuple[str, ...]:
    """The containers, in the order of the settings' services."""
    return tuple(f"{settings.project}-{service}" for service in settings.services)


def worker_name(settings: Settings) -> str:
    """The one of Kafka Connect."""
    return f"{settings.project}-connect"


def ui_names(settings: Settings) -> Tuple[str, ...]:
    """The web pages beside them, if there are any."""
    return tuple(f"{settings.project}-{ui}" for ui in settings.uis)


def run(command: Sequence[str], seconds: float = _SECONDS) -> subprocess.CompletedProcess[str]:
    """A short command; one that hangs or is not there has the return code 124 or 127, as in a shell."""
    try:
        return subprocess.run(
            list(command), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(list(command), 124, "", f"no answer within {seconds:.0f} s")
    except OSError as error:
        return subprocess.CompletedProcess(list(command), 127, "", f"{command[0]}: {error.strerror}")


def look(settings: Settings) -> Dict[str, Container]:
    """The stack's containers that exist, by name."""
    done = run(["docker", "container", "inspect", *names(settings), *ui_names(settings)])
    if done.returncode != 0 and "no such" not in done.stderr.lower():
        raise EngineError(done.stderr.strip() or f"docker ended with {done.returncode}")
    try:
        return parse_inspect(done.stdout)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise EngineError("its answer cannot be read") from None


def unit_state(unit: str = UNIT) -> Optional[str]:
    """``active``, ``inactive``, ``failed``, …; None without systemd or without the unit."""
    done = run(["systemctl", "show", "--property=LoadState,ActiveState", unit], seconds=2)
    found = _properties(done.stdout)
    return found.get("ActiveState") if found.get("LoadState") == "loaded" else None


def unit_run(unit: str) -> str:
    """A name that systemd gives to each start of a unit; empty without systemd."""
    return _properties(run(["systemctl", "show", "--property=InvocationID", unit], seconds=2).stdout).get(
        "InvocationID", ""
    )


def _properties(text: str) -> Dict[str, str]:
    lines: List[Tuple[Any, ...]] = [line.partition("=")[::2] for line in text.splitlines()]
    return dict(lines)

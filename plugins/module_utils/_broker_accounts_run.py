# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at the broker's accounts and changes them, by the image's own tool in a container that lives for one answer.

Passwords go in by standard input and nowhere else: no command line, no environment, no file.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from dataclasses import dataclass, field, replace
from typing import Any, Callable, Dict, List, Mapping, Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils import _broker_accounts as accounts
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError, InputError

MAIN = "org.openmrs.eventlog.Accounts"
SECRETS = "/run/event-log/secrets"
#: What a container and a JVM take to start and to end on a slow server, beside the tool's own time.
AROUND = 20


class AccountsError(EventLogError):
    """The accounts could not be seen or changed; the message says why and what to do."""


class MissingImageError(AccountsError):
    """The image is not on this host."""


@dataclass(frozen=True)
class Place:
    """Where the broker is, and what speaks to it."""

    image: str
    bootstrap: str
    admin_bootstrap: str
    client_dir: str
    uid: int
    gid: int


@dataclass
class Tool:
    """The image's tool; ``seconds`` are for all calls together."""

    place: Place
    passwords: Mapping[str, str]
    seconds: float
    clock: Callable[[], float] = time.monotonic
    start: Callable[..., Any] = subprocess.run
    deadline: float = field(init=False)

    def __post_init__(self) -> None:
        self.deadline = self.clock() + self.seconds

    def look(self) -> Dict[str, Any]:
        return self._call("look", [])

    def of_before(self) -> bool:
        """Take another image of that name that this host has; say whether there is one.

        A rehearsal of an upgrade comes before the image that it is about.
        """
        asked = ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}", self.place.image.rpartition(":")[0]]
        done = self.start(asked, capture_output=True, text=True, check=False, timeout=AROUND)
        there = [name for name in done.stdout.split() if not name.endswith(":<none>")]
        if there:
            self.place = replace(self.place, image=there[0])
        return bool(there)

    def apply(self, steps: Sequence[accounts.Operation]) -> Dict[str, Any]:
        return self._call("apply", [step.as_json() for step in steps])

    def _call(self, word: str, operations: List[Dict[str, Any]]) -> Dict[str, Any]:
        seconds = max(1, round(self.deadline - self.clock()))
        asked = {
            "admin": self.place.admin_bootstrap,
            "client": self.place.bootstrap,
            "seconds": seconds,
            "passwords": dict(self.passwords),
            "operations": operations,
        }
        name = f"event-log-accounts-{os.getpid()}-{word}"
        try:
            done = self.start(
                command(self.place, name, word), input=json.dumps(asked), capture_output=True, text=True,
                check=False, timeout=seconds + AROUND,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise AccountsError(
                f"The tool for accounts gave no answer within {seconds + AROUND} s and was ended. See the broker's log."
            ) from error
        except OSError as error:
            raise AccountsError(f"docker cannot be started: {error.strerror}. The host needs Docker.") from error
        finally:
            # Killing the client leaves the container; one that has ended is gone by itself.
            self._remove(name)
        return self._answer(done.stdout, done.stderr)

    def _remove(self, name: str) -> None:
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            self.start(["docker", "rm", "--force", name], capture_output=True, text=True, check=False, timeout=30)

    def _answer(self, out: str, err: str) -> Dict[str, Any]:
        try:
            answer = json.loads(out)
        except ValueError as error:
            raise no_answer(err, self.place) from error
        if "error" in answer:
            raise AccountsError(explained(answer, self.place, self.seconds))
        return dict(answer)


def command(place: Place, name: str, word: str) -> List[str]:
    """Return how the tool is started: with no right but to speak to the broker."""
    return [
        "docker", "run", "--rm", "--interactive", "--pull", "never", "--name", name, "--network", "host",
        "--user", f"{place.uid}:{place.gid}", "--read-only", "--cap-drop", "ALL",
        "--security-opt", "no-new-privileges", "--tmpfs", "/tmp:exec,size=64m,mode=1777", "--memory", "256m",
        "--pids-limit", "256", "--log-driver", "none", "--volume", f"{place.client_dir}:{SECRETS}:ro",
        place.image, "kafka-class", MAIN, word,
    ]  # fmt: skip


def explained(answer: Mapping[str, Any], place: Place, seconds: float) -> str:
    """Return what is wrong in words, for what the tool says."""
    where, said = str(answer.get("where", "")), str(answer.get("said", ""))
    listener = "admin listener" if where == place.admin_bootstrap else "client listener"
    kinds = {
        "unreachable": f"The broker does not answer at its {listener} {where} within {seconds:g} s. See whether its "
        "container runs and is healthy (docker ps), and whether it has that listener.",
        "refused": f"The broker refuses the service's own login at its {listener} {where}: the password in "
        f"{place.client_dir}/client.properties is not the one that the broker was started with.",
        "no_login": f"The {listener} {where} takes no login of this kind: {said}",
        "no_authorizer": "The broker keeps no ACLs: it was started without an authorizer (authorizer.class.name).",
        "settings": f"{place.client_dir}/client.properties cannot be used ({said}): it must be there, be readable for "
        f"uid {place.uid} and hold the settings of a client of the admin listener.",
        "not_seen": f"The broker took the changes, but does not go by them within {seconds:g} s: a password, user or "
        "ACL is not yet in force. Run again.",
    }
    return kinds.get(str(answer.get("error")), f"The tool for accounts failed at {where or 'its start'}: {said}")


def no_answer(err: str, place: Place) -> AccountsError:
    """Return the error for a tool that said nothing that can be read."""
    lower = err.lower()
    if "no such image" in lower:
        return MissingImageError(f"The image {place.image} is not on this host.")
    if MAIN in err and "ClassNotFoundException" in err:
        return AccountsError(
            f"The image {place.image} has no tool for accounts: images older than the broker's logins lack it. "
            "Build the present one and bring it (docs/image.md)."
        )
    last = (err.strip().splitlines() or ["it said nothing"])[-1]
    return AccountsError(f"The tool for accounts in {place.image} gave no answer: {last}")


def checked(users: Mapping[str, Any], acls: Sequence[Mapping[str, Any]]) -> None:
    """Refuse what cannot be meant."""
    empty = sorted(str(name) for name, password in users.items() if not isinstance(password, str) or not password)
    if empty:
        raise InputError(f"users: {', '.join(empty)} has no password. Give each one as text.")
    for entry in acls:
        if not entry["operations"]:
            raise InputError(f"acls: the entry of {entry['user']} for {entry['resource']} has no operations.")


def ensure(params: Mapping[str, Any], check_mode: bool, make: Callable[..., Tool] = Tool) -> Dict[str, Any]:
    """Bring the broker's accounts to what the parameters say; the module's result."""
    checked(params["users"], params["acls"])
    desired = accounts.Desired(frozenset(params["users"]), accounts.desired_acls(params["acls"]))
    place = Place(**{name: params[name] for name in Place.__dataclass_fields__})
    tool = make(place, params["users"], params["timeout"])
    foreseen = check_mode and params["predicted"]
    current = accounts.Current() if foreseen else accounts.current_of(_looked(tool, check_mode))
    steps = accounts.plan(current, desired)
    if steps and not check_mode:
        tool.apply(steps)
    return {
        "changed": bool(steps),
        "actions": accounts.told(steps, desired),
        "diff": accounts.diff(current, steps),
    }


def _looked(tool: Tool, check_mode: bool) -> Dict[str, Any]:
    try:
        return tool.look()
    except MissingImageError:
        if not check_mode or not tool.of_before():
            raise
        return tool.look()

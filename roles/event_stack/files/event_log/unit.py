# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``event-log.service`` calls: ``event-log unit condition|start|stop|status``; ``decide`` is for playbooks.

Compose alone makes containers, and only when site.yml runs; here they are started and stopped. The engine brings back
by itself what failed, also after a power cut. It would as well bring back what was stopped on purpose, once it is
restarted, because Java ends with 143 when it is told to: so the restart policy is off while the unit is stopped.
Where there is a guard, the worker's is always off, and it starts only when the guard finds that reading on is right.
"""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any, Dict, List, Tuple

from . import guarded, notify, stack, status
from .errors import EventLogError
from .settings import Settings

VERBS = ("condition", "start", "stop", "status", "decide")
_SKIP = 1  # ExecCondition: the unit is not started, and that is no failure
FAILED = 255  # ExecCondition: it is one
_NOTICE = "<5>"  # sd-daemon(3)
_LONG = 100000.0  # the unit's own time limit ends it
_WORKER = "connect"


def _say(words: str) -> None:
    print(f"{_NOTICE}{words}", flush=True)


def _compose(settings: Settings, *words: str) -> str:
    command = ["docker", "compose", "--ansi", "never", "--project-directory", str(settings.home), *words]
    done = stack.run(command, seconds=_LONG)
    if done.returncode != 0:
        raise EventLogError(f"{' '.join(command)} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def _existing(settings: Settings) -> Dict[str, stack.Container]:
    try:
        return stack.look(settings)
    except stack.EngineError as error:
        raise EventLogError(f"The Docker engine does not answer: {error.said}") from None


def policies(services: Dict[str, Any]) -> Dict[str, List[str]]:
    """Containers by the restart policy that the project gives them, from ``docker compose config --format json``."""
    found: Dict[str, List[str]] = {}
    for service in services.values():
        found.setdefault(str(service.get("restart") or "no"), []).append(str(service["container_name"]))
    return {policy: sorted(names) for policy, names in found.items()}


def _set_policy(policy: str, names: List[str]) -> None:
    done = stack.run(["docker", "update", "--restart", policy, *names], seconds=60)
    if done.returncode != 0:
        raise EventLogError(f"The restart policy could not be set to {policy}: {done.stderr.strip()}")


def condition(settings: Settings) -> int:
    """Whether the stack may start. What the engine brought up in spite of that is stopped."""
    hold = status.read_hold(settings.home)
    if hold is None:
        return _disk_is_there(settings)
    reason = " ".join(hold.split()) or "no reason given"
    _stop_what_runs(settings)
    words = f"Not started: {settings.home / 'hold'} is there ({reason[:200]}). Remove it and start the unit again."
    _say(words)
    notify.tell(words)
    return _SKIP


def _started(settings: Settings, name: str, up: Tuple[str, ...]) -> bool:
    """A web page by itself: the event log starts without it."""
    try:
        _compose(settings, *up, "--no-deps", name)
    except EventLogError as error:
        _say(f"Without {name.capitalize()}: {error}")
        return False
    return True


def _disk_is_there(settings: Settings) -> int:
    """A broker with ZooKeeper begins anew where it finds nothing; one without refuses that by itself."""
    marked = (settings.home / "formatted").exists()
    if "zookeeper" not in settings.services or not marked or (settings.data_dir / "meta.properties").exists():
        return 0
    _stop_what_runs(settings)
    words = f"Not started: the broker's data are not in {settings.data_dir}. Is the disk mounted?"
    notify.tell(words)
    raise EventLogError(words)


def _stop_what_runs(settings: Settings) -> None:
    if any(one.running or one.status == "restarting" for one in _existing(settings).values()):
        stop(settings)


def start(settings: Settings) -> int:
    """Start the containers that are there; make those that are missing, recreate none."""
    services = json.loads(_compose(settings, "config", "--format", "json"))["services"]
    uis = [name for name in services if name in settings.uis]
    up = ("up", "--detach", "--no-recreate", "--no-build", "--pull", "never")
    guard, why = guarded.starts_the_worker(settings)
    if why:
        _say(f"{why} The worker starts with the others.")
    later = [*uis, _WORKER] if guard else uis
    _compose(settings, *up, *([name for name in services if name not in later] if later else []))
    missing = [name for name in uis if not _started(settings, name, up)]
    if guard:
        # Made, not started; with the policy `no` the engine does not start it either, after a power cut in between.
        _compose(settings, "create", "--no-recreate", "--no-build", "--pull", "never", _WORKER)
    for policy, names in policies({name: services[name] for name in services if name not in missing}).items():
        _set_policy(policy, names)
    _say("The containers of the event log are started.")
    if guard:
        _start_guarded(settings, guard)
    notify.tell(status.verdict_of(settings).sentence)
    return 0


def _start_guarded(settings: Settings, guard: ModuleType) -> None:
    """The worker, if the guard lets it. Where it does not, the rest is up, and event-log status says why."""
    try:
        decision = guard.start_worker(settings)
    except Exception as error:  # whatever it was: the guard's service asks again
        _say(f"The worker is left to the guard, which could not decide: {type(error).__name__}: {error}")
        return
    if not decision.start:
        _say(f"The worker is not started: {decision.what} {decision.remedy}".rstrip())


def stop(settings: Settings) -> int:
    """Stop the containers, each within its own time, the worker before the broker."""
    found = _existing(settings)
    if found:
        notify.tell("Stopping: the worker first, then Kafka.")
        _set_policy("no", sorted(found))
        _compose(settings, "stop")
    _say("The containers of the event log are stopped.")
    notify.tell(f"Stopped. Start it: {settings.start_command()}")
    return 0


def tell_status(settings: Settings) -> int:
    """Put the verdict into the unit's status line, where the unit is active."""
    sentence = status.verdict_of(settings).sentence
    if notify.join():
        notify.tell(sentence)
    return 0


def decide(settings: Settings) -> int:
    """For a run of the playbook, which would start the worker: say why it must not, if the guard finds that.

    What passes by itself is no reason to stop a run, and a worker that runs was let.
    """
    there = _existing(settings).get(stack.worker_name(settings))
    if there is not None and there.running:
        return 0
    refused = guarded.refusal(settings)
    if refused:
        print(f"guard: {refused}", flush=True)
    return 0


def run(settings: Settings, verb: str) -> int:
    """One of VERBS; the exit code."""
    verbs = {"condition": condition, "start": start, "stop": stop, "status": tell_status, "decide": decide}
    return verbs[verb](settings)

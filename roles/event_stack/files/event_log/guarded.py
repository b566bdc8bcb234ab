# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard, as the host command sees it: a package beside this one that may not be there yet.

Between the run that writes the settings and the one that brings the package, or if it cannot be imported, the worker
starts as it did before there was a guard.
"""

from __future__ import annotations

import importlib
import time
from types import ModuleType
from typing import Any, Dict, List, Optional, Tuple

from .errors import EventLogError
from .settings import Settings
from .verdict import ILL, Finding

PACKAGE = "event_guard"


def part(name: str) -> Optional[ModuleType]:
    """A module of the guard; None where the package is not on this host. Its own faults are not hidden."""
    try:
        return importlib.import_module(f"{PACKAGE}.{name}")
    except ModuleNotFoundError as error:
        if error.name in (PACKAGE, f"{PACKAGE}.{name}"):
            return None
        raise


def starts_the_worker(settings: Settings) -> Tuple[Optional[ModuleType], str]:
    """The module that decides whether the worker starts; without it the worker simply starts, and why, in words."""
    if not settings.guarded:
        return None, ""
    try:
        boot = part("boot")
    except Exception as error:  # a guard that is broken must not keep the event log from working
        return None, f"The guard cannot be loaded ({type(error).__name__}: {error}), so nobody compares databases."
    return boot, "" if boot else "The guard is not on this host yet."


def knows(settings: Settings) -> Tuple[List[Finding], bool]:
    """What the guard has to tell, and whether it keeps the worker from running."""
    if not settings.guarded:
        return [], False
    try:
        parts = [part(name) for name in ("settings", "memory", "findings")]
        if None in parts:
            return [], False
        chosen, memory, findings = parts
        guard = chosen.load()  # type: ignore[union-attr]
        remembered = memory.Memory.load(guard.directory)  # type: ignore[union-attr]
        found = findings.findings(remembered, guard, time.time())  # type: ignore[union-attr]
        return list(found), bool(findings.withholds(remembered))  # type: ignore[union-attr]
    except PermissionError:
        return [], False  # who may use Docker but not this file is told the rest
    except Exception as error:  # whatever it was, the rest of the answer must come
        return [Finding.of("guard", ILL, "guard", error=f"{type(error).__name__}: {error}")], False


def story(settings: Settings, most: int) -> Dict[str, Any]:
    """What the guard did lately, and how often; empty where there is none, or this user may not know."""
    chosen, memory, acts = (part(name) if settings.guarded else None for name in ("settings", "memory", "acts"))
    if chosen is None or memory is None or acts is None:
        return {}
    try:
        guard = chosen.load()
        remembered = memory.Memory.load(guard.directory)
        recent = acts.recent(guard.directory, most)
    except (OSError, EventLogError):
        return {}
    return {
        "interval": guard.interval,
        "acts": remembered.get("acts"),
        "gaps": remembered.get("gaps", []),
        "recent": recent,
    }


def refusal(settings: Settings) -> str:
    """Why the worker must not start, in a line; empty where it may, or nobody can tell."""
    chosen, memory, boot = (part(name) if settings.guarded else None for name in ("settings", "memory", "boot"))
    if chosen is None or memory is None or boot is None:
        return ""
    guard = chosen.load()
    decision = boot.decide(settings, guard, memory.Memory.load(guard.directory), time.time())
    return "" if decision.start or decision.wait else " ".join(f"{decision.what} {decision.remedy}".split())


def run(settings: Settings) -> int:
    """What event-log-guard.service runs."""
    loop = part("loop")
    if loop is None:
        raise EventLogError("The guard is not on this host. Run the playbook guard.yml: it brings it.")
    return int(loop.run(settings))

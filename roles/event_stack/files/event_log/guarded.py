# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard, as the host command sees it: a package beside this one that may not be there yet.

Between the run that writes the settings and the one that brings the package, or if it cannot be imported, the worker
starts as it did before there was a guard.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Optional

from .errors import EventLogError
from .settings import Settings

PACKAGE = "event_guard"


def part(name: str) -> Optional[ModuleType]:
    """A module of the guard; None where the package is not on this host. Its own faults are not hidden."""
    try:
        return importlib.import_module(f"{PACKAGE}.{name}")
    except ModuleNotFoundError as error:
        if error.name in (PACKAGE, f"{PACKAGE}.{name}"):
            return None
        raise


def starts_the_worker(settings: Settings) -> Optional[ModuleType]:
    """The module that decides whether the worker starts; None where it simply starts."""
    return part("boot") if settings.guarded else None


def run(settings: Settings) -> int:
    """What event-log-guard.service runs."""
    loop = part("loop")
    if loop is None:
        raise EventLogError("The guard is not on this host. Run the playbook guard.yml: it brings it.")
    return int(loop.run(settings))

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which versions of Kafka and Debezium run here, asked of the worker itself."""

from __future__ import annotations

from typing import Any, Dict, Optional

from . import source, stack, worker
from .errors import EventLogError
from .settings import Settings

_DEBEZIUM = "io.debezium.connector."


def look(settings: Settings) -> Dict[str, Optional[str]]:
    """What the worker says; None where it does not answer."""
    told: Dict[str, Optional[str]] = {"kafka": None, "debezium": None}
    try:
        there = stack.look(settings).get(stack.worker_name(settings))
        if there is None or not there.running:
            return told
        return {
            "kafka": of_the_worker(worker.request(there, "/")),
            "debezium": of_the_plugins(
                worker.request(there, "/connector-plugins"), str(source.read(settings.home).get("flavour") or "")
            ),
        }
    except EventLogError:
        return told


def of_the_worker(answer: Any) -> Optional[str]:
    version = answer.get("version") if isinstance(answer, dict) else None
    return str(version) if version else None


def of_the_plugins(answer: Any, flavour: str) -> Optional[str]:
    """Debezium's connector for this kind of database; all that there are where the kind is not known."""
    found = {}
    for one in answer if isinstance(answer, list) else ():
        name = str(one.get("class", "")) if isinstance(one, dict) else ""
        if name.startswith(_DEBEZIUM) and one.get("version"):
            found[name[len(_DEBEZIUM) :].partition(".")[0]] = str(one["version"]).replace(".Final", "")
    return found.get(flavour) or ", ".join(sorted(set(found.values()))) or None

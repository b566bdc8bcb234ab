# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits until a connector has read everything that the database had written when it was asked.

It is known from the stored offset, not from a state: what is not stored would be read again after a power cut. On an
idle database the offset stands still before its end, so something is written that moves it: a signal of the kind
``log``, which does nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, Mapping, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._connect_api import ConnectApi
from ansible_collections.openmrs.event_log.plugins.module_utils._connector import stored
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_report import failure_told, trace_told
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_snapshot import (
    NO_SIGNALS,
    SIGNALS,
    Source,
    Veil,
    database_of,
    offset_of,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import (
    EventLogError,
    NoSuchConnectorError,
    PlanError,
    StateError,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._guard_snapshot import reached
from ansible_collections.openmrs.event_log.plugins.module_utils._redact import Secrets


@dataclass(frozen=True)
class CaughtUpOrder:
    """The module's parameters, but for the connections."""

    name: str
    show_traces: bool = False
    wait_timeout: int = 120
    check_mode: bool = False


class CaughtUpRun:
    """Carries out one order."""

    def __init__(self, order: CaughtUpOrder, api: ConnectApi, veil: Veil, source: Callable[[str], Source]) -> None:
        self._order = order
        self._api = api
        self._veil = veil
        self._source = source
        self._secrets = Secrets(show_traces=order.show_traces)

    def execute(self) -> Dict[str, Any]:
        """Return the result of the task, or raise."""
        name = self._order.name
        registered = self._api.connector(name)
        if registered is None:
            raise NoSuchConnectorError(f"connector {name} is not registered")
        config = stored(registered.config)
        self._secrets = self._secrets.knowing(*self._secrets.found_in(config))
        self._veil(self._secrets.values)
        if not config.get(SIGNALS):
            raise PlanError(NO_SIGNALS.format(name=name))
        if self._order.check_mode:
            return {"changed": False, "caught_up": None, "position": None}
        place = self._source(database_of(config)).mark(config[SIGNALS])
        self._await(config, place)
        return {"changed": False, "caught_up": True, "position": {"file": place[0], "pos": place[1]}}

    def failure(self, error: EventLogError) -> Dict[str, Any]:
        """Return what a failed task carries."""
        return {**failure_told(self._secrets, error), "caught_up": False}

    def _await(self, config: Mapping[str, str], place: Tuple[str, int]) -> None:
        name, deadline = self._order.name, self._api.deadline
        pause = deadline.pauses(0.5, 3.0)
        while True:
            offset = offset_of(self._api, name, config.get("topic.prefix", ""))
            if reached(offset, *place):
                return
            status = self._api.status(name)
            if status.failed:
                told = trace_told(self._secrets, status.first_trace())
                raise StateError(f"connector {name} has failed on its way to the end of the binary log: {told}")
            if status.state in ("STOPPED", "PAUSED"):
                raise StateError(f"connector {name} is {status.state}, so it does not read on. Resume it first")
            if deadline.passed:
                at = f"{offset['file']}:{offset.get('pos')}" if offset and offset.get("file") else "nowhere yet"
                raise StateError(
                    f"connector {name} is behind: after {deadline.seconds:g} s its stored position is {at}, and the "
                    f"database was at {place[0]}:{place[1]}. Wait until it has caught up, then run again"
                )
            pause()

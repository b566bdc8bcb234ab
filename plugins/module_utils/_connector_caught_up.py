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
from typing import Any, Dict, Mapping, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._capture_run import CaptureRun, database_of
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_report import trace_told
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import (
    EventLogError,
    StateError,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._guard_snapshot import reached


@dataclass(frozen=True)
class CaughtUpOrder:
    """The module's parameters, but for the connections."""

    name: str
    show_traces: bool = False
    wait_timeout: int = 120
    check_mode: bool = False


class CaughtUpRun(CaptureRun[CaughtUpOrder]):
    """Carries out one order."""

    def execute(self) -> Dict[str, Any]:
        """Return the result of the task, or raise."""
        config = self._config()
        signals = self._signals(config)
        if self._order.check_mode:
            return {"changed": False, "caught_up": None, "position": None}
        place = self._source(database_of(config)).mark(signals)
        self._await(config, place)
        return {"changed": False, "caught_up": True, "position": {"file": place[0], "pos": place[1]}}

    def failure(self, error: EventLogError) -> Dict[str, Any]:
        """Return what a failed task carries."""
        return {**super().failure(error), "caught_up": False}

    def _await(self, config: Mapping[str, str], place: Tuple[str, int]) -> None:
        name, deadline = self._order.name, self._api.deadline
        pause = deadline.pauses(0.5, 3.0)
        while True:
            offset = self._offset(config)
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

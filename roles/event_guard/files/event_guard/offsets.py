# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The place in the binary log that the worker stores for a connector."""

from __future__ import annotations

import urllib.parse
from typing import Any, Optional, Tuple

from event_log import stack, worker
from event_log.errors import EventLogError
from event_log.settings import Settings

from .database import Capture
from .shared import history
from .shared.history import Position


class Answering:
    """The worker's container as Docker described it, for as long as the worker answers at what that says.

    To ask Docker takes more of the processor than all else in a round that has nothing to do.
    """

    def __init__(self) -> None:
        self.there: Optional[stack.Container] = None

    def ask(self, settings: Settings, path: str) -> Any:
        """The worker's answer; None from one that does not run."""
        name = stack.worker_name(settings)
        there, self.there = self.there, None
        if there is None or there.name != name:
            there = stack.look(settings).get(name)
        if there is None or not there.running:
            return None
        data = worker.request(there, path)
        self.there = there
        return data


_ANSWERING = Answering()


def stored(settings: Settings, capture: Capture) -> Tuple[bool, Optional[Position]]:
    """Whether the worker told of the connector's offsets, and the place in them."""
    path = f"/connectors/{urllib.parse.quote(capture.connector, safe='')}/offsets"
    try:
        data = _ANSWERING.ask(settings, path)
    except EventLogError:
        return False, None
    entries = data.get("offsets") if isinstance(data, dict) else None
    if not isinstance(entries, list):
        return False, None
    for entry in entries:
        if isinstance(entry, dict) and (entry.get("partition") or {}).get("server") == capture.topic_prefix:
            return True, history.position_of(entry.get("offset"))
    return True, None

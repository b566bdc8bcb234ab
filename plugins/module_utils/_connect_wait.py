# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What calls that change something share: writes whose outcome may be unclear, and run states that are in transit."""

from __future__ import annotations

import re
from typing import Callable, Optional, Tuple, TypeVar

from ansible_collections.openmrs.event_log.plugins.module_utils._connect_api import ConnectApi, Deadline
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_state import Status
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import (
    AlreadyExistsError,
    ApiError,
    PlanError,
    RequestError,
    StateError,
)

Answer = TypeVar("Answer")


def for_certain(
    deadline: Deadline, write: Callable[[], Answer], happened: Callable[[], bool], meanwhile: Answer
) -> Answer:
    """Write; where the outcome is unclear, look whether it happened before writing again.

    Returns the answer, or ``meanwhile`` where the write happened and its answer was lost.
    """
    unclear, pause = False, deadline.pauses()
    while True:
        try:
            return write()
        except RequestError as exc:
            late = unclear and isinstance(exc, AlreadyExistsError)
            if not exc.unclear and not late:
                raise
            if happened():
                return meanwhile
            if late or deadline.passed:
                raise
            unclear = True
        pause()


def version_before(api: ConnectApi, wanted: Tuple[int, int]) -> Optional[str]:
    """Return the worker's version if it is an older one, so that nothing is begun that it cannot do."""
    try:
        version = str(api.worker()["version"])
    except ApiError as exc:
        if exc.status == 401 or exc.transient:
            raise
        return None  # somebody keeps the worker's root from us; the write will tell
    match = re.match(r"(\d+)\.(\d+)", version)
    return version if match and (int(match.group(1)), int(match.group(2))) < wanted else None


def say_if_too_old(exc: ApiError, version: str, what: str) -> None:
    """Say it where the worker does not have this part of the REST interface."""
    if exc.status == 405 or (exc.status == 404 and (exc.response or "").lower().startswith("http 404")):
        exc.message += f"; a worker older than Connect {version} {what}"


def refuse_hidden_state(name: str, status: Status) -> None:
    """Refuse a connector whose run state cannot be brought back: once it failed, nobody sees if it was paused."""
    if status.connector_failed:
        raise PlanError(
            f"connector {name} itself has FAILED, so that nobody can tell whether it was paused, and nothing was "
            "changed. Stop it first (module connector, state stopped), or heal it"
        )


def determined_status(api: ConnectApi, name: str) -> Status:
    """Return the run state, once the worker knows it: in a rebalance nobody can tell running from paused."""
    deadline, pause = api.deadline, api.deadline.pauses()
    status = api.status(name)
    while status.in_transit:
        if deadline.passed:
            raise StateError(
                f"connector {name} has been in transit for {deadline.seconds} s and nothing was changed: "
                f"{status.describe()}"
            )
        pause()
        status = api.status(name)
    return status

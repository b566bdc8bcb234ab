# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong, as types. Nothing here exits: one place in each module turns an error into a failed task."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple


class EventLogError(Exception):
    """Base of everything that ends a task with a message for the user."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        #: What of the message are another program's words, in their order: they may quote data.
        self.quoted: Tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.message

    def details(self) -> Dict[str, Any]:
        """Return what the failed task carries beside its message."""
        return {}


class InputError(EventLogError):
    """The user asked for something that cannot be: found before anything was changed."""


class NoSuchConnectorError(InputError):
    """Something is asked of a connector that is not registered."""


class PlanError(InputError):
    """The wanted state cannot be reached with what the user allowed."""


class ValidationError(InputError):
    """The plugin's own validation found errors in the configuration."""


class StateError(EventLogError):
    """The connector does not reach, or left, the wanted state."""


class RequestError(EventLogError):
    """A request did not bring the expected answer.

    ``transient``: it may work in a moment. ``unclear``: a write may or may not have been carried out.
    """

    transient = False
    unclear = False

    def __init__(
        self,
        message: str,
        method: str = "",
        url: str = "",
        status: Optional[int] = None,
        response: Optional[str] = None,
    ) -> None:
        super().__init__(message)
        self.method = method
        self.url = url
        self.status = status
        self.response = response

    def details(self) -> Dict[str, Any]:
        return {"method": self.method, "url": self.url, "status": self.status, "response": self.response}


class UnreachableError(RequestError):
    """No connection was made, so nothing was carried out."""

    transient = True


class UnknownHostError(UnreachableError):
    """The name has no address: waiting does not help."""

    transient = False


class InterruptedRequestError(RequestError):
    """The connection was there and broke, or the answer did not come in time."""

    transient = True
    unclear = True


class TlsError(RequestError):
    """The certificates do not fit; waiting does not help."""


class BadAnswerError(RequestError):
    """Somebody answered, but not as Kafka Connect does: a proxy's page, broken JSON, another service."""


class ApiError(RequestError):
    """Kafka Connect itself said no, and says so again when asked again."""


class NotFoundError(ApiError):
    """Kafka Connect does not know what was asked for (404)."""


class AlreadyExistsError(ApiError):
    """A connector of that name exists (409)."""


class BusyError(ApiError):
    """A rebalance: the worker did nothing and will be ready in a moment (409, or 500)."""

    transient = True


class TimedOutError(ApiError):
    """The worker gave up waiting for itself (500), or is not available (503): it may still do what was asked."""

    transient = True
    unclear = True

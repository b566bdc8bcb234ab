# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules share on Ansible's side that speak to a worker and, as the capture account, to its database."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Dict, Type

from ansible_collections.openmrs.event_log.plugins.module_utils._argspec import conclude, hide_values
from ansible_collections.openmrs.event_log.plugins.module_utils._capture_run import CaptureRun, Its
from ansible_collections.openmrs.event_log.plugins.module_utils._connect_api import ConnectApi
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_argspec import capture_login, fail_for_library
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import MissingLibraryError
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_signals import SignalSource


def common(module: Any) -> Dict[str, Any]:
    """What every order has of the module's parameters."""
    return {
        **{option: module.params[option] for option in ("name", "show_traces", "wait_timeout")},
        "check_mode": module.check_mode,
    }


def carry_out(module: Any, kind: Type[CaptureRun[Its]], order: Its) -> None:
    """Carry out an order with the worker and its database, and end the module."""
    source = partial(SignalSource, capture_login(module.params))
    end(module, lambda api: kind(order, api, hide_values(module), source))


def end(module: Any, begin: Callable[[ConnectApi], Any], patient: bool = True) -> None:
    """As ``conclude`` of _argspec; a library that is missing to log in to the database is told, too."""
    try:
        conclude(module, begin, patient)
    except MissingLibraryError as error:
        fail_for_library(module, error)

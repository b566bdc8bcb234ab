# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Connect modules share on Ansible's side: options, secrets kept out of the output, the end."""

from __future__ import annotations

from typing import Any, Callable, Dict, FrozenSet, Mapping, Optional

from ansible_collections.openmrs.event_log.plugins.module_utils._connect_api import Clock, ConnectApi, Deadline
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError
from ansible_collections.openmrs.event_log.plugins.module_utils._http import Connection, Transport
from ansible_collections.openmrs.event_log.plugins.module_utils._redact import SHORTEST, hidden


def connect_options() -> Dict[str, Any]:
    """Return the options of the connection; documented in the fragment openmrs.event_log.connect."""
    return {
        "url": {"type": "str", "required": True},
        "url_username": {"type": "str"},
        "url_password": {"type": "str", "no_log": True},
        "validate_certs": {"type": "bool", "default": True},
        "ca_path": {"type": "path"},
        "client_cert": {"type": "path"},
        "client_key": {"type": "path", "no_log": False},
        "timeout": {"type": "int", "default": 30},
        "show_traces": {"type": "bool", "default": False},
    }


def connect_required_by() -> Dict[str, Any]:
    """Return which option of the connection is no use without another."""
    return {"url_password": ["url_username"], "client_key": ["client_cert"]}


def connection(params: Mapping[str, Any]) -> Connection:
    """Return the connection that the parameters describe."""
    return Connection(
        url=params["url"],
        username=params["url_username"],
        password=params["url_password"],
        validate_certs=params["validate_certs"],
        ca_path=params["ca_path"],
        client_cert=params["client_cert"],
        client_key=params["client_key"],
        timeout=float(params["timeout"]),
    )


def hide_values(module: Any) -> Callable[[FrozenSet[str]], None]:
    """Return what keeps values out of everything that Ansible prints about the call; too short ones are no use."""
    return lambda values: module.no_log_values.update(value for value in values if len(value) >= SHORTEST)


class ConfigVeil:
    """Keep a module's ``config`` out of everything that Ansible prints or logs about the call.

    The option is no_log, so that the system's log does not get it when the module starts. That would also blank out
    each of its values wherever it stands, ``1`` and ``true`` included; so from then on the values that count are
    named, and the invocation shows the configuration as it may be shown: hidden until the secrets in it are known.
    """

    def __init__(self, module: Any) -> None:
        self._module = module
        given = module.params["config"]
        self.config: Optional[Dict[str, Any]] = None if given is None else dict(given)
        module.no_log_values = {value for value in (module.params["url_password"],) if value}
        module.params["config"] = hidden(module.params["config"])

    def __call__(self, values: FrozenSet[str], shown: Optional[Mapping[str, str]]) -> None:
        """Take note of secret values, and of the configuration as it may be shown."""
        self._module.no_log_values.update(values)
        if shown is not None and self._module.params["config"] is not None:
            self._module.params["config"] = dict(shown)


def conclude(module: Any, begin: Callable[[ConnectApi], Any], patient: bool = True) -> None:
    """Carry out what ``begin`` makes of a client for the worker, and end the module with what came of it.

    Whatever was begun has ``execute()``, whose result is the module's, and ``failure(error)``, for what goes wrong.
    """
    run = None
    try:
        deadline = Deadline(Clock(), module.params["wait_timeout"])
        run = begin(ConnectApi(Transport(connection(module.params)), deadline, patient))
        result = run.execute()
    except EventLogError as error:
        module.fail_json(**(run.failure(error) if run else {"msg": error.message}))
    module.exit_json(**result)

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters about logins; each is documented in the file of its own name beside this one."""

from __future__ import annotations

import json
from typing import Any, Callable, Mapping, Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils import _stack_config, _stack_logins, _stack_ui


def stack_accounts(uis: Sequence[str]) -> list[str]:
    return _stack_logins.accounts(list(uis))


def stack_logins(options: Mapping[str, Any], passwords: Mapping[str, str], pages: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that anybody needs to log in: what containers read, what tools read, what the broker keeps."""
    logins = _stack_logins.Logins(
        mode=str(options["mode"]),
        uis=list(options["uis"]),
        rest_user=str(options["rest_user"]),
        rest_password=str(options["rest_password"]),
        passwords={str(name): str(word) for name, word in passwords.items()},
    )
    root = options["secrets_dir"]
    reader = {"uid": int(options["uid"]), "gid": int(options["gid"]), "mode": "0400"}
    return {
        "versioned": [
            {**file, "directory": f"{root}/{file['directory']}"}
            for file in _stack_logins.versioned_files(logins, _pages(logins, pages))
        ],
        "tools": [{**reader, "path": f"{root}/{file['path']}"} for file in _stack_logins.tool_files(logins)],
        "tool_contents": {f"{root}/{file['path']}": file["content"] for file in _stack_logins.tool_files(logins)},
        "protocol": _stack_config.to_properties(_stack_config.client_protocol(logins.on)),
        "users": _stack_logins.scram_users(logins.passwords, options["users"]) if logins.on else {},
    }


def _pages(logins: _stack_logins.Logins, options: Mapping[str, Any]) -> dict[str, str]:
    """The web pages' own files."""
    addresses = _stack_ui.Addresses(int(options["kafka_port"]), int(options["connect_port"]), str(options["cluster"]))
    kafdrop, kowl = _stack_logins.KAFDROP, _stack_logins.KOWL
    found: dict[str, str] = {}
    if "kafdrop" in logins.uis:
        login = _stack_logins.client_properties(logins, kafdrop)
        found["kafdrop"] = _stack_config.to_properties(_stack_ui.kafdrop_properties(login))
    if "kowl" in logins.uis:
        login = {"user": logins.rest_user, "rest_password": logins.rest_password}
        if logins.on:
            login = {"account": kowl, "password": logins.passwords[kowl]}
        # JSON is YAML in which all text stands in quotes, so that no password passes for a number.
        found["kowl"] = json.dumps(_stack_ui.kowl_config(addresses, int(options["kowl_port"]), login), indent=4) + "\n"
    return found


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"stack_accounts": stack_accounts, "stack_logins": stack_logins}

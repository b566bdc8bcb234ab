# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules for the source database share on Ansible's side: the options of the login, and what it may lack."""

from __future__ import annotations

from typing import Any, Mapping

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import (
    SSL_MODES,
    Login,
    MissingLibraryError,
)


def mysql_options() -> dict[str, Any]:
    """The options of the login; documented in the fragment openmrs.event_log.mysql."""
    return {
        "login_host": {"type": "str", "default": "127.0.0.1"},
        "login_port": {"type": "int", "default": 3306},
        "login_unix_socket": {"type": "path"},
        "login_user": {"type": "str", "default": "root"},
        "login_password": {"type": "str", "no_log": True},
        "connect_timeout": {"type": "int", "default": 10},
        "ssl_mode": {"type": "str", "choices": list(SSL_MODES), "default": "preferred"},
        "ca_cert": {"type": "path"},
        "client_cert": {"type": "path"},
        "client_key": {"type": "path", "no_log": False},
    }


def mysql_required_by() -> dict[str, Any]:
    """Which option of the login is no use without another."""
    return {"client_key": ["client_cert"]}


def capture_options() -> dict[str, Any]:
    """The login of the capture account, for modules whose other options are the worker's; fragment capture."""
    options = {
        "login_host": {"type": "str", "default": "127.0.0.1"},
        "login_port": {"type": "int", "default": 3306},
        "login_user": {"type": "str", "required": True},
        "login_password": {"type": "str", "required": True, "no_log": True},
        "connect_timeout": {"type": "int", "default": 10},
        "ssl_mode": {"type": "str", "choices": list(SSL_MODES), "default": "preferred"},
        "ca_cert": {"type": "path"},
    }
    return {"database_login": {"type": "dict", "required": True, "options": options}}


def capture_login(params: Mapping[str, Any]) -> Login:
    """How to log in as the capture account, from a module's parameters."""
    given = params["database_login"]
    return Login(
        host=given["login_host"],
        port=given["login_port"],
        user=given["login_user"],
        password=given["login_password"],
        connect_timeout=given["connect_timeout"],
        ssl_mode=given["ssl_mode"],
        ca_cert=given["ca_cert"],
    )


def login_of(params: Mapping[str, Any]) -> Login:
    """How to log in, from a module's parameters."""
    return Login(
        host=params["login_host"],
        port=params["login_port"],
        user=params["login_user"],
        password=params["login_password"] or "",
        unix_socket=params["login_unix_socket"] or "",
        connect_timeout=params["connect_timeout"],
        ssl_mode=params["ssl_mode"],
        ca_cert=params["ca_cert"],
        client_cert=params["client_cert"],
        client_key=params["client_key"],
    )


def fail_for_library(module: Any, error: MissingLibraryError) -> None:
    """End the module: it says which library is missing, on which host."""
    module.fail_json(msg=missing_required_lib(error.name, reason="to log in to the source database"))

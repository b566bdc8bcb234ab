# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter about who may read what; it is documented in the file of its own name beside this one."""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping

from ansible_collections.openmrs.event_log.plugins.module_utils import _broker_access


def broker_access(users: Any, acls: Any, options: Mapping[str, Any]) -> Dict[str, Any]:
    site = _broker_access.Options(
        prefix=str(options["prefix"]),
        database=str(options["database"]),
        tables=tuple(str(name) for name in options.get("tables") or ()),
        uis=tuple(str(name) for name in options.get("uis") or ()),
    )
    return _broker_access.access(users, acls, site)


class FilterModule:
    def filters(self) -> Dict[str, Callable[..., Any]]:
        return {"broker_access": broker_access}

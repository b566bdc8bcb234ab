# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters: what of an inventory is refused. Each is documented in the file of its own name beside this one."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Sequence

from ansible.errors import AnsibleFilterError
from ansible_collections.openmrs.event_log.plugins.module_utils import _addresses, _password


def password_problems(
    given: Mapping[str, Mapping[str, Any]],
    users: Sequence[Mapping[str, Any]] = (),
    variable: str = "event_log_kafka_users",
) -> List[str]:
    if not isinstance(given, Mapping) or not all(isinstance(entry, Mapping) for entry in given.values()):
        # The value may be a password: it is not quoted.
        raise AnsibleFilterError("password_problems takes a dictionary: variable to value and also")
    # What is no account at all is somebody else's finding.
    accounts = [user for user in users or () if isinstance(user, Mapping) and user.get("name")]
    entries = {
        f"{variable}[{user['name']}].password": {"value": user.get("password"), "also": str(user["name"])}
        for user in accounts
    }
    return _password.problems({**given, **entries})


def address_problems(given: Mapping[str, Any], logins: bool = True) -> List[str]:
    wrong = [name for name in _addresses.KEPT if not isinstance(given.get(name) or {}, Mapping)]
    if wrong:
        raise AnsibleFilterError(f"address_problems: {', '.join(wrong)} must be a dictionary of settings")
    return _addresses.problems(given, bool(logins))


class FilterModule:
    def filters(self) -> Dict[str, Callable[..., Any]]:
        return {"address_problems": address_problems, "password_problems": password_problems}

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which host an account is for: what the server calls a client, and which accounts fit that. Pure."""

from __future__ import annotations

import ipaddress
import re
from typing import Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_grants import like


def seen_host(message: str) -> str:
    """The host that a server names when it refuses a login; empty when it names none."""
    named = re.search(r"'[^']*'@'([^']+)'", message) or re.search(r"[Hh]ost '([^']+)'", message)
    return named.group(1) if named else ""


def choose_host(given: str, seen: str, existing: Sequence[str], landed: str = "") -> str:
    """The host part of the account: the one that was given; else that of the account which a login from here lands
    on; else of the only one of that name that would fit; else exactly the host that the server sees."""
    if given:
        return given
    if landed:
        return landed
    fitting = [host for host in existing if host_fits(host, seen)]
    return fitting[0] if seen not in fitting and len(fitting) == 1 else seen


def host_fits(host: str, seen: str) -> bool:
    """Whether an account for that host is one for a client that the server sees as `seen`."""
    if host.lower() == seen.lower() or like(host.lower(), seen.lower()):
        return True
    try:
        return "/" in host and ipaddress.ip_address(seen) in ipaddress.ip_network(host, strict=False)
    except ValueError:
        return False

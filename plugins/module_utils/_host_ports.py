# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports of an inventory that cannot be used together, as sentences; pure."""

from __future__ import annotations

from typing import Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils._host_check import Finding, Port


def duplicate_findings(ports: Sequence[Port]) -> list[Finding]:
    """Refuse one number for two."""
    found: list[Finding] = []
    first: dict[int, str] = {}
    for port in ports:
        taken = first.setdefault(port.number, port.variable)
        if taken != port.variable:
            what = f"that port is {taken} too, and only one program can listen there."
            found.append(Finding(port.variable, port.number, what, "Set one of them to another port."))
    return found

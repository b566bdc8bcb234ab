# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters about backups; each is documented in the file of its own name beside this one."""

from __future__ import annotations

from typing import Any, Callable

from ansible_collections.openmrs.event_log.plugins.module_utils import _backup_key


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "backup_key_problems": _backup_key.problems,
            "backup_keys": lambda value: list(_backup_key.recipients(value)),
        }

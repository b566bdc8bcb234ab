# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters about traces; each is documented in the file of its own name beside this one."""

from __future__ import annotations

from typing import Any, Callable, Dict

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.openmrs.event_log.plugins.module_utils import _log_pattern


def log_patterns(show_traces: object) -> Dict[str, str]:
    return _log_pattern.log_patterns(boolean(show_traces))


class FilterModule:
    def filters(self) -> Dict[str, Callable[..., Any]]:
        return {"log_patterns": log_patterns}

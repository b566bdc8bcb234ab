# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters for the web pages; each is documented in the file of its own name beside this one."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Sequence

from ansible.errors import AnsibleFilterError
from ansible_collections.openmrs.event_log.plugins.module_utils import _stack_ui


def _addresses(options: Mapping[str, Any]) -> _stack_ui.Addresses:
    return _stack_ui.Addresses(int(options["kafka_port"]), int(options["connect_port"]), str(options["cluster"]))


def wanted_uis(given: object) -> List[str]:
    try:
        return _stack_ui.wanted(given)
    except _stack_ui.UiError as error:
        raise AnsibleFilterError(str(error)) from error


def kafdrop_settings(options: Mapping[str, Any], port: int, heap_mb: int, properties_path: str) -> Dict[str, Any]:
    return {
        "environment": _stack_ui.kafdrop_environment(_addresses(options), int(port), int(heap_mb), properties_path),
        "health": _stack_ui.kafdrop_health(int(port)),
    }


def kowl_health(port: int) -> List[str]:
    return _stack_ui.kowl_health(int(port))


def ui_notes(names: Sequence[str], absent: Sequence[str], images: Mapping[str, str], profile: str) -> List[str]:
    return _stack_ui.left_out(absent, images) + _stack_ui.memory_notes(names, profile)


class FilterModule:
    def filters(self) -> Dict[str, Callable[..., Any]]:
        return {
            "wanted_uis": wanted_uis,
            "kafdrop_settings": kafdrop_settings,
            "kowl_health": kowl_health,
            "ui_notes": ui_notes,
        }

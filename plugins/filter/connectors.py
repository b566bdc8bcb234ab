# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters about connectors in words; each is documented in the file of its own name beside this one."""

from __future__ import annotations

from typing import Any, Callable

from ansible_collections.openmrs.event_log.plugins.module_utils import (
    _connector_tables,
    _connector_words,
    _guard_snapshot,
    _upgrade_words,
)


def connector_order(order: str) -> dict[str, Any]:
    """What the module connector is to be told for a word of the user's."""
    return _connector_words.ORDERS[order]


def snapshots_told(connectors: list[dict[str, Any]]) -> str:
    """Which tables connectors are reading again, by their offsets; empty where none is."""
    offsets = [entry.get("offset") for one in connectors for entry in one.get("offsets") or []]
    return "; ".join(found.sentence for found in map(_guard_snapshot.progress, offsets) if found)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "connectors_told": _connector_words.connectors_told,
            "connector_order": connector_order,
            "connector_order_refused": _connector_words.order_refused,
            "connector_order_failed": _connector_words.order_failed,
            "tables_to_add": _connector_tables.to_add,
            "columns_changed": _upgrade_words.columns_changed,
            "snapshots_told": snapshots_told,
            "connector_outcome": _connector_words.outcome_told,
        }

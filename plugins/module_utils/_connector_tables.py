# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One call of connector_tables: let a connector capture further tables, with their history and their data.

The schema history holds captured tables only, so that a table that is merely added to the list ends the task at its
first event ("... whose schema isn't known to this connector"). Debezium's mode ``recovery`` reads the structure of all
captured tables anew and goes on from the stored offset. That is right only if no statement has changed a table between
that offset and now; so the connector is caught up and stopped first, and the binary log in between is looked at, before
and after. What is under way is written into the connector's own configuration: whoever is cut off goes on from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._capture_run import (
    TABLES,
    CaptureRun,
    Source,
    captured,
    database_of,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._connect_run import ConnectorRun, Order
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_caught_up import (
    CaughtUpOrder,
    CaughtUpRun,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_snapshot import (
    STARTED,
    SnapshotOrder,
    SnapshotRun,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import (
    EventLogError,
    InputError,
    PlanError,
    StateError,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._guard_snapshot import progress
from ansible_collections.openmrs.event_log.plugins.module_utils._name_lists import expressions, literal

MODE = "snapshot.mode"
#: A property of our own, which Debezium does not know and leaves alone: what is being added, and the mode of before.
MARK = "event.log.adding"


@dataclass(frozen=True)
class TablesOrder:
    """The module's parameters, but for the connections."""

    name: str
    tables: Tuple[str, ...]
    show_traces: bool = False
    wait_timeout: int = 300
    check_mode: bool = False


def begun(config: Mapping[str, str]) -> Tuple[Tuple[str, ...], str]:
    """What an earlier call was adding, and the mode of before; nothing if none was cut off."""
    tables, _, mode = config.get(MARK, "").partition("|")
    return tuple(table for table in tables.split(",") if table), mode


def to_add(config: Mapping[str, str], tables: Sequence[str]) -> List[str]:
    """What a connector is to capture and does not, or not wholly; nothing of one that is not registered."""
    if not config.get(TABLES):
        return []
    unfinished = begun(config)[0]
    return [*unfinished, *(table for table in tables if table not in unfinished and not captured(config, table))]


def between(config: Mapping[str, str], tables: Sequence[str], adding: Sequence[str], mode: str) -> Dict[str, str]:
    """The configuration while tables are being added."""
    names = [literal(f"{database_of(config)}.{table}") for table in tables]
    there = expressions(config.get(TABLES, ""))
    listed = ",".join([*names, *(one for one in there if one not in names)])
    return {**config, TABLES: listed, MODE: "recovery", MARK: f"{','.join(adding)}|{mode}"}


def after(config: Mapping[str, str], mode: str) -> Dict[str, str]:
    """The configuration when they are."""
    kept = {key: value for key, value in config.items() if key not in (MARK, MODE)}
    return {**kept, **({MODE: mode} if mode else {})}


class TablesRun(CaptureRun[TablesOrder]):
    """Carries out one order."""

    def execute(self) -> Dict[str, Any]:
        """Return the result of the task, or raise."""
        order = self._order
        config = self._config(". site.yml registers it, with all tables")
        unfinished, mode = begun(config)
        mode = mode if unfinished else config.get(MODE, "")
        known = [table for table in order.tables if captured(config, table)]
        adding = to_add(config, order.tables)
        if adding:
            source = self._source(database_of(config))
            self._refuse(config, source, adding, bool(unfinished))
            if not order.check_mode:
                self._carry_out(config, source, adding, mode)
        before = [table for table in known if table not in unfinished]
        return {
            "changed": bool(adding),
            "added": adding,
            "diff": {"before": {"tables": sorted(before)}, "after": {"tables": sorted({*before, *adding})}},
        }

    # before anything is changed

    def _refuse(self, config: Mapping[str, str], source: Source, adding: Sequence[str], again: bool) -> None:
        name = self._order.name
        self._signals(config)
        keyless = source.keyless(adding)
        if keyless:
            raise InputError(
                f"{', '.join(keyless)} cannot be added: no such table in {database_of(config)}, or it has no primary "
                "key, by which it would be read in parts. Correct the name in event_log_tables, or take it out of it."
                " Nothing was changed"
            )
        status = self._api.status(name)
        if status.overall != "RUNNING" and not again:
            raise StateError(f"connector {name} is {status.overall}, and only one that runs can be given more tables")
        reading = progress(self._offset(config))
        if reading and not again:
            raise PlanError(f"connector {name} is {reading.sentence}. Wait for the end of that, or stop it, first")

    # changing

    def _carry_out(self, config: Dict[str, str], source: Source, adding: List[str], mode: str) -> None:
        order = self._order
        tables = tuple(dict.fromkeys((*order.tables, *adding)))
        if not begun(config)[0]:
            follow = CaughtUpOrder(order.name, order.show_traces, order.wait_timeout)
            CaughtUpRun(follow, self._api, self._veil, self._source).execute()
        self._bring("stopped")
        offset = self._offset(config)
        try:
            self._no_changes(source, offset, tables)
        except EventLogError:
            if not begun(config)[0]:
                self._bring("running")
            raise
        changed = between(config, tables, adding, mode)
        self._bring("running", changed)
        self._no_changes(source, offset, tables)
        wish = SnapshotOrder(order.name, STARTED, tuple(adding), order.show_traces, order.wait_timeout)
        SnapshotRun(wish, self._api, self._veil, self._source).execute()
        self._bring("running", after(changed, mode))

    def _bring(self, state: str, config: Optional[Mapping[str, str]] = None) -> None:
        order = self._order
        wanted = Order(order.name, state, config, show_traces=order.show_traces, wait_timeout=order.wait_timeout)
        ConnectorRun(wanted, self._api, lambda values, _shown: self._veil(values)).execute()

    def _no_changes(self, source: Source, offset: Optional[Mapping[str, Any]], tables: Sequence[str]) -> None:
        """Refuse where a table is being changed: its structure of now would be taken for that of before."""
        if not offset or not offset.get("file"):
            raise StateError(f"connector {self._order.name} has stored no position yet. Let it run first")
        found = source.schema_changes(str(offset["file"]), int(offset.get("pos") or 4), tables)
        if found:
            raise StateError(
                f"somebody is changing the tables just now ({found[0][:120]}), so their structure of now is not that "
                "of the events that are still to be read. Let the change end, and run again: what was begun is finished"
            )

# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One call of connector_snapshot: look, plan, write the signal, and see that the connector has taken it.

That it has is known from the stored offset: the signal has a position in the binary log, and an offset behind it says
which tables are being read. So nothing is taken for done that a power cut could undo.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._capture_run import (
    CaptureRun,
    captured,
    database_of,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._connect_wait import determined_status
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_report import trace_told
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import (
    InputError,
    StateError,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._guard_snapshot import Progress, progress, reached

STARTED, FINISHED, STOPPED = "started", "finished", "stopped"


@dataclass(frozen=True)
class SnapshotOrder:
    """The module's parameters, but for the connections."""

    name: str
    state: str
    tables: Tuple[str, ...] = ()
    show_traces: bool = False
    wait_timeout: int = 120
    check_mode: bool = False


@dataclass(frozen=True)
class Found:
    """What the worker told before anything was changed."""

    config: Mapping[str, str]
    signals: str
    database: str


class SnapshotRun(CaptureRun[SnapshotOrder]):
    """Carries out one order."""

    def execute(self) -> Dict[str, Any]:
        """Return the result of the task, or raise."""
        order = self._order
        found = self._look()
        before = progress(self._offset(found.config))
        running = before.tables if before else ()
        wanted = tuple(f"{found.database}.{table}" for table in order.tables)
        if order.state == STOPPED:
            todo = tuple(table for table in running if not wanted or table in wanted)
            kind = "stop-snapshot"
        else:
            self._refuse(found)
            todo = tuple(table for table in wanted if table not in running)
            kind = "execute-snapshot"
        if todo and not order.check_mode:
            self._carry_out(found, kind, todo)
        elif order.state == FINISHED and not order.check_mode:
            self._await(found, None, todo)
        after = progress(self._offset(found.config))
        return self._result(todo, kind, before, after)

    def _result(self, todo: Sequence[str], kind: str, before: Optional[Progress], after: Optional[Progress]) -> Any:
        foreseen = list(after.tables if after else ())
        if self._order.check_mode:
            foreseen = [t for t in foreseen if t not in todo] if kind == "stop-snapshot" else [*foreseen, *todo]
        return {
            "changed": bool(todo),
            "signals": [kind] if todo else [],
            "tables": list(todo),
            "finished": not foreseen,
            "progress": after.sentence if after else "",
            "diff": {"before": {"reading": list(before.tables if before else ())}, "after": {"reading": foreseen}},
        }

    # before anything is changed

    def _look(self) -> Found:
        name = self._order.name
        config = self._config(", so it can read no table again")
        if not re.search(r"(?i)mysql|mariadb", config.get("connector.class", "")):
            raise InputError(f"connector {name} is none of Debezium's for MySQL or MariaDB")
        signals = self._signals(config)
        self._refuse_state()
        return Found(config, signals, database_of(config))

    def _refuse_state(self) -> None:
        status = determined_status(self._api, self._order.name)
        if status.overall != "RUNNING":
            raise StateError(
                f"connector {self._order.name} is {status.overall}, so it would not hear the signal. Bring it to run "
                f"first (playbook connectors). {trace_told(self._secrets, status.first_trace())}".strip()
            )

    def _refuse(self, found: Found) -> None:
        order = self._order
        if not order.tables:
            raise InputError("tables is empty: name the tables to be read again")
        strangers = [table for table in order.tables if not captured(found.config, table)]
        if strangers:
            raise InputError(
                f"tables is {','.join(order.tables)}, and connector {order.name} does not capture "
                f"{', '.join(strangers)}: correct the name, or add it to event_log_tables and run the playbook "
                "add_tables. Nothing was changed"
            )
        keyless = self._source(found.database).keyless(order.tables)
        if keyless:
            raise InputError(
                f"{', '.join(keyless)} cannot be read again: no such table in {found.database}, or it has no primary "
                "key, by which it would be read in parts. Leave it out of tables. Nothing was changed"
            )

    # changing

    def _carry_out(self, found: Found, kind: str, todo: Sequence[str]) -> None:
        source = self._source(found.database)
        if kind == "execute-snapshot" and not progress(self._offset(found.config)):
            source.tidy(found.signals)
        data = {"data-collections": list(todo), "type": "incremental"}
        place = source.signal(found.signals, str(uuid.uuid4()), kind, json.dumps(data))
        self._await(found, place, todo)

    def _await(self, found: Found, place: Optional[Tuple[str, int]], todo: Sequence[str]) -> None:
        """Wait until the signal is behind the stored offset and, if that is wanted, nothing is left to be read."""
        order, deadline = self._order, self._api.deadline
        pause = deadline.pauses(0.5, 3.0)
        taken = place is None
        while True:
            offset = self._offset(found.config)
            taken = taken or (place is not None and reached(offset, *place))
            now = progress(offset)
            mine = [f"{found.database}.{table}" for table in order.tables] if order.state != STOPPED else list(todo)
            if taken and (order.state == STARTED or not now or not set(mine) & set(now.tables)):
                return
            if deadline.passed:
                break
            self._refuse_state()
            pause()
        if not taken:
            raise StateError(
                f"the signal for {', '.join(todo)} is written, but within {deadline.seconds:g} s connector "
                f"{order.name} has stored no position behind it. It takes the signal when it gets there. If it "
                "never does, the binary log leaves out the database of signals (binlog_do_db, binlog_ignore_db)"
            )

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
from typing import Any, Callable, Dict, FrozenSet, List, Mapping, Optional, Protocol, Sequence, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._connect_api import ConnectApi
from ansible_collections.openmrs.event_log.plugins.module_utils._connect_wait import determined_status
from ansible_collections.openmrs.event_log.plugins.module_utils._connector import stored
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_report import failure_told, trace_told
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import (
    EventLogError,
    InputError,
    NoSuchConnectorError,
    PlanError,
    StateError,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._guard_snapshot import Progress, progress, reached
from ansible_collections.openmrs.event_log.plugins.module_utils._name_lists import matches
from ansible_collections.openmrs.event_log.plugins.module_utils._redact import Secrets

STARTED, FINISHED, STOPPED = "started", "finished", "stopped"
SIGNALS = "signal.data.collection"
Veil = Callable[[FrozenSet[str]], None]
NO_SIGNALS = (
    "connector {name} has no table of signals (signal.data.collection). Let the database's administrator run: CREATE "
    "DATABASE event_log; CREATE TABLE event_log.debezium_signal (id VARCHAR(64) NOT NULL PRIMARY KEY, type VARCHAR(32) "
    "NOT NULL, data VARCHAR(2048) NULL); and GRANT SELECT, INSERT, DELETE, CREATE ON event_log.debezium_signal TO the "
    "capture account; or set mysql_binlog_mode to configure. Then run site.yml once"
)


class Source(Protocol):
    """What is asked of the database, as the capture account."""

    def keyless(self, tables: Sequence[str]) -> List[str]:
        """Those of the tables that have no primary key, or are not there."""

    def signal(self, table: str, key: str, kind: str, data: str) -> Tuple[str, int]:
        """Write a signal; the position of the binary log behind it."""

    def mark(self, table: str) -> Tuple[str, int]:
        """Write something that the connector sees; the position of the binary log before."""

    def schema_changes(self, file: str, position: int, tables: Sequence[str]) -> List[str]:
        """The statements behind a position that may change what the tables look like."""

    def tidy(self, table: str) -> None:
        """Remove what earlier snapshots have left in the table of signals."""


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

    signals: str
    database: str
    captured: str
    prefix: str


def offset_of(api: ConnectApi, name: str, prefix: str) -> Optional[Mapping[str, Any]]:
    """The stored offset of a connector of Debezium."""
    for entry in api.offsets(name):
        if isinstance(entry.partition, dict) and entry.partition.get("server") == prefix:
            return entry.offset
    return None


def database_of(config: Mapping[str, str]) -> str:
    """The database whose tables are captured; behind it may stand the one with the table of signals."""
    return config.get("database.include.list", "").partition(",")[0].strip().replace("\\", "")


class SnapshotRun:
    """Carries out one order."""

    def __init__(
        self,
        order: SnapshotOrder,
        api: ConnectApi,
        veil: Veil,
        source: Callable[[str], Source],
    ) -> None:
        self._order = order
        self._api = api
        self._veil = veil
        self._source = source
        self._secrets = Secrets(show_traces=order.show_traces)

    def execute(self) -> Dict[str, Any]:
        """Return the result of the task, or raise."""
        order = self._order
        found = self._look()
        before = progress(self._offset(found))
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
        after = progress(self._offset(found))
        return self._result(todo, kind, before, after)

    def failure(self, error: EventLogError) -> Dict[str, Any]:
        """Return what a failed task carries."""
        return failure_told(self._secrets, error)

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
        registered = self._api.connector(name)
        if registered is None:
            raise NoSuchConnectorError(f"connector {name} is not registered, so it can read no table again")
        config = stored(registered.config)
        self._secrets = self._secrets.knowing(*self._secrets.found_in(config))
        self._veil(self._secrets.values)
        if not re.search(r"(?i)mysql|mariadb", config.get("connector.class", "")):
            raise InputError(f"connector {name} is none of Debezium's for MySQL or MariaDB")
        signals = config.get(SIGNALS, "")
        if not signals:
            raise PlanError(NO_SIGNALS.format(name=name))
        self._refuse_state()
        return Found(signals, database_of(config), config.get("table.include.list", ""), config["topic.prefix"])

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
        strangers = [table for table in order.tables if not matches(found.captured, f"{found.database}.{table}")]
        if strangers:
            raise InputError(
                f"connector {order.name} does not capture {', '.join(strangers)}: add it to event_log_tables and run "
                "the playbook add_tables"
            )
        keyless = self._source(found.database).keyless(order.tables)
        if keyless:
            raise InputError(
                f"{', '.join(keyless)} cannot be read again: no such table in {found.database}, or it has no primary "
                "key, by which it would be read in parts"
            )

    def _offset(self, found: Found) -> Optional[Mapping[str, Any]]:
        return offset_of(self._api, self._order.name, found.prefix)

    # changing

    def _carry_out(self, found: Found, kind: str, todo: Sequence[str]) -> None:
        source = self._source(found.database)
        if kind == "execute-snapshot" and not progress(self._offset(found)):
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
            offset = self._offset(found)
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

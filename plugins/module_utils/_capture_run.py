# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs share that speak to a worker and, as the capture account, to the database of one of its connectors."""

from __future__ import annotations

from typing import Any, Callable, Dict, FrozenSet, Generic, List, Mapping, Optional, Protocol, Sequence, Tuple, TypeVar

from ansible_collections.openmrs.event_log.plugins.module_utils._connect_api import ConnectApi
from ansible_collections.openmrs.event_log.plugins.module_utils._connector import stored
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_report import failure_told
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import (
    EventLogError,
    NoSuchConnectorError,
    PlanError,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._name_lists import matches
from ansible_collections.openmrs.event_log.plugins.module_utils._redact import Secrets

SIGNALS, TABLES = "signal.data.collection", "table.include.list"
Veil = Callable[[FrozenSet[str]], None]
_NO_SIGNALS = (
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


class Order(Protocol):
    """What every order says."""

    @property
    def name(self) -> str:
        """The connector."""

    @property
    def show_traces(self) -> bool:
        """Whether traces are told in full."""


Its = TypeVar("Its", bound=Order)


def database_of(config: Mapping[str, str]) -> str:
    """The database whose tables are captured; behind it may stand the one with the table of signals."""
    return config.get("database.include.list", "").partition(",")[0].strip().replace("\\", "")


def captured(config: Mapping[str, str], table: str) -> bool:
    """Whether a connector captures a table of its database."""
    return matches(config.get(TABLES, ""), f"{database_of(config)}.{table}")


class CaptureRun(Generic[Its]):
    """Carries out one order with a worker and a database."""

    def __init__(self, order: Its, api: ConnectApi, veil: Veil, source: Callable[[str], Source]) -> None:
        self._order = order
        self._api = api
        self._veil = veil
        self._source = source
        self._secrets = Secrets(show_traces=order.show_traces)

    def failure(self, error: EventLogError) -> Dict[str, Any]:
        """Return what a failed task carries."""
        return failure_told(self._secrets, error)

    def _config(self, otherwise: str = "") -> Dict[str, str]:
        """The connector's configuration, whose secrets are kept out of the output from here on."""
        name = self._order.name
        registered = self._api.connector(name)
        if registered is None:
            raise NoSuchConnectorError(f"connector {name} is not registered{otherwise}")
        config = stored(registered.config)
        self._secrets = self._secrets.knowing(*self._secrets.found_in(config))
        self._veil(self._secrets.values)
        return config

    def _signals(self, config: Mapping[str, str]) -> str:
        """The table of signals."""
        if not config.get(SIGNALS):
            raise PlanError(_NO_SIGNALS.format(name=self._order.name))
        return config[SIGNALS]

    def _offset(self, config: Mapping[str, str]) -> Optional[Mapping[str, Any]]:
        """The stored offset."""
        for entry in self._api.offsets(self._order.name):
            if isinstance(entry.partition, dict) and entry.partition.get("server") == config.get("topic.prefix", ""):
                return entry.offset
        return None

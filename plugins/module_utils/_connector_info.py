# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One call of connector_info: what is registered, how it runs, how far it is; with as few requests as can be.

Configuration and run state come together even if only one is asked for: a trace can be freed of secrets only by who
knows the configuration. Sources: KIP-465 (expand), KIP-558 (topics), KIP-769 (plugins), KIP-875 (offsets).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, FrozenSet, List, Mapping, Optional, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._connect_api import ConnectApi, Listed
from ansible_collections.openmrs.event_log.plugins.module_utils._connector import check_name, stored
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_report import (
    connector_shown,
    failure_told,
    message_shown,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import (
    ApiError,
    EventLogError,
    InputError,
    NotFoundError,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._offsets import in_order
from ansible_collections.openmrs.event_log.plugins.module_utils._redact import Secrets, compile_patterns

#: What can be gathered, and of these what is asked of each connector by itself.
KINDS = ("config", "status", "offsets", "topics", "plugins", "worker")
SINGLY = ("offsets", "topics")
#: Which fields of a connector each of the other kinds fills.
PARTS = {"config": ("config",), "status": ("state", "worker_id", "trace", "tasks")}
FIELDS = ("name", "type", "state", "version", "config", "tasks", "worker_id", "trace", *SINGLY)


@dataclass(frozen=True)
class InfoOrder:
    """The module's parameters, but for the connection."""

    names: Optional[Tuple[str, ...]] = None
    gather: Tuple[str, ...] = ("config", "status", "worker")
    sensitive_keys: Tuple[str, ...] = ()
    show_traces: bool = False
    wait_timeout: int = 60


class InfoRun:
    """Carries out one order."""

    def __init__(self, order: InfoOrder, api: ConnectApi, veil: Callable[[FrozenSet[str]], None]) -> None:
        self._order = order
        self._api = api
        self._veil = veil
        self._secrets = Secrets(show_traces=order.show_traces)
        self._useless: Dict[str, ApiError] = {}

    def execute(self) -> Dict[str, Any]:
        """Return the result of the task, or raise."""
        order = self._order
        for name in order.names or ():
            check_name(name)
        if order.wait_timeout <= 0:
            raise InputError(f"wait_timeout: {order.wait_timeout} is not a number of seconds above 0")
        self._secrets = replace(self._secrets, patterns=compile_patterns(order.sensitive_keys))
        worker = self._api.worker() if "worker" in order.gather else None
        plugins = self._api.plugins() if "plugins" in order.gather else None
        connectors = self._connectors()
        found = {connector["name"] for connector in connectors}
        return {
            "changed": False,
            "connectors": connectors,
            "missing": [name for name in dict.fromkeys(order.names or ()) if self._asked() and name not in found],
            "plugins": plugins and sorted(map(_plugin, plugins), key=_in_sequence),
            "worker": worker and {key: worker.get(key) for key in ("version", "commit", "kafka_cluster_id")},
        }

    def failure(self, error: EventLogError) -> Dict[str, Any]:
        """Return what a failed task carries."""
        return failure_told(self._secrets, error)

    def _asked(self, *kinds: str) -> bool:
        """Return whether any of these, or anything of connectors at all, is to be gathered."""
        return bool(set(self._order.gather) & set(kinds or ("config", "status", *SINGLY)))

    # connectors

    def _connectors(self) -> List[Dict[str, Any]]:
        names = None if self._order.names is None else list(dict.fromkeys(self._order.names))
        if not self._asked() or names == []:
            return []
        found = self._listed(names) if self._asked("config", "status") else self._bare(names)
        secrets = self._secrets_of(found)
        shown = (self._shown(name, found[name], secrets[name]) for name in names or sorted(found) if name in found)
        return [connector for connector in shown if connector is not None]

    def _bare(self, names: Optional[List[str]]) -> Dict[str, Optional[Listed]]:
        """Return what is there by name only."""
        return dict.fromkeys(name for name in self._api.names() if names is None or name in names)

    def _listed(self, names: Optional[List[str]]) -> Dict[str, Optional[Listed]]:
        """Return what is there. One alone is asked for by its name, for the answer of all may be large."""
        everything = self._api.connectors() if names is None or len(names) > 1 else {}
        if names is None:
            return dict(everything)
        # What has no run state yet is not in the answer of all.
        each = ((name, everything.get(name) or self._single(name)) for name in names)
        return {name: it for name, it in each if it is not None}

    def _single(self, name: str) -> Optional[Listed]:
        registered = self._api.connector(name)
        return None if registered is None else Listed(registered, self._api.status(name))

    def _secrets_of(self, found: Mapping[str, Optional[Listed]]) -> Dict[str, Secrets]:
        """Find out what is secret in each, with one request for each plugin."""
        declared: Dict[Tuple[str, Optional[str]], FrozenSet[str]] = {}
        result: Dict[str, Secrets] = {}
        for name, it in found.items():
            config = stored(it.registered.config) if it is not None else {}
            plugin = (config.get("connector.class", ""), config.get("connector.plugin.version"))
            if plugin[0] and plugin not in declared:
                declared[plugin] = self._api.password_keys(*plugin) or frozenset()
            own = replace(self._secrets, declared=declared.get(plugin, frozenset()), values=frozenset())
            result[name] = own.knowing(*own.found_in(config))
            self._secrets = self._secrets.knowing(*result[name].values)
        self._veil(self._secrets.values)
        return result

    def _shown(self, name: str, it: Optional[Listed], secrets: Secrets) -> Optional[Dict[str, Any]]:
        """Return one connector as it is told, or None if it was deleted meanwhile."""
        shown: Dict[str, Any] = {**dict.fromkeys(FIELDS), "name": name}
        if it is not None:
            whole = connector_shown(secrets, name, stored(it.registered.config), it.status, it.registered.type)
            trace = it.status.trace
            whole.update(worker_id=it.status.worker_id, trace=None if trace is None else secrets.trace_shown(trace))
            left = [key for kind, keys in PARTS.items() if kind not in self._order.gather for key in keys]
            shown.update((key, value) for key, value in whole.items() if key not in left)
        unavailable: Dict[str, str] = {}
        for kind in SINGLY:
            if kind in self._order.gather:
                try:
                    shown[kind] = self._singly(kind, name)
                except NotFoundError:
                    return None
                except _UnavailableError as exc:
                    unavailable[kind] = message_shown(secrets, exc)
        return {**shown, "unavailable": unavailable}

    def _singly(self, kind: str, name: str) -> List[Any]:
        """Ask one connector for its offsets or topics; what the worker cannot tell is not asked again."""
        if kind in self._useless:
            raise _UnavailableError(self._useless[kind])
        try:
            if kind == "topics":
                return list(self._api.topics(name))
            return [entry.shown() for entry in in_order(self._api.offsets(name))]
        except NotFoundError:
            raise
        except ApiError as exc:
            if exc.status == 401 or exc.transient:
                raise
            if exc.status in (404, 405) or (kind == "topics" and exc.status == 403):
                self._useless[kind] = exc
            raise _UnavailableError(exc) from exc


class _UnavailableError(EventLogError):
    """The worker does not tell this of a connector, and why."""

    def __init__(self, why: ApiError) -> None:
        super().__init__(why.message)
        self.quoted = why.quoted


def _plugin(item: Mapping[str, Any]) -> Dict[str, Any]:
    return {key: item.get(key) for key in ("type", "class", "version")}


def _in_sequence(plugin: Mapping[str, Any]) -> Tuple[str, ...]:
    return tuple(str(value) for value in plugin.values())

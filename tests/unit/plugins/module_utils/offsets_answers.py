# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of connector_offsets share: one call, and answers of a worker about offsets."""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, List, Optional

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _connector_offsets as subject

from tests.unit.plugins.module_utils.connect_answers import INFO, STATUS, api_of, info, plugin, settling, status
from tests.unit.plugins.module_utils.scripted_http import FakeClock, ScriptedServer

OFFSETS = INFO + "/offsets"
FILE = {"filename": "/data/in"}
OLD, NEW = {"position": 100}, {"position": 7}
WANTED = [{"partition": FILE, "offset": NEW}]
SAID = "The offsets for this connector have been altered successfully"
ZOMBIES = (
    "Failed to alter consumer group offsets for connector n either because its tasks haven't stopped completely yet "
    "or the connector was resumed before the request to alter its offsets could be successfully completed."
)
NOT_STOPPED = "Connectors must be in the STOPPED state before their offsets can be modified. This can be done for"
REBALANCE = "Cannot complete request because of a conflicting operation (e.g. worker rebalance)"
NO_FILENAME = "Partition objects should contain the key 'filename'"


class Call:
    """One call without Ansible, and what it told Ansible to hide."""

    def __init__(self, server: ScriptedServer, clock: FakeClock, timeout: float = 5, **options: Any) -> None:
        given = {"state": "altered", "offsets": WANTED, **options}
        order = subject.OffsetsOrder("n", **given)
        self.hidden: FrozenSet[str] = frozenset()
        self.run = subject.OffsetsRun(order, api_of(server, clock, order.wait_timeout, timeout=timeout), self._veil)

    def _veil(self, values: FrozenSet[str]) -> None:
        self.hidden = values

    def result(self) -> Dict[str, Any]:
        return self.run.execute()

    def failure(self, kind: Any) -> Dict[str, Any]:
        with pytest.raises(kind) as caught:
            self.run.execute()
        return self.run.failure(caught.value)


def kept(server: ScriptedServer, *offsets: Dict[str, Any]) -> None:
    """The worker tells these offsets, all of one partition or of given ones."""
    items = [item if "partition" in item else {"partition": FILE, "offset": item} for item in offsets]
    server.expect("GET", OFFSETS, {"offsets": items}, body=None)


def looked(server: ScriptedServer, *offsets: Dict[str, Any], kind: str = "source") -> None:
    server.expect("GET", INFO, {**info(), "type": kind}, body=None)
    kept(server, *offsets)


def begun(server: ScriptedServer, states: str, *offsets: Dict[str, Any], kind: str = "source") -> None:
    """Everything that is read before something is written."""
    looked(server, *(offsets or (OLD,)), kind=kind)
    server.expect("GET", "/", {"version": "4.3.1", "commit": "c", "kafka_cluster_id": "k"}, body=None)
    server.expect("GET", STATUS, status(states), body=None)
    plugin(server)


def stopped(server: ScriptedServer, *states: str) -> None:
    server.expect("PUT", INFO + "/stop", None, 204, body=None)
    for seen in (*states, "STOPPED"):
        server.expect("GET", STATUS, status(seen))


def altered(server: ScriptedServer, offsets: Optional[List[Any]] = None, said: str = SAID) -> None:
    server.expect("PATCH", OFFSETS, {"message": said}, body={"offsets": WANTED if offsets is None else offsets})


def resumed(server: ScriptedServer, states: str = "RUNNING RUNNING") -> None:
    server.expect("PUT", INFO + "/resume", None, 202, body=None)
    settling(server, states)

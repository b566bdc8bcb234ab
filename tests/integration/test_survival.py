# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers that are removed and made anew take nothing along: events, positions and the registration stay.

Images and boots of a server: tests/integration/hospital.
"""

from __future__ import annotations

import pytest

from tests.helpers import survival
from tests.helpers.server import Server
from tests.helpers.upgrade import await_verdict, ids_of

# Minutes: the parts `zookeeper` and `hospital` make containers anew in every run.
pytestmark = pytest.mark.full

COMPOSE = "cd /opt/event-log && docker compose --progress quiet"


def test_down_and_up_and_recreation_keep_everything(server: Server) -> None:
    before = survival.take(server)
    made = ids_of(server)
    server.sh(f'{COMPOSE} down && test -z "$(docker ps -aq --filter name=event-log-)" && {COMPOSE} up -d --wait')
    brought_back = ids_of(server)
    server.sh(f"{COMPOSE} up -d --force-recreate --wait")
    recreated = ids_of(server)
    assert len({*made, *brought_back, *recreated}) == 6, "each time both containers were other ones"
    survival.assert_kept(server, before)
    survival.assert_goes_on(server, before)
    await_verdict(server, "ok", 60)

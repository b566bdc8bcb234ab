# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server runs, by the mode of its stack: the scenario says it in EVENT_LOG_TEST_MODE."""

from __future__ import annotations

import os

WITH_ZOOKEEPER = os.environ.get("EVENT_LOG_TEST_MODE") == "zookeeper"
#: Containers of the event log, in the order in which they start.
OWN = (*(["event-log-zookeeper"] if WITH_ZOOKEEPER else []), "event-log-broker", "event-log-connect")
CONTAINERS = (*OWN, "openmrs-sample-db")
PORTS = {
    "Kafka": 9092,
    **({"ZooKeeper": 2181} if WITH_ZOOKEEPER else {"controller": 9093}),
    "Connect": 8083,
    "sample database": 3308,
    "JMX broker": 9404,
    "JMX worker": 9405,
}
ADMIN_PORT = 9094  # where the service's own account logs in, if the broker wants logins


def ports(logins: bool) -> dict[str, int]:
    """What listens on a converged server, by what it is."""
    return {**PORTS, **({"admin": ADMIN_PORT} if logins else {})}
